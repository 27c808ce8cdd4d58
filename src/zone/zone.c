/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/root.h"
#include "base/sys.h"
#include "image/store.h"
#include "image/unpack.h"
#include "zone/container.h"
#include "zone/init.h"
#include "zone/process.h"
#include "zone/tty.h"
#include "zone/zone_net.h"
#include "zone/zone_root.h"
#include "zone/zone_spec.h"

const char *const zone_stage_names[] = {"configured", "installed", "ready", "running", "down"};

static const struct guest_ops zone_ops;

/* ------------------------------------------------------------------------------- configuration */

int zone_can(struct error *err)
{
    if (geteuid() == 0)
        return 0;
    return fail(err, EPERM, "zones need root on this host; try: quad-oci or podman without "
                            "privileges, or --mode full");
}

bool zone_is(const char *name)
{
    if (!store_name_ok(name))
        return false;
    auto_free char *folder = store_path(STORE_GUESTS, name);
    auto_free char *path = xasprintf("%s/zone.json", folder);

    return !access(path, F_OK);
}

json_t *zone_load(const char *name, struct error *err)
{
    auto_free char *folder = store_path(STORE_GUESTS, name);
    auto_free char *text = store_name_ok(name) ? store_read(folder, "zone.json") : NULL;
    json_t *doc = NULL;

    if (!text)
        fail(err, ENOENT, "there is no zone \"%s\"", name);
    else if (json_parse(text, strlen(text), "zone.json", &doc, err))
        return NULL;
    return doc;
}

int zone_save(const char *folder, const json_t *config, struct error *err)
{
    auto_free char *text = json_dumps(config, JSON_INDENT(2));

    return text ? store_write(folder, "zone.json", text, strlen(text), 0600, err)
                : fail(err, EINVAL, "the configuration cannot be written as JSON");
}

static int install_at(const char *folder, const struct zone_config *c, struct error *err)
{
    int rc = zone_root_make(folder, true, err);

    if (!rc) /* so that the image stays as long as the zone (quad image rm) */
        rc = store_write(folder, "image", c->image, strlen(c->image), 0600, err);
    return rc ? rc : zone_save(folder, c->doc, err);
}

static int with_new_folder(json_t *config, const char *from, const char *snap, struct error *err)
{
    struct store_new dir = {.lock = -1};
    struct zone_config c;
    struct image_root image = {0};
    int rc = zone_config_read(&c, config, err);

    if (!rc)
        rc = image_root_open(&image, c.image, err);
    image_root_fini(&image);
    if (!rc)
        rc = store_new(&dir, STORE_GUESTS, c.name, err);
    if (!rc)
        rc = install_at(dir.path, &c, err);
    if (!rc && from)
        rc = zone_root_clone(from, snap, dir.path, err);
    if (!rc)
        rc = store_commit(&dir, err);
    store_abort(&dir);
    zone_config_fini(&c);
    return rc;
}

int zone_install(json_t *config, struct error *err)
{
    int rc = zone_can(err);

    return rc ? rc : with_new_folder(config, NULL, NULL, err);
}

int zone_uninstall(const char *name, struct error *err)
{
    if (!zone_is(name))
        return fail(err, ENOENT, "there is no zone \"%s\"", name);
    int rc = store_remove(STORE_GUESTS, name, err);
    if (!rc)
        zone_root_collect();
    return rc;
}

int zone_clone(const char *from, const char *snap, const char *to, struct error *err)
{
    auto_free char *folder = store_path(STORE_GUESTS, from);
    json_t *config = zone_load(from, err);

    if (!config)
        return -err->code;
    json_object_set_new(config, "name", json_string(to));
    json_object_del(config, "forward"); /* two zones cannot have one port */
    json_object_del(config, "hostname");
    int rc = with_new_folder(config, folder, snap, err);
    json_decref(config);
    return rc;
}

/* ---------------------------------------------------------------------------------------- jobs */

struct job_pipe {
    int read, write;
};

/* Fork: 0 in the child, whose error goes to *out. */
static pid_t fork_job(int *out, struct zone_job *job, struct error *err)
{
    int p[2];

    *job = (struct zone_job){.pidfd = -1, .err_fd = -1};
    if (pipe2(p, O_CLOEXEC) < 0)
        return fail_errno(err, errno, "pipe");
    pid_t pid = fork();
    if (pid < 0) {
        close(p[0]);
        close(p[1]);
        return fail_errno(err, errno, "fork");
    }
    if (pid == 0) {
        sigset_t none;
        close(p[0]);
        *out = p[1];
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        /* its children are the host process' when it ends */
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
        return 0;
    }
    close(p[1]);
    job->pid = pid;
    job->err_fd = p[0];
    job->pidfd = pidfd_open(pid, 0);
    return pid;
}

static noreturn_fn void job_exit(int out, int rc, int status, const struct error *err)
{
    if (rc)
        (void)!write(out, err, sizeof(*err));
    _exit(rc ? 125 : status);
}

int zone_job_end(struct zone_job *job, int *status, struct error *err)
{
    struct error said = {0};
    int st = 0;

    while (waitpid(job->pid, &st, 0) < 0 && errno == EINTR)
        ;
    ssize_t n = read(job->err_fd, &said, sizeof(said));
    close(job->err_fd);
    if (job->pidfd >= 0)
        close(job->pidfd);
    *job = (struct zone_job){.pidfd = -1, .err_fd = -1};
    said.text[sizeof(said.text) - 1] = 0;
    if (n == (ssize_t)sizeof(said) && said.code > 0) {
        fail(err, said.code, "%s", said.text);
        return -said.code;
    }
    *status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
    return WIFSIGNALED(st) ? fail(err, EIO, "the zone's worker died of signal %d", WTERMSIG(st)) : 0;
}

static int finish_job(struct zone_job *job, struct error *err)
{
    int status = 0;
    int rc = zone_job_end(job, &status, err);

    return !rc && status ? fail(err, EIO, "the zone's worker failed (%d)", status) : rc;
}

/* ---------------------------------------------------------------------------------------- open */

static struct runtime_opts runtime(const struct zone *z)
{
    static char *argv[] = {(char *)(uintptr_t)"quad", NULL};

    return (struct runtime_opts){.root = z->run_dir, .rootless = 0, .argv = argv};
}

/* It may run already: its host process died, not it. */
static void take_over(struct zone *z)
{
    const struct runtime_opts rt = runtime(z);
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
        .ops = &zone_ops, .name = z->config.name, .way = "zone", .state = GUEST_CREATED};
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

static struct zone_place place_of(const struct zone *z, const char *root)
{
    struct stat st;

    return (struct zone_place){.folder = z->folder, .root = root, .image = z->image.about,
                               .userns = z->userns, .notify = z->notify,
                               .disk = stat(z->folder, &st) ? 0 : st.st_dev};
}

/* Where a running zone's tree can be seen. */
static char *live_root(const struct zone *z)
{
    return xasprintf("/proc/%d/root", (int)z->pid);
}

/* ---------------------------------------------------------------------------------------- boot */

static int write_spec(const struct zone *z, const char *root, struct error *err)
{
    const struct zone_place p = place_of(z, root);
    json_t *spec = zone_spec(&z->config, &p, err);

    if (!spec)
        return -err->code;
    auto_free char *text = json_dumps(spec, JSON_COMPACT);
    json_decref(spec);
    return text ? store_write(z->folder, "config.json", text, strlen(text), 0600, err)
                : fail(err, ENOMEM, "configuration of %s", z->config.name);
}

/* The worker: makes the mounts in a mount namespace that ends with it (the zone's own keeps them), the
 * zone's processes' world, its network; and lets its program go. */
static int bring_up(struct zone *z, int console, struct error *err)
{
    const struct runtime_opts rt = runtime(z);
    auto_free char *root = xasprintf("%s/root", z->folder);
    const struct create_opts o = {
        .id = z->config.name, .bundle = z->folder, .console_fd = console, .no_new_keyring = false};
    struct container c;
    int rc;

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

static int open_log(const struct zone *z, int out[3], struct error *err)
{
    auto_free char *path = xasprintf("%s/console.log", z->folder);

    out[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    out[1] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    out[2] = out[1];
    return out[0] < 0 || out[1] < 0 ? fail_errno(err, errno, "%s", path) : 0;
}

static int use_streams(const int fds[3], struct error *err)
{
    for (int i = 0; i < 3; i++)
        if (fds[i] != i ? dup2(fds[i], i) < 0 : fcntl(i, F_SETFD, 0) < 0)
            return fail_errno(err, errno, "standard stream %d", i);
    return 0;
}

static int note_pid(struct zone *z, struct error *err)
{
    const struct runtime_opts rt = runtime(z);
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
    int pair[2] = {-1, -1}, own[3], out;
    struct zone_job job;

    if (z->pidfd >= 0)
        return fail(err, EBUSY, "%s runs already", z->config.name);
    if (z->config.tty && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "socketpair");
    z->stage = ZONE_READY;
    pid_t pid = fork_job(&out, &job, err);
    if (pid == 0) {
        struct error e = {0};
        int rc = fds && !z->config.tty ? use_streams(fds, &e) : 0;
        if (!rc && (!fds || z->config.tty))
            rc = open_log(z, own, &e);
        if (!rc && (!fds || z->config.tty))
            rc = use_streams(own, &e);
        if (!rc)
            rc = bring_up(z, pair[1], &e);
        job_exit(out, rc, 0, &e);
    }
    if (pair[1] >= 0)
        close(pair[1]);
    int rc = pid < 0 ? pid : finish_job(&job, err);
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
    const struct runtime_opts rt = runtime(z);
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

static int not_running(const struct zone *z, struct error *err)
{
    return fail(err, ESRCH, "%s does not run", z->config.name);
}

int zone_stop(struct zone *z, bool force, struct error *err)
{
    auto_free char *root = live_root(z);
    const struct zone_place p = place_of(z, root);
    int sig = force ? SIGKILL : zone_stop_signal(&z->config, &p);

    if (z->pidfd < 0)
        return not_running(z, err);
    if (z->guest.state == GUEST_PAUSED && zone_pause(z, false, err))
        return -err->code;
    return pidfd_send_signal(z->pidfd, sig, NULL, 0) < 0 && errno != ESRCH
               ? fail_errno(err, errno, "stop %s", z->config.name)
               : 0;
}

int zone_pause(struct zone *z, bool freeze, struct error *err)
{
    const struct runtime_opts rt = runtime(z);

    if (z->pidfd < 0)
        return not_running(z, err);
    int rc = container_pause(&rt, z->config.name, freeze, err);
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
    const struct runtime_opts rt = runtime(z);
    struct zone_limits l = z->config.limits, old = l;
    const struct zone_place p = place_of(z, NULL);
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
    const struct runtime_opts rt = runtime(z);
    struct container c;
    struct error err;
    json_t *o = NULL;

    if (z->pidfd >= 0 && container_open(&rt, z->config.name, &c, &err) == 0)
        o = cgroup_stats(&c.cg);
    if (z->pidfd >= 0)
        container_fini(&c);
    return o ? o : json_object();
}

/* --------------------------------------------------------------------------------- exec and copies */

static int run_inside(struct zone *z, const char *const *args, const char *user, bool tty,
                      int console, int *status, struct error *err)
{
    const struct runtime_opts rt = runtime(z);
    auto_free char *root = live_root(z);
    const struct zone_place p = place_of(z, root);
    json_t *process = zone_process(&z->config, &p, args, user, tty, err);

    if (!process)
        return -err->code;
    const struct exec_opts o = {.id = z->config.name, .process = process, .tty = tty,
                                .console_fd = console};
    return container_exec(&rt, &o, status, err);
}

int zone_exec(struct zone *z, const char *const *args, const char *user, bool tty, const int fds[3],
              struct zone_job *job, struct error *err)
{
    int out;

    if (z->pidfd < 0)
        return not_running(z, err);
    pid_t pid = fork_job(&out, job, err);
    if (pid)
        return pid < 0 ? pid : 0;
    struct error e = {0};
    int status = 0, none[3];
    int rc = tty ? open_log(z, none, &e) : 0;
    if (!rc)
        rc = use_streams(tty ? none : fds, &e);
    if (!rc)
        rc = run_inside(z, args, user, tty, tty ? fds[0] : -1, &status, &e);
    job_exit(out, rc, status, &e);
}

/* An open directory of the zone's tree, resolved inside it. */
static int open_inside(struct zone *z, const char *path, int flags, struct error *err)
{
    auto_free char *root = live_root(z);
    auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -errno : root_open(dir, path, flags);

    return fd < 0 ? fail_errno(err, -fd, "%s in %s", path, z->config.name) : fd;
}

static int send_tree(struct zone *z, const char *path, int fd, struct error *err)
{
    auto_free char *copy = xstrdup(path);
    size_t n = strlen(copy);

    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = 0;
    char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (slash)
        *slash = 0;
    int dir = open_inside(z, slash && *copy ? copy : "/", O_RDONLY | O_DIRECTORY, err);
    if (dir < 0)
        return dir;
    if (fchdir(dir) < 0 || dup2(fd, 1) != 1)
        return fail_errno(err, errno, "%s", path);
    /* GNU tar opens what is below by descriptor and follows no link */
    execlp("tar", "tar", "--numeric-owner", "--sparse", "-c", "--", *last ? last : ".", (char *)NULL);
    return fail_errno(err, errno, "program tar");
}

int zone_copy_out(struct zone *z, const char *path, int fd, struct zone_job *job, struct error *err)
{
    int out;

    if (z->pidfd < 0)
        return not_running(z, err);
    pid_t pid = fork_job(&out, job, err);
    if (pid)
        return pid < 0 ? pid : 0;
    struct error e = {0};
    job_exit(out, send_tree(z, path, fd, &e), 0, &e);
}

/* Files made in the zone belong to the zone's root: as it, not as the host's. */
static int become_zone_root(const struct zone *z, struct error *err)
{
    char path[64];

    if (!z->userns)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)z->pid);
    auto_close int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return fail_errno(err, errno, "the zone's user namespace");
    return 0;
}

int zone_copy_in(struct zone *z, const char *path, int fd, struct zone_job *job, struct error *err)
{
    const struct unpack_opts o = {.owners = true};
    int out;

    if (z->pidfd < 0)
        return not_running(z, err);
    pid_t pid = fork_job(&out, job, err);
    if (pid)
        return pid < 0 ? pid : 0;
    struct error e = {0};
    int dir = open_inside(z, path, O_RDONLY | O_DIRECTORY, &e);
    int rc = dir < 0 ? dir : become_zone_root(z, &e);
    if (!rc)
        rc = unpack_tar(fd, dir, "the copy", &o, NULL, &e);
    job_exit(out, rc, 0, &e);
}

/* -------------------------------------------------------------------------------------- as a guest */

static struct zone *as_zone(struct guest *g)
{
    return container_of(g, struct zone, guest);
}

static int op_pause(struct guest *g, struct error *err)
{
    return g->state == GUEST_PAUSED ? 0 : zone_pause(as_zone(g), true, err);
}

static int op_resume(struct guest *g, struct error *err)
{
    return g->state != GUEST_PAUSED ? 0 : zone_pause(as_zone(g), false, err);
}

static int op_stop(struct guest *g, bool force, struct error *err)
{
    as_zone(g)->again = false;
    return zone_stop(as_zone(g), force, err);
}

static int op_reset(struct guest *g, struct error *err)
{
    as_zone(g)->again = true;
    return zone_stop(as_zone(g), true, err);
}

/* "memory.usage.usage: 123", one counter a line. */
static void print_counters(FILE *out, const char *prefix, const json_t *o)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)o, key, v) {
        auto_free char *name = xasprintf("%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(v))
            print_counters(out, name, v);
        else if (json_is_integer(v))
            fprintf(out, "%s: %lld\n", name, (long long)json_integer_value(v));
    }
}

static void op_stats(struct guest *g, FILE *out)
{
    json_t *o = zone_stats(as_zone(g));

    print_counters(out, "", o);
    json_decref(o);
}

static void op_describe(struct guest *g, json_t *into)
{
    struct zone *z = as_zone(g);
    json_t *forwards = json_array();
    char address[16] = "";

    json_object_set_new(into, "stage", json_string(zone_stage_names[z->stage]));
    json_object_set_new(into, "image", json_string(z->config.image));
    json_object_set_new(into, "init", json_integer(z->pid));
    if (z->config.brand)
        json_object_set_new(into, "brand", json_string(z->config.brand));
    if (z->address) {
        zone_net_text(z->address, address);
        json_object_set_new(into, "address", json_string(address));
    }
    if (z->config.limits.memory)
        json_object_set_new(into, "memory", json_integer((json_int_t)z->config.limits.memory));
    for (size_t i = 0; i < z->config.forward_count; i++) {
        struct zone_forward f;
        struct error err;
        char at[16];
        if (zone_forward_parse(z->config.forwards[i], &f, &err))
            continue;
        zone_net_text(ntohl(f.address), at);
        json_array_append_new(forwards, json_pack("{s:s,s:s,s:i,s:i}", "protocol",
                                                  f.udp ? "udp" : "tcp", "address", at, "port",
                                                  f.host_port, "guest", f.zone_port));
    }
    json_object_set_new(into, "forwards", forwards);
    if (z->booted_ns)
        json_object_set_new(into, "seconds",
                            json_integer((json_int_t)((monotonic_ns() - z->booted_ns) / 1000000000)));
}

static json_t *op_limits(struct guest *g)
{
    const struct zone_limits *l = &as_zone(g)->config.limits;
    json_t *o = json_object();

    for (const struct zone_limit_info *i = zone_limit_info; i->name; i++)
        json_object_set_new(
            o, i->name,
            json_integer((json_int_t) * (const uint64_t *)(const void *)((const char *)l + i->offset)));
    return o;
}

static int op_set(struct guest *g, const char *key, const char *value, json_t **answer,
                  struct error *err)
{
    struct zone *z = as_zone(g);
    json_t *changes = json_pack("{s:s}", key, value);
    int rc = zone_set(z, changes, err);

    json_decref(changes);
    if (rc)
        return rc;
    json_t *all = op_limits(g);
    auto_free char *name = xstrdup(key);
    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : *p;
    json_int_t now = json_integer_value(json_object_get(all, name));
    *answer = json_pack("{s:s,s:I,s:I}", "key", name, "asked", now, "now", now);
    json_decref(all);
    return 0;
}

static const struct guest_ops zone_ops = {
    .pause = op_pause, .resume = op_resume, .reset = op_reset, .stop = op_stop, .stats = op_stats, .describe = op_describe, .limits = op_limits,
    .set = op_set,
};
