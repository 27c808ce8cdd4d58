/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/command.h"

#include "base/log.h"

#define COMMAND(x) extern const struct command command_##x;
#include "registry/commands.def"
#undef COMMAND

const struct command *const commands[] = {
#define COMMAND(x) &command_##x,
#include "registry/commands.def"
#undef COMMAND
    NULL,
};

const struct exit_text exit_texts[] = {
#define EXIT_TEXT(name, value, meaning) {value, meaning},
    EXIT_CODES(EXIT_TEXT)
#undef EXIT_TEXT
        {0, NULL},
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

int command_usage(const struct command *c, const struct error *err)
{
    log_error("%s", err->text);
    if (!strstr(err->text, "try:") && !strstr(err->text, "did you mean"))
        log_error("see quad %s --help", c->name);
    return EXIT_USAGE;
}

int command_failed(const struct error *err)
{
    log_error("%s", err->text);
    return EXIT_FAILED;
}

/* Words of `text` from column `indent` on, at most 79 columns wide. */
static void print_wrapped(FILE *out, const char *text, int indent)
{
    int column = indent;

    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column > indent && column + 1 + n > 79) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, (size_t)n, out);
        column += n;
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

#define HELP_COLUMN 28

static void print_option(const struct opt *o, FILE *out)
{
    char left[80];
    int n = o->letter ? snprintf(left, sizeof(left), "  -%c, --%s", o->letter, o->name)
                      : snprintf(left, sizeof(left), "      --%s", o->name);

    if (o->kind != OPT_FLAG)
        snprintf(left + n, sizeof(left) - (size_t)n, " %s", o->arg ? o->arg : "VALUE");
    if (strlen(left) + 2 > HELP_COLUMN)
        fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
    else
        fprintf(out, "%-*s", HELP_COLUMN, left);
    print_wrapped(out, o->help, HELP_COLUMN);
    if (o->kind == OPT_ENUM)
        fprintf(out, "%*s%s\n", HELP_COLUMN, "", o->choices);
}

void help_print(const struct command *c, FILE *out)
{
    fprintf(out, "usage: quad %s%s%s%s\n\n", c->name, c->options ? " [OPTIONS]" : "",
            c->operands ? " " : "", c->operands ? c->operands : "");
    print_wrapped(out, c->summary, 0);
    if (c->text) {
        fputc('\n', out);
        print_wrapped(out, c->text, 0);
    }
    if (c->options) {
        fputs("\noptions:\n", out);
        for (const struct opt *o = c->options; o->name; o++)
            print_option(o, out);
    }
    for (const struct command_example *e = c->examples; e && e->line; e++) {
        fputs(e == c->examples ? "\nexamples:\n" : "", out);
        fprintf(out, "  %s\n      %s\n", e->line, e->what);
    }
    if (!strcmp(c->name, "run")) {
        fputs("\nexit codes:\n", out);
        for (const struct exit_text *e = exit_texts; e->meaning; e++)
            fprintf(out, "  %3d  %s\n", e->value, e->meaning);
    }
}

void help_print_all(FILE *out)
{
    fputs("quad runs guests in the four ways of virtualization: full, para, zone, native.\n\n"
          "usage: quad COMMAND [OPTIONS]\n\ncommands:\n",
          out);
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nexamples:\n"
          "  quad run --kernel vmlinuz --initrd initrd.img -m 512M\n"
          "      boot a kernel on the best way that this host allows\n"
          "  quad ways\n      which ways this host can, and why\n"
          "  quad help run\n      all about a command\n",
          out);
}
