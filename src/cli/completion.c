/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad completion SHELL: a completion script from the table of commands.
 */
#include "cli/command.h"

extern const struct command command_completion;

struct completion_options {
    bool help;
};

static const struct opt options[] = {
    OPT(struct completion_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

/* Choices "a|b|c" as words. */
static void print_words(const char *choices, FILE *out)
{
    for (; *choices; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

/* An operand of the kind "[a|b|c]" has words to offer; others are names of files. */
static bool has_choices(const char *operands)
{
    return operands && operands[0] == '[' && strchr(operands, '|');
}

/* Options whose values `quad list` knows: the list's name. */
static const char *listed(const char *option)
{
    static const char *const lists[][2] = {
        {"engine", "engines"},
        {"board", "boards"},
        {"cpu-model", "models"},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (!strcmp(option, lists[i][0]))
            return lists[i][1];
    return NULL;
}

static void print_option_values(const struct opt *o, FILE *out)
{
    fprintf(out, "        --%s", o->name);
    if (o->letter)
        fprintf(out, " | -%c", o->letter);
    fputs(") ", out);
    if (o->kind == OPT_ENUM) {
        fputs("COMPREPLY=($(compgen -W '", out);
        print_words(o->choices, out);
        fputs("' -- \"$cur\")); return ;;\n", out);
    } else if (o->kind == OPT_UINT || o->kind == OPT_SIZE) {
        fputs("return ;;\n", out);
    } else if (listed(o->name)) {
        fprintf(out,
                "COMPREPLY=($(compgen -W '$(quad list %s 2>/dev/null |"
                " sed -n \"s/^  *\\([^ ]*\\).*/\\1/p\")' -- \"$cur\")); return ;;\n",
                listed(o->name));
    } else {
        fputs("COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", out);
    }
}

static void print_command(const struct command *c, FILE *out)
{
    fprintf(out, "    %s)\n", c->name);
    if (c->options) {
        fputs("        case $prev in\n", out);
        for (const struct opt *o = c->options; o->name; o++)
            if (o->kind != OPT_FLAG)
                print_option_values(o, out);
        fputs("        esac\n        if [[ $cur == -* ]]; then\n"
              "            COMPREPLY=($(compgen -W '",
              out);
        for (const struct opt *o = c->options; o->name; o++)
            fprintf(out, "%s--%s", o == c->options ? "" : " ", o->name);
        fputs("' -- \"$cur\"))\n            return\n        fi\n", out);
    }
    if (has_choices(c->operands)) {
        fputs("        COMPREPLY=($(compgen -W '", out);
        for (const char *p = c->operands; *p; p++)
            fputc(strchr("[]|", *p) ? ' ' : *p, out);
        fputs("' -- \"$cur\"))\n", out);
    } else if (c->operands && !strcmp(c->operands, "[COMMAND]")) {
        fputs("        COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\"))\n", out);
    }
    fputs("        ;;\n", out);
}

static void print_bash(FILE *out)
{
    fputs("# bash completion for quad; made by: quad completion bash\n"
          "_quad() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local commands='",
          out);
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", commands[i]->name);
    fputs("'\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"$commands --help --version\" -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          out);
    for (size_t i = 0; commands[i]; i++)
        print_command(commands[i], out);
    fputs("    esac\n}\ncomplete -o filenames -o bashdefault -F _quad quad\n", out);
}

static int run(int argc, char **argv)
{
    struct completion_options o = {0};
    struct error err = {0};
    int rest;

    if (opt_parse(options, &o, argc, argv, &rest, &err))
        return command_usage(&command_completion, &err);
    if (o.help) {
        help_print(&command_completion, stdout);
        return EXIT_OK;
    }
    if (rest < argc && !strcmp(argv[rest], "bash")) {
        print_bash(stdout);
        return EXIT_OK;
    }
    if (rest < argc && !strcmp(argv[rest], "zsh")) {
        puts("#compdef quad\nautoload -U +X bashcompinit && bashcompinit");
        print_bash(stdout);
        return EXIT_OK;
    }
    if (rest < argc)
        fail(&err, EINVAL, "no completion for the shell \"%s\"; try: bash, zsh", argv[rest]);
    else
        fail(&err, EINVAL, "which shell? try: quad completion bash");
    return command_usage(&command_completion, &err);
}

static const struct command_example examples[] = {
    {"source <(quad completion bash)", "completion in this shell"},
    {NULL, NULL},
};

const struct command command_completion = {
    .name = "completion",
    .summary = "print a completion script for a shell",
    .operands = "[bash|zsh]",
    .options = options,
    .examples = examples,
    .run = run,
};
