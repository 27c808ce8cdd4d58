/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Guest settings: defaults, what the checks refuse, UUIDs; every option of the table has what help
 * and the manual page show.
 */
#include "config/guest_config.h"

#include "lib/test.h"

static void uuid_follows_the_name(void **state)
{
    struct guest_config c;
    struct error err = {0};
    uint8_t a[16], b[16], other[16];

    (void)state;
    guest_config_init(&c);
    c.name = "alpha";
    assert_int_equal(guest_config_uuid(&c, a, &err), 0);
    assert_int_equal(guest_config_uuid(&c, b, &err), 0);
    assert_memory_equal(a, b, 16);
    assert_int_equal(a[6] >> 4, 8);
    assert_int_equal(a[8] >> 6, 2);
    c.name = "beta";
    assert_int_equal(guest_config_uuid(&c, other, &err), 0);
    assert_memory_not_equal(a, other, 16);
}

static void uuid_as_given(void **state)
{
    static const uint8_t want[16] = {0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x42, 0xd3,
                                     0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x0F};
    static const char *const bad[] = {"", "123", "123e4567-e89b-42d3-a456-42661417400",
                                      "123e4567-e89b-42d3-a456-42661417400f0", "g23e4567"};
    struct guest_config c;
    struct error err = {0};
    uint8_t got[16];

    (void)state;
    guest_config_init(&c);
    c.uuid = "123E4567-e89b-42d3-a456-42661417400f";
    assert_int_equal(guest_config_uuid(&c, got, &err), 0);
    assert_memory_equal(got, want, 16);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        c.uuid = bad[i];
        assert_int_equal(guest_config_uuid(&c, got, &err), -EINVAL);
    }
}

static int check(char *a, char *b, struct error *err)
{
    char *argv[] = {(char *)"run", (char *)"--kernel", (char *)"k", a, b};
    struct guest_config c;
    int rest;

    guest_config_init(&c);
    int rc = opt_parse(guest_options, &c, b ? 5 : a ? 4 : 3, argv, &rest, err);
    if (!rc)
        rc = guest_config_check(&c, err);
    guest_config_fini(&c);
    return rc;
}

static void checks(void **state)
{
    struct error err = {0};
    struct guest_config none;

    (void)state;
    assert_int_equal(check(NULL, NULL, &err), 0);
    assert_int_equal(check((char *)"-m", (char *)"96M", &err), 0);
    assert_true(check((char *)"-m", (char *)"1000000K", &err) < 0);
    assert_true(check((char *)"-m", (char *)"1M", &err) < 0);
    assert_true(check((char *)"-c", (char *)"65", &err) < 0);
    assert_true(check((char *)"--mode", (char *)"fast", &err) < 0);
    assert_true(check((char *)"--seed", (char *)"7", &err) < 0);
    assert_true(check((char *)"--uuid", (char *)"7", &err) < 0);
    guest_config_init(&none);
    assert_true(guest_config_check(&none, &err) < 0);
    assert_non_null(strstr(err.text, "--kernel"));
}

static void the_table_is_complete(void **state)
{
    (void)state;
    for (const struct opt *o = guest_options; o->name; o++) {
        assert_non_null(o->help);
        if (o->kind != OPT_FLAG)
            assert_non_null(o->arg);
        if (o->kind == OPT_ENUM)
            assert_non_null(o->choices);
        for (const struct opt *p = o + 1; p->name; p++) {
            assert_string_not_equal(o->name, p->name);
            assert_true(!o->letter || o->letter != p->letter);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuid_follows_the_name),
        cmocka_unit_test(uuid_as_given),
        cmocka_unit_test(checks),
        cmocka_unit_test(the_table_is_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
