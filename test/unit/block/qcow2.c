/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2 against a model: random writes, zeroes, discards, flushes, reopening, snapshots; failing
 * writes; cuts of power, after which the tables are sound and what was flushed is there.
 *
 * test-timeout: 120
 */
#include "lib/disk_mem.h"
#include "lib/test.h"

#define DISK_SIZE (UINT64_C(1) << 20)
#define SECTORS (DISK_SIZE / 512)
#define ROOM (UINT64_C(6) << 20)

struct model {
    uint64_t now[SECTORS]; /* each sector is one stamp, repeated; 0: zeroes */
    /* For cuts: what a sector may be: any of these, `now` among them. */
    uint64_t maybe[SECTORS][8];
    uint8_t n_maybe[SECTORS]; /* 8: too many, anything goes */
};

static uint64_t seed, stamp;

static const struct setting {
    const char *name;
    struct disk_create c;
} settings[] = {
    {"512", {.size = DISK_SIZE, .cluster_size = 512}},
    {"4K", {.size = DISK_SIZE, .cluster_size = 4096}},
    {"64K", {.size = DISK_SIZE, .cluster_size = 65536}},
    {"v2", {.size = DISK_SIZE, .cluster_size = 1024, .compat_v2 = true}},
    {"1 bit", {.size = DISK_SIZE, .cluster_size = 512, .refcount_bits = 1}},
    {"64 bits", {.size = DISK_SIZE, .cluster_size = 1024, .refcount_bits = 64}},
};

static uint64_t rnd(uint64_t n)
{
    return test_random(&seed) % n;
}

static void make(struct disk_mem *m, const struct disk_create *c)
{
    struct disk_file f;
    struct error err;

    disk_mem_init(m, ROOM);
    f = disk_mem_file(m);
    assert_int_equal(qcow2_disk.create(&f, c, &err), 0);
    file_close(&f);
}

static struct disk *open_rw(struct disk_mem *m)
{
    struct error err = {0};
    struct disk *d;

    if (disk_mem_open(m, &(struct disk_options){0}, &d, &err))
        fail_msg("%s", err.text);
    return d;
}

static void set(struct model *k, uint64_t sector, uint64_t value)
{
    k->now[sector] = value;
    if (k->n_maybe[sector] < 8)
        k->maybe[sector][k->n_maybe[sector]++] = value;
}

static void flushed(struct model *k)
{
    for (uint64_t s = 0; s < SECTORS; s++) {
        k->maybe[s][0] = k->now[s];
        k->n_maybe[s] = 1;
    }
}

static int random_write(struct disk *d, struct model *k)
{
    static uint64_t buf[64 * 512 / 8];
    uint64_t n = 1 + rnd(rnd(4) ? 8 : 64), s = rnd(SECTORS - n + 1);

    for (uint64_t i = 0; i < n; i++) {
        uint64_t v = ++stamp;
        for (unsigned w = 0; w < 64; w++)
            buf[i * 64 + w] = v;
    }
    struct iovec iov[3] = {{buf, 100}, {(char *)buf + 100, 300}, {(char *)buf + 400, n * 512 - 400}};
    int rc = disk_write(d, s * 512, iov, 3, n * 512);
    for (uint64_t i = 0; i < n; i++)
        set(k, s + i, buf[i * 64]);
    return rc;
}

static int random_zero(struct disk *d, struct model *k, bool discard)
{
    uint64_t n = 1 + rnd(200), s = rnd(SECTORS - MIN(n, SECTORS - 1));

    n = MIN(n, SECTORS - s);
    if (rnd(20) == 0) {
        s = 0;
        n = SECTORS;
    }
    int rc = discard ? disk_discard(d, s * 512, n * 512) : disk_zero(d, s * 512, n * 512, rnd(2));
    uint64_t unit = discard ? d->cluster_size / 512 : 1; /* a discard takes whole clusters */
    for (uint64_t i = ALIGN_UP(s, unit); i + unit <= s + n; i++)
        for (uint64_t j = 0; j < unit; i += j + 1 < unit, j++)
            set(k, i, 0);
    return rc;
}

static void check_sound(struct disk *d, bool leaks_too)
{
    struct disk_check c = {0};
    struct error err = {0};

    if (qcow2_disk.check(d, &c, false, &err))
        fail_msg("check: %s", err.text);
    assert_int_equal(c.corruptions, 0);
    assert_int_equal(c.errors, 0);
    if (leaks_too)
        assert_int_equal(c.leaks, 0);
}

static void compare(struct disk *d, const struct model *k, bool maybe)
{
    static uint64_t buf[DISK_SIZE / 8];

    assert_int_equal(disk_read_buf(d, 0, buf, DISK_SIZE), 0);
    for (uint64_t s = 0; s < SECTORS; s++) {
        uint64_t v = buf[s * 64];
        bool ok = !maybe && v == k->now[s];
        for (unsigned i = 1; i < 64; i++)
            if (buf[s * 64 + i] != v)
                fail_msg("sector %" PRIu64 " is torn", s);
        for (unsigned i = 0; maybe && i < k->n_maybe[s]; i++)
            ok = ok || k->maybe[s][i] == v;
        if (!ok && !(maybe && k->n_maybe[s] == 8))
            fail_msg("sector %" PRIu64 ": %#" PRIx64 ", wanted %#" PRIx64, s, v, k->now[s]);
    }
}

/* Was the power cut meanwhile? Sound tables (leaks are allowed), every sector one that it could
 * be. */
static void look_at_cut(struct disk *d, const struct model *k)
{
    struct disk_mem *m = d->file.hook->opaque;

    if (!m->cut)
        return;
    struct disk *after = open_rw(m->cut);
    check_sound(after, false);
    compare(after, k, true);
    disk_close(after);
    disk_mem_fini(m->cut);
    free(take_ptr(m->cut));
}

static int random_op(struct disk *d, struct model *k)
{
    uint64_t what = rnd(20);
    int rc = 0;

    if (what < 14)
        return random_write(d, k);
    if (what < 17)
        return random_zero(d, k, what == 16);
    if (what < 19) {
        rc = disk_flush(d);
        look_at_cut(d, k);
        if (!rc)
            flushed(k);
    }
    return rc;
}

static void against_model(const struct setting *s)
{
    static struct model k;
    struct disk_mem m;

    memset(&k, 0, sizeof(k));
    make(&m, &s->c);
    struct disk *d = open_rw(&m);
    for (unsigned i = 0; i < 1200; i++) {
        assert_int_equal(random_op(d, &k), 0);
        if (rnd(60) == 0) {
            disk_close(d);
            d = open_rw(&m);
            check_sound(d, true);
        }
        if (rnd(60) == 0)
            compare(d, &k, false);
    }
    compare(d, &k, false);
    disk_close(d);
    d = open_rw(&m);
    check_sound(d, true);
    compare(d, &k, false);
    disk_close(d);
    disk_mem_fini(&m);
}

static void test_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        against_model(&settings[i]);
}

static void test_cuts(void **state)
{
    static struct model k;

    (void)state;
    for (unsigned round = 0; round < (test_long() ? 200u : 24u); round++) {
        struct disk_mem m;
        memset(&k, 0, sizeof(k));
        make(&m, &settings[round % ARRAY_LEN(settings)].c);
        flushed(&k);
        struct disk *d = open_rw(&m);
        for (unsigned i = 0; i < 150; i++) {
            m.random = seed;
            if (!m.cut_in)
                m.cut_in = 1 + rnd(8);
            assert_int_equal(random_op(d, &k), 0);
            look_at_cut(d, &k);
        }
        m.cut_in = 0;
        disk_close(d);
        disk_mem_fini(&m);
    }
}

/* The n-th write or sync fails, for all n: an error comes back, and the tables stay sound. */
static void test_failures(void **state)
{
    static struct model k;

    (void)state;
    for (unsigned n = 1; n < 120; n += 1 + (unsigned)rnd(3)) {
        struct disk_mem m;
        uint64_t start = seed;
        memset(&k, 0, sizeof(k));
        make(&m, &settings[n % 2].c);
        flushed(&k);
        struct disk *d = open_rw(&m);
        m.n_writes = 0;
        m.fail_at = n;
        int rc = 0;
        for (unsigned i = 0; i < 40 && !rc; i++)
            rc = random_op(d, &k);
        m.fail_at = 0;
        check_sound(d, false);
        compare(d, &k, true);
        disk_close(d);
        d = open_rw(&m);
        check_sound(d, false);
        compare(d, &k, true);
        disk_close(d);
        disk_mem_fini(&m);
        seed = start + 1;
    }
}

static void test_snapshots(void **state)
{
    static struct model k, kept;
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct disk_mem m;
        if (settings[i].c.refcount_bits == 1)
            continue; /* one user a cluster: no snapshot fits */
        memset(&k, 0, sizeof(k));
        make(&m, &settings[i].c);
        struct disk *d = open_rw(&m);
        for (unsigned n = 0; n < 60; n++)
            assert_int_equal(random_op(d, &k), 0);
        if (qcow2_disk.snapshot_take(d, "one", &err))
            fail_msg("%s", err.text);
        kept = k;
        check_sound(d, true);
        for (unsigned n = 0; n < 60; n++)
            assert_int_equal(random_op(d, &k), 0);
        compare(d, &k, false);
        assert_int_equal(qcow2_disk.snapshot_take(d, "two", &err), 0);
        for (unsigned n = 0; n < 20; n++)
            assert_int_equal(random_op(d, &k), 0);
        disk_close(d);
        struct disk *view;
        assert_int_equal(disk_mem_open(&m, &(struct disk_options){.readonly = true,
                                                                  .snapshot = "one"},
                                       &view, &err),
                         0);
        compare(view, &kept, false);
        disk_close(view);
        d = open_rw(&m);
        check_sound(d, true);
        compare(d, &k, false);
        assert_int_equal(qcow2_disk.snapshot_delete(d, "two", &err), 0);
        check_sound(d, false);
        compare(d, &k, false);
        assert_int_equal(qcow2_disk.snapshot_apply(d, "one", &err), 0);
        compare(d, &kept, false);
        k = kept;
        for (unsigned n = 0; n < 30; n++)
            assert_int_equal(random_op(d, &k), 0);
        compare(d, &k, false);
        assert_int_equal(qcow2_disk.snapshot_delete(d, "one", &err), 0);
        disk_close(d);
        d = open_rw(&m);
        check_sound(d, true);
        compare(d, &k, false);
        disk_close(d);
        disk_mem_fini(&m);
    }
}

/* A header that lies is refused, or read without harm; here: the fields one by one. */
static void test_hostile_header(void **state)
{
    static const uint64_t values[] = {0, 1, 0x1ff, 0x10000, 0x7fffffff, UINT64_MAX / 2, UINT64_MAX};
    struct disk_mem m, bad;
    struct error err;

    (void)state;
    make(&m, &settings[1].c);
    for (unsigned at = 4; at < 112; at += 4) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            struct disk *d = NULL;
            disk_mem_init(&bad, ROOM);
            memcpy(bad.now, m.now, m.size);
            bad.size = m.size;
            for (unsigned b = 0; b < 8; b++)
                bad.now[at + b] = (uint8_t)(values[i] >> (56 - 8 * b));
            if (!disk_mem_open(&bad, &(struct disk_options){.format = "qcow2", .no_backing = true},
                               &d, &err)) {
                uint8_t buf[4096];
                struct disk_check c = {0};
                (void)disk_read_buf(d, 0, buf, MIN(sizeof(buf), d->size));
                (void)disk_write_buf(d, 0, buf, MIN(sizeof(buf), d->size));
                (void)disk_flush(d);
                (void)qcow2_disk.check(d, &c, false, &err);
                disk_close(d);
            } else {
                assert_true(err.code != 0 && err.text[0]);
            }
            disk_mem_fini(&bad);
        }
    }
    disk_mem_fini(&m);
}

/* An L2 entry that points into metadata: the write is refused, the file marked, nothing harmed. */
static void test_overlap(void **state)
{
    struct disk_mem m;
    uint8_t buf[4096] = {1};

    (void)state;
    make(&m, &settings[1].c);
    struct disk *d = open_rw(&m);
    assert_int_equal(disk_write_buf(d, 0, buf, sizeof(buf)), 0);
    disk_close(d);
    uint64_t l1 = 0, l2 = 0;
    for (unsigned b = 0; b < 8; b++)
        l1 = l1 << 8 | m.now[40 + b];
    for (unsigned b = 1; b < 8; b++)
        l2 = l2 << 8 | m.now[l1 + b];
    memset(m.now + l2, 0, 8);
    m.now[l2] = 0x80;     /* COPIED */
    m.now[l2 + 6] = 0x10; /* offset 4096: the refcount table */
    uint8_t before[8192];
    memcpy(before, m.now, sizeof(before));
    d = open_rw(&m);
    assert_int_equal(disk_write_buf(d, 0, buf, sizeof(buf)), -EIO);
    assert_int_equal(disk_write_buf(d, 512, buf, 512), -EIO);
    disk_close(d);
    assert_memory_equal(before + 4096, m.now + 4096, 4096);
    assert_int_equal(m.now[79] & 2, 2); /* marked corrupt */
    struct error err;
    assert_int_not_equal(disk_mem_open(&m, &(struct disk_options){0}, &d, &err), 0);
    disk_mem_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),      cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_failures),   cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_hostile_header), cmocka_unit_test(test_overlap),
    };

    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
