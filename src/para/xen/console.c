/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * console: the ring of the guest's console [XEN io/console], one page:
 *
 *     0 in[1024]   1024 out[2048]   3072 in_cons in_prod out_cons out_prod (u32, free-running)
 *
 * and what it says by hypercall before it has the ring. Output is taken at the notification, at once:
 * a kernel that finds the ring full yields in a loop.
 */
#include <pthread.h>

#include "core/chr.h"
#include "para/xen/domain.h"

enum { IN_SIZE = 1024, OUT = 1024, OUT_SIZE = 2048, IN_CONS = 3072, IN_PROD = 3076,
       OUT_CONS = 3080, OUT_PROD = 3084 };

struct xen_console {
    struct xen_domain *d;
    pthread_mutex_t lock;
    uint8_t *page; /* NULL: no ring */
    uint64_t mfn;
    uint32_t port;
    bool full;     /* input waits for room */
    uint64_t out_bytes, in_bytes;
};

static uint32_t get(const struct xen_console *con, unsigned off)
{
    return mem_host_ld32(con->page + off);
}

static void drain_locked(struct xen_console *con)
{
    uint32_t cons = get(con, OUT_CONS), prod = get(con, OUT_PROD);

    if (prod - cons > OUT_SIZE) /* nonsense: skip to what it says is the end */
        cons = prod;
    while (cons != prod) {
        uint32_t at = cons % OUT_SIZE, n = MIN(prod - cons, OUT_SIZE - at);
        chr_write(con->d->chr, con->page + OUT + at, n);
        con->out_bytes += n;
        cons += n;
    }
    mem_host_st32(con->page + OUT_CONS, cons);
    frame_written(con->d, con->mfn);
}

static void notified(void *opaque)
{
    struct xen_console *con = opaque;
    bool more = false;

    pthread_mutex_lock(&con->lock);
    if (con->page) {
        uint32_t before = get(con, OUT_CONS);
        drain_locked(con);
        more = get(con, OUT_CONS) != before;
    }
    bool accept = con->full;
    con->full = false;
    pthread_mutex_unlock(&con->lock);
    if (accept)
        chr_accept(con->d->chr);
    if (more)
        evtchn_raise(con->d, con->port); /* there is room again */
}

/* The back end holds con->lock. */
static size_t receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct xen_console *con = opaque;
    size_t n = 0;

    if (!con->page)
        return len; /* nobody listens yet */
    uint32_t cons = get(con, IN_CONS), prod = get(con, IN_PROD);
    while (n < len && prod - cons < IN_SIZE)
        con->page[prod++ % IN_SIZE] = buf[n++];
    mem_host_st32(con->page + IN_PROD, prod);
    frame_written(con->d, con->mfn);
    con->full = n < len;
    con->in_bytes += n;
    if (n)
        evtchn_raise(con->d, con->port);
    return n;
}

struct xen_console *console_create(struct xen_domain *d)
{
    struct xen_console *con = xcalloc(1, sizeof(*con));

    con->d = d;
    pthread_mutex_init(&con->lock, NULL);
    if (d->chr)
        d->chr->front =
            (struct chr_front){.receive = receive, .opaque = con, .lock = &con->lock};
    return con;
}

uint32_t console_port(struct xen_domain *d)
{
    d->console->port = evtchn_backend_port(d, 0, notified, d->console);
    return d->console->port;
}

void console_reset(struct xen_console *con, uint64_t mfn, uint32_t port)
{
    pthread_mutex_lock(&con->lock);
    con->mfn = mfn;
    con->page = mfn ? frame_host(con->d, mfn) : NULL;
    con->port = port;
    pthread_mutex_unlock(&con->lock);
}

void console_load(struct xen_domain *d, uint64_t mfn, uint32_t port)
{
    if (mfn >= d->max_pages || !evtchn_backend_bind(d, port, 0, notified, d->console))
        mfn = 0; /* no ring: what it says by hypercall is seen still */
    console_reset(d->console, mfn, port);
}

void console_where(const struct xen_domain *d, uint64_t *mfn, uint32_t *port)
{
    *mfn = d->console->mfn;
    *port = d->console->port;
}

void console_destroy(struct xen_console *con)
{
    if (!con)
        return;
    if (con->d->chr)
        con->d->chr->front = (struct chr_front){0};
    pthread_mutex_destroy(&con->lock);
    free(con);
}

/* As a terminal wants its line ends. */
void console_raw(struct xen_domain *d, const uint8_t *text, size_t n)
{
    pthread_mutex_lock(&d->console->lock);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            chr_write(d->chr, (const uint8_t *)"\r\n", 2);
        else
            chr_write(d->chr, text + i, 1);
    }
    d->console->out_bytes += n;
    pthread_mutex_unlock(&d->console->lock);
}

uint64_t console_out_bytes(const struct xen_domain *d)
{
    return d->console->out_bytes;
}
