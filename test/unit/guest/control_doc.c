/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * doc/control.md says what the table of control commands says. With --write it is made so.
 */
#include <stdio.h>
#include <string.h>

#include "guest/control.h"
#include "lib/test.h"

#define PAGE "doc/control.md"

static char *read_page(size_t *len)
{
    FILE *f = fopen(PAGE, "re");
    char *text = xcalloc(1, 1 << 20);

    if (!f)
        test_skip("not at the top of the source tree");
    *len = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    return text;
}

static char *generated(void)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    control_print_manual(f);
    fclose(f);
    return text;
}

static void page_says_the_same(void **state)
{
    size_t len;
    auto_free char *page = read_page(&len), *now = generated();
    char *at = strstr(page, "\n### ");

    (void)state;
    assert_non_null(at);
    if (strcmp(at, now))
        fail_msg("%s is out of date; run: build/test/unit/guest/control_doc --write", PAGE);
}

static void each_command_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; control_commands[i]; i++) {
        const struct control_command *c = control_commands[i];
        assert_true(c->name && c->help && c->run && c->fds <= 4);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(control_commands[k]->name, c->name);
        for (const struct control_arg *a = c->args; a && a->name; a++)
            assert_true(a->help && strchr("siboa", a->type));
    }
}

static int write_page(void)
{
    size_t len;
    auto_free char *page = read_page(&len), *now = generated();
    char *at = strstr(page, "\n### ");
    FILE *f = fopen(PAGE, "we");

    if (at)
        *at = 0;
    return !f || fputs(page, f) < 0 || fputs(now, f) < 0 || fclose(f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_says_the_same),
        cmocka_unit_test(each_command_is_described),
    };

    if (argc > 1 && !strcmp(argv[1], "--write"))
        return write_page();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
