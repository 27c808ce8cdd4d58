/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * User namespaces: maps, and a namespace kept only for an id-mapped mount. [user_namespaces(7)]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "zone/hook.h"
#include "zone/rootfs.h"
#include "base/sys.h"

static char *maps_text(const struct id_maps *m)
{
    char *text = xcalloc(m->count + 1, 40);
    size_t n = 0;

    for (size_t i = 0; i < m->count; i++)
        n += (size_t)sprintf(text + n, "%u %u %u\n", m->map[i].inside, m->map[i].outside,
                             m->map[i].size);
    return text;
}

/* newuidmap PID INSIDE OUTSIDE SIZE...: set-uid helpers that check /etc/subuid */
static int map_by_helper(const char *program, pid_t pid, const struct id_maps *m,
                         struct error *err)
{
    char(*num)[16] = xcalloc(m->count * 3 + 1, sizeof(*num));
    const char **argv = xcalloc(m->count * 3 + 3, sizeof(*argv));
    size_t n = 0;

    argv[n++] = program;
    snprintf(num[0], sizeof(num[0]), "%d", (int)pid);
    argv[n++] = num[0];
    for (size_t i = 0; i < m->count; i++) {
        const uint32_t v[3] = {m->map[i].inside, m->map[i].outside, m->map[i].size};
        for (int k = 0; k < 3; k++) {
            char *at = num[1 + i * 3 + (size_t)k];
            snprintf(at, sizeof(num[0]), "%u", v[k]);
            argv[n++] = at;
        }
    }
    int rc = program_run(program, argv, err);
    free(argv);
    free(num);
    return rc;
}

static int write_map(pid_t pid, const char *file, const char *helper, const struct id_maps *m,
                     bool privileged, struct error *err)
{
    char path[64];
    auto_free char *text = maps_text(m);

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int rc = file_write(AT_FDCWD, path, text);
    if (rc == 0)
        return 0;
    if (rc == -EPERM && !privileged)
        return map_by_helper(helper, pid, m, err);
    return fail_errno(err, -rc, "write %s", file);
}

int userns_write_maps(pid_t pid, const struct id_maps *uids, const struct id_maps *gids,
                      bool privileged, struct error *err)
{
    char path[64];
    int rc = write_map(pid, "uid_map", "newuidmap", uids, privileged, err);

    if (rc)
        return rc;
    /* one own group needs no privilege once setgroups is off */
    if (!privileged && gids->count == 1 && gids->map[0].size == 1 &&
        gids->map[0].outside == getegid()) {
        snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
        file_write(AT_FDCWD, path, "deny");
    }
    return write_map(pid, "gid_map", "newgidmap", gids, privileged, err);
}

static uint32_t first_id(const struct id_maps *m, const char *file)
{
    char text[64];

    if (m->count)
        return m->map[0].inside;
    return file_read_buf(AT_FDCWD, file, text, sizeof(text)) > 0
               ? (uint32_t)strtoul(text, NULL, 10)
               : 0;
}

void userns_become_owner(const struct id_maps *uids, const struct id_maps *gids)
{
    gid_t gid = 0;
    uid_t uid = 0;

    if (setresgid(gid, gid, gid) < 0) {
        gid = first_id(gids, "/proc/self/gid_map");
        (void)!setresgid(gid, gid, gid);
    }
    if (setresuid(uid, uid, uid) == 0)
        return;
    uid = first_id(uids, "/proc/self/uid_map");
    if (setresuid(uid, uid, uid) < 0)
        log_warn("the user namespace has no user for us");
}

int userns_open(const struct id_maps *uids, const struct id_maps *gids, struct error *err)
{
    int hold[2];

    if (pipe2(hold, O_CLOEXEC) < 0)
        return fail_errno(err, errno, "pipe");
    struct clone_args ca = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    pid_t pid = sys_clone3(&ca);
    if (pid == 0) {
        char c;
        close(hold[1]);
        (void)!read(hold[0], &c, 1);
        _exit(0);
    }
    close(hold[0]);
    int rc = pid < 0 ? fail_errno(err, errno, "user namespace for an id-mapped mount")
                     : userns_write_maps(pid, uids, gids, true, err);
    if (!rc) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
        rc = open(path, O_RDONLY | O_CLOEXEC);
        if (rc < 0)
            rc = fail_errno(err, errno, "%s", path);
    }
    close(hold[1]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return rc;
}
