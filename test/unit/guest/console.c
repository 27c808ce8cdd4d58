/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * console= on the kernel command line: what is supplied, what is missed.
 */
#include "guest/console.h"

#include "lib/test.h"

static void missing_consoles_are_found(void **state)
{
    static const struct {
        const char *line, *missing;
    } lines[] = {
        {"", NULL},
        {"quiet", NULL},
        {"console=ttyS0", NULL},
        {"quiet console=ttyS0,115200n8 x", NULL},
        {"console=uart8250,io,0x3f8", NULL},
        {"console=hvc0", "hvc0"},
        {"console=tty0 console=ttyS0", "tty0"},
        {"  console=ttyS0   console=ttyAMA0,115200 ", "ttyAMA0"},
        {"earlycon.console=hvc0", NULL},
        {"console=averyveryverylongname", "averyveryverylo"},
    };
    char name[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const char *got = console_missing(lines[i].line, "ttyS0", name);
        if (!lines[i].missing)
            assert_null(got);
        else if (!got || strcmp(got, lines[i].missing))
            fail_msg("\"%s\": %s, not %s", lines[i].line, got ? got : "none", lines[i].missing);
    }
    assert_null(console_missing("console=hvc0", "hvc0", name)); /* a Xen PV guest's */
}

static void default_names_the_boards_console(void **state)
{
    (void)state;
    auto_free char *linux_line = console_default("pvh", "ttyS0");
    auto_free char *xen_line = console_default("multiboot", "ttyS0");
    assert_non_null(strstr(linux_line, "console=ttyS0"));
    assert_non_null(strstr(xen_line, "console=com1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_consoles_are_found),
        cmocka_unit_test(default_names_the_boards_console),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
