/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chr/chr_fd.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ESCAPE 0x01      /* ctrl-a */
#define WRITE_PIECE 256  /* a terminal that says it has room takes that much without blocking */
#define FLUSH_MS 1000    /* how long the end waits for a slow reader */

static bool fd_ready(int fd, short events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, timeout_ms) > 0;
}

static void chr_call(struct chr_fd *c, void (*fn)(void *opaque))
{
    __atomic_add_fetch(&c->calls, 1, __ATOMIC_SEQ_CST);
    loop_call(c->loop, fn, c);
}

static void chr_free(struct chr_fd *c)
{
    pthread_mutex_destroy(&c->lock);
    free(c->where);
    free(c);
}

/* Every loop call begins here; false: it was destroyed meanwhile. */
static bool chr_call_begins(struct chr_fd *c)
{
    bool last = __atomic_sub_fetch(&c->calls, 1, __ATOMIC_SEQ_CST) == 0;
    bool destroyed = c->destroyed;

    if (destroyed && last)
        chr_free(c);
    return !destroyed;
}

/* ---- output ------------------------------------------------------------------------------- */

/* How many bytes fd took; -1: it is broken. */
static ssize_t out_try(struct chr_fd *c, const uint8_t *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        if (!c->out_plain && !fd_ready(c->out_fd, POLLOUT, 0))
            break;
        size_t piece = c->out_plain ? len - done : MIN(len - done, (size_t)WRITE_PIECE);
        ssize_t n = write(c->out_fd, buf + done, piece);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static void out_keep_locked(struct chr_fd *c, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (c->out_len == CHR_OUT_MAX) {
            c->out_head = (c->out_head + 1) % CHR_OUT_MAX;
            c->out_len--;
            c->n_out_dropped++;
        }
        c->out[(c->out_head + c->out_len++) % CHR_OUT_MAX] = buf[i];
    }
}

/* Write from the ring what goes; false: the descriptor is broken. */
static bool out_drain_locked(struct chr_fd *c)
{
    while (c->out_len && c->out_fd >= 0) {
        size_t piece = MIN(c->out_len, CHR_OUT_MAX - c->out_head);
        ssize_t n = out_try(c, c->out + c->out_head, piece);
        if (n < 0)
            return false;
        c->out_head = (c->out_head + (size_t)n) % CHR_OUT_MAX;
        c->out_len -= (size_t)n;
        if ((size_t)n < piece)
            break;
    }
    return true;
}

static void out_break_locked(struct chr_fd *c)
{
    c->discard = !c->on_close; /* nobody will come back */
    c->n_out_dropped += c->discard ? c->out_len : 0;
    if (c->discard)
        c->out_len = 0;
}

static void out_watch(void *opaque)
{
    struct chr_fd *c = opaque;

    if (!chr_call_begins(c))
        return;
    pthread_mutex_lock(&c->lock);
    if (!c->out_io.fd) {
        c->out_io.fd = c->out_fd;
        if (!c->out_len || c->out_fd < 0 || loop_add(c->loop, &c->out_io, NULL)) {
            c->out_io.fd = 0; /* 0: not watched */
            c->out_watched = false;
        }
    }
    pthread_mutex_unlock(&c->lock);
}

static void out_unwatch(struct chr_fd *c)
{
    if (c->out_io.fd) {
        loop_remove(c->loop, &c->out_io);
        c->out_io.fd = 0;
    }
    c->out_watched = false;
}

static void out_ready(void *opaque, unsigned events)
{
    struct chr_fd *c = opaque;

    (void)events;
    pthread_mutex_lock(&c->lock);
    if (!out_drain_locked(c))
        out_break_locked(c);
    if (!c->out_len || c->discard || c->out_fd < 0)
        out_unwatch(c);
    pthread_mutex_unlock(&c->lock);
}

static void fd_write(struct chr *chr, const uint8_t *buf, size_t len)
{
    struct chr_fd *c = container_of(chr, struct chr_fd, chr);

    pthread_mutex_lock(&c->lock);
    if (c->discard) {
        pthread_mutex_unlock(&c->lock);
        return;
    }
    ssize_t n = 0;
    if (c->out_fd >= 0 && !c->out_len)
        n = out_try(c, buf, len);
    if (n < 0) {
        out_break_locked(c);
        n = (ssize_t)len;
    }
    out_keep_locked(c, buf + n, len - (size_t)n);
    if (c->out_len && c->out_fd >= 0 && !c->out_watched) {
        c->out_watched = true;
        chr_call(c, out_watch);
    }
    pthread_mutex_unlock(&c->lock);
}

/* ---- input -------------------------------------------------------------------------------- */

static void in_ready(void *opaque, unsigned events);

static void in_watch(struct chr_fd *c, bool on)
{
    if (c->in_fd < 0 || c->in_plain || on == c->in_watched)
        return;
    /* Taken off instead of asking for no events: a hang-up would be told for ever. */
    if (on) {
        c->in_io = (struct loop_io){
            .fd = c->in_fd, .events = LOOP_READ, .ready = in_ready, .opaque = c};
        c->in_watched = !loop_add(c->loop, &c->in_io, NULL);
    } else {
        loop_remove(c->loop, &c->in_io);
        c->in_watched = false;
    }
}

static void in_close(struct chr_fd *c)
{
    in_watch(c, false);
    if (!c->in_borrowed)
        base_close_fd(&c->in_fd);
    c->in_fd = -1;
}

/* Offer what is there to the front. */
static void in_deliver(struct chr_fd *c)
{
    const struct chr_front *f = &c->chr.front;

    while (c->in_len && f->receive) {
        /* Before the call: its room may come back as soon as the lock is free. */
        __atomic_store_n(&c->stalled, true, __ATOMIC_SEQ_CST);
        size_t n = chr_front_receive(f, c->in, c->in_len);
        memmove(c->in, c->in + n, c->in_len - n);
        c->in_len -= n;
        if (!n)
            return;
    }
    __atomic_store_n(&c->stalled, c->in_len != 0, __ATOMIC_SEQ_CST);
}

static void say(struct chr_fd *c, const char *text)
{
    fd_write(&c->chr, (const uint8_t *)text, strlen(text));
}

static void in_keep(struct chr_fd *c, uint8_t byte)
{
    if (c->in_len < CHR_IN_MAX)
        c->in[c->in_len++] = byte;
    else
        c->n_in_dropped++;
}

static void escape_key(struct chr_fd *c, uint8_t key)
{
    switch (key) {
    case 'x':
    case 'X':
        if (c->quit)
            c->quit(c->quit_opaque);
        break;
    case 'b':
    case 'B':
        in_deliver(c);
        chr_front_event(&c->chr.front, CHR_BREAK);
        break;
    case 'h':
    case 'H':
    case '?':
        say(c, "\r\nctrl-a x  leave: the guest is stopped\r\n"
               "ctrl-a b  send a break\r\n"
               "ctrl-a ctrl-a  send ctrl-a\r\n"
               "ctrl-a h  this help\r\n");
        break;
    case ESCAPE: in_keep(c, ESCAPE); break;
    default: break; /* no such command: neither key goes to the guest */
    }
}

/* Bytes just read: on a terminal take the escapes out. */
static void in_take(struct chr_fd *c, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (c->escaped) {
            c->escaped = false;
            escape_key(c, buf[i]);
        } else if (c->terminal && buf[i] == ESCAPE) {
            c->escaped = true;
        } else {
            in_keep(c, buf[i]);
        }
    }
    in_deliver(c);
}

/* Read once; false: nothing more for now or ever. */
static bool in_read(struct chr_fd *c)
{
    uint8_t buf[CHR_IN_MAX];
    /* A terminal is read also when the guest takes nothing, for the escape's sake. */
    size_t room = c->terminal ? sizeof(buf) : CHR_IN_MAX - c->in_len;

    if (c->in_fd < 0 || !room)
        return false;
    ssize_t n = read(c->in_fd, buf, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        in_close(c); /* end of input; the guest goes on */
        if (c->on_close)
            c->on_close(c);
        return false;
    }
    in_take(c, buf, (size_t)n);
    return true;
}

static void in_ready(void *opaque, unsigned events)
{
    struct chr_fd *c = opaque;

    (void)events;
    in_read(c);
    if (!c->terminal && c->in_len == CHR_IN_MAX)
        in_watch(c, false);
}

static void in_resume(void *opaque)
{
    struct chr_fd *c = opaque;

    if (!chr_call_begins(c))
        return;
    in_deliver(c);
    while (c->in_plain && !c->in_len && in_read(c))
        ;
    if (c->in_len < CHR_IN_MAX)
        in_watch(c, true);
}

static void fd_accept(struct chr *chr)
{
    struct chr_fd *c = container_of(chr, struct chr_fd, chr);

    if (__atomic_exchange_n(&c->stalled, false, __ATOMIC_SEQ_CST))
        chr_call(c, in_resume);
}

/* ---- life --------------------------------------------------------------------------------- */

struct chr_fd *chr_fd_create(size_t size, struct loop *loop, const char *where)
{
    struct chr_fd *c = xcalloc(1, size);

    c->chr.ops = &chr_fd_ops;
    c->loop = loop;
    c->where = xstrdup(where);
    c->in_fd = c->out_fd = -1;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

static bool is_plain(int fd)
{
    struct stat st;

    return fd >= 0 && !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

/* What epoll does not take (files, /dev/null) is always ready. */
static bool is_always_ready(struct chr_fd *c, int fd)
{
    struct loop_io probe = {.fd = fd, .events = LOOP_READ};

    if (is_plain(fd))
        return true;
    if (loop_add(c->loop, &probe, NULL))
        return true;
    loop_remove(c->loop, &probe);
    return false;
}

int chr_fd_attach(struct chr_fd *c, int in_fd, int out_fd, bool borrowed, struct error *err)
{
    (void)err;
    c->in_fd = in_fd;
    c->in_borrowed = borrowed;
    c->in_plain = in_fd >= 0 && is_always_ready(c, in_fd);
    c->out_io = (struct loop_io){.events = LOOP_WRITE, .ready = out_ready, .opaque = c};
    pthread_mutex_lock(&c->lock);
    c->out_fd = out_fd;
    c->out_borrowed = borrowed;
    c->out_plain = is_plain(out_fd);
    if (c->out_len && !c->out_watched) {
        c->out_watched = true;
        chr_call(c, out_watch);
    }
    pthread_mutex_unlock(&c->lock);
    if (c->in_plain)
        chr_call(c, in_resume);
    else
        in_watch(c, true);
    return 0;
}

void chr_fd_detach(struct chr_fd *c)
{
    in_close(c);
    c->in_len = 0;
    c->escaped = false;
    pthread_mutex_lock(&c->lock);
    out_unwatch(c);
    if (!c->out_borrowed)
        base_close_fd(&c->out_fd);
    c->out_fd = -1;
    pthread_mutex_unlock(&c->lock);
}

static void out_flush_locked(struct chr_fd *c)
{
    uint64_t until = monotonic_ns() + FLUSH_MS * UINT64_C(1000000);

    while (c->out_len && c->out_fd >= 0 && !c->discard) {
        uint64_t now = monotonic_ns();
        if (now >= until || !fd_ready(c->out_fd, POLLOUT, (int)((until - now) / 1000000 + 1)))
            return;
        if (!out_drain_locked(c))
            return;
    }
}

static void fd_destroy(struct chr *chr)
{
    struct chr_fd *c = container_of(chr, struct chr_fd, chr);

    pthread_mutex_lock(&c->lock);
    out_flush_locked(c);
    pthread_mutex_unlock(&c->lock);
    chr_fd_detach(c);
    if (c->on_fini)
        c->on_fini(c);
    c->destroyed = true;
    if (!__atomic_load_n(&c->calls, __ATOMIC_SEQ_CST))
        chr_free(c);
}

const struct chr_ops chr_fd_ops = {.write = fd_write, .accept = fd_accept, .destroy = fd_destroy};
