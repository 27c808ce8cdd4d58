/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Option tables: kinds, ranges, errors that name the option and the nearest known one.
 */
#include "base/opt.h"

#include "lib/test.h"

struct record {
    bool verbose;
    const char *name;
    uint64_t cpus;
    uint64_t memory;
    const char *mode;
    struct opt_list traces;
};

static const struct opt table[] = {
    OPT(struct record, verbose, .name = "verbose", .letter = 'v', .kind = OPT_FLAG),
    OPT(struct record, name, .name = "name", .kind = OPT_STRING, .arg = "NAME"),
    OPT(struct record, cpus, .name = "cpus", .letter = 'c', .kind = OPT_UINT, .min = 1, .max = 8),
    OPT(struct record, memory, .name = "memory", .letter = 'm', .kind = OPT_SIZE),
    OPT(struct record, mode, .name = "mode", .kind = OPT_ENUM, .choices = "full|para"),
    OPT(struct record, traces, .name = "trace", .kind = OPT_LIST),
    OPT_END,
};

#define PARSE(record, rest, err, ...)                                      \
    ({                                                                     \
        char *argv_[] = {(char *)"quad", __VA_ARGS__};                     \
        opt_parse(table, record, (int)ARRAY_LEN(argv_), argv_, rest, err); \
    })

static void every_kind_is_read(void **state)
{
    (void)state;
    struct record r = {0};
    struct error err = {0};
    int rest = -1;

    assert_int_equal(PARSE(&r, &rest, &err, (char *)"--verbose", (char *)"--name=x", (char *)"-c",
                           (char *)"4", (char *)"--memory", (char *)"512M", (char *)"--mode",
                           (char *)"para", (char *)"--trace", (char *)"a", (char *)"--trace=b",
                           (char *)"operand", (char *)"--name"),
                     0);
    assert_true(r.verbose);
    assert_string_equal(r.name, "x");
    assert_int_equal(r.cpus, 4);
    assert_int_equal(r.memory, 512u << 20);
    assert_string_equal(r.mode, "para");
    assert_int_equal(r.traces.count, 2);
    assert_string_equal(r.traces.items[1], "b");
    assert_int_equal(rest, 12); /* operands end option parsing */
    opt_free(table, &r);
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *option, *value;
    } bad[] = {
        {"--cpus", "0"},    {"--cpus", "9"},    {"--cpus", "4x"},
        {"--cpus", "-1"},   {"--memory", "1Q"}, {"--memory", ""},
        {"--mode", "zone"}, {"--mode", "ful"},  {"--memory", "99999999999999999999999"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct record r = {0};
        struct error err = {0};
        int rest;
        int rc = PARSE(&r, &rest, &err, (char *)bad[i].option, (char *)bad[i].value);
        if (rc >= 0)
            fail_msg("%s %s was accepted", bad[i].option, bad[i].value);
        assert_non_null(strstr(err.text, bad[i].option + 2));
        opt_free(table, &r);
    }
}

static void an_unknown_option_names_the_nearest(void **state)
{
    (void)state;
    struct record r = {0};
    struct error err = {0};
    int rest;

    assert_true(PARSE(&r, &rest, &err, (char *)"--memroy", (char *)"1G") < 0);
    assert_non_null(strstr(err.text, "memory"));
    opt_free(table, &r);
}

static void sizes_are_binary(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"1", 1},           {"4K", 4096},       {"96M", 96ull << 20},
        {"8G", 8ull << 30}, {"1T", 1ull << 40}, {"2GiB", 2ull << 30},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t bytes = 0;
        struct error err = {0};
        assert_int_equal(opt_parse_size(good[i].text, &bytes, &err), 0);
        assert_int_equal(bytes, good[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(an_unknown_option_names_the_nearest),
        cmocka_unit_test(sizes_are_binary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
