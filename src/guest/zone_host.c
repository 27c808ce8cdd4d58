/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/zone_host.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "chr/chr_open.h"
#include "guest/control.h"
#include "image/store.h"
#include "proto/folder.h"
#include "proto/place.h"
#include "proto/wire.h"
#include "zone/tty.h"
#include "zone/zone.h"
#include "zone/zone_brand.h"
#include "zone/zone_uname.h"

#define IDLE_NS (UINT64_C(5) * 1000000000)
#define LOG_LIMIT (256u << 10)

struct zone_host {
    struct loop loop;
    struct list_node zones;
    size_t count;
    bool shared;
    int run_fd, lock_fd, listen_fd, signal_fd;
    struct loop_io listen_io, signal_io, notify_io;
    char *notify_path; /* where zones' listeners arrive; NULL: none was needed yet */
    struct list_node listeners;
    int status; /* of the last zone that ended */
    unsigned interrupts;
};

/* A seccomp listener of a zone of brand linux-RELEASE. */
struct listener {
    struct zone_host *host;
    struct loop_io io;
    char release[32];
    struct list_node node;
};

struct hosted {
    struct zone_host *host;
    struct zone *zone;
    struct control *control;
    struct chr *console; /* a hub over the zone's terminal */
    struct loop_io end_io, tty_io;
    struct list_node node;
};

char *zone_run_dir(void)
{
    const char *own = getenv("QUAD_RUN_DIR");

    return own && *own ? xasprintf("%s/zones", own) : xstrdup("/run/quad/zones");
}

/* -------------------------------------------------------------------------------------- console */

static void tty_ready(void *opaque, unsigned events)
{
    struct hosted *h = opaque;
    uint8_t buf[4096];

    (void)events;
    ssize_t n = read(h->zone->master, buf, sizeof(buf));
    if (n > 0)
        chr_write(h->console, buf, (size_t)n);
    else if (n == 0 || (errno != EINTR && errno != EAGAIN)) /* nobody has it open just now */
        loop_remove(&h->host->loop, &h->tty_io), h->tty_io.fd = -1;
}

/* What is typed; a full terminal takes the rest when it is asked again. */
static size_t typed(void *opaque, const uint8_t *buf, size_t len)
{
    struct hosted *h = opaque;
    struct pollfd p = {.fd = h->zone->master, .events = POLLOUT};

    if (h->zone->master < 0 || poll(&p, 1, 0) <= 0)
        return len;
    ssize_t n = write(h->zone->master, buf, MIN(len, (size_t)1024));
    return n < 0 ? len : (size_t)n;
}

static int open_console(struct hosted *h, struct error *err)
{
    auto_free char *path = folder_path(h->zone->config.name, "console.log");
    struct chr *log = NULL;

    if (chr_open_log(path, LOG_LIMIT, NULL, &log, err))
        return -err->code;
    h->console = chr_hub_create(log, &h->host->loop);
    h->console->front = (struct chr_front){.receive = typed, .opaque = h};
    h->tty_io = (struct loop_io){
        .fd = h->zone->master, .events = LOOP_READ, .ready = tty_ready, .opaque = h};
    return loop_add(&h->host->loop, &h->tty_io, err);
}

/* -------------------------------------------------------------------------- listeners of brands */

static void listener_free(struct listener *l)
{
    loop_remove(&l->host->loop, &l->io);
    close(l->io.fd);
    list_remove(&l->node);
    free(l);
}

static void listener_ready(void *opaque, unsigned events)
{
    struct listener *l = opaque;

    if (!(events & LOOP_READ) || !zone_uname_serve(l->io.fd, l->release))
        listener_free(l);
}

static const char *brand_of(const struct zone_host *host, const char *name)
{
    list_for_each(it, &host->zones) {
        const struct zone *z = list_entry(it, struct hosted, node)->zone;
        if (z && !strcmp(z->config.name, name))
            return z->config.brand;
    }
    return NULL;
}

/* From the job that booted the zone or executes in it, with the container's state. */
static void listener_arrives(void *opaque, unsigned events)
{
    struct zone_host *host = opaque;
    auto_close int sock = accept4(host->notify_io.fd, NULL, NULL, SOCK_CLOEXEC);
    char text[4096];
    int fd = -1;

    (void)events;
    ssize_t n = sock < 0 ? -1 : fd_receive_text(sock, &fd, text, sizeof(text));
    json_t *o = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
    const char *id = json_string_value(json_object_get(json_object_get(o, "state"), "id"));
    struct listener *l = xcalloc(1, sizeof(*l));
    if (!id || fd < 0 || !zone_brand_release(brand_of(host, id), l->release, sizeof(l->release))) {
        free(l);
        base_close_fd(&fd);
    } else {
        l->host = host;
        l->io = (struct loop_io){
            .fd = fd, .events = LOOP_READ, .ready = listener_ready, .opaque = l};
        list_append(&host->listeners, &l->node);
        if (loop_add(&host->loop, &l->io, NULL))
            listener_free(l);
    }
    json_decref(o);
}

static int open_notify(struct zone_host *host, struct zone *z, struct error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char release[32];

    if (!zone_brand_release(z->config.brand, release, sizeof(release)))
        return 0;
    if (!host->notify_path) {
        auto_free char *dir = zone_run_dir();
        auto_free char *path = xasprintf("%s.notify-%d", dir, (int)getpid());
        if (strlen(path) >= sizeof(a.sun_path))
            return fail(err, ENAMETOOLONG, "%s is too long for a socket", path);
        strcpy(a.sun_path, path);
        unlink(path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0)
            return fail_errno(err, errno, "%s", path);
        host->notify_io = (struct loop_io){
            .fd = fd, .events = LOOP_READ, .ready = listener_arrives, .opaque = host};
        int rc = loop_add(&host->loop, &host->notify_io, err);
        if (rc)
            return rc;
        host->notify_path = take_ptr(path);
    }
    z->notify = xstrdup(host->notify_path);
    return 0;
}

/* ---------------------------------------------------------------------------------------- zones */

static void idle(void *opaque)
{
    struct zone_host *host = opaque;

    if (!host->count)
        loop_stop(&host->loop);
}

static void hosted_free(struct hosted *h, const char *how, const char *text)
{
    struct zone_host *host = h->host;

    if (h->end_io.fd >= 0)
        loop_remove(&host->loop, &h->end_io);
    if (h->tty_io.fd >= 0)
        loop_remove(&host->loop, &h->tty_io);
    control_destroy(h->control, how, text);
    chr_destroy(h->console);
    zone_close(h->zone);
    list_remove(&h->node);
    free(h);
    host->count--;
    if (!host->count && host->shared)
        loop_timer_arm(&host->loop, monotonic_ns() + IDLE_NS);
    else if (!host->count)
        loop_stop(&host->loop);
}

static int boot_hosted(struct hosted *h, const int fds[3], struct error *err);

static void zone_ended(void *opaque, unsigned events)
{
    struct hosted *h = opaque;
    struct zone_host *host = h->host;
    struct zone *z = h->zone;
    char text[64];
    struct error err;

    (void)events;
    loop_remove(&host->loop, &h->end_io);
    if (h->tty_io.fd >= 0) {
        tty_ready(h, LOOP_READ); /* its last words */
        if (h->tty_io.fd >= 0)
            loop_remove(&host->loop, &h->tty_io);
    }
    h->end_io.fd = h->tty_io.fd = -1;
    zone_reap(z);
    host->status = z->status;
    if (z->again) {
        z->again = false;
        if (boot_hosted(h, NULL, &err) == 0)
            return;
        log_error("%s: %s", z->config.name, err.text);
    }
    snprintf(text, sizeof(text), "exit status %d", z->status);
    bool gone = z->config.remove;
    auto_free char *name = xstrdup(z->config.name);
    hosted_free(h, "poweroff", z->status ? text : NULL);
    if (gone && zone_uninstall(name, &err))
        log_warn("%s", err.text);
}

static int watch_end(struct hosted *h, struct error *err)
{
    h->end_io = (struct loop_io){
        .fd = h->zone->pidfd, .events = LOOP_READ, .ready = zone_ended, .opaque = h};
    return loop_add(&h->host->loop, &h->end_io, err);
}

static int boot_hosted(struct hosted *h, const int fds[3], struct error *err)
{
    int rc = zone_boot(h->zone, fds, err);

    if (!rc && h->host->shared && h->zone->master >= 0) {
        if (h->console)
            h->tty_io.fd = h->zone->master,
            rc = loop_add(&h->host->loop, &h->tty_io, err);
        else
            rc = open_console(h, err);
        if (!rc)
            control_set_console(h->control, h->console);
    }
    return rc ? rc : watch_end(h, err);
}

static int host_zone(struct zone_host *host, const char *name, const int fds[3],
                     struct hosted **out, struct error *err)
{
    struct hosted *h = xcalloc(1, sizeof(*h));
    auto_free char *run_dir = zone_run_dir();

    *h = (struct hosted){.host = host, .end_io.fd = -1, .tty_io.fd = -1};
    list_append(&host->zones, &h->node);
    host->count++;
    int rc = zone_open(&h->zone, name, run_dir, err);
    if (!rc)
        rc = open_notify(host, h->zone, err);
    struct control_config c = {.guest = rc ? NULL : &h->zone->guest, .loop = &host->loop,
                               .name = name};
    if (!rc)
        rc = control_create(&h->control, &c, err);
    if (!rc)
        rc = h->zone->pidfd >= 0 ? watch_end(h, err) : boot_hosted(h, fds, err);
    if (rc) {
        hosted_free(h, NULL, NULL);
        return rc;
    }
    if (out)
        *out = h;
    return 0;
}

/* --------------------------------------------------------------------------------------- the host */

static void on_signal(void *opaque, unsigned events)
{
    struct zone_host *host = opaque;
    struct signalfd_siginfo si;
    struct error err;

    (void)events;
    if (read(host->signal_fd, &si, sizeof(si)) != sizeof(si))
        return;
    if (host->shared) { /* zones live on; the next host process finds them */
        loop_stop(&host->loop);
        return;
    }
    host->interrupts++;
    list_for_each(it, &host->zones) {
        struct zone *z = list_entry(it, struct hosted, node)->zone;
        if (host->interrupts > 2)
            (void)!zone_stop(z, true, &err);
        else if (z->pidfd >= 0)
            pidfd_send_signal(z->pidfd, (int)si.ssi_signo, NULL, 0);
    }
}

static int watch_signals(struct zone_host *host, struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    host->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    host->signal_io = (struct loop_io){
        .fd = host->signal_fd, .events = LOOP_READ, .ready = on_signal, .opaque = host};
    return host->signal_fd < 0 ? fail_errno(err, errno, "signalfd")
                               : loop_add(&host->loop, &host->signal_io, err);
}

static int host_init(struct zone_host *host, bool shared, struct error *err)
{
    struct rlimit files;

    *host = (struct zone_host){
        .shared = shared, .run_fd = -1, .lock_fd = -1, .listen_fd = -1, .signal_fd = -1};
    list_init(&host->zones);
    list_init(&host->listeners);
    /* a handful of descriptors a zone */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int rc = loop_init(&host->loop, err);
    if (rc)
        return rc;
    loop_timer_init(&host->loop, idle, host);
    return watch_signals(host, err);
}

static void host_fini(struct zone_host *host)
{
    list_for_each_safe(it, &host->zones) {
        struct hosted *h = list_entry(it, struct hosted, node);
        h->host->shared = false; /* no timer any more */
        hosted_free(h, NULL, NULL);
    }
    list_for_each_safe(it, &host->listeners)
        listener_free(list_entry(it, struct listener, node));
    if (host->notify_path) {
        loop_remove(&host->loop, &host->notify_io);
        close(host->notify_io.fd);
        unlink(host->notify_path);
        free(host->notify_path);
    }
    if (host->signal_fd >= 0) {
        loop_remove(&host->loop, &host->signal_io);
        close(host->signal_fd);
    }
    loop_fini(&host->loop);
}

/* The person's terminal and the zone's, until the zone ends. */
static void *relay(void *opaque)
{
    struct hosted *h = opaque;
    auto_close int master = fcntl(h->zone->master, F_DUPFD_CLOEXEC, 3);
    auto_close int pidfd = fcntl(h->zone->pidfd, F_DUPFD_CLOEXEC, 3);

    if (master >= 0)
        tty_relay(master, pidfd);
    return NULL;
}

int zone_host_run(const char *name, int *status, struct error *err)
{
    const int fds[3] = {0, 1, 2};
    struct zone_host host;
    struct hosted *h = NULL;
    pthread_t thread;
    bool terminal = false;
    int rc = host_init(&host, false, err);

    if (!rc)
        rc = host_zone(&host, name, fds, &h, err);
    if (!rc && h->zone->master >= 0)
        terminal = pthread_create(&thread, NULL, relay, h) == 0;
    if (!rc)
        rc = loop_run(&host.loop, err);
    if (terminal)
        pthread_join(thread, NULL);
    *status = host.status;
    host_fini(&host);
    return rc;
}

/* ------------------------------------------------------------------------- the background process */

static bool hosts(const struct zone_host *host, const char *name)
{
    list_for_each(it, &host->zones)
        if (!strcmp(list_entry(it, struct hosted, node)->zone->config.name, name))
            return true;
    return false;
}

/* One question at a time, from this user's own commands; they answer at once. */
static void serve(void *opaque, unsigned events)
{
    struct zone_host *host = opaque;
    auto_close int fd = accept4(host->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    struct timeval patience = {.tv_sec = 2};
    struct error err = {0};
    char name[128];

    (void)events;
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ssize_t n = recv(fd, name, sizeof(name) - 1, 0);
    if (n <= 0)
        return;
    name[n] = 0;
    name[strcspn(name, "\n")] = 0;
    if (!hosts(host, name) && host_zone(host, name, NULL, NULL, &err))
        (void)!send(fd, &err, sizeof(err), MSG_NOSIGNAL);
    else
        (void)!send(fd, "ok", 2, MSG_NOSIGNAL);
    if (!host->count)
        loop_timer_arm(&host->loop, monotonic_ns() + IDLE_NS);
}

/* Zones whose host process died. */
static int take_over(void *opaque, const char *name)
{
    struct zone_host *host = opaque;
    auto_free char *run_dir = zone_run_dir();
    struct zone *z;
    struct error err;

    if (!zone_is(name) || zone_open(&z, name, run_dir, &err))
        return 0;
    bool runs = z->pidfd >= 0;
    zone_close(z);
    if (runs && host_zone(host, name, NULL, NULL, &err))
        log_warn("%s: %s", name, err.text);
    return 0;
}

static noreturn_fn void host_main(int ready)
{
    auto_free char *log = place_data("zones.log");
    struct zone_host host;
    struct error err = {0};
    int pid = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    setsid();
    for (int i = 0; i < 3; i++)
        dup2(i == 2 && log_fd >= 0 ? log_fd : null, i);
    (void)!chdir("/");
    prctl(PR_SET_NAME, "quad-zones");
    int rc = host_init(&host, true, &err);
    if (!rc)
        rc = place_run(true, &host.run_fd, &err);
    if (!rc)
        rc = place_claim(host.run_fd, ZONE_HOST, &host.lock_fd, &pid, &err);
    if (!rc)
        rc = place_listen(host.run_fd, ZONE_HOST, &host.listen_fd, &err);
    host.listen_io = (struct loop_io){
        .fd = host.listen_fd, .events = LOOP_READ, .ready = serve, .opaque = &host};
    if (!rc)
        rc = loop_add(&host.loop, &host.listen_io, &err);
    if (!rc)
        store_each(STORE_GUESTS, take_over, &host);
    (void)!write(ready, "r", 1);
    close(ready);
    if (!rc) {
        loop_timer_arm(&host.loop, monotonic_ns() + IDLE_NS);
        rc = loop_run(&host.loop, &err);
    }
    if (rc && rc != -EBUSY)
        log_error("%s", err.text);
    host_fini(&host);
    exit(rc != 0);
}

static int start_host(struct error *err)
{
    int ready[2];
    char byte;

    if (pipe2(ready, O_CLOEXEC) < 0)
        return fail_errno(err, errno, "pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return fail_errno(err, errno, "fork");
    if (pid == 0) {
        if (fork()) /* the host process is nobody's child */
            _exit(0);
        close(ready[0]);
        host_main(ready[1]);
    }
    close(ready[1]);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
        ;
    close(ready[0]);
    return 0;
}

static int connect_host(int *fd, struct error *err)
{
    auto_close int run_fd = -1;
    int rc = place_run(true, &run_fd, err);

    for (int i = 0; !rc && i < 3; i++) {
        rc = place_connect(run_fd, ZONE_HOST, fd, err);
        if (rc != -ENOENT && rc != -ECONNREFUSED)
            return rc;
        rc = start_host(err);
    }
    return rc ? rc : place_connect(run_fd, ZONE_HOST, fd, err);
}

int zone_host_boot(const char *name, struct error *err)
{
    auto_close int fd = -1;
    struct error said = {0};
    int rc = connect_host(&fd, err);

    if (rc)
        return rc;
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    if (send(fd, name, strlen(name), MSG_NOSIGNAL) < 0)
        return fail_errno(err, errno, "the zones' host process");
    ssize_t n = recv(fd, &said, sizeof(said), MSG_WAITALL);
    if (n == 2)
        return 0;
    said.text[sizeof(said.text) - 1] = 0;
    if (n != (ssize_t)sizeof(said) || said.code <= 0)
        return fail(err, EPIPE, "the zones' host process has gone; its log: zones.log");
    return fail(err, said.code, "%s", said.text);
}

/* ----------------------------------------------------------------------------------------- jobs */

struct waiting {
    struct control_call *call;
    struct zone_job job;
    struct loop_io io;
    struct loop *loop;
};

static void job_ended(void *opaque, unsigned events)
{
    struct waiting *w = opaque;
    struct error err = {0};
    int status = 0;

    (void)events;
    loop_remove(w->loop, &w->io);
    int rc = zone_job_end(&w->job, &status, &err);
    if (!rc)
        w->call->result = json_pack("{s:i}", "status", status);
    control_done(w->call, rc, &err);
    free(w);
}

void zone_host_job(struct control_call *call, const struct zone_job *job)
{
    struct waiting *w = xcalloc(1, sizeof(*w));

    *w = (struct waiting){.call = call, .job = *job, .loop = control_config(call->control)->loop};
    w->io = (struct loop_io){.fd = job->pidfd, .events = LOOP_READ, .ready = job_ended, .opaque = w};
    if (loop_add(w->loop, &w->io, NULL))
        job_ended(w, 0);
}
