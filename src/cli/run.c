/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad run: one guest, in this process until it ends, or in the background.
 */
#include "cli/run_command.h"
#include "cli/runner.h"
#include "image/store.h"

extern const struct command command_run;

/* A name without a slash is a guest that has a disk, then an image, then a file. */
static int take_operand(struct guest_config *c, const char *word, struct error *err)
{
    if (c->image)
        return fail(err, EINVAL, "one image is enough, not \"%s\" and \"%s\"", c->image, word);
    c->image = word;
    if (!guest_config_named(c) && store_name_ok(word) && !strchr(word, '/'))
        c->name = word;
    return 0;
}

/* Options may stand before and after the operand. */
static int parse(struct guest_config *c, int argc, char **argv, struct error *err)
{
    int rest, rc = 0;

    for (int at = 0; !rc && at < argc;) {
        rc = opt_parse(guest_options, c, argc - at, argv + at, &rest, err);
        at += rest;
        if (!rc && at < argc)
            rc = take_operand(c, argv[at], err);
    }
    return rc;
}

static int run_machine(struct guest_config *c)
{
    return run_guest(&command_run, c);
}

static int run(int argc, char **argv)
{
    struct guest_config c;
    struct error err = {0};
    char **words = NULL; /* of the command in the guest */
    int code;

    for (int i = 1; i < argc && !words; i++)
        if (!strcmp(argv[i], "--")) {
            words = argv + i + 1;
            argc = i;
        }
    guest_config_init(&c);
    if (parse(&c, argc, argv, &err))
        code = command_usage(&command_run, &err);
    else if (c.help)
        help_print(&command_run, stdout), code = EXIT_OK;
    else if (words && (!*words || !c.image))
        fail(&err, EINVAL, "-- wants an image and a command; try: quad run web --rm -- make test"),
            code = command_usage(&command_run, &err);
    else if (words && guest_config_check(&c, &err))
        code = command_usage(&command_run, &err);
    else
        code = words ? run_command(&c, run_machine, words) : run_machine(&c);
    guest_config_fini(&c);
    return code;
}

static const struct command_example examples[] = {
    {"quad run web", "the guest or the image of that name (see quad image)"},
    {"quad run web --rm --share .:/work -- make test", "one command in a guest that leaves nothing"},
    {"quad run --kernel vmlinuz --initrd initrd.img", "boot Linux, its console is this terminal"},
    {"quad run --mode full --kernel vmlinuz -m 1G -c 2 --append 'console=ttyS0 quiet'",
     "full virtualization, 1 GiB, two processors, your own command line"},
    {"quad run --kernel vmlinuz --serial file:console.log </dev/null", "the console into a file"},
    {"quad run -d --name web --kernel vmlinuz --initrd initrd.img --wait boot",
     "in the background, until it has booted; then: quad console web, quad stop web"},
    {"quad run --kernel xen.gz --append 'console=com1' --module 'vmlinuz console=hvc0'",
     "a multiboot kernel with a module"},
    {NULL, NULL},
};

const struct command command_run = {
    .name = "run",
    .summary = "run a guest until it powers off",
    .operands = "[IMAGE] [-- COMMAND...]",
    .text = "With a COMMAND the guest runs as long as that, in the first shared folder, without its "
            "console; the exit code is the command's. On a terminal ctrl-a x leaves the guest at once "
            "and ctrl-a ctrl-a types ctrl-a. The end of standard input never stops a guest. With "
            "--name its description and its console's log are kept until quad rm, and quad start runs "
            "it again.",
    .options = guest_options,
    .examples = examples,
    .run = run,
};
