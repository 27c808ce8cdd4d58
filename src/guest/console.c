/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/console.h"

#include <stdio.h>

#include "base/base.h"
#include "base/log.h"

/* What the PC boards have. */
static const char *const consoles[] = {"ttyS0", "ttyS1", "uart8250", "uart", "null", ""};

static bool is_multiboot(const char *loader)
{
    return !strncmp(loader, "multiboot", 9);
}

/* noreplace-smp: without it Linux rewrites its lock prefixes at boot, which costs thousands of
 * writes into code and gains nothing here. */
char *console_default(const char *loader, const char *console)
{
    if (is_multiboot(loader))
        return xstrdup("console=com1 com1=115200,8n1");
    return xasprintf("console=%s noreplace-smp", console);
}

const char *console_missing(const char *cmdline, const char *console, char name[16])
{
    for (const char *p = cmdline; *p;) {
        size_t n = strcspn(p, " ");
        if (!strncmp(p, "console=", 8)) {
            size_t len = MIN(strcspn(p + 8, ", "), (size_t)15);
            memcpy(name, p + 8, len);
            name[len] = 0;
            size_t i = 0;
            while (i < ARRAY_LEN(consoles) && strcmp(consoles[i], name))
                i++;
            if (i == ARRAY_LEN(consoles) && strcmp(name, console))
                return name;
        }
        p += n;
        p += strspn(p, " ");
    }
    return NULL;
}

void console_check(const char *loader, const char *cmdline, const char *console)
{
    char name[16];

    if (!is_multiboot(loader) && console_missing(cmdline, console, name))
        log_warn("console=%s: this machine has no such console; try: console=%s", name, console);
}
