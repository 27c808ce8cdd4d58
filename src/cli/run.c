/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad run: one guest, in this process, until it ends.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/trace.h"
#include "cli/command.h"
#include "cli/run_command.h"
#include "config/guest_config.h"
#include "guest/launch.h"
#include "guest/vm.h"
#include "image/store.h"

extern const struct command command_run;

static int open_trace(const struct guest_config *c, struct error *err)
{
    if (c->trace_file) {
        int fd = open(c->trace_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
            return fail_errno(err, errno, "--trace-file: cannot open %s", c->trace_file);
        trace_set_fd(fd);
    }
    return c->trace ? trace_enable(c->trace, err) : 0;
}

static int end_code(enum vm_end end, const struct guest_config *c, const struct error *err)
{
    switch (end) {
    case VM_POWEROFF: log_notice("%s: powered off", c->name); return EXIT_OK;
    case VM_QUIT: log_notice("%s: left", c->name); return EXIT_OK;
    case VM_RESET: log_notice("%s: rebooted (--on-reboot exit)", c->name); return EXIT_RESET;
    case VM_PANIC: log_error("%s: its kernel panicked", c->name); return EXIT_PANIC;
    case VM_TRIPLE_FAULT:
        log_error("%s: triple fault: its processor met an exception that it could not deliver",
                  c->name);
        return EXIT_TRIPLE_FAULT;
    case VM_WATCHDOG: log_error("%s: its watchdog fired", c->name); return EXIT_WATCHDOG;
    case VM_SAVED: log_notice("%s: saved", c->name); return EXIT_OK;
    case VM_RUNNING:
    case VM_FAILED: break;
    }
    return command_failed(err);
}

static int run_machine(const struct guest_config *c)
{
    struct error err = {0};
    struct vm *vm = NULL;

    if (open_trace(c, &err) || vm_create(&vm, c, &err))
        return err.code == EINVAL && !vm ? command_usage(&command_run, &err) : command_failed(&err);
    enum vm_end end = vm_run(vm, &err);
    if (c->stats)
        vm_stats(vm, stderr);
    struct error dump_err = {0};
    if (c->dump_jit && vm_dump(vm, c->dump_what, c->dump_jit, &dump_err))
        log_error("%s", dump_err.text);
    vm_destroy(vm);
    return end_code(end, c, &err);
}

static int run_guest(struct guest_config *c)
{
    struct error err = {0};
    struct launch l;
    int code;

    if (c->quiet)
        log_set_level(LOG_WARN);
    if (launch_open(&l, c, &err))
        code = err.code == EINVAL ? command_usage(&command_run, &err) : command_failed(&err);
    else
        code = run_machine(c);
    launch_close(&l);
    return code;
}

/* A name without a slash is a guest that has a disk, then an image, then a file. */
static int take_operand(struct guest_config *c, const char *word, struct error *err)
{
    if (c->image)
        return fail(err, EINVAL, "one image is enough, not \"%s\" and \"%s\"", c->image, word);
    c->image = word;
    if (!strcmp(c->name, "guest") && store_name_ok(word) && !strchr(word, '/'))
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
    else if (guest_config_check(&c, &err))
        code = command_usage(&command_run, &err);
    else if (words && (!*words || !c.image))
        fail(&err, EINVAL, "-- wants an image and a command; try: quad run web --rm -- make test"),
            code = command_usage(&command_run, &err);
    else
        code = words ? run_command(&c, run_guest, words) : run_guest(&c);
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
    {"quad run --kernel xen.gz --append 'console=com1' --module 'vmlinuz console=hvc0'",
     "a multiboot kernel with a module"},
    {NULL, NULL},
};

const struct command command_run = {
    .name = "run",
    .summary = "run a guest until it powers off",
    .operands = "[IMAGE] [-- COMMAND...]",
    .text = "With a COMMAND the guest runs as long as that, in the first shared folder, without its "
            "console; the exit code is the command's. On a terminal ctrl-a x leaves the guest at once and ctrl-a ctrl-a types ctrl-a. The "
            "end of standard input never stops a guest.",
    .options = guest_options,
    .examples = examples,
    .run = run,
};
