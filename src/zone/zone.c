/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/sys.h"
#include "image/store.h"
#include "zone/tty.h"
#include "zone/zone_net.h"
#include "zone/zone_part.h"
#include "zone/zone_root.h"

const char *const zone_stage_names[] = {"configured", "installed", "ready", "running", "down"};

/* ---------------------------------------------------------------------------------------- open */

struct runtime_opts zone_runtime(const struct zone *z)
{
    static char *argv[] = {(char *)(uintptr_t)"quad", NULL};

    return (struct runtime_opts){.root = z->run_dir, .rootless = 0, .argv = argv};
}

/* It may run already: its host process died, not it. */
static void take_over(struct zone *z)
{
    const struct runtime_opts rt = zone_runtime(z);
    struct container c;
    struct error err;

    if (container_open(&rt, z->config.name, &c, &err) == 0) {
        enum container_status st = container_status(&c);
        if (st == ST_RUNNING || st == ST_PAUSED) {
            z->pidfd = container_pidfd(&c);
            z->pid = c.pid;
            z->stage = ZONE_RUNNING;
            z->guest.state = st == ST_PAUSED ? GUEST_PAUSED : GUEST_RUNNING;
        }
    }
    container_fini(&c);
}

int zone_open(struct zone **out, const char *name, const char *run_dir, struct error *err)
{
    json_t *doc = zone_load(name, err);

    if (!doc)
        return -err->code;
    struct zone *z = xcalloc(1, sizeof(*z));
    z->pidfd = z->master = -1;
    z->run_dir = xstrdup(run_dir);
    z->folder = store_path(STORE_GUESTS, name);
    z->stage = ZONE_INSTALLED;
    z->userns = true;
    int rc = zone_config_read(&z->config, doc, err);
    json_decref(doc);
    if (!rc)
        rc = image_root_open(&z->image, z->config.image, err);
    if (!rc && z->config.net == ZONE_NET_BRIDGE)
        rc = zone_net_address(z->folder, &z->address, err);
    if (rc) {
        zone_close(z);
        return rc;
    }
    z->guest = (struct guest){
        .ops = &zone_guest_ops, .name = z->config.name, .way = "zone", .state = GUEST_CREATED};
    take_over(z);
    *out = z;
    return 0;
}

void zone_close(struct zone *z)
{
    if (!z)
        return;
    if (z->pidfd >= 0)
        close(z->pidfd);
    if (z->master >= 0)
        close(z->master);
    image_root_fini(&z->image);
    zone_config_fini(&z->config);
    free(z->folder);
    free(z->run_dir);
    free(z->notify);
    free(z);
}

struct zone_place zone_place_of(const struct zone *z, const char *root)
{
    struct stat st;

    return (struct zone_place){.folder = z->folder, .root = root, .image = z->image.about,
                               .userns = z->userns, .notify = z->notify,
                               .disk = stat(z->folder, &st) ? 0 : st.st_dev};
}

char *zone_live_root(const struct zone *z)
{
    return xasprintf("/proc/%d/root", (int)z->pid);
}

/* ---------------------------------------------------------------------------------------- boot */

static int write_spec(const struct zone *z, const char *root, struct error *err)
{
    const struct zone_place p = zone_place_of(z, root);
    json_t *spec = zone_spec(&z->config, &p, err);

    if (!spec)
        return -err->code;
    auto_free char *text = json_dumps(spec, JSON_COMPACT);
    json_decref(spec);
    return text ? store_write(z->folder, "config.json", text, strlen(text), 0600, err)
                : fail(err, ENOMEM, "configuration of %s", z->config.name);
}

struct boot_plan {
    const int *fds; /* NULL: its log */
    int console;
};

/* The worker: makes the mounts in a mount namespace that ends with it (the zone's own keeps them), the
 * zone's processes' world, its network; and lets its program go. */
static int bring_up(struct zone *z, const void *arg, [[maybe_unused]] int *status,
                    struct error *err)
{
    const struct boot_plan *plan = arg;
    const struct runtime_opts rt = zone_runtime(z);
    auto_free char *root = xasprintf("%s/root", z->folder);
    const struct create_opts o = {
        .id = z->config.name, .bundle = z->folder, .console_fd = plan->console, .no_new_keyring = false};
    struct container c;
    int rc = plan->fds ? zone_use_streams(plan->fds, err) : zone_use_log(z, err);

    if (rc)
        return rc;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail_errno(err, errno, "mount namespace");
    rc = z->config.net == ZONE_NET_NONE ? 0
                                        : zone_net_files(&z->config, z->folder, z->address, err);
    if (!rc)
        rc = zone_root_mount(z->folder, &z->image, z->userns, err);
    if (!rc)
        rc = write_spec(z, root, err);
    /* what an earlier boot left when its host process died */
    if (!rc)
        rc = container_delete(&rt, z->config.name, true, err);
    if (!rc)
        rc = container_create(&rt, &o, err);
    if (rc)
        return rc;
    rc = container_open(&rt, z->config.name, &c, err);
    if (!rc && z->address)
        rc = zone_net_attach(&z->config, z->address, c.pid, err);
    container_fini(&c);
    if (!rc)
        rc = container_start(&rt, z->config.name, err);
    if (rc) {
        struct error late;
        if (container_delete(&rt, z->config.name, true, &late))
            log_warn("%s", late.text);
    }
    return rc;
}

static int note_pid(struct zone *z, struct error *err)
{
    const struct runtime_opts rt = zone_runtime(z);
    struct container c;
    int rc = container_open(&rt, z->config.name, &c, err);

    if (!rc) {
        z->pid = c.pid;
        /* it may have ended already: then its remains are ours to reap, and a pidfd still opens */
        z->pidfd = pidfd_open(c.pid, 0);
        if (z->pidfd < 0)
            rc = fail_errno(err, errno, "%s: its first process", z->config.name);
    }
    container_fini(&c);
    return rc;
}

int zone_boot(struct zone *z, const int fds[3], struct error *err)
{
    int pair[2] = {-1, -1}, status = 0;
    struct zone_job job;

    if (z->pidfd >= 0)
        return fail(err, EBUSY, "%s runs already", z->config.name);
    if (z->config.tty && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "socketpair");
    z->stage = ZONE_READY;
    const struct boot_plan plan = {.fds = z->config.tty ? NULL : fds, .console = pair[1]};
    int rc = zone_job_start(z, bring_up, &plan, &job, err);
    if (pair[1] >= 0)
        close(pair[1]);
    if (!rc)
        rc = zone_job_end(&job, &status, err);
    if (!rc)
        rc = note_pid(z, err);
    if (!rc && pair[0] >= 0) {
        z->master = fd_receive(pair[0]);
        if (z->master < 0)
            rc = fail_errno(err, -z->master, "%s: its console", z->config.name);
    }
    if (pair[0] >= 0)
        close(pair[0]);
    z->booted_ns = monotonic_ns();
    z->stage = rc ? ZONE_INSTALLED : ZONE_RUNNING;
    z->guest.state = rc ? GUEST_FAILED : GUEST_RUNNING;
    return rc;
}

/* ----------------------------------------------------------------------------------------- end */

bool zone_reap(struct zone *z)
{
    const struct runtime_opts rt = zone_runtime(z);
    struct pollfd p = {.fd = z->pidfd, .events = POLLIN};
    struct error err;
    siginfo_t si = {0};

    if (z->pidfd < 0 || poll(&p, 1, 0) <= 0)
        return false;
    /* a zone that was taken over is nobody's child here: its status is not known */
    z->status = 0;
    if (waitid((idtype_t)P_PIDFD, (id_t)z->pidfd, &si, WEXITED) == 0)
        z->status = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
    z->stage = ZONE_DOWN;
    if (z->address && zone_net_publish(&z->config, z->address, false, &err))
        log_warn("%s: %s", z->config.name, err.text);
    if (container_delete(&rt, z->config.name, true, &err))
        log_warn("%s: %s", z->config.name, err.text);
    close(z->pidfd);
    z->pidfd = -1;
    z->pid = 0;
    if (z->master >= 0)
        close(z->master);
    z->master = -1;
    z->stage = ZONE_INSTALLED;
    z->guest.state = GUEST_STOPPED;
    return true;
}

int zone_runs(const struct zone *z, struct error *err)
{
    return z->pidfd >= 0 ? 0 : fail(err, ESRCH, "%s does not run", z->config.name);
}

int zone_stop(struct zone *z, bool force, struct error *err)
{
    auto_free char *root = zone_live_root(z);
    const struct zone_place p = zone_place_of(z, root);
    int sig = force ? SIGKILL : zone_stop_signal(&z->config, &p);
    int rc = zone_runs(z, err);

    if (rc)
        return rc;
    if (z->guest.state == GUEST_PAUSED && zone_pause(z, false, err))
        return -err->code;
    return pidfd_send_signal(z->pidfd, sig, NULL, 0) < 0 && errno != ESRCH
               ? fail_errno(err, errno, "stop %s", z->config.name)
               : 0;
}

int zone_pause(struct zone *z, bool freeze, struct error *err)
{
    const struct runtime_opts rt = zone_runtime(z);
    int rc = zone_runs(z, err);

    if (!rc)
        rc = container_pause(&rt, z->config.name, freeze, err);
    if (!rc)
        z->guest.state = freeze ? GUEST_PAUSED : GUEST_RUNNING;
    return rc;
}

/* ---------------------------------------------------------------------------------------- limits */

static const char *value_text(const json_t *v, char buf[32])
{
    if (json_is_string(v))
        return json_string_value(v);
    snprintf(buf, 32, "%lld", (long long)json_integer_value(v));
    return buf;
}

int zone_set(struct zone *z, const json_t *changes, struct error *err)
{
    const struct runtime_opts rt = zone_runtime(z);
    struct zone_limits l = z->config.limits, old = l;
    const struct zone_place p = zone_place_of(z, NULL);
    const char *key;
    json_t *value;
    char buf[32];
    int rc = 0;

    json_object_foreach((json_t *)(uintptr_t)changes, key, value)
        if ((rc = zone_limit_set(&l, key, value_text(value, buf), err)))
            return rc;
    if (!l.memory && old.memory)
        l.swap = 0; /* without the one the other means nothing */
    if (l.swap && !l.memory)
        return fail(err, EINVAL, "a limit of swap needs one of memory");
    if (l.net_rate != old.net_rate && !z->address)
        return fail(err, EINVAL, "%s has no network of its own to limit", z->config.name);
    if (z->pidfd >= 0) {
        json_t *res = zone_resources(&l, p.disk, true);
        rc = container_update(&rt, z->config.name, res, err);
        json_decref(res);
        if (!rc && l.net_rate != old.net_rate &&
            (rc = zone_net_rate(z->address, z->pid, l.net_rate, err))) {
            struct error late;
            res = zone_resources(&old, p.disk, true);
            if (container_update(&rt, z->config.name, res, &late))
                log_warn("%s: %s", z->config.name, late.text);
            json_decref(res);
        }
    }
    if (rc)
        return rc;
    z->config.limits = l;
    json_object_set_new(z->config.doc, "limits", zone_limits_json(&l));
    return zone_save(z->folder, z->config.doc, err);
}

int zone_snapshot(struct zone *z, const char *name, struct error *err)
{
    bool running = z->pidfd >= 0, freeze = running && z->guest.state == GUEST_RUNNING;
    struct error late;
    int rc = freeze ? zone_pause(z, true, err) : 0;

    if (!rc)
        rc = zone_root_snapshot(z->folder, name, running, err);
    if (freeze && zone_pause(z, false, &late))
        log_warn("%s: %s", z->config.name, late.text);
    return rc;
}

json_t *zone_stats(struct zone *z)
{
    const struct runtime_opts rt = zone_runtime(z);
    struct container c;
    struct error err;
    json_t *o = NULL;

    if (z->pidfd >= 0 && container_open(&rt, z->config.name, &c, &err) == 0)
        o = cgroup_stats(&c.cg);
    if (z->pidfd >= 0)
        container_fini(&c);
    return o ? o : json_object();
}
