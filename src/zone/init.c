/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/init.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/file.h"
#include "zone/hook.h"
#include "zone/mount.h"
#include "zone/netns.h"
#include "zone/process.h"
#include "base/root.h"
#include "zone/tty.h"

static void tell(int sock, uint32_t kind, int value, const char *text)
{
    struct sync_msg m = {.kind = kind, .value = value};
    size_t n = text ? strnlen(text, sizeof(m.text) - 1) : 0;

    memcpy(m.text, text ? text : "", n);
    /* a runtime that is gone cannot be told; the exit that follows is what cleans up */
    (void)!send(sock, &m, offsetof(struct sync_msg, text) + n, MSG_NOSIGNAL);
}

/* One byte from the runtime: it saved the state and did its part. */
static int wait_go(struct init *in, struct error *err)
{
    char c;
    ssize_t n;

    while ((n = recv(in->sync, &c, 1, 0)) < 0 && errno == EINTR)
        ;
    return n == 1 ? 0 : fail(err, EPIPE, "the runtime is gone");
}

/* The first byte says that the runtime has saved our pid; take it before any other answer. */
static int take_go(struct init *in, struct error *err)
{
    if (in->early_go)
        return 0;
    in->early_go = true;
    return wait_go(in, err);
}

int close_on_exec_from(unsigned first)
{
    if (close_range(first, UINT32_MAX, CLOSE_RANGE_CLOEXEC) == 0)
        return 0;
    if (errno != ENOSYS && errno != EINVAL)
        return -errno;
    for (unsigned fd = first; fd < 65536; fd++) /* kernels before 5.11 */
        fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

static int write_time_offsets(const struct spec *s, struct error *err)
{
    char text[160];

    if (!s->time_offsets)
        return 0;
    snprintf(text, sizeof(text), "monotonic %" PRId64 " %u\nboottime %" PRId64 " %u\n",
             s->monotonic.secs, s->monotonic.nanosecs, s->boottime.secs, s->boottime.nanosecs);
    int rc = file_write(AT_FDCWD, "/proc/self/timens_offsets", text);
    return rc ? fail_errno(err, -rc, "time offsets") : 0;
}

static int join_namespaces(struct init *in, struct error *err)
{
    for (int k = 0; k < NS_KINDS; k++) {
        /* user and pid: before the process was made */
        if (in->ns_fd[k] < 0 || k == NS_USER || k == NS_PID)
            continue;
        if (setns(in->ns_fd[k], (int)ns_info[k].flag) < 0)
            return fail_errno(err, errno, "join the %s namespace %s", ns_info[k].spec_name,
                              in->spec->ns_path[k]);
    }
    return 0;
}

static int enter_namespaces(struct init *in, struct error *err)
{
    const struct spec *s = in->spec;
    bool userns = spec_has_ns(s, NS_USER);
    int rc = 0;

    if (in->early_go && (rc = wait_go(in, err)))
        return rc;
    /* first, as our files in /proc are not ours any more after a change of ids */
    if ((s->ns_new & ns_info[NS_TIME].flag) && userns) {
        if (unshare(0x80 /* CLONE_NEWTIME */) < 0)
            return fail_errno(err, errno, "time namespace");
        if ((rc = write_time_offsets(s, err)))
            return rc;
    }
    if (userns)
        userns_become_owner(&s->uid_maps, &s->gid_maps);
    if (s->process->oom_given && !userns && (rc = process_oom(s->process, 0, err)))
        return rc;
    if (in->join_cgroup && (rc = cgroup_join(&in->c->cg, 0, in->cloned_into_v2, err)))
        return rc;
    rc = join_namespaces(in, err);
    if (rc)
        return rc;
    if ((s->ns_new & ns_info[NS_CGROUP].flag) && unshare(CLONE_NEWCGROUP) < 0)
        return fail_errno(err, errno, "cgroup namespace");
    if (s->ns_new & ns_info[NS_NET].flag)
        rc = net_loopback_up(err);
    return rc;
}

static int set_names(const struct spec *s, struct error *err)
{
    if (s->hostname && *s->hostname && sethostname(s->hostname, strlen(s->hostname)) < 0)
        return fail_errno(err, errno, "hostname");
    if (s->domainname && *s->domainname && setdomainname(s->domainname, strlen(s->domainname)) < 0)
        return fail_errno(err, errno, "domainname");
    return 0;
}

/* The terminal, from the container's own devpts; its other side is also /dev/console there. */
static int set_terminal(struct init *in, struct error *err)
{
    const struct spec_process *p = in->spec->process;
    auto_close int master = -1, slave = -1;
    auto_fd int pts = root_open_strict(in->rootfs.root, "/dev/pts", O_PATH | O_DIRECTORY, false);
    auto_fd int ptmx = pts < 0 ? -1 : openat(pts, "ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);

    int rc = tty_open(ptmx >= 0 ? pts : -1, p->rows, p->cols, &master, &slave, err);
    if (rc)
        return rc;
    if (p->uid && fchown(slave, p->uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM)
        return fail_errno(err, errno, "owner of the terminal");
    auto_fd int dev = root_open_strict(in->rootfs.root, "/dev", O_PATH | O_DIRECTORY, false);
    if (dev >= 0 && spec_has_ns(in->spec, NS_MNT)) {
        unlinkat(dev, "console", 0);
        int made = openat(dev, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0666);
        auto_fd int at = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (made >= 0)
            close(made);
        if (at < 0)
            return fail_errno(err, errno, "make /dev/console");
        if (in->rootfs.old_api) {
            char self[40];
            struct mount_opts o = {.bind = true};
            snprintf(self, sizeof(self), "/proc/self/fd/%d", slave);
            rc = mount_old(NULL, self, &o, at, err);
        } else {
            auto_fd int tree = mount_clone(slave, "", false, err);
            rc = tree < 0 ? tree : mount_attach(tree, at, "");
            if (rc && tree >= 0)
                fail_errno(err, -rc, "bind /dev/console");
        }
        if (rc)
            return rc;
    }
    if (in->console < 0)
        return fail(err, EINVAL, "a terminal needs --console-socket");
    rc = fd_send(in->console, master, "/dev/ptmx", err);
    if (rc)
        return rc;
    rc = tty_to_stdio(slave, err);
    if (rc)
        return rc;
    setsid();
    if (ioctl(0, TIOCSCTTY, 0) < 0)
        return fail_errno(err, errno, "controlling terminal");
    return 0;
}

/* The program's own streams are to be its user's, so that it may open them again (/dev/stderr). */
static void own_stdio(const struct spec_process *p)
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0 || st.st_uid == p->uid ||
            (S_ISCHR(st.st_mode) && st.st_rdev == 0x103))
            continue;
        if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
            (void)!fchown(fd, p->uid, (gid_t)-1);
    }
}

static int enter_cwd(const char *cwd, bool make, struct error *err)
{
    int rc = process_cwd(cwd, err);

    if (rc != -ENOENT || !make)
        return rc;
    auto_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_fd int dir = root < 0 ? -1 : root_mkdirs(root, cwd, 0755, err);
    return dir < 0 ? -EACCES : process_cwd(cwd, err);
}

/* Hooks in the container see the process by the number that it has there. */
static char *inside_state(struct init *in)
{
    in->c->pid = getpid();
    return state_text(in->c, ST_CREATED, false);
}

/* Wait for `start` ourselves: hooks are still to run in the container. */
static int wait_start(struct init *in, int *report, struct error *err)
{
    if (in->wait_fd < 0)
        return 0;
    for (;;) {
        int fd = accept4(in->wait_fd, NULL, NULL, SOCK_CLOEXEC);
        char c;
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return fail_errno(err, errno, "wait for start");
        if (read(fd, &c, 1) == 1) {
            *report = fd;
            in->wait_fd = -1;
            return 0;
        }
        close(fd);
    }
}

/* Load a filter that notifies a supervisor, now, as the runtime has to fetch the listener. */
static int load_notifying_filter(struct init *in, struct error *err)
{
    struct sock_fprog prog = {.len = (unsigned short)in->seccomp.count,
                              .filter = in->seccomp.insn};
    int fd = fcntl(in->sync, F_DUPFD_CLOEXEC, 3);
    int rc = take_go(in, err);

    if (rc)
        return rc;
    /* after the filter is in force, every call may wait for the supervisor; so the number that
     * the listener will get is said before */
    close(fd);
    tell(in->sync, SYNC_SECCOMP, fd, NULL);
    int got = sys_seccomp(SECCOMP_SET_MODE_FILTER,
                          in->seccomp.flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
    if (got < 0)
        return fail_errno(err, errno, "load the seccomp filter");
    return wait_go(in, err);
}

static int become_program(struct init *in, struct error *err)
{
    const struct spec_process *p = in->spec->process;
    bool filter_late = in->seccomp.count && !in->seccomp.notify;
    struct identity id;
    auto_free char *program = NULL;
    struct launch l = {.wait_fd = in->wait_fd, .report_fd = in->sync, .proc_fd = -1,
                       .fifo_fd = -1};

    process_affinity_reset();
    int rc = process_sched(in->spec, p, err);
    if (rc)
        return rc;
    if (!in->opts->no_new_keyring) {
        auto_free char *ring = xasprintf("_ses.%s", in->c->id);
        /* a kernel without keyrings has none to share */
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, ring) < 0 && errno != ENOSYS &&
            errno != EPERM && errno != EDQUOT)
            return fail_errno(err, errno, "session keyring");
    }
    if (p->uid && !p->terminal)
        own_stdio(p);
    /* as the container's root first, as an image's root-only directory may be the cwd */
    struct error first;
    bool retry_cwd = enter_cwd(p->cwd, true, &first) != 0;
    if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail_errno(err, errno, "noNewPrivileges");
    const char **env = process_env(p);
    if (in->listen_fds) {
        size_t n = 0;
        while (env[n])
            n++;
        env = realloc(env, (n + 3) * sizeof(*env));
        if (!env)
            abort();
        env[n] = in->listen_fds;
        env[n + 1] = "LISTEN_PID=1";
        env[n + 2] = NULL;
    }
    umask(p->umask_given ? (mode_t)p->umask : 0022);

    bool admin = (filter_late || in->seccomp.notify) && !p->no_new_privileges;
    rc = process_identity(p, admin, false, &id, err);
    if (rc)
        return rc;
    if (retry_cwd && (rc = enter_cwd(p->cwd, false, err))) {
        *err = first;
        return rc;
    }
    rc = process_program(p, &program, err);
    if (rc)
        return rc;
    l.program = program;
    l.argv = p->args;
    l.envp = env;
    if (filter_late) {
        l.filter = in->seccomp.insn;
        l.filter_len = in->seccomp.count;
        l.filter_flags = in->seccomp.flags;
    }
    l.set_caps = admin && filter_late;
    l.cap_effective = id.effective;
    l.cap_permitted = id.permitted;
    l.cap_inheritable = id.inheritable;
    if ((p->apparmor && *p->apparmor) || (p->selinux && *p->selinux)) {
        bool aa = p->apparmor && *p->apparmor;
        l.proc_fd = in->rootfs.proc;
        l.label_path = aa ? "self/attr/apparmor/exec" : "self/attr/exec";
        if (aa && faccessat(l.proc_fd, "self/attr/apparmor/exec", F_OK, 0) < 0)
            l.label_path = "self/attr/exec";
        l.label = aa ? xasprintf("exec %s", p->apparmor) : p->selinux;
        if (l.proc_fd < 0)
            return fail(err, EINVAL, "a security label needs a procfs at /proc");
    }
    bool hooks = in->spec->hooks[HOOK_START_CONTAINER].count;
    int conn = -1;
    if (hooks) {
        if (in->seccomp.notify && (rc = load_notifying_filter(in, err)))
            return rc;
        tell(in->sync, SYNC_READY, 0, NULL);
        if ((rc = take_go(in, err)) || (rc = wait_start(in, &conn, err)))
            return rc;
        if (conn >= 0) {
            l.wait_fd = -1;
            l.report_fd = conn;
            in->sync = conn; /* failures from here on are for `start` */
        }
        auto_free char *state = inside_state(in);
        const struct hook_inside inside = {env, filter_late ? &in->seccomp : NULL};
        rc = hooks_run(in->spec, HOOK_START_CONTAINER, state, &inside, err);
        if (rc)
            return rc;
    } else if (in->wait_fd >= 0) {
        l.report_fd = -1; /* the connection of `start` will be */
    }
    auto_fd int image = launch_build(&l, err);
    if (image < 0)
        return image;
    rc = close_on_exec_from(3u + (unsigned)in->preserve);
    if (rc)
        return fail_errno(err, -rc, "close descriptors");
    rc = process_rlimits(p, 0, err);
    if (rc)
        return rc;
    if (!hooks) {
        if (in->seccomp.notify && (rc = load_notifying_filter(in, err)))
            return rc;
        tell(in->sync, SYNC_READY, 0, NULL);
        if ((rc = take_go(in, err)))
            return rc;
    }
    rc = launch_enter(image, &l);
    return fail_errno(err, -rc, "run the launch image");
}

static int make_container(struct init *in, struct error *err)
{
    const struct spec *s = in->spec;
    bool mntns = spec_has_ns(s, NS_MNT);
    int rc = enter_namespaces(in, err);

    if (rc)
        return rc;
    /* nobody in the container may look into us: S20. Not before the maps are written, as it makes
     * our files in /proc the host's root's. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    umask(0);
    if ((rc = set_names(s, err)))
        return rc;
    if (mntns && (rc = rootfs_prepare(&in->rootfs, err)))
        return rc;
    if (!mntns) {
        in->rootfs.root = open(in->rootfs.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (in->rootfs.root < 0)
            return fail_errno(err, errno, "%s", in->rootfs.path);
    }
    if (s->hooks[HOOK_PRESTART].count || s->hooks[HOOK_CREATE_RUNTIME].count) {
        if ((rc = take_go(in, err)))
            return rc;
        tell(in->sync, SYNC_HOOKS, 0, NULL);
        if ((rc = wait_go(in, err)))
            return rc;
    }
    if (s->hooks[HOOK_CREATE_CONTAINER].count) {
        auto_free char *state = inside_state(in);
        rc = hooks_run(s, HOOK_CREATE_CONTAINER, state, NULL, err);
    }
    if (!rc && s->process->terminal)
        rc = set_terminal(in, err);
    if (!rc && mntns)
        rc = rootfs_protect(&in->rootfs, err);
    if (rc)
        return rc;
    if (!s->process->terminal)
        setsid();
    if (mntns) {
        rc = rootfs_enter(&in->rootfs, err);
        if (!rc)
            rc = rootfs_finish(&in->rootfs, err);
    } else if (fchdir(in->rootfs.root) < 0 || chroot(".") < 0) {
        rc = fail_errno(err, errno, "chroot");
    }
    return rc ? rc : become_program(in, err);
}

noreturn_fn void init_run(struct init *in)
{
    struct error err = {0};

    log_debug("child process in init()");
    make_container(in, &err);
    tell(in->sync, SYNC_ERROR, err.code, err.text);
    _exit(1);
}
