/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad run: one guest, in this process until it ends, or in the background.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/run_command.h"
#include "cli/runner.h"
#include "guest/zone_run.h"
#include "config/guest_file.h"
#include "image/store.h"

extern const struct command command_run;

/* A file's guest is called as the file, without its folder and its end. */
static const char *name_of_file(const char *path)
{
    static char name[64];
    const char *base = strrchr(path, '/');
    size_t n;

    base = base ? base + 1 : path;
    const char *dot = strrchr(base, '.');
    n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    snprintf(name, sizeof(name), "%.*s", (int)MIN(n, sizeof(name) - 1), base);
    return store_name_ok(name) ? name : NULL;
}

/* A name without a slash is a guest that has a disk, then an image, then a file. */
static int take_operand(struct guest_config *c, const char *word, struct error *err)
{
    if (guest_file_name(word)) {
        if (c->file && strcmp(c->file, word))
            return fail(err, EINVAL, "one guest file is enough, not \"%s\" and \"%s\"", c->file,
                        word);
        c->file = word;
        return 0;
    }
    if (c->image)
        return fail(err, EINVAL, "one image is enough, not \"%s\" and \"%s\"", c->image, word);
    c->image = word;
    if (guest_config_named(c))
        return 0;
    auto_free char *guest = store_path(STORE_GUESTS, word);
    bool known = !strchr(word, '/') && store_name_ok(word) &&
                 (!access(guest, F_OK) || store_has(STORE_IMAGES, word) || access(word, R_OK));
    const char *name = known ? word : name_of_file(word);
    c->name = name ? name : c->name;
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

/* The guest file first, wherever it stands; the command line overrides it. */
static int parse_both(struct guest_config *c, int argc, char **argv, struct error *err)
{
    struct guest_config look;

    guest_config_init(&look);
    int rc = parse(&look, argc, argv, err);
    if (!rc && look.file && !look.help)
        rc = guest_file_load(c, look.file, err);
    guest_config_fini(&look);
    return rc ? rc : parse(c, argc, argv, err);
}

static int run_machine(struct guest_config *c)
{
    return run_guest(&command_run, c);
}

/* A zone's program. */
static void take_command(struct guest_config *c, char **words)
{
    size_t n = 0;

    while (words[n])
        n++;
    free(c->zone.command.items);
    c->zone.command = (struct opt_list){.items = xcalloc(n + 1, sizeof(char *)), .count = n};
    for (size_t i = 0; i < n; i++)
        c->zone.command.items[i] = words[i];
}

/* Memory and processors of a machine have a default; of a zone they are caps, and only where given. */
static int parse_all(struct guest_config *c, int argc, char **argv, struct error *err)
{
    const uint64_t memory = c->memory, cpus = c->cpus;

    c->memory = c->cpus = 0;
    int rc = parse_both(c, argc, argv, err);
    c->zone.memory = c->memory;
    c->zone.cpus = c->cpus;
    c->memory = c->memory ? c->memory : memory;
    c->cpus = c->cpus ? c->cpus : cpus;
    return rc;
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
    if (parse_all(&c, argc, argv, &err))
        code = command_usage(&command_run, &err);
    else if (c.help)
        help_print(&command_run, stdout), code = EXIT_OK;
    else if (c.print_config)
        guest_file_print(&c, stdout), code = EXIT_OK;
    else if (words && (!*words || !c.image))
        fail(&err, EINVAL, "-- wants an image and a command; try: quad run web --rm -- make test"),
            code = command_usage(&command_run, &err);
    else if (zone_run_wanted(&c)) {
        if (words)
            take_command(&c, words);
        code = run_machine(&c);
    } else if (words && guest_config_check(&c, &err))
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
    {"quad run alpine --mode zone -it --rm -- sh", "a shell in a zone of an imported image"},
    {"quad run -d --name web nginx --mode zone --forward 8080:80 -m 256M",
     "a zone in the background, with a published port and a limit"},
    {"quad run guest.yaml --memory 2G", "a guest file, with more memory than it says"},
    {"quad run --kernel xen.gz --append 'console=com1' --module 'vmlinuz console=hvc0'",
     "a multiboot kernel with a module"},
    {NULL, NULL},
};

const struct command command_run = {
    .name = "run",
    .summary = "run a guest until it powers off",
    .operands = "[IMAGE|GUEST.yaml] [-- COMMAND...]",
    .text = "With a COMMAND the guest runs as long as that, in the first shared folder, without its "
            "console; the exit code is the command's. On a terminal ctrl-a x leaves the guest at once "
            "and ctrl-a ctrl-a types ctrl-a. The end of standard input never stops a guest. With "
            "--name its description and its console's log are kept until quad rm, and quad start runs "
            "it again. A zone's COMMAND is its program. A guest file (YAML) has the options' names as keys, a sequence where an option may "
            "be given several times, and disks and network cards as mappings of their options; the "
            "command line overrides it and adds to its sequences.",
    .options = guest_options,
    .examples = examples,
    .run = run,
};
