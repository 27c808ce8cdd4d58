/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of control commands, and the page about it (doc/control.md) made from it.
 */
#include <stdio.h>

#include "guest/control.h"

#define CONTROL(x) extern const struct control_command control_##x;
#include "registry/control.def"
#undef CONTROL

const struct control_command *const control_commands[] = {
#define CONTROL(x) &control_##x,
#include "registry/control.def"
#undef CONTROL
    NULL,
};

static const char *type_name(char type)
{
    switch (type) {
    case 's': return "text";
    case 'i': return "integer";
    case 'b': return "boolean";
    case 'a': return "array";
    }
    return "object";
}

void control_print_manual(void *file)
{
    FILE *out = file;

    for (size_t i = 0; control_commands[i]; i++) {
        const struct control_command *c = control_commands[i];
        fprintf(out, "\n### %s\n\n%s.\n", c->name, c->help);
        if (c->args)
            fputs("\n| argument | type | |\n| --- | --- | --- |\n", out);
        for (const struct control_arg *a = c->args; a && a->name; a++)
            fprintf(out, "| `%s` | %s | %s%s |\n", a->name, type_name(a->type),
                    a->required ? "needed; " : "", a->help);
        if (c->result)
            fprintf(out, "\nAnswers %s.\n", c->result);
        if (c->fds)
            fprintf(out, "\nTakes up to %u descriptor%s.\n", c->fds, c->fds > 1 ? "s" : "");
        if (c->machine)
            fputs("\nNot for zones.\n", out);
    }
}
