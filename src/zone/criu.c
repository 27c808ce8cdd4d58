/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/criu.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/sys.h"
#include "zone/hook.h"

struct args {
    const char *v[512];
    size_t n;
};

static void add(struct args *a, const char *s)
{
    if (a->n + 1 < ARRAY_LEN(a->v))
        a->v[a->n++] = s;
}

static const char *program(const struct criu_opts *o)
{
    return o->criu && *o->criu ? o->criu : "criu";
}

/* Is there one, and does it work with this kernel? */
static int check_criu(const struct criu_opts *o, struct error *err)
{
    const char *argv[] = {program(o), "check", NULL};
    struct error why;
    int rc = program_run(argv[0], argv, &why);

    if (rc == -ENOENT)
        return fail(err, ENOTSUP, "no criu on this host: checkpoint and restore need it");
    if (rc)
        return fail(err, ENOTSUP, "the host's criu does not work with this kernel (%s)", why.text);
    return 0;
}

static void common(struct args *a, const struct criu_opts *o, const char *images, const char *work)
{
    add(a, "--images-dir");
    add(a, images);
    add(a, "--work-dir");
    add(a, work);
    if (o->tcp)
        add(a, "--tcp-established");
    if (o->ext_unix)
        add(a, "--ext-unix-sk");
    if (o->shell_job)
        add(a, "--shell-job");
    if (o->file_locks)
        add(a, "--file-locks");
    add(a, "--manage-cgroups=ignore");
    add(a, "-v4");
}

static bool is_bind(const struct spec_mount *m)
{
    for (size_t i = 0; m->options && m->options[i]; i++)
        if (!strcmp(m->options[i], "bind") || !strcmp(m->options[i], "rbind"))
            return true;
    return m->type && !strcmp(m->type, "bind");
}

/* What comes from outside of the container is named: criu keeps the name, we give it the thing. */
static void externals(struct args *a, const struct spec *s, bool dump)
{
    for (size_t i = 0; i < s->mount_count; i++) {
        const struct spec_mount *m = &s->mounts[i];
        if (!is_bind(m))
            continue;
        add(a, "--external");
        add(a, dump ? xasprintf("mnt[%s]:%s", m->destination, m->destination)
                    : xasprintf("mnt[%s]:%s", m->destination, m->source));
    }
    for (size_t i = 0; s->masked && s->masked[i]; i++) {
        struct stat st;
        if (!dump && (stat(s->masked[i], &st) < 0 || S_ISDIR(st.st_mode)))
            continue;
        add(a, "--external");
        add(a, dump ? xasprintf("mnt[%s]:%s", s->masked[i], s->masked[i])
                    : xasprintf("mnt[%s]:/dev/null", s->masked[i]));
    }
}

int criu_checkpoint(const struct runtime_opts *rt, const struct criu_opts *o, struct error *err)
{
    struct container c;
    struct spec s;
    struct args a = {0};
    const char *images = o->image_path ? o->image_path : "checkpoint";
    int rc = container_open(rt, o->id, &c, err);

    if (rc) {
        container_fini(&c);
        return rc;
    }
    if (container_status(&c) != ST_RUNNING)
        rc = fail(err, EINVAL, "only a running container can be saved");
    if (!rc)
        rc = check_criu(o, err);
    if (!rc)
        rc = state_spec(&c, &s, err);
    if (rc) {
        container_fini(&c);
        return rc;
    }
    if (mkdir(images, 0700) < 0 && errno != EEXIST)
        return fail_errno(err, errno, "%s", images);
    add(&a, program(o));
    add(&a, "dump");
    add(&a, "--tree");
    add(&a, xasprintf("%d", (int)c.pid));
    add(&a, "--root");
    add(&a, c.rootfs);
    common(&a, o, images, o->work_path ? o->work_path : images);
    add(&a, "--log-file");
    add(&a, "dump.log");
    if (o->leave_running)
        add(&a, "--leave-running");
    externals(&a, &s, true);
    rc = program_run(a.v[0], a.v, err);
    if (rc)
        error_prefix(err, "see dump.log");
    container_fini(&c);
    return rc;
}

/* The last line of criu's log that tells of an error, for ours. */
static void log_into(struct error *err, const char *work)
{
    auto_free char *path = xasprintf("%s/restore.log", work);
    auto_free char *text = NULL;
    struct error ignored;
    size_t len;

    if (file_read(AT_FDCWD, path, &text, &len, &ignored))
        return;
    char *line = NULL;
    for (char *p = text; (p = strstr(p, "Error")); p++)
        line = p;
    if (line) {
        line[strcspn(line, "\n")] = 0;
        error_prefix(err, "%s", line);
    }
}

int criu_restore(const struct runtime_opts *rt, const struct criu_opts *o, int *status,
                 struct error *err)
{
    const char *images = o->image_path ? o->image_path : "checkpoint";
    struct container c = {.dir = -1};
    struct spec s = {0};
    struct args a = {0};
    json_t *doc;
    size_t len;
    auto_free char *text = NULL;
    int rc = id_check(o->id, err);

    *status = 0;
    if (!rc)
        rc = check_criu(o, err);
    if (rc)
        return rc;
    auto_free char *image_abs = realpath(images, NULL);
    if (!image_abs)
        return fail_errno(err, errno, "%s", images);
    auto_free char *work_abs = o->work_path ? realpath(o->work_path, NULL) : NULL;
    if (o->work_path && !work_abs)
        return fail_errno(err, errno, "%s", o->work_path);
    if (o->bundle && chdir(o->bundle) < 0)
        return fail_errno(err, errno, "bundle %s", o->bundle);
    rc = file_read(AT_FDCWD, "config.json", &text, &len, err);
    if (!rc)
        rc = json_parse(text, len, "config.json", &doc, err);
    if (!rc)
        rc = spec_parse(doc, &s, err);
    if (rc)
        return rc;
    int root = runtime_root(rt, true, err);
    if (root < 0)
        return root;
    c.id = xstrdup(o->id);
    c.bundle = realpath(".", NULL);
    c.rootfs = realpath(s.root_path, NULL);
    if (!c.rootfs || !c.bundle)
        return fail_errno(err, errno, "%s", s.root_path);
    c.created = time_text();
    c.owner = xstrdup("root");
    c.annotations = json_incref(s.annotations);
    rc = cgroup_plan(&c.cg, rt->manager, runtime_is_rootless(rt), s.cgroups_path, o->id,
                     s.resources, err);
    if (rc)
        return rc;
    c.dir = state_create(root, o->id, err);
    if (c.dir < 0)
        return c.dir;
    rc = state_save(&c, true, err);
    if (!rc)
        rc = file_replace(c.dir, "config.json", text, len, err);
    if (!rc)
        rc = cgroup_create(&c.cg, err);
    if (!rc)
        rc = cgroup_devices(&c.cg, json_object_get(s.resources, "devices"), true, err);
    if (!rc)
        rc = cgroup_limit(&c.cg, s.resources, false, err);
    /* nothing is written among the images: they may be another's, with links for names */
    char own[PATH_MAX], self[64];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", c.dir);
    ssize_t n = readlink(self, own, sizeof(own) - 1);
    own[n < 0 ? 0 : n] = 0;
    auto_free char *pid_name = xasprintf("%s/restore.pid", own);
    const char *work = work_abs ? work_abs : own;
    /* criu wants the root to be a mount of its own; it and all below are made in its namespace */
    if (!rc) {
        add(&a, program(o));
        add(&a, "restore");
        add(&a, "--restore-detached");
        add(&a, "--restore-sibling");
        add(&a, "--pidfile");
        add(&a, pid_name);
        add(&a, "--root");
        add(&a, c.rootfs);
        common(&a, o, image_abs, work);
        add(&a, "--log-file");
        add(&a, "restore.log");
        externals(&a, &s, false);
        /* the restored processes are children of criu's: born in the container's groups */
        pid_t helper = fork();
        if (helper == 0) {
            struct error e;
            if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
                mount(c.rootfs, c.rootfs, NULL, MS_BIND | MS_REC, NULL) < 0 ||
                cgroup_join(&c.cg, 0, false, &e))
                _exit(126);
            execvp(a.v[0], (char *const *)a.v);
            _exit(127);
        }
        int st = -1;
        if (helper < 0 || waitpid(helper, &st, 0) < 0 || st != 0)
            rc = fail(err, EIO, "criu restore failed");
        if (rc)
            log_into(err, work);
    }
    uint64_t pid = 0;
    if (!rc && !file_read_u64(AT_FDCWD, pid_name, &pid))
        rc = fail(err, EIO, "criu wrote no pid");
    unlinkat(c.dir, "restore.pid", 0);
    if (!work_abs)
        unlinkat(c.dir, "restore.log", 0);
    if (!rc) {
        char st;
        c.pid = (pid_t)pid;
        process_stat(c.pid, &c.start_time, &st);
        rc = state_save(&c, false, err);
    }
    if (!rc && o->pid_file && *o->pid_file) {
        auto_free char *line = xasprintf("%d", (int)c.pid);
        rc = file_replace(AT_FDCWD, o->pid_file, line, strlen(line), err);
    }
    if (rc) {
        struct error ignored;
        if (cgroup_destroy(&c.cg, &ignored) || state_remove(root, o->id, &ignored))
            error_prefix(err, "(and %s)", ignored.text);
        return rc;
    }
    if (o->detach)
        return 0;
    auto_fd int pidfd = pidfd_open(c.pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    while (pidfd >= 0 && poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
    return container_delete(rt, o->id, true, err);
}
