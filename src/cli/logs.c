/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad logs: what a guest's console said, or what its process said.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/guests.h"
#include "proto/folder.h"
#include "proto/place.h"

extern const struct command command_logs;

#define FOLLOW_MS 200

struct logs_options {
    bool process, follow, help;
};

static const struct opt options[] = {
    OPT(struct logs_options, process, .name = "process", .letter = 'p', .kind = OPT_FLAG,
        .help = "what its process said, not its console"),
    OPT(struct logs_options, follow, .name = "follow", .letter = 'f', .kind = OPT_FLAG,
        .help = "and what comes, until it ends"),
    OPT(struct logs_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

/* From *at to the end; a file that became shorter was begun anew. */
static int copy_new(int fd, off_t *at, const char *path, struct error *err)
{
    char buf[16384];
    struct stat st;

    if (fstat(fd, &st))
        return fail_errno(err, errno, "%s", path);
    if (st.st_size < *at)
        *at = 0;
    for (;;) {
        ssize_t n = pread(fd, buf, sizeof(buf), *at);
        if (n < 0)
            return fail_errno(err, errno, "%s", path);
        if (n == 0)
            break;
        *at += n;
        if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
            return fail_errno(err, errno, "standard output");
    }
    return fflush(stdout) ? fail_errno(err, errno, "standard output") : 0;
}

static bool runs(const char *name)
{
    auto_close int run_fd = -1;
    struct error none;

    return !place_run(false, &run_fd, &none) && place_is_claimed(run_fd, name);
}

static int show(const char *name, const struct logs_options *o)
{
    auto_free char *path = folder_path(name, o->process ? "run.log" : "console.log");
    struct error err = {0};
    off_t at = 0;

    if (place_name_check(name, &err) || !folder_exists(name)) {
        roster_unknown(name, &err);
        return guests_failed(&err);
    }
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return EXIT_OK; /* nothing was said */
    if (fd < 0) {
        fail_errno(&err, errno, "%s", path);
        return guests_failed(&err);
    }
    bool last = !o->follow;
    for (;;) {
        if (copy_new(fd, &at, path, &err))
            return guests_failed(&err);
        if (last)
            return EXIT_OK;
        last = !runs(name);
        poll(NULL, 0, FOLLOW_MS);
    }
}

static int run(int argc, char **argv)
{
    struct logs_options o = {0};
    int rest, code = guests_parse(&command_logs, &o, offsetof(struct logs_options, help), argc,
                                  argv, 1, &rest);

    return code >= 0 ? code : show(argv[rest], &o);
}

static const struct command_example examples[] = {
    {"quad logs web", "what its console said last, up to 512 KiB"},
    {"quad logs --process web", "notices and errors of the program that runs it"},
    {NULL, NULL},
};

const struct command command_logs = {
    .name = "logs",
    .summary = "what a guest's console said",
    .operands = "GUEST",
    .options = options,
    .examples = examples,
    .run = run,
};
