/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad snapshot: memory and disks of one moment, kept with the guest.
 *
 *     guest's folder/snapshot-NAME.quad     the saved guest; its disks' images hold snapshot NAME
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/guests.h"
#include "cli/runner.h"
#include "guest/save.h"
#include "proto/folder.h"
#include "proto/place.h"

extern const struct command command_snapshot;

struct snapshot_args {
    bool json, help;
};

static const struct opt options[] = {
    OPT(struct snapshot_args, json, .name = "json", .kind = OPT_FLAG, .help = "ls: print JSON"),
    OPT(struct snapshot_args, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static char *path_of(const char *guest, const char *name)
{
    auto_free char *file = xasprintf("snapshot-%s.quad", name);

    return folder_path(guest, file);
}

static int create(const char *guest, const char *name, struct error *err)
{
    auto_free char *path = path_of(guest, name);
    struct client c = {0};
    int rc = client_open(&c, guest, err);

    if (rc)
        return rc;
    if (!folder_exists(guest))
        rc = fail(err, EINVAL, "a guest without a name keeps no snapshots; try: quad run --name");
    auto_close int fd = rc ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (!rc && fd < 0)
        rc = errno == EEXIST ? fail(err, EEXIST, "%s has a snapshot %s; try: quad snapshot rm %s %s",
                                    guest, name, guest, name)
                             : fail_errno(err, errno, "cannot write %s", path);
    if (!rc) {
        json_t *args = json_pack("{s:b, s:s}", "go_on", 1, "disks", name), *r = NULL;
        rc = client_call_fds(&c, "save", args, &fd, 1, &r, err);
        if (!rc)
            log_notice("%s: snapshot %s; it stood still for %" JSON_INTEGER_FORMAT " ms", guest, name,
                       json_integer_value(json_object_get(r, "ms")));
        else
            unlink(path);
        json_decref(args);
        json_decref(r);
    }
    client_close(&c);
    return rc;
}

static int list(const char *guest, const struct snapshot_args *o, struct error *err)
{
    auto_free char *folder = folder_path(guest, NULL);
    DIR *dir = opendir(folder);
    json_t *all = json_array();

    if (!dir) {
        json_decref(all);
        return roster_unknown(guest, err);
    }
    for (const struct dirent *e; (e = readdir(dir));) {
        struct stat st;
        size_t n = strlen(e->d_name);
        if (n < 15 || strncmp(e->d_name, "snapshot-", 9) || strcmp(e->d_name + n - 5, ".quad") ||
            fstatat(dirfd(dir), e->d_name, &st, 0))
            continue;
        json_array_append_new(all, json_pack("{s:s#, s:I, s:I}", "name", e->d_name + 9, (int)n - 14,
                                             "bytes", (json_int_t)st.st_blocks * 512, "time",
                                             (json_int_t)st.st_mtime));
    }
    closedir(dir);
    if (o->json)
        json_dumpf(all, stdout, JSON_INDENT(2)), putchar('\n');
    for (size_t i = 0; !o->json && i < json_array_size(all); i++) {
        const json_t *s = json_array_get(all, i);
        time_t when = (time_t)json_integer_value(json_object_get(s, "time"));
        char text[40];
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", localtime(&when));
        printf("%-20s %s  %6" JSON_INTEGER_FORMAT " MiB\n",
               json_string_value(json_object_get(s, "name")), text,
               json_integer_value(json_object_get(s, "bytes")) >> 20);
    }
    json_decref(all);
    return 0;
}

/* The snapshot as a guest to be: its own folder grants what it names. */
static int open_saved(struct saved *s, int *fd, const char *guest, const char *name,
                      const struct guest_config *given, struct error *err)
{
    auto_free char *path = path_of(guest, name);

    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return fail(err, ENOENT, "%s has no snapshot %s; try: quad snapshot ls %s", guest, name, guest);
    return saved_open(s, *fd, given, true, err);
}

static int drop(const char *guest, const char *name, struct error *err)
{
    auto_free char *path = path_of(guest, name);
    const struct guest_config none = {0};
    struct client c = {0};
    struct saved s = {0};
    auto_close int fd = -1;
    int rc = open_saved(&s, &fd, guest, name, &none, err);

    if (!rc) {
        rc = client_open(&c, guest, err);
        json_t *args = json_pack("{s:s}", "name", name);
        rc = rc ? describe_snapshot(&s.description, name, SNAPSHOT_DROP, err)
                : client_call(&c, "snapshot_drop", args, NULL, err);
        json_decref(args);
        client_close(&c);
    }
    saved_close(&s);
    if (!rc && unlink(path))
        rc = fail_errno(err, errno, "cannot remove %s", path);
    return rc;
}

static int restore(const char *guest, const char *name, int argc, char **argv)
{
    struct guest_config given = {0};
    struct error err = {0};
    struct saved s = {0};
    auto_close int fd = -1, run_fd = -1;
    int more, code;
    int rc = opt_parse(guest_options, &given, argc, argv, &more, &err);

    if (!rc && !place_run(false, &run_fd, &err) && place_is_claimed(run_fd, guest))
        rc = fail(&err, EBUSY, "%s runs; try: quad stop --force %s", guest, guest);
    if (!rc)
        rc = open_saved(&s, &fd, guest, name, &given, &err);
    if (!rc)
        rc = describe_snapshot(&s.description, name, SNAPSHOT_APPLY, &err);
    if (rc) {
        code = guests_failed(&err);
    } else {
        s.description.config.detach = true;
        code = run_saved(&command_snapshot, &s);
    }
    saved_close(&s);
    guest_config_fini(&given);
    return code;
}

static int run(int argc, char **argv)
{
    struct snapshot_args o = {0};
    struct error err = {0};
    int rest, rc, code = guests_parse(&command_snapshot, &o, offsetof(struct snapshot_args, help), argc,
                                      argv, 2, &rest);

    if (code >= 0)
        return code;
    const char *what = argv[rest], *guest = argv[rest + 1];
    bool is_list = !strcmp(what, "ls");
    const char *name = !is_list && argc - rest > 2 ? argv[rest + 2] : NULL;
    if (!is_list && !name)
        rc = fail(&err, EINVAL, "snapshot %s needs a guest and a name", what);
    else
        rc = place_name_check(name ? name : guest, &err);
    if (rc)
        return command_usage(&command_snapshot, &err);
    if (!strcmp(what, "restore"))
        return restore(guest, name, argc - rest - 2, argv + rest + 2);
    if (is_list)
        rc = list(guest, &o, &err);
    else if (!strcmp(what, "create"))
        rc = create(guest, name, &err);
    else if (!strcmp(what, "rm"))
        rc = drop(guest, name, &err);
    else
        return fail(&err, EINVAL, "snapshot does create, ls, restore, rm; not \"%s\"", what),
               command_usage(&command_snapshot, &err);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad snapshot create web before-upgrade", "memory and disks of one moment; the guest goes on"},
    {"quad snapshot restore web before-upgrade", "back to it, in the background"},
    {NULL, NULL},
};

const struct command command_snapshot = {
    .name = "snapshot",
    .summary = "memory and disks of one moment, kept with the guest",
    .operands = "create|ls|restore|rm GUEST [NAME]",
    .text = "The disks must be qcow2 images: the snapshot lies within them. File systems in the guest "
            "are as they are in its memory and need no freezing; a disk's snapshot alone is what a power "
            "cut would have left. restore takes the options of quad run behind the name and opens what "
            "the guest was started with.",
    .options = options,
    .examples = examples,
    .run = run,
};
