/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Guest files: each option has its place, errors name line, column and the nearest key, what is
 * printed reads the same, random bytes and random damage never do harm.
 */
#include "config/guest_file.h"

#include <stdio.h>

#include "lib/test.h"

static int parse(struct guest_config *c, const char *text, struct error *err)
{
    guest_config_init(c);
    *err = (struct error){0};
    return guest_file_parse(c, "dir/g.yaml", text, strlen(text), err);
}

static void values_arrive(void **state)
{
    static const char text[] = "# a guest\nname: web\nmemory: 1G\ncpus: 2\nkernel: vmlinuz\n"
                               "disk:\n  - root.qcow2\n  - {file: /data.raw, iops: 500, readonly: true}\n"
                               "nic: {net: user, rate: 20M}\nforward: [2222:22, \"8080:80\"]\n"
                               "image: debian\ndeterministic: true\nappend: 'a  b'\n";
    struct guest_config c;
    struct error err;

    (void)state;
    if (parse(&c, text, &err))
        fail_msg("%s", err.text);
    assert_string_equal(c.name, "web");
    assert_int_equal(c.memory, 1u << 30);
    assert_int_equal(c.cpus, 2);
    assert_string_equal(c.kernel, "dir/vmlinuz");
    assert_string_equal(c.image, "debian");
    assert_string_equal(c.append, "a  b");
    assert_true(c.deterministic);
    assert_int_equal(c.disks.count, 2);
    assert_string_equal(c.disks.items[0], "dir/root.qcow2");
    assert_string_equal(c.disks.items[1], "/data.raw,iops=500,readonly");
    assert_string_equal(c.nics.items[0], "user,rate=20M");
    assert_int_equal(c.forwards.count, 2);
    assert_string_equal(c.forwards.items[0], "2222:22");
    guest_config_fini(&c);
}

static void errors_say_where(void **state)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"name: web\nmemroy: 1G\n", "g.yaml:2:1: unknown key \"memroy\"; did you mean memory?"},
        {"memory: lots", "g.yaml:1:9: "},
        {"memory: [1, 2]", "g.yaml:1:1: "},
        {"disk:\n  - {fil: x}\n", "g.yaml:2:6: unknown key \"fil\"; did you mean file?"},
        {"disk: {iops: 5}", "needs the key \"file\""},
        {"nic: {net: user, rat: 5}", "did you mean rate?"},
        {"a: b: c", "g.yaml:1:5: "},
        {"- x", "a mapping"},
        {"x", "a mapping"},
        {"", "empty"},
        {"memory: 1G\nmemory: 2G\n", "g.yaml:2:1: duplicate"},
        {"name: &a x\nhostname: *a", "aliases"},
        {"name: !!str x", "tags"},
        {"name:", "g.yaml:1:1: a key without a value"},
        {"disk: {file: \"a,b\"}", "g.yaml:1:15: "},
        {"deterministic: maybe", "g.yaml:1:16: "},
        {"memory: \"1G\n", "g.yaml:1:"},
        {"quiet: true", "unknown key"}, /* of a run, not of a guest */
        {"detach: true", "unknown key"},
        {"memory: {a: b}", "g.yaml:1:1: "},
        {"cpus: 0", "g.yaml:1:7: "},
        {"%YAML 1.2\n---\nname: x", "g.yaml:1:1: a guest file has no directives"},
        {"name: x\xff", "g.yaml:1:8: no UTF-8"},
        {"mode: ful", "none of auto"},
        {"name: x\n---\nname: y\n", "more than one document"},
        {"name: x\n--- [\n", "g.yaml:3:1: flow sequence"},
        {"# nothing\n\n", "empty"},
        {"name: x\r\n\rcpus: 2", "g.yaml:2:1: a carriage return"},
        {"name: x\n  ? {a: b}", "g.yaml:2:1: a guest file has no \"? key\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct guest_config c;
        struct error err;
        int rc = parse(&c, bad[i].text, &err);
        if (rc >= 0 || !strstr(err.text, bad[i].want))
            fail_msg("%s: \"%s\", wanted \"%s\"", bad[i].text, err.text, bad[i].want);
        guest_config_fini(&c);
    }
}

static char *print(const struct guest_config *c)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    guest_file_print(c, f);
    fclose(f);
    return text;
}

/* Every option that is of the guest, in a file of its own, comes out as it went in. */
static void every_option_has_its_place(void **state)
{
    unsigned n = 0;

    (void)state;
    for (const struct opt *o = guest_options; o->name; o++) {
        struct guest_config c, again;
        struct error err;
        char value[64], text[160];
        if (o->run_only)
            continue;
        if (o->kind == OPT_ENUM) /* the last choice: seldom the default */
            snprintf(value, sizeof(value), "%s", strrchr(o->choices, '|') + 1);
        else
            snprintf(value, sizeof(value), "%s",
                     o->kind == OPT_FLAG ? "true" : o->kind == OPT_SIZE ? "64M" : o->kind == OPT_UINT
                         ? "3" : o->kind == OPT_STRING || o->kind == OPT_LIST ? "/a b: #\\\"" : "");
        snprintf(text, sizeof(text), o->kind == OPT_STRING || o->kind == OPT_LIST ? "%s: '%s'\n"
                                                                                : "%s: %s\n",
                 o->name, value);
        if (parse(&c, text, &err))
            fail_msg("%s: %s", text, err.text);
        auto_free char *one = print(&c);
        if (!strstr(one, o->name))
            fail_msg("%s is not printed: %s", text, one);
        if (parse(&again, one, &err))
            fail_msg("%s: %s", one, err.text);
        auto_free char *two = print(&again);
        assert_string_equal(one, two);
        guest_config_fini(&c);
        guest_config_fini(&again);
        n++;
    }
    assert_true(n > 20);
}

static void damage_does_no_harm(void **state)
{
    static const char good[] = "name: web\nmemory: 1G\ndisk:\n  - {file: a, iops: 5}\n  - b\n"
                               "nic: [user, {net: tap, mac: \"x\"}]\nappend: |\n  a\n  b\n";
    uint64_t s = test_seed() | 1;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        char text[sizeof(good)];
        size_t len = sizeof(good) - 1 - test_random(&s) % 8;
        struct guest_config c;
        struct error err = {0};
        memcpy(text, good, sizeof(good));
        for (unsigned k = (unsigned)(test_random(&s) % 6); k < 6; k++)
            text[test_random(&s) % len] = test_random(&s) % 3 ? "{}[]:,-&*!|>'\"%@`#? \n\t"[test_random(&s) % 23]
                                                              : (char)test_random(&s);
        guest_config_init(&c);
        int rc = guest_file_parse(&c, "g.yaml", text, len, &err);
        assert_true(rc == 0 || (rc < 0 && err.text[0]));
        guest_config_fini(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(every_option_has_its_place),
        cmocka_unit_test(damage_does_no_harm),
    };

    if (!HAVE_LIBFYAML)
        test_skip("built without libfyaml");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
