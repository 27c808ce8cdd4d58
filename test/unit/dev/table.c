/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What must hold of every device type: its state table covers its whole record, once; counters lie
 * in the struct; reset gives the same record every time; a second reset changes nothing.
 */
#include "fuzz/dev_drive.h"
#include "lib/test.h"

static void the_state_table_covers_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(drive_types); i++) {
        const struct dev_type *type = drive_types[i];
        uint8_t *map = xcalloc(1, type->state->size);
        size_t twice = state_paint(type->state, map);
        if (twice)
            fail_msg("%s: %zu bytes are named twice", type->name, twice);
        for (size_t b = 0; b < type->state->size; b++)
            if (!map[b])
                fail_msg("%s: byte %zu of %zu is in no field", type->name, b, type->state->size);
        free(map);
    }
}

static void types_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(drive_types); i++) {
        const struct dev_type *type = drive_types[i];
        assert_non_null(type->help);
        assert_non_null(type->reset);
        assert_string_equal(type->state->name, type->name);
        assert_true(type->regs + type->state->size <= type->size);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(drive_types[k]->name, type->name);
        for (const struct dev_counter *c = type->counters; c && c->name; c++) {
            assert_true(c->offset % 8 == 0 && c->offset + 8 <= type->size);
            /* A counter is not part of what is saved. */
            assert_true(c->offset < type->regs || c->offset >= type->regs + type->state->size);
        }
        unsigned windows = 0, lines = 0;
        while (type->windows && type->windows[windows].name)
            windows++;
        while (type->lines && type->lines[lines])
            lines++;
        assert_in_range(windows, 0, DEV_WINDOWS_MAX);
        assert_in_range(lines, 0, DEV_LINES_MAX);
    }
}

static void reset_is_repeatable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(drive_types); i++) {
        const struct dev_type *type = drive_types[i];
        struct machine m;
        struct dev *dev = drive_make(&m, type);
        char text[200];

        assert_non_null(dev);
        void *before = xcalloc(1, type->state->size);
        memcpy(before, dev_regs(dev), type->state->size);
        dev_reset(dev);
        if (state_diff(type->state, before, dev_regs(dev), text, sizeof(text)))
            fail_msg("%s: after a second reset: %s", type->name, text);
        free(before);
        machine_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_table_covers_every_byte),
        cmocka_unit_test(types_are_complete),
        cmocka_unit_test(reset_is_repeatable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
