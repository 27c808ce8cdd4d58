/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad clone: many guests from one that was saved.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "cli/runner.h"
#include "guest/save.h"
#include "proto/folder.h"
#include "proto/place.h"

extern const struct command command_clone;

struct clone_args {
    uint64_t count;
    bool as_saved, help;
};

static const struct opt options[] = {
    OPT(struct clone_args, count, .name = "count", .letter = 'n', .kind = OPT_UINT, .arg = "N",
        .min = 1, .max = 10000, .help = "how many (1)"),
    OPT(struct clone_args, as_saved, .name = "as-saved", .kind = OPT_FLAG,
        .help = "over the disks, with the networks and files that the saved guest names itself"),
    OPT(struct clone_args, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

/* A folder of its own, for its disks; false: there is such a guest. */
static int make_folder(const char *name, char **folder, struct error *err)
{
    bool is_new;
    int rc = place_name_check(name, err);

    if (!rc && folder_exists(name))
        rc = fail(err, EEXIST, "there is a guest called %s; try: --name OTHER, quad rm %s", name, name);
    if (!rc)
        rc = folder_make(name, &is_new, err);
    if (!rc)
        *folder = folder_path(name, NULL);
    return rc;
}

static int clone_one(const struct clone_args *o, const char *path, const struct guest_config *given,
                     const char *name)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    auto_free char *folder = NULL;
    struct error err = {0};
    struct saved s = {0};
    int code;

    if (fd < 0)
        return fail_errno(&err, errno, "cannot open %s", path), command_failed(&err);
    int rc = saved_open(&s, fd, given, o->as_saved, &err);
    if (!rc)
        rc = make_folder(name, &folder, &err);
    if (!rc)
        rc = describe_clone(&s.description, name, folder, &err);
    if (rc) {
        code = rc == -EINVAL ? command_usage(&command_clone, &err) : command_failed(&err);
    } else {
        s.description.config.detach = true;
        s.description.config.quiet = true;
        code = run_saved(&command_clone, &s);
    }
    if (code && folder)
        folder_remove(name, &err);
    saved_close(&s);
    return code;
}

static int clone_all(const struct clone_args *o, const char *path, const struct guest_config *given)
{
    uint64_t began = monotonic_ns();
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    auto_free char *prefix =
        given->name ? xstrdup(given->name) : xasprintf("%.*s", (int)strcspn(base, "."), base);
    int code = EXIT_OK;
    uint64_t i = 0;

    for (; !code && i < o->count; i++) {
        auto_free char *name = xasprintf("%s-%" PRIu64, prefix, i + 1);
        code = clone_one(o, path, given, name);
    }
    if (!code)
        log_notice("%s-1 to %s-%" PRIu64 " run, made in %" PRIu64 " ms each", prefix, prefix, i,
                   (monotonic_ns() - began) / 1000000 / i);
    return code;
}

static int run(int argc, char **argv)
{
    struct clone_args o = {.count = 1};
    struct guest_config given = {0};
    struct error err = {0};
    int rest, more, code;

    if (opt_parse(options, &o, argc, argv, &rest, &err))
        return command_usage(&command_clone, &err);
    if (o.help) {
        help_print(&command_clone, stdout);
        return EXIT_OK;
    }
    if (rest >= argc) {
        fail(&err, EINVAL, "clone which file? try: quad save --go-on web web.quad, quad clone web.quad");
        return command_usage(&command_clone, &err);
    }
    if (opt_parse(guest_options, &given, argc - rest, argv + rest, &more, &err) ||
        (rest + more < argc && fail(&err, EINVAL, "\"%s\" is one operand too many", argv[rest + more])))
        code = command_usage(&command_clone, &err);
    else
        code = clone_all(&o, argv[rest], &given);
    guest_config_fini(&given);
    return code;
}

static const struct command_example examples[] = {
    {"quad clone -n 100 web.quad --disk web.qcow2", "web-1 to web-100, each on a disk of its own over web.qcow2"},
    {NULL, NULL},
};

const struct command command_clone = {
    .name = "clone",
    .summary = "many guests from one that was saved",
    .operands = "FILE [RUN-OPTION]...",
    .text = "Each clone runs in the background under a name of its own (--name, or the file's, and a "
            "number). Memory is shared with the file, and disks stand on the saved guest's, until a "
            "clone writes: keep both as they are. Each clone has a UUID of its own and is told that it is "
            "a copy (its generation id: systems that know it make their random numbers anew); UUID and "
            "cards' addresses reach its system when it boots again, so give clones networks apart (user "
            "networks are).",
    .options = options,
    .examples = examples,
    .run = run,
};
