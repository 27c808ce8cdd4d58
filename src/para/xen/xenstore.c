/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guest's connection, watches, and the side of back ends and tools. The ring [XEN io/xs_wire]:
 *
 *     0 req[1024]   1024 rsp[1024]   2048 req_cons req_prod rsp_cons rsp_prod (u32)
 *
 * While more than OUT_MAX bytes wait for the guest, no more of its requests are read: no event is lost,
 * and none piles up without bound.
 */
#include <stdarg.h>
#include <stdio.h>

#include "para/xen/domain.h"
#include "para/xen/xenstore_int.h"

/* ---- output ---- */

void xs_out(struct xenstore *s, const void *p, size_t n)
{
    if (!n)
        return;
    if (s->out_len + n > s->out_room) {
        s->out_room = MAX(2 * s->out_room, s->out_len + n);
        s->out = realloc(s->out, s->out_room);
        if (!s->out)
            abort();
    }
    memcpy(s->out + s->out_len, p, n);
    s->out_len += n;
}

void xs_reply(struct xenstore *s, const uint8_t *head, uint32_t type, const void *p, size_t n)
{
    uint8_t h[HEADER];

    memcpy(h, head, HEADER);
    st_le32(h, type);
    st_le32(h + 12, (uint32_t)n);
    xs_out(s, h, HEADER);
    xs_out(s, p, n);
}

size_t xs_output(struct xenstore *s, uint8_t *out, size_t size)
{
    size_t n = MIN(size, s->out_len);

    if (!n)
        return 0;
    memcpy(out, s->out, n);
    memmove(s->out, s->out + n, s->out_len - n);
    s->out_len -= n;
    return n;
}

/* ---- watches ---- */

bool xs_covers(const char *watched, const char *path)
{
    size_t n = strlen(watched);

    return !strncmp(watched, path, n) && (n == 1 || path[n] == 0 || path[n] == '/');
}

static void run_internal(void *opaque);

void xs_fire(struct xenstore *s, struct watch *w, const char *path)
{
    if (w->fn) {
        w->fired = true;
        if (!s->scheduled && s->d->m->loop) {
            s->scheduled = true;
            loop_call(s->d->m->loop, run_internal, s);
        }
        return;
    }
    /* Below the guest's own node and asked for like that: the path is told like that. */
    size_t home = strlen(s->home);
    if (w->shown[0] != '/' && w->shown[0] != '@' && !strncmp(path, s->home, home) &&
        path[home] == '/')
        path += home + 1;
    uint8_t h[HEADER] = {XS_WATCH_EVENT};
    size_t np = strlen(path) + 1, nt = strlen(w->token) + 1;
    st_le32(h + 12, (uint32_t)(np + nt));
    xs_out(s, h, HEADER);
    xs_out(s, path, np);
    xs_out(s, w->token, nt);
}

/* Whoever watches the node or something above it; a removal also who watches below it. */
void xs_changed(struct xenstore *s, const char *path, bool removed)
{
    list_for_each(it, &s->watches) {
        struct watch *w = list_entry(it, struct watch, node);
        if (xs_covers(w->path, path))
            xs_fire(s, w, path);
        else if (removed && xs_covers(path, w->path))
            xs_fire(s, w, w->path);
    }
}

static void run_internal(void *opaque)
{
    struct xenstore *s = opaque;

    pthread_mutex_lock(&s->lock);
    s->scheduled = false;
    for (bool again = true; again;) {
        again = false;
        list_for_each(it, &s->watches) {
            struct watch *w = list_entry(it, struct watch, node);
            if (!w->fired)
                continue;
            w->fired = false;
            void (*fn)(void *) = w->fn;
            void *arg = w->opaque;
            pthread_mutex_unlock(&s->lock);
            fn(arg);
            pthread_mutex_lock(&s->lock);
            again = true; /* the list may be another now */
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
}

void xs_watch_free(struct xenstore *s, struct watch *w)
{
    list_remove(&w->node);
    s->nwatches -= !w->fn;
    free(w->path);
    free(w->shown);
    free(w->token);
    free(w);
}

void xs_drop_watches(struct xenstore *s, bool all, const void *opaque)
{
    for (struct list_node *it = s->watches.next, *next; it != &s->watches; it = next) {
        struct watch *w = list_entry(it, struct watch, node);
        next = it->next;
        if (all || (opaque ? w->fn && w->opaque == opaque : !w->fn))
            xs_watch_free(s, w);
    }
}

/* ---- the ring ---- */

/* Move queued output into the ring; true: something was. */
static bool ring_put(struct xenstore *s)
{
    uint32_t cons = mem_host_ld32(s->page + RSP_CONS), prod = mem_host_ld32(s->page + RSP_PROD);
    uint8_t buf[RING];

    if (prod - cons > RING)
        return false; /* nonsense */
    size_t n = xs_output(s, buf, RING - (prod - cons));
    for (size_t i = 0; i < n; i++)
        s->page[RING_RSP + (prod + i) % RING] = buf[i];
    mem_host_st32(s->page + RSP_PROD, prod + (uint32_t)n);
    return n;
}

static bool ring_get(struct xenstore *s)
{
    uint32_t cons = mem_host_ld32(s->page + REQ_CONS), prod = mem_host_ld32(s->page + REQ_PROD);
    bool any = cons != prod;

    if (prod - cons > RING || s->broken)
        return false;
    while (cons != prod && s->out_len < OUT_MAX) {
        size_t want = HEADER;
        if (s->have >= HEADER) {
            uint32_t len = ld_le32(s->in + 12);
            if (len > PAYLOAD_MAX) {
                s->broken = true;
                break;
            }
            want += len;
        }
        while (cons != prod && s->have < want)
            s->in[s->have++] = s->page[RING_REQ + cons++ % RING];
        if (s->have >= HEADER && s->have == HEADER + (size_t)ld_le32(s->in + 12)) {
            xs_message(s, s->in, s->have);
            s->have = 0;
        }
    }
    mem_host_st32(s->page + REQ_CONS, cons);
    return any;
}

/* s->lock held. */
static void serve(struct xenstore *s)
{
    bool any = false, got, put;

    if (!s->page)
        return;
    do {
        got = ring_get(s);
        put = ring_put(s);
        any = any || got || put;
    } while (got && mem_host_ld32(s->page + REQ_CONS) != mem_host_ld32(s->page + REQ_PROD) && put);
    if (any) {
        frame_written(s->d, s->mfn);
        evtchn_raise(s->d, s->port);
    }
}

static void notified(void *opaque)
{
    struct xenstore *s = opaque;

    pthread_mutex_lock(&s->lock);
    serve(s);
    pthread_mutex_unlock(&s->lock);
}

uint32_t xs_attach(struct xen_domain *d, uint64_t mfn)
{
    struct xenstore *s = d->store;

    s->mfn = mfn;
    s->page = frame_host(d, mfn);
    s->have = s->out_len = 0;
    s->broken = false;
    s->port = evtchn_backend_port(d, 0, notified, s);
    return s->port;
}

void xs_reattach(struct xenstore *s)
{
    if (s->page && !evtchn_backend_bind(s->d, s->port, 0, notified, s))
        s->page = NULL;
    notified(s);
}

/* ---- back ends and tools: domain 0 ---- */

static void full_path(const struct xenstore *s, const char *path, char out[STORE_PATH_MAX + 64])
{
    if (path[0] == '/')
        snprintf(out, STORE_PATH_MAX + 64, "%s", path);
    else
        snprintf(out, STORE_PATH_MAX + 64, "%s/%s", s->home, path);
}

void xs_write(struct xenstore *s, const char *path, const char *fmt, ...)
{
    char at[STORE_PATH_MAX + 64], value[STORE_VALUE_MAX];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    full_path(s, path, at);
    pthread_mutex_lock(&s->lock);
    if (!xs_change(&s->tree, XS_WRITE, at, 0, value, (size_t)n)) {
        xs_changed(s, at, false);
        serve(s);
    }
    pthread_mutex_unlock(&s->lock);
}

bool xs_read(struct xenstore *s, const char *path, char *value, size_t size)
{
    char at[STORE_PATH_MAX + 64];

    full_path(s, path, at);
    pthread_mutex_lock(&s->lock);
    const struct node *n = tree_find(&s->tree, at);
    size_t len = n ? MIN(n->len, size - 1) : 0;
    if (len)
        memcpy(value, n->value, len);
    value[len] = 0;
    pthread_mutex_unlock(&s->lock);
    return n;
}

bool xs_read_number(struct xenstore *s, const char *path, uint64_t *value)
{
    char text[32], *end;

    if (!xs_read(s, path, text, sizeof(text)))
        return false;
    *value = strtoull(text, &end, 10);
    return end != text && !*end;
}

void xs_remove(struct xenstore *s, const char *path)
{
    char at[STORE_PATH_MAX + 64];

    full_path(s, path, at);
    pthread_mutex_lock(&s->lock);
    if (!xs_change(&s->tree, XS_RM, at, 0, NULL, 0)) {
        xs_changed(s, at, true);
        serve(s);
    }
    pthread_mutex_unlock(&s->lock);
}

void xs_give(struct xenstore *s, const char *path, bool own)
{
    char at[STORE_PATH_MAX + 64];

    full_path(s, path, at);
    pthread_mutex_lock(&s->lock);
    struct node *n = tree_make(&s->tree, at, 0);
    if (n) {
        n->perm[0] = own ? (struct perm){s->d->domid, PERM_NONE} : (struct perm){0, PERM_NONE};
        n->perm[1] = (struct perm){s->d->domid, PERM_READ};
        n->nperm = own ? 1 : 2;
    }
    pthread_mutex_unlock(&s->lock);
}

void xs_watch(struct xenstore *s, const char *path, void (*fn)(void *opaque), void *opaque)
{
    char at[STORE_PATH_MAX + 64];
    struct watch *w = xcalloc(1, sizeof(*w));

    full_path(s, path, at);
    *w = (struct watch){.path = xstrdup(at), .fn = fn, .opaque = opaque};
    pthread_mutex_lock(&s->lock);
    list_insert_before(&s->watches, &w->node);
    xs_fire(s, w, at);
    pthread_mutex_unlock(&s->lock);
}

void xs_unwatch(struct xenstore *s, void *opaque)
{
    pthread_mutex_lock(&s->lock);
    xs_drop_watches(s, false, opaque);
    pthread_mutex_unlock(&s->lock);
}

void xs_control(struct xenstore *s, const char *name, const char *value)
{
    char path[64];

    snprintf(path, sizeof(path), "control/%s", name);
    xs_write(s, path, "%s", value);
}

/* ---- life ---- */

struct xenstore *xs_create(struct xen_domain *d)
{
    struct xenstore *s = xcalloc(1, sizeof(*s));

    s->d = d;
    pthread_mutex_init(&s->lock, NULL);
    list_init(&s->watches);
    snprintf(s->home, sizeof(s->home), "/local/domain/%u", d->domid);
    tree_init(&s->tree);
    return s;
}

void xs_forget(struct xenstore *s)
{
    xs_drop_watches(s, true, NULL);
    for (unsigned i = 0; i < TRANSACTIONS_MAX; i++)
        if (s->tx[i])
            xs_tx_free(s, i);
    s->nwatches = 0;
    tree_fini(&s->tree);
    s->page = NULL;
    s->out_len = s->have = 0;
}

void xs_destroy(struct xenstore *s)
{
    if (!s)
        return;
    xs_forget(s);
    pthread_mutex_destroy(&s->lock);
    free(s->out);
    free(s);
}

/* As a toolstack leaves it for a new guest [xenstore-paths]. */
void xs_reset(struct xenstore *s)
{
    static const char *const dirs[] = {"data", "drivers", "feature", "attr", "error", "device",
                                       "control/shutdown", "control/feature-poweroff",
                                       "control/feature-reboot", "control/feature-suspend",
                                       "control/sysrq", "device/suspend/event-channel"};
    struct xen_domain *d = s->d;
    char path[64];

    pthread_mutex_lock(&s->lock);
    xs_forget(s);
    tree_init(&s->tree);
    pthread_mutex_unlock(&s->lock);
    xs_give(s, s->home, false);
    const uint8_t *u = d->config.uuid;
    snprintf(path, sizeof(path),
             "/vm/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
             u[15]);
    xs_write(s, path, "%s", "");
    xs_give(s, path, false);
    xs_write(s, "vm", "%s", path);
    xs_write(s, "name", "%s", "guest");
    xs_write(s, "domid", "%u", d->domid);
    xs_write(s, "memory/static-max", "%" PRIu64, d->max_pages * 4);
    xs_write(s, "memory/target", "%" PRIu64, d->nr_pages * 4);
    xs_write(s, "memory/videoram", "%d", 0);
    for (unsigned i = 0; i < d->nvcpus; i++) {
        snprintf(path, sizeof(path), "cpu/%u/availability", i);
        xs_write(s, path, "%s", "online");
    }
    xs_write(s, "control/platform-feature-multiprocessor-suspend", "%d", 1);
    xs_write(s, "control/platform-feature-xs_reset_watches", "%d", 1);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        xs_write(s, dirs[i], "%s", "");
        xs_give(s, dirs[i], true);
    }
    xs_give(s, "device", false);
}
