/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What happens to a container after it was made: start, kill, pause, update, delete.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "zone/container.h"
#include "base/file.h"
#include "zone/hook.h"
#include "zone/launch.h"
#include "zone/rdt.h"
#include "zone/init.h"
#include "base/sys.h"

int container_open(const struct runtime_opts *rt, const char *id, struct container *c,
                   struct error *err)
{
    *c = (struct container){.dir = -1};
    auto_fd int root = runtime_root(rt, false, err);

    if (root == -ENOENT)
        return fail(err, ENOENT, "container does not exist: %s", id);
    return root < 0 ? root : state_load(root, id, c, err);
}

/* ---------------------------------------------------------------------------------------- start */

/* Connect to the start socket; -errno. */
static int connect_start(const struct container *c)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    auto_fd int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (s < 0)
        return -errno;
    snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/start", c->dir);
    if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0)
        return -errno;
    return take_fd(&s);
}

static const char *launch_what(uint32_t kind)
{
    switch (kind) {
    case LAUNCH_EXEC_FAIL:
        return "exec";
    case LAUNCH_SECCOMP_FAIL:
        return "load the seccomp filter";
    case LAUNCH_CAPS_FAIL:
        return "set the capabilities";
    case LAUNCH_LABEL_FAIL:
        return "set the security label";
    case LAUNCH_TTY_FAIL:
        return "controlling terminal";
    default:
        return "launch";
    }
}

/* The end of the stream says that the program runs; anything else says why not. */
static int await_start(int s, struct error *err)
{
    for (;;) {
        struct sync_msg m = {0};
        ssize_t n = recv(s, &m, sizeof(m) - 1, 0);
        /* reset: it ended with an unread byte of ours; what it said before is still to be read */
        if (n < 0 && (errno == EINTR || errno == ECONNRESET))
            continue;
        if (n <= 0)
            return 0;
        if (n < (ssize_t)sizeof(struct launch_report))
            return fail(err, EPROTO, "the container's process: message of %zd bytes", n);
        if (m.kind == SYNC_ERROR)
            return fail(err, m.value > 0 ? m.value : EIO, "%s", m.text);
        return fail_errno(err, m.value > 0 ? m.value : EIO, "%s", launch_what(m.kind));
    }
}

int container_start(const struct runtime_opts *rt, const char *id, struct error *err)
{
    struct container c;
    int rc = container_open(rt, id, &c, err);

    if (rc) {
        container_fini(&c);
        return rc;
    }
    enum container_status st = container_status(&c);
    if (st != ST_CREATED) {
        container_fini(&c);
        return fail(err, EINVAL, "cannot start a container in the state \"%s\"", status_names[st]);
    }
    auto_fd int s = connect_start(&c);
    if (s < 0 || send(s, "s", 1, MSG_NOSIGNAL) != 1)
        rc = fail_errno(err, s < 0 ? -s : errno, "start %s", id);
    /* running from here on: a program that fails to execute leaves a stopped container */
    if (!rc) {
        unlinkat(c.dir, "start", 0);
        rc = await_start(s, err);
    }
    struct spec spec;
    if (!rc) {
        auto_free char *text = NULL;
        /* the configuration is read again only where it can have something to say */
        if (file_read(c.dir, "config.json", &text, NULL, NULL) == 0 && strstr(text, "poststart") &&
            !(rc = state_spec(&c, &spec, err))) {
            auto_free char *state = state_text(&c, ST_RUNNING, false);
            rc = hooks_output(&spec, err);
            if (!rc)
                rc = hooks_run(&spec, HOOK_POSTSTART, state, NULL, err);
            spec_fini(&spec);
            if (rc && container_delete(rt, id, true, NULL))
                log_warn("%s is left behind", id);
        }
    }
    container_fini(&c);
    return rc;
}

/* ----------------------------------------------------------------------------------------- kill */

int container_kill(const struct runtime_opts *rt, const char *id, int sig, bool all,
                   struct error *err)
{
    struct container c;
    int rc = container_open(rt, id, &c, err);

    if (rc) {
        container_fini(&c);
        return rc;
    }
    /* without a pid namespace of its own the first process takes nobody with it, and the others
     * are there when it is gone */
    if (all || (sig == SIGKILL && !c.own_pids)) {
        rc = cgroup_signal(&c.cg, sig, err);
        if (!rc && sig == SIGKILL && cgroup_is_frozen(&c.cg))
            rc = cgroup_freeze(&c.cg, false, err);
    } else {
        auto_fd int pidfd = container_pidfd(&c);
        if (pidfd < 0)
            rc = fail(err, ESRCH, "container not running");
        else if (pidfd_send_signal(pidfd, sig, NULL, 0) < 0)
            rc = fail_errno(err, errno, "signal %d to %s", sig, id);
        /* a frozen process dies only when it thaws */
        if (!rc && sig == SIGKILL && cgroup_is_frozen(&c.cg))
            rc = cgroup_freeze(&c.cg, false, err);
    }
    container_fini(&c);
    return rc;
}

int container_pause(const struct runtime_opts *rt, const char *id, bool freeze, struct error *err)
{
    struct container c;
    int rc = container_open(rt, id, &c, err);

    if (!rc) {
        enum container_status st = container_status(&c);
        if (freeze ? st != ST_RUNNING && st != ST_CREATED : st != ST_PAUSED)
            rc = fail(err, EINVAL, "cannot %s a container in the state \"%s\"",
                      freeze ? "pause" : "resume", status_names[st]);
        else
            rc = cgroup_freeze(&c.cg, freeze, err);
    }
    container_fini(&c);
    return rc;
}

int container_update(const struct runtime_opts *rt, const char *id, json_t *resources,
                     struct error *err)
{
    struct container c;
    int rc = container_open(rt, id, &c, err);

    if (!rc && container_status(&c) == ST_STOPPED)
        rc = fail(err, EINVAL, "container %s is stopped", id);
    if (!rc) {
        spec_resources_fold(resources);
        rc = cgroup_extend(&c.cg, resources, err);
        if (rc > 0)
            rc = state_save(&c, false, err);
    }
    if (!rc)
        rc = cgroup_limit(&c.cg, resources, true, err);
    if (!rc && json_object_get(resources, "devices"))
        rc = cgroup_devices(&c.cg, json_object_get(resources, "devices"), true, err);
    container_fini(&c);
    return rc;
}

/* --------------------------------------------------------------------------------------- delete */

/* Kill the container's process and wait until it is dead (it may be another's child to reap). */
static void kill_and_wait(struct container *c)
{
    auto_fd int pidfd = container_pidfd(c);

    if (pidfd < 0)
        return;
    pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    if (cgroup_is_frozen(&c->cg) && cgroup_freeze(&c->cg, false, NULL))
        log_warn("%s is frozen and does not thaw", c->id);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    poll(&p, 1, 10000);
}

/* A directory without a state: its maker died before it could make anything else; or it is still
 * at it, which the lock on nothing can tell, so force means force. */
static int delete_remains(int root, const char *id, struct error *err)
{
    return state_remove(root, id, err);
}

int container_delete(const struct runtime_opts *rt, const char *id, bool force, struct error *err)
{
    struct container c;
    struct error local;
    auto_fd int root = runtime_root(rt, false, err);
    int rc = root < 0 ? root : state_load(root, id, &c, err ? err : &local);

    if (root == -ENOENT)
        return force ? 0 : fail(err, ENOENT, "container does not exist: %s", id);
    if (root < 0)
        return root;
    if (rc == -ENOENT && force) {
        container_fini(&c);
        return 0;
    }
    if (rc) {
        bool known = c.dir >= 0;
        container_fini(&c);
        return force && known ? delete_remains(root, id, err) : rc;
    }
    enum container_status st = container_status(&c);
    if (st != ST_STOPPED && !force && st != ST_CREATED) {
        container_fini(&c);
        return fail(err, EINVAL, "cannot delete container %s that is not stopped: %s; try: --force",
                    id, status_names[st]);
    }
    kill_and_wait(&c);
    struct spec spec;
    bool have_spec = state_spec(&c, &spec, NULL) == 0;
    rc = cgroup_destroy(&c.cg, err);
    if (!rc && have_spec && spec.rdt)
        rdt_remove(&spec, id);
    if (!rc && have_spec && spec.hooks[HOOK_POSTSTOP].count) {
        auto_free char *text = state_text(&c, ST_STOPPED, false);
        rc = hooks_output(&spec, err);
        if (!rc)
            rc = hooks_run(&spec, HOOK_POSTSTOP, text, NULL, err ? err : &local);
    }
    if (!rc)
        rc = state_remove(root, id, err);
    if (have_spec)
        spec_fini(&spec);
    container_fini(&c);
    return rc;
}
