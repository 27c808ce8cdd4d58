/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A further process in a running container.
 *
 * The process that joins sets itself up outside of the container's pid namespace, where nobody
 * inside can see it; the launch stage then forks into the namespace as a program of a few hundred
 * bytes that has its final identity already (S1, S20).
 */
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/file.h"
#include "zone/handover.h"
#include "zone/init.h"
#include "zone/notify.h"
#include "zone/process.h"
#include "base/root.h"
#include "zone/spec_tab.h"
#include "base/sys.h"
#include "zone/tty.h"

struct joining {
    const struct exec_opts *o;
    struct container c;
    struct spec spec;          /* the container's */
    struct spec_process proc;  /* of the new process */
    json_t *proc_doc;
    struct seccomp_program seccomp;
    int pidfd;
    int sync, parent_sync;
    int console, master_sock;
    int preserve;
    int fifo; /* --exec-wait-fifo, O_PATH; or -1 */
};

/* ------------------------------------------------------------------------- what is to be executed */

/* "1000", "1000:1000": nothing but decimal ids: S12. */
static int parse_user(const char *text, struct spec_process *p, struct error *err)
{
    auto_free char *copy = xstrdup(text);
    char *colon = strchr(copy, ':');
    uint64_t uid, gid = p->gid;

    if (colon)
        *colon++ = 0;
    if (!parse_u64(copy, UINT32_MAX - 1, &uid) ||
        (colon && !parse_u64(colon, UINT32_MAX - 1, &gid)))
        return fail(err, EINVAL, "user \"%s\" is not UID or UID:GID", text);
    p->uid = (uint32_t)uid;
    p->gid = (uint32_t)gid;
    return 0;
}

static int merge_env(const struct exec_opts *o, struct spec_process *p)
{
    const char **env = xcalloc(p->env_count + o->env_count + 2, sizeof(*env));
    size_t n = 0;

    for (size_t i = 0; i < p->env_count; i++) {
        size_t name = strcspn(p->env[i], "=");
        bool replaced = false;
        for (size_t k = 0; k < o->env_count; k++)
            replaced |= !strncmp(o->env[k], p->env[i], name) && o->env[k][name] == '=';
        if (!replaced)
            env[n++] = p->env[i];
    }
    for (size_t k = 0; k < o->env_count; k++)
        env[n++] = o->env[k];
    free(p->env);
    p->env = env;
    p->env_count = n;
    return 0;
}

static int apply_options(const struct exec_opts *o, struct spec_process *p, struct error *err)
{
    int rc = 0;

    free(p->args);
    p->args = o->args;
    p->terminal = o->tty;
    p->rows = p->cols = 0;
    p->no_new_privileges |= o->no_new_privs;
    if (o->cwd)
        p->cwd = o->cwd;
    if (*p->cwd != '/')
        return fail(err, EINVAL, "cwd must be an absolute path");
    if (o->apparmor)
        p->apparmor = o->apparmor;
    if (o->selinux)
        p->selinux = o->selinux;
    if (o->user)
        rc = parse_user(o->user, p, err);
    merge_env(o, p);
    for (size_t i = 0; !rc && i < o->cap_count; i++) {
        unsigned cap;
        if (!cap_find(o->caps[i], &cap))
            return fail(err, EINVAL, "unknown capability %s", o->caps[i]);
        uint64_t bit = UINT64_C(1) << cap;
        /* never inheritable, unless the configuration asks: S11 */
        p->caps.given = true;
        p->caps.bounding |= bit;
        p->caps.effective |= bit;
        p->caps.permitted |= bit;
        if (p->caps.inheritable & bit)
            p->caps.ambient |= bit;
    }
    if (!rc && o->group_count) {
        uint32_t *groups = xcalloc(p->group_count + o->group_count, sizeof(*groups));
        size_t n = 0;
        for (; n < p->group_count; n++)
            groups[n] = p->groups[n];
        for (size_t i = 0; i < o->group_count; i++) {
            uint64_t v;
            if (!parse_u64(o->groups[i], UINT32_MAX - 1, &v)) {
                free(groups);
                return fail(err, EINVAL, "group \"%s\" is no number", o->groups[i]);
            }
            groups[n++] = (uint32_t)v;
        }
        p->groups = groups;
        p->group_count = n;
    }
    return rc;
}

/* What a process file leaves out is as for the container's own process. */
static void inherit(struct spec_process *p, const struct spec_process *own)
{
    if (!p->caps.given)
        p->caps = own->caps;
    if (!p->sched.given)
        p->sched = own->sched;
    if (!p->io_given) {
        p->io_given = own->io_given;
        p->io_class = own->io_class;
        p->io_priority = own->io_priority;
    }
    if (!p->affinity_initial && !p->affinity_final) {
        p->affinity_initial = own->affinity_initial;
        p->affinity_final = own->affinity_final;
    }
    if (!p->apparmor || !*p->apparmor)
        p->apparmor = own->apparmor;
    if (!p->selinux || !*p->selinux)
        p->selinux = own->selinux;
}

static int read_process(struct joining *j, struct error *err)
{
    auto_free char *text = NULL;
    size_t len;
    int rc;

    if (!j->o->process_file && !j->o->process) {
        j->proc = *j->spec.process;
        j->spec.process->args = NULL; /* taken over */
        j->spec.process->env = NULL;
        if (!j->o->args || !j->o->args[0])
            return fail(err, EINVAL, "exec needs a program");
        return apply_options(j->o, &j->proc, err);
    }
    j->proc_doc = json_incref(j->o->process);
    rc = j->proc_doc ? 0 : file_read(AT_FDCWD, j->o->process_file, &text, &len, err);
    if (!rc && !j->proc_doc)
        rc = json_parse(text, len, j->o->process_file, &j->proc_doc, err);
    if (!rc)
        rc = spec_parse_process(j->proc_doc, &j->proc, err);
    if (!rc && j->o->tty)
        j->proc.terminal = true;
    if (!rc)
        inherit(&j->proc, j->spec.process);
    return rc;
}

/* ------------------------------------------------------------------------------- the new process */

static noreturn_fn void give_up(struct joining *j, const struct error *err)
{
    struct sync_msg m = {.kind = SYNC_ERROR, .value = err->code};

    memcpy(m.text, err->text, sizeof(m.text));
    m.text[sizeof(m.text) - 1] = 0;
    (void)!send(j->sync, &m, sizeof(m), MSG_NOSIGNAL);
    _exit(1);
}

static int join_all(struct joining *j, struct error *err)
{
    /* all namespaces that the container has of its own; one call where the kernel can (5.8) */
    uint64_t flags = 0;

    for (int k = 0; k < NS_KINDS; k++)
        if (spec_has_ns(&j->spec, (enum ns_kind)k))
            flags |= ns_info[k].flag;
    if (!flags || setns(j->pidfd, (int)flags) == 0)
        return 0;
    if (errno != EINVAL)
        return fail_errno(err, errno, "join the container's namespaces");
    for (int k = 0; k < NS_KINDS; k++) {
        char path[64];
        if (!(flags & ns_info[k].flag))
            continue;
        snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)j->c.pid, ns_info[k].proc_name);
        auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, (int)ns_info[k].flag) < 0)
            return fail_errno(err, errno, "join the %s namespace", ns_info[k].spec_name);
    }
    return 0;
}

/* A terminal from the container's /dev/pts, which the container may have replaced: S4. */
static int exec_terminal(struct joining *j, struct error *err)
{
    auto_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_fd int pts =
        root < 0 ? -1 : root_open_strict(root, "/dev/pts", O_PATH | O_DIRECTORY, false);
    auto_close int master = -1, slave = -1;

    if (pts < 0)
        return fail(err, ENODEV, "the container has no /dev/pts");
    int rc = tty_open(pts, j->proc.rows, j->proc.cols, &master, &slave, err);
    if (rc)
        return rc;
    if (j->proc.uid && fchown(slave, j->proc.uid, (gid_t)-1) < 0 && errno != EINVAL &&
        errno != EPERM)
        return fail_errno(err, errno, "owner of the terminal");
    rc = fd_send(j->console, master, "/dev/ptmx", err);
    return rc ? rc : tty_to_stdio(slave, err);
}

/* A filter that notifies has a listener of its own, which the runtime passes on (init.c has the same
 * for the container's first process). The launch stage runs under it already. */
static int load_notifying_filter(struct joining *j, struct error *err)
{
    struct sock_fprog prog = {.len = (unsigned short)j->seccomp.count, .filter = j->seccomp.insn};
    struct sync_msg m = {.kind = SYNC_SECCOMP};
    char go;

    m.value = fcntl(j->sync, F_DUPFD_CLOEXEC, 3); /* the number that the listener will get */
    close(m.value);
    if (send(j->sync, &m, sizeof(m), MSG_NOSIGNAL) < 0)
        return fail_errno(err, errno, "the runtime is gone");
    if (sys_seccomp(SECCOMP_SET_MODE_FILTER, j->seccomp.flags | SECCOMP_FILTER_FLAG_NEW_LISTENER,
                    &prog) < 0)
        return fail_errno(err, errno, "load the seccomp filter");
    return recv(j->sync, &go, 1, 0) == 1 ? 0 : fail(err, EPIPE, "the runtime is gone");
}

static int set_up(struct joining *j, struct error *err)
{
    struct spec_process *p = &j->proc;
    bool userns = spec_has_ns(&j->spec, NS_USER);
    bool chrooted = !spec_has_ns(&j->spec, NS_MNT);
    struct identity id;
    auto_free char *program = NULL;
    auto_fd int root_fd = -1;
    int rc;

    log_debug("nsexec container setup");
    log_debug("child process in init()");
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (chrooted) { /* without a mount namespace the root is the process's own */
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/root", (int)j->c.pid);
        root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
            return fail_errno(err, errno, "the container's root");
    }
    if ((rc = join_all(j, err)))
        return rc;
    if (chrooted && (fchdir(root_fd) < 0 || chroot(".") < 0))
        return fail_errno(err, errno, "enter the container's root");
    if (userns)
        userns_become_owner(&j->spec.uid_maps, &j->spec.gid_maps);
    if (p->terminal && (rc = exec_terminal(j, err)))
        return rc;
    if ((rc = process_sched(&j->spec, p, err)))
        return rc;
    {
        auto_free char *ring = xasprintf("_ses.%s", j->c.id);
        syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, ring);
    }
    struct error first;
    bool retry = process_cwd(p->cwd, &first) != 0;
    if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail_errno(err, errno, "noNewPrivileges");
    if (!p->affinity_initial && !p->affinity_final)
        process_affinity_reset();
    if ((rc = process_affinity(p->affinity_final, err)))
        return rc;
    struct launch l = {
        .wait_fd = -1, .report_fd = j->sync, .proc_fd = -1, .fifo_fd = -1, .fork = true,
        .session = true, .tty = p->terminal,
        .filter = j->seccomp.notify ? NULL : j->seccomp.insn,
        .filter_len = j->seccomp.notify ? 0 : j->seccomp.count,
        .filter_flags = j->seccomp.flags,
        .argv = p->args, .envp = process_env(p),
    };
    umask(p->umask_given ? (mode_t)p->umask : 0022);
    bool admin = j->seccomp.count && !p->no_new_privileges;
    if ((rc = process_identity(p, admin, false, &id, err)))
        return rc;
    if (retry && (rc = process_cwd(p->cwd, err)))
        return rc;
    if ((rc = process_program(p, &program, err)))
        return rc;
    l.program = program;
    l.set_caps = admin && !j->seccomp.notify;
    l.cap_effective = id.effective;
    l.cap_permitted = id.permitted;
    l.cap_inheritable = id.inheritable;
    auto_fd int proc = -1;
    auto_free char *fifo_path = NULL;
    if (j->fifo >= 0) { /* opened by its number in the container's /proc */
        proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct statfs fs;
        if (proc < 0 || fstatfs(proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
            return fail(err, ENOENT, "--exec-wait-fifo needs a procfs at the container's /proc");
        l.proc_fd = proc;
        l.fifo_fd = j->fifo;
        l.fifo_path = fifo_path = xasprintf("self/fd/%d", j->fifo);
    }
    if ((p->apparmor && *p->apparmor) || (p->selinux && *p->selinux)) {
        bool aa = p->apparmor && *p->apparmor;
        if (proc < 0)
            proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        l.proc_fd = proc;
        l.label_path = aa ? "self/attr/apparmor/exec" : "self/attr/exec";
        l.label = aa ? xasprintf("exec %s", p->apparmor) : p->selinux;
    }
    auto_fd int image = launch_build(&l, err);
    if (image < 0)
        return image;
    if ((rc = close_on_exec_from(3u + (unsigned)j->preserve)))
        return fail_errno(err, -rc, "close descriptors");
    if ((rc = process_rlimits(p, 0, err)))
        return rc;
    if (j->seccomp.notify && (rc = load_notifying_filter(j, err)))
        return rc;
    log_debug("setns_init: about to exec");
    rc = launch_enter(image, &l);
    return fail_errno(err, -rc, "run the launch image");
}

/* ------------------------------------------------------------------------------------ the runtime */

static int check_status(struct joining *j, struct error *err)
{
    switch (container_status(&j->c)) {
    case ST_PAUSED:
        if (j->o->ignore_paused)
            return 0;
        return fail(err, EINVAL, "cannot exec in a paused container");
    case ST_RUNNING:
    case ST_CREATED:
        return 0;
    default:
        return fail(err, EINVAL, "cannot exec in a stopped container");
    }
}

static int open_console(struct joining *j, struct error *err)
{
    int pair[2];

    j->console = j->master_sock = -1;
    if (!j->proc.terminal)
        return j->o->console_socket && *j->o->console_socket
                   ? fail(err, EINVAL, "--console-socket without a terminal")
                   : 0;
    if (j->o->console_fd > 0) {
        j->console = j->o->console_fd;
        return 0;
    }
    if (j->o->console_socket && *j->o->console_socket) {
        j->console = unix_connect(AT_FDCWD, j->o->console_socket, SOCK_STREAM, err);
        return j->console < 0 ? j->console : 0;
    }
    if (j->o->detach)
        return fail(err, EINVAL, "a terminal needs --console-socket when detached");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "socketpair");
    j->console = pair[1];
    j->master_sock = pair[0];
    return 0;
}

/* Its pid, once it executes; or why not. The helper of the launch stage is reaped here. */
static pid_t await_program(struct joining *j, pid_t helper, struct error *err)
{
    pid_t pid = 0;
    int rc = 0;

    for (;;) {
        struct sync_msg m = {0};
        ssize_t n = recv(j->parent_sync, &m, sizeof(m) - 1, 0);
        /* reset: it ended with an unread byte of ours; what it said before is still to be read */
        if (n < 0 && (errno == EINTR || errno == ECONNRESET))
            continue;
        if (n <= 0)
            break;
        if (n < (ssize_t)sizeof(struct launch_report))
            rc = fail(err, EPROTO, "the new process: message of %zd bytes", n);
        else if (m.kind == LAUNCH_PID && !pid && m.value > 0) {
            pid = m.value;
            if (j->fifo >= 0) /* what comes next waits for another */
                break;
        }
        else if (m.kind == SYNC_SECCOMP) {
            rc = notify_forward(helper, m.value, &j->seccomp, &j->c, ST_RUNNING, err);
            if (rc || send(j->parent_sync, "g", 1, MSG_NOSIGNAL) != 1)
                shutdown(j->parent_sync, SHUT_RDWR); /* it ends then */
        } else if (m.kind == SYNC_ERROR)
            rc = fail(err, m.value > 0 ? m.value : EIO, "%s", m.text);
        else if (m.kind == LAUNCH_EXEC_FAIL)
            rc = fail_errno(err, m.value, "exec %s", j->proc.args[0]);
        else
            rc = fail_errno(err, m.value > 0 ? m.value : EIO, "launch stage %u", m.kind);
    }
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
        ;
    if (rc) {
        if (pid > 0)
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return rc;
    }
    return pid > 0 ? pid : fail(err, ECHILD, "the new process died while it was made");
}

/* The container's groups; on v2 its first process may have moved on within them (systemd does), and
 * a group whose children have controllers takes nobody: then where that one is. */
static int join_groups(struct joining *j, bool in_v2, struct error *err)
{
    int rc = cgroup_join(&j->c.cg, 0, in_v2, err);

    if ((rc != -EBUSY && rc != -ENOENT) || j->o->cgroup_count || cgroup_v2_fd(&j->c.cg) == -1)
        return rc;
    return cgroup_join_beside(&j->c.cg, j->c.pid, err);
}

static int spawn_joiner(struct joining *j, struct error *err)
{
    int pair[2], v2 = -1;
    struct clone_args ca = {.exit_signal = SIGCHLD};

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "socketpair");
    j->parent_sync = pair[0];
    j->sync = pair[1];
    auto_fd int fd = -1;
    if (!j->o->cgroup_count && (v2 = cgroup_v2_fd(&j->c.cg)) >= 0) {
        fd = openat(v2, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ca.flags = CLONE_INTO_CGROUP;
        ca.cgroup = (uint64_t)fd;
    }
    pid_t helper = sys_clone3(&ca);
    bool in_v2 = helper >= 0 && ca.flags;
    if (helper < 0 && ca.flags) {
        ca.flags = ca.cgroup = 0;
        helper = sys_clone3(&ca);
    }
    if (helper < 0)
        return fail_errno(err, errno, "clone");
    if (helper == 0) {
        struct error e = {0};
        if (!process_affinity(j->proc.affinity_initial, &e) && !process_oom(&j->proc, 0, &e) &&
            !join_groups(j, in_v2, &e))
            set_up(j, &e);
        give_up(j, &e);
    }
    close(j->sync);
    return helper;
}

static int open_fifo(struct joining *j, struct error *err)
{
    struct stat st;

    j->fifo = open(j->o->wait_fifo, O_PATH | O_CLOEXEC);
    if (j->fifo < 0 || fstat(j->fifo, &st) < 0)
        return fail_errno(err, errno, "failed to open exec wait fifo %s", j->o->wait_fifo);
    return S_ISFIFO(st.st_mode) ? 0
                                : fail(err, EINVAL, "exec wait fifo %s is not a fifo",
                                       j->o->wait_fifo);
}

static int exec_in(struct joining *j, int *status, struct error *err)
{
    const struct seccomp_options opt = {.family = host_family};
    int rc = check_status(j, err);

    if (rc || (rc = state_spec(&j->c, &j->spec, err)) || (rc = read_process(j, err)) ||
        (rc = open_console(j, err)))
        return rc;
    for (size_t i = 0; i < j->o->cgroup_count; i++)
        if ((rc = cgroup_descend(&j->c.cg, j->o->cgroups[i], err)))
            return rc;
    if (j->o->wait_fifo && (rc = open_fifo(j, err)))
        return rc;
    if (j->spec.seccomp && (rc = seccomp_compile(j->spec.seccomp, &opt, &j->seccomp, err)))
        return rc;
    j->pidfd = container_pidfd(&j->c);
    if (j->pidfd < 0)
        return fail_errno(err, -j->pidfd, "the container's process");
    pid_t helper = spawn_joiner(j, err);
    if (helper < 0)
        return helper;
    pid_t pid = await_program(j, helper, err);
    if (pid < 0)
        return pid;
    rc = handover_report(AT_FDCWD, pid, j->o->pid_file, j->o->pidfd_socket, err);
    if (rc)
        return rc;
    *status = 0;
    if (j->o->detach)
        return 0;
    if (j->master_sock >= 0) {
        close(j->console);
        auto_fd int master = fd_receive(j->master_sock);
        auto_fd int pidfd = pidfd_open(pid, 0);
        if (master >= 0)
            tty_relay(master, pidfd);
    }
    int st;
    while (waitpid(pid, &st, 0) < 0)
        if (errno != EINTR)
            return fail_errno(err, errno, "wait for the process");
    *status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
    return 0;
}

int container_exec(const struct runtime_opts *rt, const struct exec_opts *o, int *status,
                   struct error *err)
{
    struct joining j = {.o = o, .pidfd = -1, .preserve = o->preserve_fds, .fifo = -1};
    int rc = handover_check(o->preserve_fds, err); /* before we open any of our own */

    if (!rc)
        rc = container_open(rt, o->id, &j.c, err);
    return rc ? rc : exec_in(&j, status, err);
}
