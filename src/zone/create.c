/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Making a container, from the runtime's side. What is made, in this order, so that `delete
 * --force` finds everything whenever we die: state directory, state with the cgroups' places,
 * cgroups, process, state with the pid; only then may the process go on.
 */
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/file.h"
#include "zone/handover.h"
#include "zone/hook.h"
#include "zone/init.h"
#include "zone/netns.h"
#include "zone/notify.h"
#include "zone/process.h"
#include "zone/rdt.h"
#include "base/root.h"
#include "base/sys.h"
#include "zone/tty.h"

bool runtime_is_rootless(const struct runtime_opts *rt)
{
    return rt->rootless >= 0 ? rt->rootless : is_unprivileged();
}

int runtime_root(const struct runtime_opts *rt, bool make, struct error *err)
{
    auto_free char *path = rt->root ? xstrdup(rt->root) : state_root_default();

    return state_root(path, make, err);
}

struct creation {
    const struct runtime_opts *rt;
    const struct create_opts *o;
    bool run;
    int root; /* state root */
    int cwd;  /* where we were started; AT_FDCWD where that is the bundle */
    struct spec spec;
    struct container c;
    struct init in;
    int sync; /* our end */
    bool made_state;
    bool hooks_ran; /* those of the runtime: poststop undoes what they did */
    int run_master_sock; /* run -t without a console socket: our end of the pair */
    char *config_text;
    size_t config_len;
};

static int read_config(struct creation *k, struct error *err)
{
    const char *name = k->o->config ? k->o->config : "config.json";
    json_t *doc;
    int rc = file_read(AT_FDCWD, name, &k->config_text, &k->config_len, err);

    if (!rc)
        rc = json_parse(k->config_text, k->config_len, name, &doc, err);
    if (!rc)
        rc = spec_parse(doc, &k->spec, err);
    if (rc)
        return rc;
    if (!k->spec.process)
        return fail(err, EINVAL, "config.json: process is missing");
    auto_fd int dir = open(k->spec.root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char self[40], root[PATH_MAX];
    if (dir < 0)
        return fail_errno(err, errno, "root.path %s", k->spec.root_path);
    snprintf(self, sizeof(self), "/proc/self/fd/%d", dir);
    ssize_t len = readlink(self, root, sizeof(root) - 1);
    if (len <= 0)
        return fail_errno(err, errno, "root.path %s", k->spec.root_path);
    root[len] = 0;
    k->c.rootfs = xstrdup(root);
    /* a destination may be given as the host sees it */
    for (size_t i = 0; i < k->spec.mount_count; i++) {
        struct spec_mount *m = &k->spec.mounts[i];
        if (len > 1 && !strncmp(m->destination, root, (size_t)len) && m->destination[len] == '/')
            m->destination += len;
    }
    if (!strcmp(root, "/") && spec_has_ns(&k->spec, NS_MNT) && !k->o->no_pivot)
        return fail(err, EINVAL, "root.path must not be the host's root");
    return 0;
}

static int check_console(struct creation *k, struct error *err)
{
    const struct spec_process *p = k->spec.process;
    bool terminal = p->terminal;
    int rc = 0;

    k->in.console = -1;
    if (k->o->console_fd > 0 && terminal) {
        k->in.console = k->o->console_fd;
        return 0;
    }
    if (k->o->console_socket && *k->o->console_socket) {
        if (!terminal)
            return fail(err, EINVAL, "--console-socket without process.terminal");
        rc = unix_connect(k->cwd, k->o->console_socket, SOCK_STREAM, err);
        k->in.console = rc;
        return rc < 0 ? rc : 0;
    }
    if (!terminal)
        return 0;
    if (!k->run || k->o->detach)
        return fail(err, EINVAL, "process.terminal needs --console-socket when detached");
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "socketpair");
    k->in.console = pair[1];
    k->run_master_sock = pair[0];
    return 0;
}

static int open_ns_paths(struct creation *k, struct error *err)
{
    for (int i = 0; i < NS_KINDS; i++) {
        k->in.ns_fd[i] = -1;
        if (!k->spec.ns_path[i])
            continue;
        k->in.ns_fd[i] = open(k->spec.ns_path[i], O_RDONLY | O_CLOEXEC);
        if (k->in.ns_fd[i] < 0)
            return fail_errno(err, errno, "%s namespace %s", ns_info[i].spec_name,
                              k->spec.ns_path[i]);
    }
    return 0;
}

static int make_start_socket(struct creation *k, struct error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (s < 0)
        return fail_errno(err, errno, "socket");
    k->in.wait_fd = s;
    snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/start", k->c.dir);
    mode_t old = umask(077);
    int rc = bind(s, (struct sockaddr *)&a, sizeof(a));
    umask(old);
    if (rc < 0 || listen(s, 4) < 0)
        return fail_errno(err, errno, "start socket");
    return 0;
}

static int compile_seccomp(struct creation *k, struct error *err)
{
    const struct seccomp_options opt = {.family = host_family};

    int rc = k->spec.seccomp ? seccomp_compile(k->spec.seccomp, &opt, &k->in.seccomp, err) : 0;

    if (!rc && k->spec.seccomp)
        log_debug("seccomp filter flags: %u", k->in.seccomp.flags);
    return rc;
}

static int save_config(struct creation *k, struct error *err)
{
    auto_fd int fd =
        openat(k->c.dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, k->config_text, k->config_len) != (ssize_t)k->config_len)
        return fail_errno(err, errno, "save config.json");
    return 0;
}

static int make_cgroups(struct creation *k, struct error *err)
{
    const json_t *res = k->spec.resources;
    int rc = cgroup_create(&k->c.cg, err);

    if (!rc)
        rc = cgroup_devices(&k->c.cg, json_object_get(res, "devices"), true, err);
    if (!rc && k->c.cg.manager != CGROUP_SYSTEMD)
        rc = cgroup_limit(&k->c.cg, res, false, err);
    return rc;
}

/* ---------------------------------------------------------------------------------- the process */

static pid_t clone_init(struct creation *k, uint64_t flags)
{
    struct clone_args ca = {.flags = flags, .exit_signal = SIGCHLD};
    int v2 = k->in.cloned_into_v2 ? cgroup_v2_fd(&k->c.cg) : -1;

    if (flags & CLONE_PARENT)
        ca.exit_signal = 0;
    if (v2 >= 0) {
        auto_fd int fd = openat(v2, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ca.flags |= CLONE_INTO_CGROUP;
        ca.cgroup = (uint64_t)fd;
        pid_t pid = sys_clone3(&ca);
        if (pid >= 0 || (errno != EINVAL && errno != E2BIG && errno != EBUSY && errno != EACCES))
            return pid;
        /* before 5.7, or controllers are enabled below: by cgroup.procs then */
        ca.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
        ca.cgroup = 0;
    }
    k->in.cloned_into_v2 = false;
    return sys_clone3(&ca);
}

/* A namespace that is not our user namespace's own can only be joined from outside of it: those that
 * are joined beside a user namespace are joined before. `back` gets the way back, or is NULL. What
 * may not be joined yet is left to the container's process. */
static void join_outside(struct creation *k, int back[NS_KINDS])
{
    for (int i = 0; i < NS_KINDS; i++) {
        char path[40];
        if (k->in.ns_fd[i] < 0 || i == NS_USER || i == NS_PID || i == NS_MNT || i == NS_TIME)
            continue;
        snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_info[i].proc_name);
        int own = back ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (setns(k->in.ns_fd[i], (int)ns_info[i].flag) < 0) {
            if (own >= 0)
                close(own);
            continue;
        }
        if (back)
            back[i] = own;
        fd_drop(&k->in.ns_fd[i]);
        k->in.ns_fd[i] = -1;
    }
}

static void join_back(const int back[NS_KINDS])
{
    for (int i = 0; i < NS_KINDS; i++)
        if (back[i] >= 0) {
            setns(back[i], (int)ns_info[i].flag);
            close(back[i]);
        }
}

/* A user namespace that exists must be joined before the others are made, and a process cannot come
 * back out of it: a helper joins and makes the container's process as its brother. */
static pid_t clone_by_helper(struct creation *k, uint64_t flags, struct error *err)
{
    pid_t helper = fork();

    if (helper < 0)
        return fail_errno(err, errno, "fork");
    if (helper == 0) {
        struct sync_msg m = {.kind = SYNC_PID};
        int user = k->in.ns_fd[NS_USER], pid_ns = k->in.ns_fd[NS_PID];
        m.value = -1;
        join_outside(k, NULL);
        if (setns(user, CLONE_NEWUSER) == 0 &&
            (pid_ns < 0 || setns(pid_ns, CLONE_NEWPID) == 0)) {
            k->in.cloned_into_v2 = false;
            m.value = clone_init(k, flags | CLONE_PARENT);
            if (m.value == 0)
                init_run(&k->in);
        }
        if (m.value < 0) {
            m.kind = SYNC_ERROR;
            m.value = errno;
            strcpy(m.text, "join the user namespace");
        }
        (void)!send(k->in.sync, &m, sizeof(m), MSG_NOSIGNAL);
        _exit(0);
    }
    struct sync_msg m = {0};
    ssize_t n = recv(k->sync, &m, sizeof(m), 0);
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
        ;
    if (n < (ssize_t)offsetof(struct sync_msg, text) || m.kind != SYNC_PID)
        return fail_errno(err, m.kind == SYNC_ERROR ? m.value : EPIPE, "user namespace %s",
                          k->spec.ns_path[NS_USER]);
    return m.value;
}

static int write_offsets_here(const struct spec *s, struct error *err)
{
    char text[160];

    if (unshare(0x80 /* CLONE_NEWTIME */) < 0)
        return fail_errno(err, errno, "time namespace");
    if (!s->time_offsets)
        return 0;
    snprintf(text, sizeof(text), "monotonic %" PRId64 " %u\nboottime %" PRId64 " %u\n",
             s->monotonic.secs, s->monotonic.nanosecs, s->boottime.secs, s->boottime.nanosecs);
    int rc = file_write(AT_FDCWD, "/proc/self/timens_offsets", text);
    return rc ? fail_errno(err, -rc, "time offsets") : 0;
}

static int spawn(struct creation *k, struct error *err)
{
    const struct spec *s = &k->spec;
    bool userns = spec_has_ns(s, NS_USER);
    /* the cgroup namespace is made after the group is joined; time has its own way in */
    uint64_t flags = s->ns_new & ~(ns_info[NS_CGROUP].flag | ns_info[NS_TIME].flag);
    auto_fd int own_time = -1, own_pid = -1;
    pid_t pid;
    int rc = 0;

    log_debug("nsexec container setup: clone3 flags 0x%llx", (unsigned long long)flags);
    if ((s->ns_new & ns_info[NS_TIME].flag) && !userns) {
        own_time = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
        if ((rc = write_offsets_here(s, err)))
            return rc;
    }
    if (s->ns_path[NS_USER]) {
        pid = clone_by_helper(k, flags, err);
    } else {
        if (k->in.ns_fd[NS_PID] >= 0) {
            own_pid = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
            if (setns(k->in.ns_fd[NS_PID], CLONE_NEWPID) < 0)
                return fail_errno(err, errno, "pid namespace %s", s->ns_path[NS_PID]);
        }
        int back[NS_KINDS] = {-1, -1, -1, -1, -1, -1, -1, -1};
        if (userns)
            join_outside(k, back);
        pid = clone_init(k, flags);
        if (pid == 0)
            init_run(&k->in);
        if (pid < 0)
            fail_errno(err, errno, "clone the container's process");
        if (userns)
            join_back(back);
    }
    /* our own later children (hooks) belong where we do */
    if (own_time >= 0)
        setns(own_time, 0x80);
    if (own_pid >= 0)
        setns(own_pid, CLONE_NEWPID);
    if (pid < 0)
        return -err->code;
    k->c.pid = pid;
    char st;
    if (!process_stat(pid, &k->c.start_time, &st))
        k->c.start_time = 0;
    return 0;
}

/* What the runtime does to the process before it may go on. */
static int equip(struct creation *k, struct error *err)
{
    const struct spec *s = &k->spec;
    int rc = 0;

    if ((s->ns_new & ns_info[NS_USER].flag))
        rc = userns_write_maps(k->c.pid, &s->uid_maps, &s->gid_maps, k->in.privileged, err);
    if (!rc && k->c.cg.manager == CGROUP_SYSTEMD) {
        rc = systemd_start_scope(&k->c.cg, k->c.pid, err);
        if (!rc)
            rc = make_cgroups(k, err);
        if (!rc)
            rc = cgroup_limit(&k->c.cg, s->resources, false, err);
    }
    if (!rc && !k->in.join_cgroup)
        rc = cgroup_join(&k->c.cg, k->c.pid, k->in.cloned_into_v2, err);
    if (!rc && spec_has_ns(s, NS_USER))
        rc = process_oom(s->process, k->c.pid, err);
    /* limits above the container's own reach are set from outside */
    if (!rc && spec_has_ns(s, NS_USER))
        rc = process_rlimits(s->process, k->c.pid, err);
    if (!rc && s->rdt)
        rc = rdt_join(s, k->c.id, k->c.pid, err);
    if (!rc && s->netdev_count) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)k->c.pid);
        auto_fd int ns = open(path, O_RDONLY | O_CLOEXEC);
        rc = ns < 0 ? fail_errno(err, errno, "%s", path) : net_move_devices(s, ns, err);
    }
    return rc;
}

static int go(struct creation *k)
{
    return send(k->sync, "g", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static int run_runtime_hooks(struct creation *k, struct error *err)
{
    auto_free char *text = state_text(&k->c, ST_CREATING, false);
    int rc = hooks_run(&k->spec, HOOK_PRESTART, text, NULL, err);

    k->hooks_ran = true;
    return rc ? rc : hooks_run(&k->spec, HOOK_CREATE_RUNTIME, text, NULL, err);
}

static int launch_error(const struct launch_report *r, const struct spec_process *p,
                        struct error *err)
{
    switch (r->kind) {
    case LAUNCH_EXEC_FAIL:
        return fail_errno(err, r->value, "exec %s", p->args[0]);
    case LAUNCH_SECCOMP_FAIL:
        return fail_errno(err, r->value, "load the seccomp filter");
    case LAUNCH_LABEL_FAIL:
        return fail_errno(err, r->value, "set the security label");
    case LAUNCH_TTY_FAIL:
        return fail_errno(err, r->value, "controlling terminal");
    default:
        return fail_errno(err, r->value, "launch stage %u", r->kind);
    }
}

/* Serve the process until it is ready (create) or executes (run). */
static int serve(struct creation *k, struct error *err)
{
    bool ready = false;

    for (;;) {
        struct sync_msg m = {0};
        ssize_t n = recv(k->sync, &m, sizeof(m) - 1, 0);
        int rc = 0;
        /* reset: it ended with an unread byte of ours; what it said before is still to be read */
        if (n < 0 && (errno == EINTR || errno == ECONNRESET))
            continue;
        if (n <= 0) {
            if (ready)
                return 0;
            return fail(err, ECHILD, "the container's process died while it was made");
        }
        if (n < (ssize_t)sizeof(struct launch_report))
            return fail(err, EPROTO, "the container's process: message of %zd bytes", n);
        m.text[sizeof(m.text) - 1] = 0;
        if (m.kind < SYNC_ERROR)
            return launch_error(&(struct launch_report){m.kind, m.value}, k->spec.process, err);
        switch ((enum sync_kind)m.kind) {
        case SYNC_ERROR:
            return fail(err, m.value > 0 ? m.value : EIO,
                        "unable to start container process: error during container init: %s",
                        m.text);
        case SYNC_HOOKS:
            rc = run_runtime_hooks(k, err);
            break;
        case SYNC_SECCOMP:
            rc = notify_forward(k->c.pid, m.value, &k->in.seccomp, &k->c, ST_CREATING, err);
            break;
        case SYNC_PID:
            return fail(err, EPROTO, "the container's process: unexpected message");
        case SYNC_READY:
            ready = true;
            if (!k->run)
                return 0;
            continue;
        }
        if (rc || (rc = go(k)))
            return rc;
    }
}

static void undo(struct creation *k)
{
    struct error ignored;

    if (k->c.pid > 0) {
        kill(k->c.pid, SIGKILL);
        while (waitpid(k->c.pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (k->made_state) {
        if (cgroup_destroy(&k->c.cg, &ignored))
            log_warn("%s", ignored.text);
        if (k->spec.rdt)
            rdt_remove(&k->spec, k->c.id);
        if (k->hooks_ran && k->spec.hooks[HOOK_POSTSTOP].count) {
            auto_free char *text = state_text(&k->c, ST_STOPPED, false);
            if (hooks_run(&k->spec, HOOK_POSTSTOP, text, NULL, &ignored))
                log_warn("%s", ignored.text);
        }
        if (state_remove(k->root, k->o->id, &ignored))
            log_warn("%s", ignored.text);
    }
}

static char *owner_name(void)
{
    char buf[16];

    snprintf(buf, sizeof(buf), "%u", (unsigned)geteuid());
    return xstrdup(geteuid() == 0 ? "root" : buf);
}

static int prepare(struct creation *k, struct error *err)
{
    const struct spec *s = &k->spec;
    struct init *in = &k->in;
    bool userns = spec_has_ns(s, NS_USER);
    int rc = check_console(k, err);

    if (rc || (rc = compile_seccomp(k, err)) || (rc = open_ns_paths(k, err)))
        return rc;
    in->privileged = caps_have(CAP_SYS_ADMIN);
    k->c.rootless = runtime_is_rootless(k->rt);
    rc = cgroup_plan(&k->c.cg, k->rt->manager, k->c.rootless, s->cgroups_path, k->o->id,
                     s->resources, err);
    if (rc)
        return rc;
    k->c.created = time_text();
    k->c.owner = owner_name();
    k->c.no_pivot = k->o->no_pivot;
    k->c.own_pids = s->ns_new & ns_info[NS_PID].flag;
    k->c.annotations = json_incref(s->annotations);
    k->c.dir = state_create(k->root, k->o->id, err);
    if (k->c.dir < 0)
        return k->c.dir;
    /* before anything is written down as ours, which undoing would kill and remove */
    if (k->c.cg.manager != CGROUP_SYSTEMD && (rc = cgroup_check_free(&k->c.cg, err))) {
        if (state_remove(k->root, k->o->id, NULL))
            log_warn("the state directory of %s is left", k->o->id);
        return rc;
    }
    k->made_state = true;
    if ((rc = state_save(&k->c, true, err)) || (rc = save_config(k, err)))
        return rc;
    if (k->c.cg.manager != CGROUP_SYSTEMD && (rc = make_cgroups(k, err)))
        return rc;
    rootfs_init(&in->rootfs, s, &k->c.cg, k->c.rootfs);
    in->rootfs.userns = userns;
    in->rootfs.privileged = in->privileged;
    in->rootfs.no_pivot = k->o->no_pivot;
    if ((rc = rootfs_sources(&in->rootfs, err)))
        return rc;
    in->wait_fd = -1;
    if (!k->run && (rc = make_start_socket(k, err)))
        return rc;
    in->join_cgroup = !userns && in->privileged && k->c.cg.manager == CGROUP_FS;
    in->cloned_into_v2 = cgroup_v2_fd(&k->c.cg) >= 0 && k->c.cg.manager == CGROUP_FS;
    in->early_go = userns || s->netdev_count || s->rdt || !in->join_cgroup;
    return 0;
}

static int create(struct creation *k, struct error *err)
{
    int pair[2];
    int rc = prepare(k, err);

    if (rc)
        return rc;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "socketpair");
    k->sync = pair[0];
    k->in.sync = pair[1];
    k->in.spec = &k->spec;
    k->in.opts = k->o;
    k->in.c = &k->c;
    k->in.preserve = k->o->preserve_fds;
    rc = spawn(k, err);
    close(k->in.sync);
    if (!rc)
        rc = equip(k, err);
    if (!rc)
        rc = state_save(&k->c, false, err);
    if (!rc && go(k))
        rc = 0; /* it died: serve() has its reason */
    if (!rc)
        rc = serve(k, err);
    if (!rc)
        rc = handover_report(k->cwd, k->c.pid, k->o->pid_file, k->o->pidfd_socket ? k->o->pidfd_socket
                                                 : spec_annotation(&k->spec, "run.oci.pidfd_receiver"),
                             err);
    return rc;
}

/* The bundle keeps the name that it was given by; files that were named relative to where we were are
 * opened from there. */
static int enter_bundle(struct creation *k, struct error *err)
{
    const char *bundle = k->o->bundle;
    char cwd[PATH_MAX];
    bool given = bundle && *bundle;

    k->cwd = AT_FDCWD;
    if (!given || *bundle != '/') {
        if (!getcwd(cwd, sizeof(cwd)))
            return fail_errno(err, errno, "bundle");
        k->c.bundle = given && strcmp(bundle, ".") != 0 ? xasprintf("%s/%s", cwd, bundle) : xstrdup(cwd);
    } else {
        k->c.bundle = xstrdup(bundle);
    }
    if (!given)
        return 0;
    k->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (k->cwd < 0 || chdir(bundle) < 0)
        return fail_errno(err, errno, "bundle %s", bundle);
    return 0;
}

static int begin(struct creation *k, const struct runtime_opts *rt, const struct create_opts *o,
                 struct error *err)
{
    const char *fds = getenv("LISTEN_FDS");
    uint64_t n;

    *k = (struct creation){.rt = rt, .o = o, .sync = -1, .run_master_sock = -1, .c = {.dir = -1}};
    int rc = handover_check(o->preserve_fds, err); /* before we open any of our own */
    if (!rc)
        rc = id_check(o->id, err);
    if (rc)
        return rc;
    k->c.id = xstrdup(o->id);
    rc = enter_bundle(k, err);
    if (!rc)
        rc = read_config(k, err);
    if (!rc)
        rc = hooks_output(&k->spec, err);
    if (rc)
        return rc;
    /* members of a pid namespace that is joined could trace us if they may trace at all */
    if (k->spec.ns_path[NS_PID] && !spec_has_ns(&k->spec, NS_USER) &&
        (rc = launch_protect_self(rt->argv, err)))
        return rc;
    k->root = runtime_root(rt, true, err);
    if (k->root < 0)
        return k->root;
    if (fds && parse_u64(fds, 1024, &n)) { /* socket activation passes through [sd_listen_fds(3)] */
        k->in.preserve += (int)n;
        k->in.listen_fds = xasprintf("LISTEN_FDS=%s", fds);
    }
    return 0;
}

int container_create(const struct runtime_opts *rt, const struct create_opts *o,
                     struct error *err)
{
    struct creation k;
    int rc = begin(&k, rt, o, err);

    if (!rc)
        rc = create(&k, err);
    if (rc)
        undo(&k);
    return rc;
}

/* Wait for the container's process, and pass on the signals that come meanwhile. */
static int wait_for(pid_t pid, bool forward, struct error *err)
{
    sigset_t set;
    int status;

    sigfillset(&set);
    if (forward)
        sigprocmask(SIG_BLOCK, &set, NULL);
    for (;;) {
        pid_t got = waitpid(pid, &status, forward ? WNOHANG : 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(err, errno, "wait for the container");
        if (got > 0)
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        int sig = sigwaitinfo(&set, NULL);
        if (sig > 0 && sig != SIGCHLD && sig != SIGPIPE && sig != SIGTTOU && sig != SIGTTIN)
            kill(pid, sig);
    }
}

int container_run(const struct runtime_opts *rt, const struct create_opts *o, int *status,
                  struct error *err)
{
    struct creation k;
    int rc = begin(&k, rt, o, err);

    *status = 0;
    if (rc)
        return rc;
    k.run = true;
    rc = create(&k, err);
    if (!rc && k.spec.hooks[HOOK_POSTSTART].count) {
        auto_free char *text = state_text(&k.c, ST_RUNNING, false);
        rc = hooks_run(&k.spec, HOOK_POSTSTART, text, NULL, err);
    }
    if (rc) {
        undo(&k);
        return rc;
    }
    if (o->detach)
        return 0;
    if (k.spec.process->terminal && k.run_master_sock >= 0) {
        auto_fd int master = fd_receive(k.run_master_sock);
        auto_fd int pidfd = pidfd_open(k.c.pid, 0);
        if (master >= 0)
            tty_relay(master, pidfd);
    }
    *status = wait_for(k.c.pid, k.run_master_sock < 0, err);
    if (o->keep)
        return 0;
    k.c.pid = 0;
    k.hooks_ran = true;
    undo(&k);
    return 0;
}
