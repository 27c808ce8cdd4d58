/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: rings of a virtio device (the first byte chooses which, and the kind of ring):
 * the input is stored into guest memory piece by piece, with doorbells, register writes and frames
 * from outside in between.
 */
#include "core/blk.h"
#include "core/net.h"
#include "dev/virtio/virtio_blk.h"
#include "dev/virtio/virtio_balloon.h"
#include "dev/virtio/virtio_console.h"
#include "dev/virtio/virtio_fs.h"
#include "dev/virtio/virtio_mem.h"
#include "dev/virtio/virtio_net.h"
#include "dev/virtio/virtio_rng.h"
#include "dev/virtio/virtio_vsock.h"
#include "fuzz/dev_drive.h"
#include "lib/test.h"
#include "lib/virtio_drv.h"

#define DISK (64u << 10)

static uint8_t disk[DISK];

static void ram_submit(struct blk *blk, struct blk_req *r)
{
    uint64_t at = r->offset;

    (void)blk;
    if (r->len > DISK || at > DISK - r->len)
        abort(); /* the device checks bounds */
    for (unsigned i = 0; i < r->niov; at += r->iov[i++].iov_len) {
        if (r->op == BLK_READ)
            memcpy(r->iov[i].iov_base, disk + at, r->iov[i].iov_len);
        else
            memcpy(disk + at, r->iov[i].iov_base, r->iov[i].iov_len);
    }
    r->result = 0;
    r->done(r);
}

static void no_drain(struct blk *blk)
{
    (void)blk;
}

static void no_send(struct net *net, const struct iovec *iov, unsigned n)
{
    static volatile uint8_t sum;

    (void)net;
    for (unsigned i = 0; i < n; i++) /* all of it is there */
        for (size_t k = 0; k < iov[i].iov_len; k++)
            sum = (uint8_t)(sum + ((const uint8_t *)iov[i].iov_base)[k]);
}

static void no_kick(struct vsock *v)
{
    (void)v;
}

/* The host's side of a socket device: each connection gets an answer, some bytes, and loses some. */
static void work_sockets(const struct vsock_front *f, struct tape *t)
{
    unsigned conn = (unsigned)tape_take(t, 1) % VSOCK_CONNS, what = (unsigned)tape_take(t, 1);
    static uint8_t buf[4096];
    struct vsock_look look;

    f->look(f->opaque, conn, &look);
    if (look.state == VSOCK_WANTED)
        f->answer(f->opaque, conn, what & 1);
    else if (what < 100)
        f->take(f->opaque, conn, f->peek(f->opaque, conn, buf, sizeof(buf)));
    else if (what < 200)
        f->put(f->opaque, conn, buf, 16u * what);
    else if (what < 220)
        f->call(f->opaque, what);
    else
        (what & 1 ? f->end : f->drop)(f->opaque, conn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dev_type *const types[] = {&virtio_blk_type, &virtio_net_type,
                                                   &virtio_rng_type, &virtio_console_type,
                                                   &virtio_fs_type, &virtio_balloon_type,
                                                   &virtio_vsock_type, &virtio_mem_type};
    static const struct blk_ops blk_ops = {.submit = ram_submit, .drain = no_drain};
    static const struct net_ops net_ops = {.send = no_send};
    struct blk blk = {.ops = &blk_ops, .size = DISK, .can_discard = true};
    static const struct vsock_ops vsock_ops = {.kick = no_kick};
    struct net net = {.ops = &net_ops};
    struct vsock vsock = {.ops = &vsock_ops};
    struct tape t = {data, size, 0};
    struct drv d;
    unsigned what = (unsigned)tape_take(&t, 1), kind = what % ARRAY_LEN(types);

    drv_init(&d, types[kind]);
    if (kind == 0)
        virtio_blk_configure(d.dev, &(struct virtio_blk_config){.blk = &blk, .queues = 2});
    if (kind == 1)
        virtio_net_configure(d.dev, &(struct virtio_net_config){.net = &net, .pairs = 1});
    if (kind == 6)
        virtio_vsock_configure(d.dev, 3, &vsock);
    if (kind == 7) {
        virtio_mem_configure(d.dev, 0x10000000, 128u << 20);
        virtio_mem_ask(d.dev, 64u << 20, 96u << 20);
    }
    static const unsigned queues[] = {2, 3, 1, 6, 2, 4, 3, 1};
    unsigned n = queues[kind];
    drv_start(&d, n, (uint16_t)(1u << (what >> 4 & 7) % 6),
              (what & 8 ? BIT64(VIRTIO_F_RING_PACKED) : 0) |
                  (what & 128 ? BIT64(VIRTIO_F_EVENT_IDX) : 0));
    while (!tape_ends(&t)) {
        unsigned op = (unsigned)tape_take(&t, 1);
        struct drv_queue *q = &d.q[op % n];
        if (op < 160) { /* a piece of a ring, or of the buffers behind it */
            uint64_t at = op < 60    ? q->desc + tape_take(&t, 1) * 4
                          : op < 100 ? q->driver + tape_take(&t, 1)
                                     : DRV_DATA + tape_take(&t, 1) * 16;
            for (unsigned k = op & 15; k && !tape_ends(&t); k--)
                *drv_mem(&d, at++) = (uint8_t)tape_take(&t, 1);
        } else if (op < 230) {
            drv_kick(&d, op % n);
        } else if (op < 240) {
            drv_write(&d, tape_take(&t, 1), 1u << (op & 1), tape_take(&t, 2));
        } else if (vsock.front.look) {
            work_sockets(&vsock.front, &t);
        } else if (net.front.receive && size > t.at + 14) {
            pthread_mutex_lock(&d.dev->lock);
            net.front.receive(net.front.opaque, data + t.at, MIN(size - t.at, (size_t)1514));
            pthread_mutex_unlock(&d.dev->lock);
        }
    }
    drv_fini(&d);
    return 0;
}
