/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The stream: every record comes back as it was; a processor's tables cover all of it; damage is
 * told, whatever it hits; the stream that an older program wrote (golden/) is still read.
 */
#include <stdio.h>
#include <unistd.h>

#include "arch/x86/lapic.h"
#include "base/crc32c.h"
#include "fuzz/dev_drive.h"
#include "fuzz/save_drive.h"
#include "fuzz/save_mend.h"
#include "lib/packed_state.h"
#include "lib/test.h"
#include "save/record.h"

#define GOLDEN "test/stream/golden/v1.quad"

/* ---------------------------------------------------------------------------------- checksums */

static void the_crc_is_castagnolis(void **state)
{
    uint8_t buf[1000];
    uint64_t r = test_seed() | 1;

    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u); /* [RFC 3720 B.4]'s check value */
    memset(buf, 0, 32);
    assert_int_equal(crc32c(0, buf, 32), 0x8a9136aau);
    memset(buf, 0xff, 32);
    assert_int_equal(crc32c(0, buf, 32), 0x62a8ab43u);
    for (size_t i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)test_random(&r);
    for (unsigned i = 0; i < 200; i++) {
        size_t a = test_random(&r) % 500, n = test_random(&r) % 500;
        assert_int_equal(crc32c(7, buf + a, n), crc32c_table(7, buf + a, n));
        assert_int_equal(crc32c(crc32c(0, buf, a), buf + a, n), crc32c(0, buf, a + n));
    }
}

/* ------------------------------------------------------------------------------------ records */

static void fill(const struct field *f, uint8_t *at, uint64_t *r)
{
    for (; f->name; f++)
        for (uint32_t i = 0; i < f->count; i++)
            for (uint32_t b = 0; b < f->size; b++) {
                uint8_t *p = at + f->offset + (size_t)i * f->size;
                if (f->kind == FIELD_STRUCT) {
                    fill(f->sub, p, r);
                    break;
                }
                p[b] = (uint8_t)(test_random(r) & (f->kind == FIELD_BOOL ? 1 : 0xff));
            }
}

static void there_and_back(const struct state *st, uint64_t *r)
{
    uint8_t *a = xcalloc(1, st->size), *b = xcalloc(1, st->size);
    struct save_section s;
    struct save_mem f;
    struct save_out o;
    struct save_in in;
    struct error err;
    char text[200];

    fill(st->fields, a, r);
    save_mem_init(&f);
    save_open(&o, &f.io, 0, (const uint8_t *)"0123456789abcdef");
    assert_int_equal(record_write(&o, "thing", st, a, &err), 0);
    if (save_start(&in, &f.io, &err) || save_next(&in, &s, &err) || record_read(&s, st, b, &err))
        fail_msg("%s: %s", st->name, err.text);
    if (state_diff(st, a, b, text, sizeof(text)))
        fail_msg("%s: %s", st->name, text);
    save_fini(&o);
    save_in_fini(&in);
    free(f.data);
    free(a);
    free(b);
}

static void every_record_comes_back(void **state)
{
    uint64_t r = test_seed() | 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(drive_types); i++)
        there_and_back(drive_types[i]->state, &r);
    for (const struct arch_group *g = x86_groups; g->name; g++)
        there_and_back(g->state, &r);
    there_and_back(&save_clock_state, &r);
    there_and_back(&save_slot_state, &r);
}

static void a_processors_tables_cover_it(void **state)
{
    (void)state;
    uint8_t map[sizeof(struct x86_state)] = {0}, apic[sizeof(struct lapic_regs)] = {0};
    size_t covered = 0;

    for (const struct arch_group *g = x86_groups; g->name; g++)
        assert_int_equal(state_paint(g->state, !strcmp(g->name, "apic") ? apic : map), 0);
    for (size_t i = 0; i < sizeof(map); i++)
        covered += map[i];
    if (covered != packed_x86_state_size)
        fail_msg("the groups cover %zu bytes of struct x86_state, it has %zu", covered,
                 packed_x86_state_size);
    /* (7 bytes of padding behind the last one) */
    for (size_t i = 0; i < offsetof(struct lapic_regs, lint0_level); i++)
        if (!apic[i] && i / 8 != offsetof(struct lapic_regs, icr) / 8 - 1)
            fail_msg("byte %zu of struct lapic_regs is in no field", i);
}

struct small {
    uint16_t number;
    bool flag;
    uint32_t list[2];
};
struct large {
    uint64_t number, more;
    uint8_t flag;
    uint64_t list[2];
};
static const struct field small_fields[] = {FIELD(struct small, number), FIELD(struct small, flag),
                                            FIELD_ARRAY(struct small, list), FIELD_END};
static const struct field large_fields[] = {FIELD(struct large, number), FIELD(struct large, flag),
                                            FIELD_ARRAY(struct large, list),
                                            FIELD(struct large, more), FIELD_END};
static const struct state small_state = {"s", 1, sizeof(struct small), small_fields},
                          large_state = {"s", 1, sizeof(struct large), large_fields};

/* Write `a` by one table, read it by another; the message, "" when it was taken. */
static const char *convert(const struct state *from, const void *a, const struct state *to, void *b)
{
    static struct error err;
    struct save_section s;
    struct save_mem f;
    struct save_out o;
    struct save_in in;

    err = (struct error){0};
    save_mem_init(&f);
    save_open(&o, &f.io, 0, (const uint8_t *)"0123456789abcdef");
    assert_int_equal(record_write(&o, "thing", from, a, &err), 0);
    assert_int_equal(save_start(&in, &f.io, &err), 0);
    assert_int_equal(save_next(&in, &s, &err), 0);
    (void)!record_read(&s, to, b, &err);
    save_fini(&o);
    save_in_fini(&in);
    free(f.data);
    return err.text;
}

static void fields_may_grow(void **state)
{
    struct small a = {500, true, {1, 2}}, back = {0};
    struct large b = {.more = 9};

    (void)state;
    assert_string_equal(convert(&small_state, &a, &large_state, &b), "");
    assert_int_equal(b.number, 500);
    assert_int_equal(b.list[1], 2);
    assert_int_equal(b.more, 9); /* not in the stream: as it was */
    assert_string_equal(convert(&large_state, &b, &small_state, &back),
                        "thing: field more is not known here; a newer program saved it");
    struct state cut = large_state;
    struct field fields[4];
    memcpy(fields, large_fields, sizeof(fields));
    fields[3] = (struct field)FIELD_END;
    cut.fields = fields;
    assert_string_equal(convert(&cut, &b, &small_state, &back), "");
    assert_int_equal(back.number, 500);
    b.number = 65536;
    assert_string_equal(convert(&cut, &b, &small_state, &back),
                        "thing: field number: 0x10000 does not fit");
    b.number = 1;
    b.flag = 2;
    assert_string_equal(convert(&cut, &b, &small_state, &back), "thing: field flag: 0x2 does not fit");
    assert_int_equal(back.number, 500); /* and nothing of it was taken */
}

/* ------------------------------------------------------------------------------------- damage */

static void make_stream(struct save_mem *f, bool zstd)
{
    struct machine m;
    struct error err;

    assert_true(save_drive_make(&m));
    for (unsigned i = 0; i < 20000; i++)
        m.mem.slots[0]->hva[i] = (uint8_t)(i * i >> 5);
    m.mem.slots[1]->hva[5] = 1;
    save_mem_init(f);
    if (save_drive_write(&m, f, zstd, &err))
        fail_msg("%s", err.text);
    machine_fini(&m);
}

static int load(struct save_mem *f, struct error *err)
{
    struct machine m;

    *err = (struct error){0};
    assert_true(save_drive_make(&m));
    int rc = save_drive_read(&m, f, err);
    /* What was taken can be saved again. */
    if (!rc) {
        struct save_mem out;
        save_mem_init(&out);
        if (save_drive_write(&m, &out, false, err))
            fail_msg("%s", err->text);
        free(out.data);
    }
    machine_fini(&m);
    return rc;
}

static void any_damage_is_told(void **state)
{
    uint64_t r = test_seed() | 1;
    struct error err;
    struct save_mem f;

    (void)state;
    make_stream(&f, false);
    assert_int_equal(load(&f, &err), 0);
    for (unsigned i = 0; i < 300; i++) {
        size_t at = test_random(&r) % f.len, whole = f.len;
        uint8_t bit = (uint8_t)(1u << (test_random(&r) & 7));
        f.data[at] ^= bit;
        if (!load(&f, &err))
            fail_msg("a flipped bit in byte %zu of %zu was taken", at, f.len);
        assert_true(err.text[0]);
        f.data[at] ^= bit;
        f.len = at; /* and cut off there */
        if (!load(&f, &err))
            fail_msg("a stream cut off at byte %zu of %zu was taken", at, whole);
        f.len = whole;
    }
    free(f.data);
}

/* With right CRCs everything behind them is reached: it is refused with a reason, or taken. */
static void hostile_streams_do_no_harm(void **state)
{
    uint64_t r = test_seed() | 1;
    unsigned taken = 0, refused = 0;
    struct error err;
    struct save_mem f;

    (void)state;
    make_stream(&f, ram_has_zstd());
    uint8_t *good = xcalloc(1, f.len);
    memcpy(good, f.data, f.len);
    for (unsigned i = 0; i < (test_long() ? 20000u : 800u); i++) {
        memcpy(f.data, good, f.len);
        for (unsigned n = 1 + test_random(&r) % 6; n; n--) {
            size_t at = SAVE_HEADER + test_random(&r) % (f.len - SAVE_HEADER);
            f.data[at] = test_random(&r) & 1 ? (uint8_t)test_random(&r) : 0xff;
        }
        save_mend(f.data, f.len);
        if (load(&f, &err))
            refused++;
        else
            taken++;
        assert_true(!err.code || err.text[0]);
    }
    assert_true(taken > 10 && refused > 10);
    free(good);
    free(f.data);
}

/* ------------------------------------------------------------------------------------- golden */

static void an_old_stream_is_read(void **state)
{
    struct error err = {0};
    struct machine m;
    struct save_mem f;

    (void)state;
    if (getenv("QUAD_MAKE_GOLDEN")) {
        make_stream(&f, false);
        FILE *out = fopen(GOLDEN, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(f.data, 1, f.len, out), f.len);
        fclose(out);
        free(f.data);
    }
    FILE *in = fopen(GOLDEN, "rb");
    assert_non_null(in);
    save_mem_init(&f);
    f.cap = 1 << 20;
    f.data = xcalloc(1, f.cap);
    f.len = fread(f.data, 1, f.cap, in);
    fclose(in);
    assert_true(save_drive_make(&m));
    if (save_drive_read(&m, &f, &err))
        fail_msg("%s", err.text);
    assert_int_equal(m.mem.slots[0]->hva[1000], (uint8_t)(1000u * 1000u >> 5));
    assert_int_equal(m.mem.slots[1]->hva[5], 1);
    assert_int_equal(x86_cpu_of(m.vcpus[0])->s.r[X86_RIP], 0xfff0);
    machine_fini(&m);
    free(f.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crc_is_castagnolis),     cmocka_unit_test(every_record_comes_back),
        cmocka_unit_test(a_processors_tables_cover_it), cmocka_unit_test(fields_may_grow),
        cmocka_unit_test(any_damage_is_told),         cmocka_unit_test(hostile_streams_do_no_harm),
        cmocka_unit_test(an_old_stream_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
