/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad restore: a saved guest goes on.
 */
#include <fcntl.h>
#include <unistd.h>

#include "cli/runner.h"
#include "guest/save.h"

extern const struct command command_restore;

struct restore_args {
    bool as_saved, verify, show, help;
};

static const struct opt options[] = {
    OPT(struct restore_args, as_saved, .name = "as-saved", .kind = OPT_FLAG,
        .help = "open the disks, networks and files that the saved guest names itself"),
    OPT(struct restore_args, verify, .name = "verify", .kind = OPT_FLAG,
        .help = "look at the checksums of all its memory before it goes on"),
    OPT(struct restore_args, show, .name = "show", .kind = OPT_FLAG,
        .help = "print how the guest was started, and do nothing"),
    OPT(struct restore_args, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int restore(const struct restore_args *o, const char *path, struct guest_config *given)
{
    struct error err = {0};
    struct saved s = {0};
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(&err, errno, "cannot open %s", path), command_failed(&err);
    int rc = saved_open(&s, fd, given, o->as_saved || o->show, &err), code = EXIT_OK;
    s.verify = o->verify;
    if (rc) {
        error_prefix(&err, "%s", path);
        code = rc == -EINVAL ? command_usage(&command_restore, &err) : command_failed(&err);
    } else if (o->show) {
        auto_free char *text = describe_text(&s.description);
        puts(text);
    } else {
        code = run_saved(&command_restore, &s);
    }
    saved_close(&s);
    return code;
}

static int run(int argc, char **argv)
{
    struct restore_args o = {0};
    struct guest_config given = {0};
    struct error err = {0};
    int rest, more, code;

    if (opt_parse(options, &o, argc, argv, &rest, &err))
        return command_usage(&command_restore, &err);
    if (o.help) {
        help_print(&command_restore, stdout);
        return EXIT_OK;
    }
    if (rest >= argc) {
        fail(&err, EINVAL, "restore which file? try: quad restore web.quad");
        return command_usage(&command_restore, &err);
    }
    if (opt_parse(guest_options, &given, argc - rest, argv + rest, &more, &err) ||
        (rest + more < argc && fail(&err, EINVAL, "\"%s\" is one operand too many", argv[rest + more])))
        code = command_usage(&command_restore, &err);
    else
        code = restore(&o, argv[rest], &given);
    guest_config_fini(&given);
    return code;
}

static const struct command_example examples[] = {
    {"quad restore web.quad --disk web.qcow2 --serial stdio", "with its disk, on this terminal"},
    {"quad restore --as-saved web.quad -d", "as it was started, in the background"},
    {"quad restore --show web.quad", "how it was started"},
    {NULL, NULL},
};

const struct command command_restore = {
    .name = "restore",
    .summary = "a saved guest goes on",
    .operands = "FILE [RUN-OPTION]...",
    .text = "Disks, taps and other things of the host are opened only as this command line names "
            "them, by the options of quad run behind the file: --disk for each disk in its order, "
            "--cdrom, --nic, --forward, --serial, --display, --firmware-vars, --kernel and --initrd for when it reboots, --engine, "
            "--name, --detach. Its memory stays in the file until the guest writes to it: keep the "
            "file as it is while the guest runs. Connections through a user network are reset.",
    .options = options,
    .examples = examples,
    .run = run,
};
