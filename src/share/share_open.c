/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guest's process and the helper speak over a sequenced-packet socket pair: a ticket, the room
 * for the reply, the message; back come the ticket and the reply. The end of the socket ends the
 * helper.
 */
#include "share/share_open.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/helper.h"
#include "base/loop.h"
#include "share/fuse_server.h"

enum { ROOT_FD = HELPER_FD + 1 }; /* the folder, in the helper */

struct frame { /* before each message */
    uint64_t ticket;
    uint32_t reply_max, unused;
};

/* ---------------------------------------------------------------------------------- the helper */

/* Landlock's rights by its version [LINUX userspace-api/landlock]. */
static void landlock(int root_fd)
{
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct landlock_ruleset_attr attr = {
        .handled_access_fs = abi >= 3 ? (1 << 15) - 1 : abi == 2 ? (1 << 14) - 1 : (1 << 13) - 1};

    if (abi < 2) /* the first version forbids renames from folder to folder */
        return;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    struct landlock_path_beneath_attr all = {
        .allowed_access = attr.handled_access_fs & ~UINT64_C(1), /* not to execute */
        .parent_fd = root_fd};
    if (fd < 0)
        return;
    if (!syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &all, 0))
        syscall(SYS_landlock_restrict_self, fd, 0);
    close(fd);
}

/* What serving files of any owner needs, and nothing more. */
static void drop_capabilities(void)
{
    const uint32_t keep = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER |
                          1u << CAP_FSETID | 1u << CAP_DAC_READ_SEARCH;
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2] = {{.effective = keep, .permitted = keep}};

    syscall(SYS_capset, &h, d);
}

static void serve(int fd, struct fuse_server *s)
{
    static uint8_t in[SHARE_MESSAGE_MAX], out[SHARE_MESSAGE_MAX];
    struct frame f;

    for (;;) {
        struct iovec iov[2] = {{&f, sizeof(f)}, {in, sizeof(in)}};
        ssize_t n = readv(fd, iov, 2);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < (ssize_t)sizeof(f))
            return;
        uint32_t len = fuse_serve(s, in, (uint32_t)(n - (ssize_t)sizeof(f)), out,
                                  MIN(f.reply_max, SHARE_MESSAGE_MAX));
        struct iovec reply[2] = {{&f, sizeof(f)}, {out, len}};
        if (writev(fd, reply, 2) < 0)
            return;
    }
}

static void helper_main(void *opaque)
{
    const bool *readonly = opaque;
    struct rlimit limit;

    umask(0);
    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    struct fuse_server *s = fuse_server_create(ROOT_FD, *readonly);
    int rc = !fchdir(ROOT_FD) && !geteuid() ? chroot(".") : 0; /* /proc is held open by the server */
    landlock(ROOT_FD);
    drop_capabilities();
    if (!rc)
        serve(HELPER_FD, s);
    fuse_server_destroy(s);
}

/* ---------------------------------------------------------------------------- the guest's side */

struct remote {
    struct share share;
    struct loop *loop;
    struct loop_io io;
    int fd;
    pthread_mutex_t lock; /* guards the lists, ticket, lost */
    struct list_node waiting, sent; /* not written yet; reply awaited */
    uint64_t ticket;
    bool lost;
    uint8_t reply[SHARE_MESSAGE_MAX];
};

static struct remote *remote_of(struct share *s)
{
    return container_of(s, struct remote, share);
}

/* False: the socket takes nothing now. */
static bool send_locked(struct remote *r, struct share_req *q)
{
    struct frame f = {q->ticket, q->reply_max, 0};
    struct iovec iov[2] = {{&f, sizeof(f)}, {q->message, q->len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

    if (sendmsg(r->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && (errno == EAGAIN || errno == ENOBUFS))
        return false;
    list_remove(&q->node);
    list_append(&r->sent, &q->node);
    return true;
}

static void wake(void *opaque)
{
    struct remote *r = opaque;

    pthread_mutex_lock(&r->lock);
    while (!r->lost && !list_empty(&r->waiting))
        if (!send_locked(r, list_entry(r->waiting.next, struct share_req, node)))
            break;
    bool more = !list_empty(&r->waiting);
    pthread_mutex_unlock(&r->lock);
    if (!r->lost)
        loop_change(r->loop, &r->io, LOOP_READ | (more ? LOOP_WRITE : 0));
}

static void fail_all(void *opaque)
{
    struct remote *r = opaque;

    for (;;) {
        struct share_req *q = NULL;
        pthread_mutex_lock(&r->lock);
        list_for_each(it, &r->sent) {
            q = list_entry(it, struct share_req, node);
            break;
        }
        if (!q)
            list_for_each(it, &r->waiting) {
                q = list_entry(it, struct share_req, node);
                break;
            }
        if (q)
            list_remove(&q->node);
        pthread_mutex_unlock(&r->lock);
        if (!q)
            return;
        q->reply_len = 0;
        q->lost = true;
        q->done(q);
    }
}

static void remote_submit(struct share *s, struct share_req *q)
{
    struct remote *r = remote_of(s);

    pthread_mutex_lock(&r->lock);
    bool first = list_empty(&r->waiting);
    q->ticket = ++r->ticket;
    q->lost = false;
    list_append(&r->waiting, &q->node);
    if (r->lost)
        loop_call(r->loop, fail_all, r);
    else if (first && !send_locked(r, q))
        loop_call(r->loop, wake, r);
    pthread_mutex_unlock(&r->lock);
}

static void deliver(struct remote *r, uint64_t ticket, size_t len)
{
    struct share_req *found = NULL;

    pthread_mutex_lock(&r->lock);
    list_for_each(it, &r->sent) {
        struct share_req *q = list_entry(it, struct share_req, node);
        if (q->ticket == ticket) {
            found = q;
            break;
        }
    }
    if (found)
        list_remove(&found->node);
    pthread_mutex_unlock(&r->lock);
    if (!found)
        return;
    found->reply = r->reply;
    found->reply_len = (uint32_t)len;
    found->done(found);
}

static void on_ready(void *opaque, unsigned events)
{
    struct remote *r = opaque;
    struct frame f;

    if (events & LOOP_WRITE)
        wake(r);
    for (unsigned i = 0; i < 32; i++) {
        struct iovec iov[2] = {{&f, sizeof(f)}, {r->reply, sizeof(r->reply)}};
        struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
        ssize_t n = recvmsg(r->fd, &m, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < (ssize_t)sizeof(f)) { /* the helper has gone */
            loop_remove(r->loop, &r->io);
            pthread_mutex_lock(&r->lock);
            r->lost = true;
            pthread_mutex_unlock(&r->lock);
            fail_all(r);
            return;
        }
        deliver(r, f.ticket, (size_t)n - sizeof(f));
    }
}

static void remote_destroy(struct share *s)
{
    struct remote *r = remote_of(s);

    if (!r->lost)
        loop_remove(r->loop, &r->io);
    fail_all(r);
    close(r->fd);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static const struct share_ops remote_ops = {remote_submit, remote_destroy};

int share_open(const char *dir, const char *tag, bool readonly, struct loop *loop,
               struct share **out, struct error *err)
{
    auto_close int root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct helper h = {.name = "quad-share", .main = helper_main, .opaque = &readonly,
                             .fds = {root_fd}, .nfds = 1, .buffer = 1 << 20};
    int fd;

    if (root_fd < 0)
        return fail_errno(err, errno, "--share %s", dir);
    int rc = helper_start(&h, &fd, err);
    if (rc)
        return error_prefix(err, "--share %s", dir);
    struct remote *r = xcalloc(1, sizeof(*r));
    r->share = (struct share){&remote_ops, tag};
    r->loop = loop;
    r->fd = fd;
    r->io = (struct loop_io){.fd = r->fd, .events = LOOP_READ, .ready = on_ready, .opaque = r};
    list_init(&r->waiting);
    list_init(&r->sent);
    pthread_mutex_init(&r->lock, NULL);
    rc = loop_add(loop, &r->io, err);
    if (rc) {
        r->lost = true;
        remote_destroy(&r->share);
        return rc;
    }
    *out = &r->share;
    return 0;
}
