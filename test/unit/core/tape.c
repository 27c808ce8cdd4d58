/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tape: inputs arrive in order at the start of a slice, as far as the device takes them; what
 * was recorded comes back at the same slices; work ends in the order in which it began; damaged
 * tapes end with an error.
 */
#include "core/tape.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/machine.h"
#include "lib/test.h"

struct device {
    struct tape_source source;
    unsigned room; /* bytes that it takes in a slice */
    uint64_t slice;
    char log[4096];
    bool had_room;
};

static size_t deliver(void *opaque, unsigned kind, const uint8_t *buf, size_t len)
{
    struct device *d = opaque;
    size_t n = kind ? len : MIN(len, (size_t)d->room), at = strlen(d->log);

    d->room -= kind ? 0 : (unsigned)n;
    if (n || !len)
        snprintf(d->log + at, sizeof(d->log) - at, "%d:%u:%.*s\n", (int)d->slice, kind, (int)n,
                 (const char *)buf);
    return n;
}

static void room(void *opaque)
{
    ((struct device *)opaque)->had_room = true;
}

struct rig {
    struct machine m;
    struct device a, b;
};

static void rig_init(struct rig *r, const char *record, const char *replay)
{
    struct error err;

    *r = (struct rig){0};
    machine_init(&r->m, NULL, NULL, true);
    r->a.source = (struct tape_source){.name = "a", .deliver = deliver, .room = room, .opaque = &r->a};
    r->b.source = (struct tape_source){.name = "b", .deliver = deliver, .opaque = &r->b};
    assert_int_equal(tape_open(r->m.tape, record, replay, &err), 0);
    tape_add(r->m.tape, &r->a.source);
    tape_add(r->m.tape, &r->b.source);
}

static void say(struct device *d, unsigned kind, const char *text)
{
    tape_input(&d->source, kind, (const uint8_t *)text, strlen(text));
}

/* What the guest does, the same each time: slice s begins at 100 s ns, `a` takes 3 bytes in each. */
static void slices(struct rig *r, unsigned from, unsigned to)
{
    for (unsigned s = from; s < to; s++) {
        r->a.room = 3;
        r->b.room = 100;
        r->a.slice = r->b.slice = s;
        r->m.clock.det_ns = 100 * s;
        tape_deliver(r->m.tape);
    }
}

static char path[4096];

static void record(struct rig *r)
{
    struct error err;

    rig_init(r, path, NULL);
    assert_int_equal(tape_start(r->m.tape, "cpus=1 x=2", &err), 0);
    slices(r, 0, 4);
    say(&r->a, 0, "hello");
    say(&r->b, 0, "world");
    say(&r->b, 7, "event");
    say(&r->b, 8, "");
    slices(r, 4, 9);
    say(&r->a, 0, "!");
    slices(r, 9, 12);
    assert_int_equal(tape_end(r->m.tape, &err), 0);
}

static void test_record_and_replay(void **state)
{
    struct rig r, p;
    struct error err;

    (void)state;
    record(&r);
    assert_string_equal(r.a.log, "4:0:hel\n5:0:lo\n9:0:!\n");
    assert_string_equal(r.b.log, "4:0:world\n4:7:event\n4:8:\n");
    rig_init(&p, NULL, path);
    assert_int_equal(tape_start(p.m.tape, "cpus=1 x=2", &err), 0);
    say(&p.a, 0, "nobody hears this");
    slices(&p, 0, 14);
    assert_string_equal(p.a.log, r.a.log);
    assert_string_equal(p.b.log, r.b.log);
    assert_int_equal(p.m.pending_events, 1u << EV_QUIT);
    machine_fini(&r.m);
    machine_fini(&p.m);
}

static void test_refused(void **state)
{
    struct rig r;
    struct error err;

    (void)state;
    record(&r);
    machine_fini(&r.m);
    rig_init(&r, NULL, path);
    assert_int_not_equal(tape_start(r.m.tape, "cpus=1 x=3", &err), 0);
    assert_non_null(strstr(err.text, "it has \"x=2\", this one \"x=3\""));
    machine_fini(&r.m);
    /* the same machine at another time */
    rig_init(&r, NULL, path);
    assert_int_equal(tape_start(r.m.tape, "cpus=1 x=2", &err), 0);
    for (unsigned s = 0; s < 6; s++) {
        r.a.room = 3;
        r.m.clock.det_ns = 101 * s;
        tape_deliver(r.m.tape);
    }
    assert_int_equal(r.m.pending_events, 1u << EV_FAIL);
    assert_non_null(strstr(r.m.error.text, "another way"));
    machine_fini(&r.m);
}

static void test_full_queue(void **state)
{
    static uint8_t block[1u << 16];
    struct rig r;
    struct error err;
    size_t taken = 0, n;

    (void)state;
    rig_init(&r, NULL, NULL);
    assert_int_equal(tape_start(r.m.tape, "x", &err), 0);
    memset(block, 'x', sizeof(block));
    while ((n = tape_input(&r.a.source, 0, block, sizeof(block))))
        taken += n;
    assert_true(taken >= sizeof(block) && taken < 64 * sizeof(block));
    assert_true(tape_pending(r.m.tape));
    assert_false(r.a.had_room);
    slices(&r, 0, (unsigned)taken / 3 + 2);
    assert_true(r.a.had_room);
    assert_false(tape_pending(r.m.tape));
    machine_fini(&r.m);
}

struct job {
    struct tape_work work;
    char name, *log;
};

static void job_done(struct tape_work *w)
{
    struct job *j = container_of(w, struct job, work);

    j->log[strlen(j->log)] = j->name;
}

static void test_work(void **state)
{
    char log[8] = "";
    struct rig r;
    struct job a = {{.done = job_done}, 'a', log}, b = {{.done = job_done}, 'b', log};

    (void)state;
    rig_init(&r, NULL, NULL);
    tape_work_begin(r.m.tape, &a.work);
    tape_work_begin(r.m.tape, &b.work);
    assert_true(tape_pending(r.m.tape));
    tape_work_ready(r.m.tape, &b.work); /* the disk was quicker with the second */
    assert_string_equal(log, "");
    tape_work_ready(r.m.tape, &a.work);
    tape_deliver(r.m.tape);
    assert_string_equal(log, "ab");
    machine_fini(&r.m);
}

/* What was delivered makes room again, to the byte; an event is taken whole or not at all. */
static void test_room(void **state)
{
    static uint8_t block[1u << 16];
    struct rig r;
    size_t first = 0, n;

    (void)state;
    rig_init(&r, NULL, NULL);
    for (unsigned round = 0; round < 3; round++) {
        size_t taken = 0;
        assert_int_equal(tape_input(&r.b.source, 0, block, 10), 10);
        while ((n = tape_input(&r.b.source, 7, block, sizeof(block)))) {
            assert_int_equal(n, sizeof(block));
            taken += n;
        }
        assert_true(taken > 0 && (!round || taken == first));
        first = taken;
        assert_true(tape_input(&r.b.source, 0, block, sizeof(block)) < sizeof(block));
        for (unsigned s = 0; s < 2; s++) {
            r.b.room = 1u << 20;
            tape_deliver(r.m.tape);
        }
    }
    assert_false(tape_pending(r.m.tape));
    machine_fini(&r.m);
}

/* A replay takes whatever it is given, and drops it. */
static void test_deaf(void **state)
{
    static uint8_t block[1u << 16];
    struct rig r;
    struct error err;

    (void)state;
    record(&r);
    machine_fini(&r.m);
    rig_init(&r, NULL, path);
    assert_int_equal(tape_start(r.m.tape, "cpus=1 x=2", &err), 0);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(tape_input(&r.a.source, 0, block, sizeof(block)), sizeof(block));
    machine_fini(&r.m);
}

/* One record behind the header of a good tape. */
static void first_record(uint32_t len, uint16_t source, const char *want)
{
    struct rig r;
    struct error err;
    uint8_t head[24] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), 0,
                        (uint8_t)source, (uint8_t)(source >> 8)};
    FILE *f = fopen(path, "w");

    fputs("quad-tape 1\ncpus=1 x=2 inputs=a,b\n", f);
    fwrite(head, sizeof(head), 1, f);
    for (uint32_t i = 0; i < len; i++)
        fputc('x', f);
    fclose(f);
    rig_init(&r, NULL, path);
    int rc = tape_start(r.m.tape, "cpus=1 x=2", &err);
    assert_int_equal(rc != 0, want != NULL);
    if (want && !strstr(err.text, want))
        fail_msg("\"%s\", wanted \"%s\"", err.text, want);
    machine_fini(&r.m);
}

static void test_bounds(void **state)
{
    (void)state;
    first_record(1u << 17, 1, NULL);
    first_record((1u << 17) + 1, 1, "has a record of 131073 bytes");
    first_record(1, 2, "speaks of source 2, this machine has 2");
}

/* Any bytes as a tape: an error or a replay, never a crash. */
static void test_damaged(void **state)
{
    struct rig r;
    struct error err;
    uint8_t good[4096];
    uint64_t seed = test_seed();

    (void)state;
    record(&r);
    machine_fini(&r.m);
    FILE *f = fopen(path, "r");
    size_t size = fread(good, 1, sizeof(good), f);
    fclose(f);
    for (unsigned i = 0; i < 500; i++) {
        uint8_t bad[sizeof(good)];
        size_t len = test_random(&seed) % 4 ? size : test_random(&seed) % (size + 1);
        memcpy(bad, good, len);
        for (unsigned k = test_random(&seed) % 4; k && len; k--)
            bad[test_random(&seed) % len] = (uint8_t)test_random(&seed);
        f = fopen(path, "w");
        fwrite(bad, 1, len, f);
        fclose(f);
        rig_init(&r, NULL, path);
        if (!tape_start(r.m.tape, "cpus=1 x=2", &err))
            slices(&r, 0, 14);
        else
            assert_true(err.text[0]);
        machine_fini(&r.m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_and_replay), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_full_queue),        cmocka_unit_test(test_work),
        cmocka_unit_test(test_room),              cmocka_unit_test(test_deaf),
        cmocka_unit_test(test_bounds),            cmocka_unit_test(test_damaged),
    };
    const char *tmp = getenv("TEST_TMP");

    snprintf(path, sizeof(path), "%s/tape.%d", tmp ? tmp : "/tmp", (int)getpid());
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return rc;
}
