/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * checkpoint and restore, by the criu program where the host has one that works. [CRIU]
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/oci.h"
#include "zone/criu.h"

const struct opt opts_checkpoint[] = {
    OPT(struct criu_opts, image_path, .name = "image-path", .kind = OPT_STRING, .arg = "DIR",
        .help = "where the images go (checkpoint)"),
    OPT(struct criu_opts, work_path, .name = "work-path", .kind = OPT_STRING, .arg = "DIR",
        .help = "where criu's log goes"),
    OPT(struct criu_opts, leave_running, .name = "leave-running", .kind = OPT_FLAG,
        .help = "the container goes on"),
    OPT(struct criu_opts, tcp, .name = "tcp-established", .kind = OPT_FLAG,
        .help = "save open TCP connections"),
    OPT(struct criu_opts, ext_unix, .name = "ext-unix-sk", .kind = OPT_FLAG,
        .help = "allow external unix sockets"),
    OPT(struct criu_opts, shell_job, .name = "shell-job", .kind = OPT_FLAG,
        .help = "allow a terminal from outside"),
    OPT(struct criu_opts, file_locks, .name = "file-locks", .kind = OPT_FLAG,
        .help = "save file locks"),
    OPT_END,
};
const struct opt opts_restore[] = {
    OPT(struct criu_opts, image_path, .name = "image-path", .kind = OPT_STRING, .arg = "DIR",
        .help = "where the images are (checkpoint)"),
    OPT(struct criu_opts, work_path, .name = "work-path", .kind = OPT_STRING, .arg = "DIR",
        .help = "where criu's log goes"),
    OPT(struct criu_opts, bundle, .name = "bundle", .letter = 'b', .kind = OPT_STRING,
        .arg = "DIR", .help = "the bundle (default: here)"),
    OPT(struct criu_opts, pid_file, .name = "pid-file", .kind = OPT_STRING, .arg = "FILE",
        .help = "write the container's pid to this file"),
    OPT(struct criu_opts, detach, .name = "detach", .letter = 'd', .kind = OPT_FLAG,
        .help = "do not wait for the end"),
    OPT(struct criu_opts, tcp, .name = "tcp-established", .kind = OPT_FLAG,
        .help = "restore open TCP connections"),
    OPT(struct criu_opts, ext_unix, .name = "ext-unix-sk", .kind = OPT_FLAG,
        .help = "allow external unix sockets"),
    OPT(struct criu_opts, shell_job, .name = "shell-job", .kind = OPT_FLAG,
        .help = "allow a terminal from outside"),
    OPT(struct criu_opts, file_locks, .name = "file-locks", .kind = OPT_FLAG,
        .help = "restore file locks"),
    OPT_END,
};

int cmd_checkpoint(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct criu_opts o = {.criu = g->criu};
    int at = oci_parse(opts_checkpoint, &o, argc, argv, 1, 1, err);

    if (at < 0)
        return at;
    o.id = argv[at];
    return criu_checkpoint(&g->rt, &o, err);
}

int cmd_restore(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct criu_opts o = {.criu = g->criu};
    int status = 0;
    int at = oci_parse(opts_restore, &o, argc, argv, 1, 1, err);

    if (at < 0)
        return at;
    o.id = argv[at];
    int rc = criu_restore(&g->rt, &o, &status, err);
    return rc ? rc : status;
}
