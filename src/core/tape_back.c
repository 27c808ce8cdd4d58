/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/tape_back.h"

/* ----------------------------------------------------------------------------------- characters */

struct tchr {
    struct chr chr;
    struct chr *inner;
    struct tape_source source;
    pthread_mutex_t lock; /* the inner back end's `lock`: it wants one held around its calls */
};

enum { CHR_BYTES = 0, CHR_EVENT = 1 /* + enum chr_event */ };

static size_t tchr_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct tchr *c = opaque;

    return tape_input(&c->source, CHR_BYTES, buf, len);
}

static void tchr_event(void *opaque, enum chr_event ev)
{
    struct tchr *c = opaque;
    const uint8_t byte = (uint8_t)ev;

    tape_input(&c->source, CHR_EVENT, &byte, 1);
}

static size_t tchr_deliver(void *opaque, unsigned kind, const uint8_t *buf, size_t len)
{
    const struct chr_front *f = &((struct tchr *)opaque)->chr.front;

    if (kind == CHR_BYTES)
        return chr_front_receive(f, buf, len);
    if (len)
        chr_front_event(f, (enum chr_event)buf[0]);
    return len;
}

static void tchr_room(void *opaque)
{
    struct tchr *c = opaque;

    chr_accept(c->inner);
}

static void tchr_write(struct chr *chr, const uint8_t *buf, size_t len)
{
    chr_write(container_of(chr, struct tchr, chr)->inner, buf, len);
}

static void tchr_destroy(struct chr *chr)
{
    struct tchr *c = container_of(chr, struct tchr, chr);

    chr_destroy(c->inner);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static const struct chr_ops tchr_ops = {.write = tchr_write, .destroy = tchr_destroy};

struct chr *tape_chr(struct tape *t, const char *name, struct chr *inner)
{
    struct tchr *c = xcalloc(1, sizeof(*c));

    *c = (struct tchr){.chr.ops = &tchr_ops,
                       .inner = inner,
                       .source = {.name = name,
                                  .deliver = tchr_deliver,
                                  .room = tchr_room,
                                  .opaque = c}};
    pthread_mutex_init(&c->lock, NULL);
    tape_add(t, &c->source);
    if (inner)
        inner->front = (struct chr_front){tchr_receive, tchr_event, c, &c->lock};
    return &c->chr;
}

/* --------------------------------------------------------------------------------------- frames */

struct tnet {
    struct net net;
    struct net *inner;
    struct tape_source source;
    pthread_mutex_t lock;
};

enum { NET_FRAME = 1 };

static bool tnet_receive(void *opaque, const uint8_t *frame, size_t len)
{
    struct tnet *n = opaque;

    return tape_input(&n->source, NET_FRAME, frame, len) == len;
}

static size_t tnet_deliver(void *opaque, unsigned kind, const uint8_t *buf, size_t len)
{
    const struct tnet *n = opaque;

    return kind != NET_FRAME || net_front_receive(&n->net.front, buf, len) ? len : 0;
}

static void tnet_room(void *opaque)
{
    struct tnet *n = opaque;

    net_accept(n->inner);
}

static void tnet_send(struct net *net, const struct iovec *iov, unsigned n)
{
    net_send(container_of(net, struct tnet, net)->inner, iov, n);
}

static void tnet_destroy(struct net *net)
{
    struct tnet *n = container_of(net, struct tnet, net);

    if (n->inner)
        n->inner->front = (struct net_front){0};
    pthread_mutex_destroy(&n->lock);
    free(n);
}

static const struct net_ops tnet_ops = {.send = tnet_send, .destroy = tnet_destroy};

struct net *tape_net(struct tape *t, const char *name, struct net *inner)
{
    struct tnet *n = xcalloc(1, sizeof(*n));

    *n = (struct tnet){.net = {.ops = &tnet_ops},
                       .inner = inner,
                       .source = {.name = name,
                                  .deliver = tnet_deliver,
                                  .room = tnet_room,
                                  .opaque = n}};
    pthread_mutex_init(&n->lock, NULL);
    tape_add(t, &n->source);
    if (inner)
        inner->front = (struct net_front){tnet_receive, n, &n->lock};
    return &n->net;
}

/* ---------------------------------------------------------------------------------------- disks */

struct tblk {
    struct blk blk;
    struct blk *inner;
    struct tape *tape;
};

struct treq {
    struct blk_req req; /* what the inner back end sees */
    struct blk_req *outer;
    struct tape *tape;
    struct tape_work work;
};

static void treq_ready(struct blk_req *req)
{
    struct treq *r = container_of(req, struct treq, req);

    tape_work_ready(r->tape, &r->work);
}

static void treq_done(struct tape_work *w)
{
    struct treq *r = container_of(w, struct treq, work);
    struct blk_req *outer = r->outer;

    outer->result = r->req.result;
    free(r);
    outer->done(outer);
}

static void tblk_submit(struct blk *blk, struct blk_req *req)
{
    struct tblk *b = container_of(blk, struct tblk, blk);
    struct treq *r = xcalloc(1, sizeof(*r));

    *r = (struct treq){.req = *req, .outer = req, .tape = b->tape, .work.done = treq_done};
    r->req.done = treq_ready;
    tape_work_begin(b->tape, &r->work);
    blk_submit(b->inner, &r->req);
}

static void tblk_drain(struct blk *blk)
{
    struct tblk *b = container_of(blk, struct tblk, blk);

    blk_drain(b->inner);
    tape_work_drain(b->tape);
}

static void tblk_destroy(struct blk *blk)
{
    free(container_of(blk, struct tblk, blk));
}

static const struct blk_ops tblk_ops = {tblk_submit, tblk_drain, tblk_destroy};

struct blk *tape_blk(struct tape *t, struct blk *inner)
{
    struct tblk *b = xcalloc(1, sizeof(*b));

    *b = (struct tblk){.blk = *inner, .inner = inner, .tape = t};
    b->blk.ops = &tblk_ops;
    return &b->blk;
}
