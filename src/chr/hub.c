/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hub: one stream with several ends: the one that the person asked for (stdio, a file) and those
 * that come and go (consoles attached over the control socket). What the guest writes goes to all;
 * what any of them types goes to the guest. The newest output is kept for those who come later.
 */
#include <fcntl.h>
#include <unistd.h>

#include "chr/chr_fd.h"
#include "chr/chr_open.h"

#define TAIL 16384

struct hub {
    struct chr chr;
    struct chr *primary; /* owned; may be NULL */
    struct loop *loop;
    pthread_mutex_t lock; /* guards what follows; taken inside the front's lock */
    struct list_node peers;
    uint8_t tail[TAIL]; /* ring */
    uint64_t written;
};

struct peer {
    struct chr_fd fd;
    struct hub *hub;
    struct list_node node;
};

static const struct chr_ops hub_ops;

static struct hub *as_hub(struct chr *chr)
{
    return container_of(chr, struct hub, chr);
}

static void hub_write(struct chr *chr, const uint8_t *buf, size_t len)
{
    struct hub *h = as_hub(chr);

    chr_write(h->primary, buf, len);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < len; i++)
        h->tail[h->written++ % TAIL] = buf[i];
    list_for_each(it, &h->peers)
        chr_write(&list_entry(it, struct peer, node)->fd.chr, buf, len);
    pthread_mutex_unlock(&h->lock);
}

static void hub_accept(struct chr *chr)
{
    struct hub *h = as_hub(chr);

    chr_accept(h->primary);
    pthread_mutex_lock(&h->lock);
    list_for_each(it, &h->peers)
        chr_accept(&list_entry(it, struct peer, node)->fd.chr);
    pthread_mutex_unlock(&h->lock);
}

/* The front of every end: passes on to the hub's own. */
static size_t hub_receive(void *opaque, const uint8_t *buf, size_t len)
{
    return chr_front_receive(&((struct hub *)opaque)->chr.front, buf, len);
}

static void hub_event(void *opaque, enum chr_event ev)
{
    chr_front_event(&((struct hub *)opaque)->chr.front, ev);
}

static void peer_remove(void *opaque)
{
    struct peer *p = opaque;

    pthread_mutex_lock(&p->hub->lock);
    list_remove(&p->node);
    pthread_mutex_unlock(&p->hub->lock);
    chr_destroy(&p->fd.chr);
}

/* It has hung up: on the way out of its own callback. */
static void peer_closed(struct chr_fd *c)
{
    struct peer *p = container_of(c, struct peer, fd);

    loop_call(p->hub->loop, peer_remove, p);
}

static void hub_destroy(struct chr *chr)
{
    struct hub *h = as_hub(chr);

    chr_destroy(h->primary);
    while (!list_empty(&h->peers))
        peer_remove(list_entry(h->peers.next, struct peer, node));
    pthread_mutex_destroy(&h->lock);
    free(h);
}

static const struct chr_ops hub_ops = {
    .write = hub_write, .accept = hub_accept, .destroy = hub_destroy};

struct chr *chr_hub_primary(const struct chr *chr)
{
    return chr && chr->ops == &hub_ops ? container_of(chr, const struct hub, chr)->primary : NULL;
}

struct chr *chr_hub_create(struct chr *primary, struct loop *loop)
{
    struct hub *h = xcalloc(1, sizeof(*h));

    h->chr.ops = &hub_ops;
    h->primary = primary;
    h->loop = loop;
    list_init(&h->peers);
    pthread_mutex_init(&h->lock, NULL);
    if (primary)
        primary->front =
            (struct chr_front){.receive = hub_receive, .event = hub_event, .opaque = h};
    return &h->chr;
}

int chr_hub_attach(struct chr *chr, int fd, size_t history, struct error *err)
{
    struct hub *h = as_hub(chr);
    auto_close int in_fd = fd, out_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    uint8_t old[TAIL];

    if (out_fd < 0)
        return fail_errno(err, errno, "cannot use the console's descriptor");
    struct peer *p =
        container_of(chr_fd_create(sizeof(*p), h->loop, "console"), struct peer, fd);
    p->hub = h;
    p->fd.on_close = peer_closed;
    p->fd.chr.front = (struct chr_front){.receive = hub_receive, .event = hub_event, .opaque = h};
    pthread_mutex_lock(&h->lock);
    size_t n = (size_t)MIN(MIN(h->written, (uint64_t)history), (uint64_t)TAIL);
    for (size_t i = 0; i < n; i++)
        old[i] = h->tail[(h->written - n + i) % TAIL];
    list_append(&h->peers, &p->node);
    chr_write(&p->fd.chr, old, n); /* kept until the descriptor is there */
    pthread_mutex_unlock(&h->lock);
    return chr_fd_attach(&p->fd, take_fd(&in_fd), take_fd(&out_fd), false, err);
}

size_t chr_hub_tail(struct chr *chr, uint8_t *buf, size_t len, uint64_t *written)
{
    struct hub *h = as_hub(chr);

    pthread_mutex_lock(&h->lock);
    size_t n = (size_t)MIN(MIN(h->written, (uint64_t)len), (uint64_t)TAIL);
    for (size_t i = 0; i < n; i++)
        buf[i] = h->tail[(h->written - n + i) % TAIL];
    *written = h->written;
    pthread_mutex_unlock(&h->lock);
    return n;
}
