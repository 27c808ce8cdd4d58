/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * State tables: what they cover, and the difference of two records in words.
 */
#include "core/state.h"

#include "lib/test.h"

struct part {
    uint16_t a, b;
};

struct record {
    uint64_t big;
    uint32_t list[3];
    struct part parts[2];
    uint8_t bytes[4];
    bool flag;
    uint8_t forgotten;
    uint8_t rest[6];
};

static const struct field part_fields[] = {FIELD(struct part, a), FIELD(struct part, b), FIELD_END};
static const struct field fields[] = {
    FIELD(struct record, big),
    FIELD_ARRAY(struct record, list),
    FIELD_SUBS(struct record, parts, part_fields),
    FIELD_BYTES(struct record, bytes),
    FIELD(struct record, flag),
    FIELD_BYTES(struct record, rest),
    FIELD_END,
};
static const struct state table = {"record", 1, sizeof(struct record), fields};
static const struct field doubled[] = {
    FIELD(struct record, big),
    FIELD(struct record, big),
    FIELD_END,
};

static void painting_finds_what_is_missing(void **state)
{
    uint8_t map[sizeof(struct record)] = {0};

    (void)state;
    assert_int_equal(state_paint(&table, map), 0);
    for (size_t i = 0; i < sizeof(map); i++)
        assert_int_equal(map[i], i != offsetof(struct record, forgotten));
    const struct state twice = {"twice", 1, sizeof(struct record), doubled};
    memset(map, 0, sizeof(map));
    assert_int_equal(state_paint(&twice, map), 8);
}

static void the_difference_has_a_name(void **state)
{
    struct record a = {.big = 1, .list = {1, 2, 3}}, b = a;
    char text[80];

    (void)state;
    assert_false(state_diff(&table, &a, &b, text, sizeof(text)));
    b.forgotten = 1; /* not the table's */
    assert_false(state_diff(&table, &a, &b, text, sizeof(text)));
    b.flag = true;
    assert_true(state_diff(&table, &a, &b, text, sizeof(text)));
    assert_string_equal(text, "flag 0 != 0x1");
    b.parts[1].b = 7;
    assert_true(state_diff(&table, &a, &b, text, sizeof(text)));
    assert_string_equal(text, "parts[1].b 0 != 0x7");
    b.list[2] = 9;
    assert_true(state_diff(&table, &a, &b, text, 8)); /* a short buffer is not overrun */
    assert_true(strlen(text) < 8);
    assert_true(state_diff(&table, &a, &b, text, sizeof(text)));
    assert_string_equal(text, "list[2] 0x3 != 0x9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(painting_finds_what_is_missing),
        cmocka_unit_test(the_difference_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
