/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Manual pages from the table of commands, in man(7)'s language.
 *
 * quad.1 has the commands, each quad-COMMAND.1 what --help of the command says. Text is escaped:
 * "\" and "-" have meanings of their own in roff, "." and "'" at the beginning of a line.
 */
#include "cli/man.h"

static void put_char(char ch, bool at_start, FILE *out)
{
    if (at_start && (ch == '.' || ch == '\''))
        fputs("\\&", out);
    if (ch == '\\')
        fputs("\\e", out);
    else if (ch == '-')
        fputs("\\-", out);
    else
        fputc(ch, out);
}

static void put(const char *text, FILE *out)
{
    for (size_t i = 0; text[i]; i++)
        put_char(text[i], i == 0, out);
}

static void put_line(const char *text, FILE *out)
{
    put(text, out);
    fputc('\n', out);
}

static void put_upper(const char *text, FILE *out)
{
    for (; *text; text++)
        put_char(*text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text, false, out);
}

/* .TH "NAME" 1 "" "program and version" "manual": no date, so that the same source gives the
 * same page. */
static void put_title(const char *command, FILE *out)
{
    fputs(".\\\" Made from the program's own tables by: quad help --man\n.TH \"QUAD", out);
    if (command) {
        fputs("\\-", out);
        put_upper(command, out);
    }
    fputs("\" \"1\" \"\" \"Quadrivium " QUAD_VERSION "\" \"Quadrivium manual\"\n", out);
}

static void put_option(const struct opt *o, FILE *out)
{
    fputs(".TP\n", out);
    if (o->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", out);
    put(o->name, out);
    fputs("\\fR", out);
    if (o->kind != OPT_FLAG) {
        fputs(" \\fI", out);
        put(o->arg ? o->arg : "VALUE", out);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put(o->help, out);
    if (o->kind == OPT_ENUM) {
        fputs(": ", out);
        for (const char *c = o->choices; *c; c++)
            if (*c == '|')
                fputs(", ", out);
            else
                put_char(*c, false, out);
    }
    fputs(o->kind == OPT_LIST ? ". May be given several times.\n" : ".\n", out);
}

static void put_example(const char *line, const char *what, FILE *out)
{
    fputs(".TP\n\\fB", out);
    put(line, out);
    fputs("\\fR\n", out);
    put_line(what, out);
}

static void put_exit_codes(FILE *out)
{
    fputs(".SH EXIT STATUS\n", out);
    for (const struct exit_text *e = exit_texts; e->meaning; e++) {
        fprintf(out, ".TP\n.B %d\n", e->value);
        put_line(e->meaning, out);
    }
}

static void put_see_also(const struct command *self, FILE *out)
{
    fputs(".SH SEE ALSO\n", out);
    if (self)
        fputs(".BR quad (1)", out);
    for (size_t i = 0, n = self != NULL; commands[i]; i++) {
        if (commands[i] == self)
            continue;
        fprintf(out, "%s.BR quad\\-", n++ ? ",\n" : "");
        put(commands[i]->name, out);
        fputs(" (1)", out);
    }
    fputc('\n', out);
}

void man_print(const struct command *c, FILE *out)
{
    put_title(c->name, out);
    fputs(".SH NAME\nquad\\-", out);
    put(c->name, out);
    fputs(" \\- ", out);
    put_line(c->summary, out);

    fputs(".SH SYNOPSIS\n.B quad ", out);
    put(c->name, out);
    fputs(c->options ? "\n.RI [ OPTIONS ]\n" : "\n", out);
    if (c->operands)
        put_line(c->operands, out);

    if (c->text) {
        fputs(".SH DESCRIPTION\n", out);
        put_line(c->text, out);
    }
    if (c->options) {
        fputs(".SH OPTIONS\n", out);
        for (const struct opt *o = c->options; o->name; o++)
            put_option(o, out);
    }
    put_exit_codes(out);
    if (c->examples) {
        fputs(".SH EXAMPLES\n", out);
        for (const struct command_example *e = c->examples; e->line; e++)
            put_example(e->line, e->what, out);
    }
    put_see_also(c, out);
}

void man_print_all(FILE *out)
{
    put_title(NULL, out);
    fputs(".SH NAME\nquad \\- run guests in the four ways of virtualization\n"
          ".SH SYNOPSIS\n.B quad\n.I COMMAND\n.RI [ OPTIONS ]\n"
          ".SH DESCRIPTION\n"
          "Quadrivium runs guests in four ways, behind one command line.\n"
          ".TP\n.B full\nthe guest runs on a processor in software: any unmodified system, no\n"
          "hardware help and no privilege\n"
          ".TP\n.B para\nthe guest's kernel knows that it is virtualized and calls hypercalls\n"
          ".TP\n.B zone\nthe guest is an application environment that shares the host's kernel\n"
          ".TP\n.B native\nthe guest runs on the processor itself, through KVM\n"
          ".PP\nWhich of them this build can do on this host, and why not the others, says\n"
          ".BR \"quad ways\" .\n"
          ".SH COMMANDS\n",
          out);
    for (size_t i = 0; commands[i]; i++) {
        fputs(".TP\n.B ", out);
        put_line(commands[i]->name, out);
        put(commands[i]->summary, out);
        fputs("; see\n.BR quad\\-", out);
        put(commands[i]->name, out);
        fputs(" (1)\n", out);
    }
    put_exit_codes(out);
    fputs(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours on a terminal\n", out);
    put_see_also(NULL, out);
}
