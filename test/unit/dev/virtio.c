/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio devices driven through their registers and rings: disk, network card, entropy; both kinds
 * of ring, with and without indirect tables and event index; rings full of nonsense.
 */
#include "base/endian.h"
#include "core/blk.h"
#include "core/chr.h"
#include "core/net.h"
#include "dev/virtio/net_gso.h"
#include "dev/virtio/virtio_blk.h"
#include "dev/virtio/virtio_net.h"
#include "dev/virtio/virtio_balloon.h"
#include "dev/virtio/virtio_console.h"
#include "dev/virtio/virtio_fs.h"
#include "dev/virtio/virtio_rng.h"
#include "lib/test.h"
#include "lib/virtio_drv.h"

static const uint64_t kinds[] = { /* features left out */
    BIT64(VIRTIO_F_RING_PACKED) | BIT64(VIRTIO_F_INDIRECT_DESC) | BIT64(VIRTIO_F_EVENT_IDX),
    BIT64(VIRTIO_F_RING_PACKED) | BIT64(VIRTIO_F_INDIRECT_DESC),
    BIT64(VIRTIO_F_RING_PACKED),
    BIT64(VIRTIO_F_EVENT_IDX),
    0,
    BIT64(VIRTIO_F_INDIRECT_DESC),
};

static uint64_t seed;

/* The next answer; in a packed ring it took `slots` slots. */
static bool take(struct drv *d, unsigned qi, unsigned slots, uint32_t *len)
{
    struct drv_queue *q = &d->q[qi];
    uint16_t id;

    if (!drv_used(d, qi, &id, len))
        return false;
    if (d->packed) {
        q->used = (uint16_t)(q->used + (d->indirect && slots > 1 ? 1 : slots));
        if (q->used >= q->size) {
            q->used = (uint16_t)(q->used - q->size);
            q->used_wrap = !q->used_wrap;
        }
        if (d->event) {
            st_le16(drv_mem(d, q->driver), (uint16_t)(q->used | q->used_wrap << 15));
            st_le16(drv_mem(d, q->driver + 2), 2);
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------ transport */

static void test_negotiation(void **state)
{
    struct drv d;

    (void)state;
    drv_init(&d, &virtio_rng_type);
    drv_start(&d, 1, 16, 0);
    /* Reset: all forgotten. Without VERSION_1 the device says no. */
    drv_write(&d, 20, 1, 0);
    assert_int_equal(drv_read(&d, 20, 1), 0);
    drv_write(&d, 22, 2, 0);
    assert_int_equal(drv_read(&d, 28, 2), 0);
    drv_write(&d, 20, 1, 3);
    drv_write(&d, 8, 4, 1);
    drv_write(&d, 12, 4, 0);
    drv_write(&d, 20, 1, 11);
    assert_int_equal(drv_read(&d, 20, 1), 3);
    /* A bit that was not offered. */
    drv_write(&d, 12, 4, 1 | 1u << 31);
    drv_write(&d, 20, 1, 11);
    assert_int_equal(drv_read(&d, 20, 1), 3);
    /* A ring of three entries is for packed rings only. */
    drv_write(&d, 12, 4, 1);
    drv_write(&d, 20, 1, 11);
    assert_int_equal(drv_read(&d, 20, 1), 11);
    drv_write(&d, 24, 2, 3);
    assert_int_equal(drv_read(&d, 24, 2), 64);
    drv_write(&d, 24, 2, 0x8000);
    assert_int_equal(drv_read(&d, 24, 2), 64);
    /* A queue that does not exist. */
    drv_write(&d, 22, 2, 7);
    assert_int_equal(drv_read(&d, 24, 2), 0);
    drv_write(&d, 22, 2, 0xffff);
    drv_write(&d, 28, 2, 1);
    drv_fini(&d);
}

static void test_rng(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct drv d;
        drv_init(&d, &virtio_rng_type);
        drv_start(&d, 1, 8, kinds[k]);
        for (unsigned i = 0; i < 100; i++) { /* the ring goes round many times */
            const struct drv_buf b[2] = {{DRV_DATA, 24, true}, {DRV_DATA + 100, 40, true}};
            uint32_t len;
            memset(drv_mem(&d, DRV_DATA), 0, 200);
            drv_add(&d, 0, b, 2);
            assert_false(take(&d, 0, 2, &len));
            drv_kick(&d, 0);
            assert_true(take(&d, 0, 2, &len));
            assert_int_equal(len, 64);
            assert_int_not_equal(ld_le64(drv_mem(&d, DRV_DATA + 16)), 0);
            assert_int_not_equal(ld_le64(drv_mem(&d, DRV_DATA + 132)), 0);
            assert_int_equal(ld_le64(drv_mem(&d, DRV_DATA + 24)), 0);
            assert_int_equal(ld_le64(drv_mem(&d, DRV_DATA + 140)), 0);
            assert_int_equal(d.n_interrupts[1], i + 1);
        }
        drv_fini(&d);
    }
}

/* ----------------------------------------------------------------------------------- disk */

#define DISK (64u << 10)

struct ram_blk {
    struct blk blk;
    uint8_t data[DISK];
    struct blk_req *held; /* one answer that waits */
    bool hold;
    unsigned flushes;
};

static void ram_submit(struct blk *blk, struct blk_req *r)
{
    struct ram_blk *b = container_of(blk, struct ram_blk, blk);
    uint64_t at = r->offset;

    if (b->hold && !b->held) {
        b->held = r;
        return;
    }
    for (unsigned i = 0; i < r->niov; at += r->iov[i++].iov_len) {
        if (r->op == BLK_READ)
            memcpy(r->iov[i].iov_base, b->data + at, r->iov[i].iov_len);
        else if (r->op == BLK_WRITE)
            memcpy(b->data + at, r->iov[i].iov_base, r->iov[i].iov_len);
    }
    if (r->op == BLK_ZERO || r->op == BLK_DISCARD)
        memset(b->data + r->offset, 0, r->len);
    b->flushes += r->op == BLK_FLUSH;
    r->result = 0;
    r->done(r);
}

static void ram_drain(struct blk *blk)
{
    (void)blk;
}

static const struct blk_ops ram_ops = {.submit = ram_submit, .drain = ram_drain};

static void disk_init(struct drv *d, struct ram_blk *b, bool readonly)
{
    *b = (struct ram_blk){.blk = {.ops = &ram_ops, .size = DISK, .can_discard = !readonly,
                                  .readonly = readonly}};
    drv_init(d, &virtio_blk_type);
    virtio_blk_configure(d->dev, &(struct virtio_blk_config){.blk = &b->blk, .serial = "Q123",
                                                             .queues = 1});
}

/* One request with `n` data buffers; returns its status. */
static uint8_t request(struct drv *d, uint32_t type, uint64_t sector, const struct drv_buf *data,
                       unsigned n)
{
    struct drv_buf b[20] = {{DRV_DATA - 64, 16, false}};
    uint32_t len;

    st_le32(drv_mem(d, DRV_DATA - 64), type);
    st_le64(drv_mem(d, DRV_DATA - 56), sector);
    *drv_mem(d, DRV_DATA - 32) = 0xee;
    if (n)
        memcpy(b + 1, data, n * sizeof(*data));
    b[n + 1] = (struct drv_buf){DRV_DATA - 32, 1, true};
    drv_add(d, 0, b, n + 2);
    drv_kick(d, 0);
    assert_true(take(d, 0, n + 2, &len));
    assert_in_range(len, 1, DISK + 1);
    return *drv_mem(d, DRV_DATA - 32);
}

static void test_disk(void **state)
{
    static struct ram_blk b;
    static uint8_t model[DISK];

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct drv d;
        disk_init(&d, &b, false);
        drv_start(&d, 1, 32, kinds[k]);
        memset(model, 0, sizeof(model));
        assert_int_equal(drv_read(&d, 0x2000, 4), DISK / 512);
        for (unsigned i = 0; i < 300; i++) {
            unsigned sectors = 1 + (unsigned)(test_random(&seed) % 16);
            uint64_t s = test_random(&seed) % (DISK / 512 - sectors);
            bool in = test_random(&seed) & 1;
            struct drv_buf data[3];
            uint32_t cut = 7 + (uint32_t)(test_random(&seed) % 400);
            data[0] = (struct drv_buf){DRV_DATA, cut, in};
            data[1] = (struct drv_buf){DRV_DATA + 0x8000, 512 * sectors - cut, in};
            uint8_t *p = drv_mem(&d, DRV_DATA), *p2 = drv_mem(&d, DRV_DATA + 0x8000);
            for (unsigned x = 0; x < 512 * sectors; x++)
                *(x < cut ? p + x : p2 + x - cut) = in ? 0x55 : (uint8_t)test_random(&seed);
            assert_int_equal(request(&d, in ? 0 : 1, s, data, 2), 0);
            for (unsigned x = 0; x < 512 * sectors; x++) {
                uint8_t v = *(x < cut ? p + x : p2 + x - cut);
                if (!in)
                    model[s * 512 + x] = v;
                assert_int_equal(v, model[s * 512 + x]);
            }
            if (i % 10 == 0) {
                uint8_t *r = drv_mem(&d, DRV_DATA);
                st_le64(r, s);
                st_le32(r + 8, sectors);
                st_le32(r + 12, 0);
                data[0] = (struct drv_buf){DRV_DATA, 16, false};
                assert_int_equal(request(&d, i % 20 ? 11 : 13, 0, data, 1), 0);
                memset(model + s * 512, 0, (size_t)sectors * 512);
            }
        }
        assert_memory_equal(model, b.data, DISK);
        assert_int_equal(request(&d, 4, 0, NULL, 0), 0);
        assert_int_equal(b.flushes, 1);
        assert_int_equal(request(&d, 8, 0, &(struct drv_buf){DRV_DATA, 20, true}, 1), 0);
        assert_string_equal((char *)drv_mem(&d, DRV_DATA), "Q123");
        /* What there is not: a command, a sector, a whole sector. */
        assert_int_equal(request(&d, 77, 0, NULL, 0), 2);
        assert_int_equal(request(&d, 0, DISK / 512, &(struct drv_buf){DRV_DATA, 512, true}, 1), 1);
        assert_int_equal(request(&d, 0, UINT64_MAX, &(struct drv_buf){DRV_DATA, 512, true}, 1), 1);
        assert_int_equal(request(&d, 0, 0, &(struct drv_buf){DRV_DATA, 100, true}, 1), 1);
        assert_int_equal(request(&d, 0, 0, &(struct drv_buf){DRV_RAM - 64, 512, true}, 1), 1);
        assert_int_equal(drv_read(&d, 20, 1), 15);
        drv_fini(&d);
    }
}

static void test_disk_readonly(void **state)
{
    static struct ram_blk b;
    struct drv d;

    (void)state;
    disk_init(&d, &b, true);
    drv_start(&d, 1, 32, 0);
    assert_true(d.features >> 5 & 1);
    assert_int_equal(request(&d, 1, 0, &(struct drv_buf){DRV_DATA, 512, false}, 1), 1);
    drv_fini(&d);
}

static void *finish_later(void *opaque)
{
    struct ram_blk *b = opaque;
    struct blk_req *r = b->held;

    b->held = NULL;
    b->hold = false;
    struct timespec t = {.tv_nsec = 20000000};
    nanosleep(&t, NULL);
    ram_submit(&b->blk, r);
    return NULL;
}

/* A reset waits for what is in flight and then answers nothing of it. */
static void test_disk_reset(void **state)
{
    static struct ram_blk b;
    const struct drv_buf buf[3] = {{DRV_DATA - 64, 16, false}, {DRV_DATA, 512, true},
                                   {DRV_DATA - 32, 1, true}};
    struct drv d;
    pthread_t t;

    (void)state;
    disk_init(&d, &b, false);
    drv_start(&d, 1, 32, kinds[0]);
    memset(drv_mem(&d, DRV_DATA - 64), 0, 16);
    *drv_mem(&d, DRV_DATA - 32) = 0xee;
    b.hold = true;
    drv_add(&d, 0, buf, 3);
    drv_kick(&d, 0);
    assert_non_null(b.held);
    pthread_create(&t, NULL, finish_later, &b);
    drv_write(&d, 20, 1, 0);
    assert_null(b.held);
    assert_false(b.hold);
    memset(drv_mem(&d, 0), 0xab, DRV_RAM); /* the guest's again */
    pthread_join(t, NULL);
    for (unsigned i = 0; i < DRV_RAM; i++)
        if (*drv_mem(&d, i) != 0xab)
            fail_msg("written at %#x after the reset", i);
    assert_int_equal(d.n_interrupts[1], 0);
    drv_fini(&d);
}

/* ---------------------------------------------------------------------------------- network */

struct sink {
    struct net net;
    uint8_t frame[64][2048];
    size_t len[64];
    unsigned n, accepts;
};

static void sink_send(struct net *net, const struct iovec *iov, unsigned n)
{
    struct sink *s = container_of(net, struct sink, net);
    uint8_t *to = s->frame[s->n % 64];
    size_t at = 0;

    for (unsigned i = 0; i < n; i++) {
        assert_true(at + iov[i].iov_len <= sizeof(s->frame[0]));
        memcpy(to + at, iov[i].iov_base, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    s->len[s->n++ % 64] = at;
}

static void sink_accept(struct net *net)
{
    container_of(net, struct sink, net)->accepts++;
}

static const struct net_ops sink_ops = {.send = sink_send, .accept = sink_accept};

static void card_init(struct drv *d, struct sink *s)
{
    *s = (struct sink){.net.ops = &sink_ops};
    drv_init(d, &virtio_net_type);
    virtio_net_configure(d->dev, &(struct virtio_net_config){
                                     .net = &s->net, .mac = {0x52, 1, 2, 3, 4, 5}, .pairs = 1});
}

static bool arrive(struct sink *s, const uint8_t *frame, size_t len)
{
    pthread_mutex_lock(s->net.front.lock);
    bool taken = s->net.front.receive(s->net.front.opaque, frame, len);
    pthread_mutex_unlock(s->net.front.lock);
    return taken;
}

static void test_card(void **state)
{
    static struct sink s;

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct drv d;
        uint8_t frame[1000];
        uint32_t len;
        card_init(&d, &s);
        drv_start(&d, 3, 16, kinds[k]);
        for (size_t i = 0; i < sizeof(frame); i++)
            frame[i] = (uint8_t)test_random(&seed);
        for (unsigned i = 0; i < 40; i++) { /* out */
            memset(drv_mem(&d, DRV_DATA), 0, 12);
            memcpy(drv_mem(&d, DRV_DATA + 12), frame, sizeof(frame));
            drv_add(&d, 1, &(struct drv_buf){DRV_DATA, 12 + sizeof(frame), false}, 1);
            drv_kick(&d, 1);
            assert_true(take(&d, 1, 1, &len));
            assert_int_equal(s.n, i + 1);
            assert_int_equal(s.len[i], sizeof(frame));
            assert_memory_equal(s.frame[i], frame, sizeof(frame));
        }
        /* In: no buffers, then three that are too few, then enough: one frame over four. */
        frame[0] = 0x52;
        for (unsigned i = 0; i < 40; i++) {
            unsigned accepts = s.accepts;
            assert_false(arrive(&s, frame, sizeof(frame)));
            for (unsigned b = 0; b < 3; b++)
                drv_add(&d, 0, &(struct drv_buf){DRV_DATA + 0x1000 * b, 300, true}, 1);
            drv_kick(&d, 0);
            assert_int_equal(s.accepts, accepts + 1);
            assert_false(arrive(&s, frame, sizeof(frame)));
            assert_false(take(&d, 0, 1, &len));
            drv_add(&d, 0, &(struct drv_buf){DRV_DATA + 0x3000, 300, true}, 1);
            drv_kick(&d, 0);
            assert_true(arrive(&s, frame, sizeof(frame)));
            size_t at = 0;
            for (unsigned b = 0; b < 4; b++) {
                assert_true(take(&d, 0, 1, &len));
                unsigned skip = b ? 0 : 12;
                assert_int_equal(len, b < 3 ? 300 : 112);
                assert_memory_equal(drv_mem(&d, DRV_DATA + 0x1000 * b) + skip, frame + at,
                                    len - skip);
                at += len - skip;
            }
            assert_int_equal(at, sizeof(frame));
            assert_int_equal(ld_le16(drv_mem(&d, DRV_DATA + 10)), 4);
        }
        drv_fini(&d);
    }
}

static uint8_t command(struct drv *d, unsigned class, unsigned what, const void *data, uint32_t n)
{
    const struct drv_buf b[2] = {{DRV_DATA + 0x8000, 2 + n, false}, {DRV_DATA + 0x9000, 1, true}};
    uint32_t len;

    *drv_mem(d, DRV_DATA + 0x8000) = (uint8_t)class;
    *drv_mem(d, DRV_DATA + 0x8001) = (uint8_t)what;
    memcpy(drv_mem(d, DRV_DATA + 0x8002), data, n);
    drv_add(d, 2, b, 2);
    drv_kick(d, 2);
    assert_true(take(d, 2, 2, &len));
    return *drv_mem(d, DRV_DATA + 0x9000);
}

static void test_filter(void **state)
{
    static struct sink s;
    struct drv d;
    uint8_t mine[60] = {0x52, 1, 2, 3, 4, 5}, other[60] = {0x52, 9}, group[60] = {0x33, 0x33, 1};
    uint8_t all[60] = {255, 255, 255, 255, 255, 255}, table[14] = {0};
    uint32_t len;

    (void)state;
    card_init(&d, &s);
    drv_start(&d, 3, 16, BIT64(19)); /* no VLAN filter */
    for (unsigned i = 0; i < 8; i++)
        drv_add(&d, 0, &(struct drv_buf){DRV_DATA, 200, true}, 1);
    assert_true(arrive(&s, other, 60)); /* promiscuous at first */
    assert_true(take(&d, 0, 1, &len));
    assert_int_equal(command(&d, 0, 0, "\0", 1), 0);
    assert_true(arrive(&s, other, 60));
    assert_true(arrive(&s, group, 60));
    assert_false(take(&d, 0, 1, &len));
    assert_true(arrive(&s, mine, 60));
    assert_true(take(&d, 0, 1, &len));
    assert_true(arrive(&s, all, 60));
    assert_true(take(&d, 0, 1, &len));
    st_le32(table + 4, 1);
    memcpy(table + 8, group, 6);
    assert_int_equal(command(&d, 1, 0, table, 14), 0);
    assert_true(arrive(&s, group, 60));
    assert_true(take(&d, 0, 1, &len));
    st_le32(table + 4, 2); /* more than there are */
    assert_int_equal(command(&d, 1, 0, table, 14), 0);
    assert_int_equal(command(&d, 1, 1, "\x52\x9\0\0\0\0", 6), 0);
    assert_true(arrive(&s, other, 60));
    assert_true(take(&d, 0, 1, &len));
    assert_int_equal(drv_read(&d, 0x2000, 2), 0x0952);
    assert_int_equal(command(&d, 9, 9, "", 0), 1);
    drv_fini(&d);
}

/* --------------------------------------------------------------------------------- segments */

struct segments {
    unsigned n;
    size_t payload;
    uint8_t data[9000];
    uint8_t flags[16];
};

static uint16_t ones_sum(const uint8_t *p, size_t len, uint32_t s)
{
    for (size_t i = 0; i < len; i++)
        s += (uint32_t)p[i] << (i & 1 ? 0 : 8);
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

static void got_segment(void *opaque, const uint8_t *f, size_t len)
{
    struct segments *g = opaque;
    size_t tcp = 34, data = 54;

    assert_int_equal(ld_be16(f + 16), len - 14);             /* IP length */
    assert_int_equal(ones_sum(f + 14, 20, 0), 0xffff);       /* its checksum */
    assert_int_equal(ones_sum(f + tcp, len - tcp, ones_sum(f + 26, 8, 6 + (uint32_t)(len - tcp))),
                     0xffff);
    assert_int_equal(ld_be32(f + tcp + 4), 1000 + g->payload);
    assert_int_equal(ld_be16(f + 18), 7 + g->n);
    memcpy(g->data + g->payload, f + data, len - data);
    g->flags[g->n++] = f[tcp + 13];
    g->payload += len - data;
}

static void test_segments(void **state)
{
    static struct segments g;
    uint8_t f[54 + 5000] = {0};
    struct net_hdr h = {.flags = 1, .gso_type = NET_GSO_TCPV4, .gso_size = 1448, .csum_start = 34,
                        .csum_offset = 16};

    (void)state;
    st_be16(f + 12, 0x0800);
    f[14] = 0x45;
    st_be16(f + 16, sizeof(f) - 14);
    st_be16(f + 18, 7);
    f[23] = 6;
    memcpy(f + 26, "\x0a\0\x02\x0f\x0a\0\x02\x02", 8);
    st_be32(f + 34 + 4, 1000);
    f[34 + 12] = 0x50;
    f[34 + 13] = 0x99; /* CWR, ACK, PSH, FIN */
    for (size_t i = 54; i < sizeof(f); i++)
        f[i] = (uint8_t)test_random(&seed);
    assert_true(net_gso(&h, f, sizeof(f), got_segment, &g));
    assert_int_equal(g.n, 4);
    assert_int_equal(g.payload, 5000);
    assert_memory_equal(g.data, f + 54, 5000);
    assert_int_equal(g.flags[0], 0x90);
    assert_int_equal(g.flags[1], 0x10);
    assert_int_equal(g.flags[3], 0x19);
    /* Nonsense emits nothing. */
    g.n = 0;
    h.gso_type = 77;
    assert_false(net_gso(&h, f, sizeof(f), got_segment, &g));
    h.gso_type = NET_GSO_TCPV6;
    assert_false(net_gso(&h, f, sizeof(f), got_segment, &g));
    h.gso_type = NET_GSO_TCPV4;
    h.gso_size = 0;
    assert_false(net_gso(&h, f, sizeof(f), got_segment, &g));
    h.gso_size = 100;
    assert_false(net_gso(&h, f, 40, got_segment, &g));
    f[46] = 0xf0; /* header longer than the frame */
    assert_false(net_gso(&h, f, 60, got_segment, &g));
    h = (struct net_hdr){.flags = 1, .csum_start = 65535, .csum_offset = 65535};
    assert_false(net_gso(&h, f, sizeof(f), got_segment, &g));
    assert_int_equal(g.n, 0);
}

/* --------------------------------------------------------------------------------- nonsense */

/* Descriptor that points at itself: found, the device asks for a reset, and works after it. */
static void test_loop(void **state)
{
    struct drv d;
    uint32_t len;

    (void)state;
    drv_init(&d, &virtio_rng_type);
    drv_start(&d, 1, 8, kinds[0]);
    uint8_t *p = drv_mem(&d, d.q[0].desc);
    st_le64(p, DRV_DATA);
    st_le32(p + 8, 16);
    st_le16(p + 12, 3);
    st_le16(p + 14, 0);
    st_le16(drv_mem(&d, d.q[0].driver + 2), 1);
    drv_kick(&d, 0);
    assert_int_equal(drv_read(&d, 20, 1), 15 | 0x40);
    assert_int_equal(d.n_interrupts[0], 1);
    drv_start(&d, 1, 8, kinds[0]);
    drv_add(&d, 0, &(struct drv_buf){DRV_DATA, 16, true}, 1);
    drv_kick(&d, 0);
    assert_true(take(&d, 0, 1, &len));
    drv_fini(&d);
}

static const struct dev_type *const types[] = {&virtio_rng_type, &virtio_blk_type,
                                               &virtio_net_type, &virtio_console_type,
                                               &virtio_fs_type, &virtio_balloon_type};

/* ------------------------------------------------------------------------------------ console */

static char said[4096];
static size_t n_said;

static void said_write(struct chr *chr, const uint8_t *buf, size_t len)
{
    (void)chr;
    memcpy(said + n_said, buf, len);
    n_said += len;
}

/* The next message about a port: its event; *id, *value; a name behind it. */
static unsigned message(struct drv *d, unsigned *id, unsigned *value, char *name)
{
    uint32_t len = 0;
    const uint8_t *m = drv_mem(d, DRV_DATA + 0x100);

    memset(drv_mem(d, DRV_DATA + 0x100), 0, 64);
    drv_add(d, 2, &(struct drv_buf){DRV_DATA + 0x100, 63, true}, 1);
    drv_kick(d, 2);
    if (!take(d, 2, 1, &len))
        return 99;
    *id = ld_le32(m);
    *value = ld_le16(m + 6);
    if (name)
        strcpy(name, (const char *)m + 8);
    return ld_le16(m + 4);
}

static void say(struct drv *d, uint32_t id, unsigned event, unsigned value)
{
    uint8_t *m = drv_mem(d, DRV_DATA);
    uint32_t len;

    st_le32(m, id);
    st_le16(m + 4, (uint16_t)event);
    st_le16(m + 6, (uint16_t)value);
    drv_add(d, 3, &(struct drv_buf){DRV_DATA, 8, false}, 1);
    drv_kick(d, 3);
    assert_true(take(d, 3, 1, &len));
}

static void test_console(void **state)
{
    static const struct chr_ops ops = {.write = said_write};
    struct chr chr = {.ops = &ops};
    unsigned id, value;
    uint32_t len;
    char name[64];

    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct drv d;
        drv_init(&d, &virtio_console_type);
        virtio_console_port(d.dev, 1, "org.qemu.guest_agent.0", &chr, false);
        drv_start(&d, 6, 8, kinds[k]);
        n_said = 0;
        say(&d, 0, 0, 1); /* the driver is ready */
        assert_int_equal(message(&d, &id, &value, NULL), 1);
        assert_int_equal(id, 1);
        say(&d, 1, 3, 1); /* so is the port */
        assert_int_equal(message(&d, &id, &value, name), 7);
        assert_string_equal(name, "org.qemu.guest_agent.0");
        /* Nobody has it open in the guest: bytes go nowhere. */
        assert_int_equal(chr.front.receive(chr.front.opaque, (const uint8_t *)"lost", 4), 4);
        assert_int_equal(message(&d, &id, &value, NULL), 6);
        say(&d, 1, 6, 1);
        drv_add(&d, 4, &(struct drv_buf){DRV_DATA + 0x200, 4, true}, 1);
        assert_int_equal(chr.front.receive(chr.front.opaque, (const uint8_t *)"hello", 5), 4);
        assert_true(take(&d, 4, 1, &len));
        assert_int_equal(len, 4);
        assert_memory_equal(drv_mem(&d, DRV_DATA + 0x200), "hell", 4);
        memcpy(drv_mem(&d, DRV_DATA + 0x300), "answer", 6);
        drv_add(&d, 5, &(struct drv_buf){DRV_DATA + 0x300, 6, false}, 1);
        drv_kick(&d, 5);
        assert_true(take(&d, 5, 1, &len));
        assert_int_equal(n_said, 6);
        assert_memory_equal(said, "answer", 6);
        say(&d, 77, 6, 1); /* there is no such port */
        say(&d, 1, 1234, 1);
        drv_fini(&d);
    }
}

/* ------------------------------------------------------------------------------------ balloon */

static void test_balloon(void **state)
{
    struct balloon_state b;
    uint32_t len;

    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct drv d;
        drv_init(&d, &virtio_balloon_type);
        drv_start(&d, 4, 8, kinds[k]);
        uint64_t pages = DRV_RAM / 4096;
        memset(drv_mem(&d, DRV_DATA + 0x10000), 7, 0x8000);
        virtio_balloon_ask(d.dev, 5 << 12);
        assert_int_equal(drv_read(&d, 0x2000, 4), 5);

        /* Two runs of neighbours, one each way, and a page that is not there. */
        static const uint32_t pfns[] = {0x50, 0x51, 0x54, 0x53, 0xffffff};
        for (unsigned i = 0; i < 5; i++)
            st_le32(drv_mem(&d, DRV_DATA + 4 * i), pfns[i]);
        drv_add(&d, 0, &(struct drv_buf){DRV_DATA, 20, false}, 1);
        drv_kick(&d, 0);
        assert_true(take(&d, 0, 1, &len));
        assert_true(pages > 0x54);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(*drv_mem(&d, (0x50 + i) << 12), i == 2 ? 7 : 0);
        drv_write(&d, 0x2004, 4, 4);
        virtio_balloon_look(d.dev, &b);
        assert_int_equal(b.given, 4 << 12);
        assert_int_equal(b.wanted, 5 << 12);

        /* Free memory reported: whole pages of it go. */
        drv_add(&d, 3, (struct drv_buf[]){{0x52000, 0x1000, true}, {0x55800, 0x1000, true}}, 2);
        drv_kick(&d, 3);
        assert_true(take(&d, 3, 2, &len));
        assert_int_equal(*drv_mem(&d, 0x52000), 0);
        assert_int_equal(*drv_mem(&d, 0x55800), 7);
        assert_int_equal(*drv_mem(&d, 0x56000), 7);

        /* Statistics: the buffer stays with us until new ones are wanted. */
        st_le16(drv_mem(&d, DRV_DATA), BALLOON_FREE);
        st_le64(drv_mem(&d, DRV_DATA + 2), 12345);
        drv_add(&d, 2, &(struct drv_buf){DRV_DATA, 10, false}, 1);
        drv_kick(&d, 2);
        assert_false(take(&d, 2, 1, &len));
        virtio_balloon_look(d.dev, &b);
        assert_int_equal(b.stats[BALLOON_FREE], 12345);
        assert_true(b.stats[BALLOON_TOTAL] == UINT64_MAX);
        virtio_balloon_poll(d.dev);
        assert_true(take(&d, 2, 1, &len));
        virtio_balloon_poll(d.dev); /* there is none now */
        drv_fini(&d);
    }
}

/* Rings full of random bytes, most of them near something that makes sense. */
static void test_nonsense(void **state)
{
    static struct ram_blk b;

    (void)state;
    for (unsigned round = 0; round < 600; round++) {
        struct drv d;
        unsigned t = round % ARRAY_LEN(types);
        drv_init(&d, types[t]);
        b = (struct ram_blk){.blk = {.ops = &ram_ops, .size = DISK, .can_discard = true}};
        if (t == 1)
            virtio_blk_configure(d.dev, &(struct virtio_blk_config){.blk = &b.blk, .queues = 2});
        if (t == 2)
            virtio_net_configure(d.dev, &(struct virtio_net_config){.pairs = 1});
        if (t == 3)
            virtio_console_port(d.dev, 1, "a.b", NULL, round & 1);
        static const unsigned queues[] = {1, 2, 3, 6, 2, 4};
        unsigned n = queues[t];
        drv_start(&d, n, (uint16_t)(1u << test_random(&seed) % 6), kinds[round % ARRAY_LEN(kinds)]);
        for (unsigned i = 0; i < 60; i++) {
            unsigned qi = (unsigned)(test_random(&seed) % n);
            struct drv_queue *q = &d.q[qi];
            for (unsigned k = 0; k < 8; k++) {
                uint64_t at = q->desc + 16 * (test_random(&seed) % q->size), x = test_random(&seed);
                uint8_t *p = drv_mem(&d, at);
                if (x & 1)
                    st_le64(p, x & 2 ? test_random(&seed) : DRV_DATA + (x >> 8 & 0xffff));
                if (x & 4)
                    st_le32(p + 8, x & 8 ? (uint32_t)(x >> 20) : (uint32_t)(x >> 20 & 0x1f0));
                if (x & 16)
                    st_le16(p + 12, (uint16_t)(x & 32 ? x >> 40 : x >> 40 & 7));
                if (x & 64)
                    st_le16(p + 14, (uint16_t)(x & 128 ? x >> 50 : d.packed ? x >> 48 & 0x8087
                                                                            : x >> 48 & 7));
            }
            uint64_t x = test_random(&seed);
            if (!d.packed) {
                st_le16(drv_mem(&d, q->driver + 4 + 2 * (x % q->size)),
                        (uint16_t)(x & 256 ? x >> 30 : x >> 30 & 7));
                st_le16(drv_mem(&d, q->driver + 2), (uint16_t)(q->avail += x >> 60 & 1));
            }
            st_le32(drv_mem(&d, DRV_DATA + (x & 0xfff0)), (uint32_t)(x >> 20 & 15));
            drv_kick(&d, qi);
            if (drv_read(&d, 20, 1) & 0x40)
                break;
        }
        drv_fini(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_negotiation), cmocka_unit_test(test_rng),
        cmocka_unit_test(test_disk),        cmocka_unit_test(test_disk_readonly),
        cmocka_unit_test(test_disk_reset),  cmocka_unit_test(test_card),
        cmocka_unit_test(test_filter),      cmocka_unit_test(test_segments),
        cmocka_unit_test(test_loop),        cmocka_unit_test(test_console),
        cmocka_unit_test(test_balloon),             cmocka_unit_test(test_nonsense),
    };

    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
