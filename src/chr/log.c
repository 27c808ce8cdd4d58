/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * log: a copy of what the guest writes, in a file that never holds more than its limit: when it is
 * full it starts again with its newer half, kept in memory for that.
 */
#include <fcntl.h>
#include <unistd.h>

#include "chr/chr_fd.h"
#include "chr/chr_open.h"

#define LIMIT_MIN 4096

struct chr_log {
    struct chr chr;
    struct chr *inner; /* owned; may be NULL */
    pthread_mutex_t lock; /* guards what follows */
    int fd;
    size_t limit, used; /* of the file */
    uint8_t *tail;      /* ring of limit / 2 bytes: the newest */
    size_t tail_size, tail_at, tail_len;
    bool broken;
};

static void log_store(struct chr_log *l, const uint8_t *buf, size_t len)
{
    for (size_t done = 0; done < len && !l->broken;) {
        ssize_t n = write(l->fd, buf + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        l->broken = n <= 0;
        done += n > 0 ? (size_t)n : 0;
    }
    l->used += len;
}

static void log_start_again(struct chr_log *l)
{
    if (ftruncate(l->fd, 0) < 0 || lseek(l->fd, 0, SEEK_SET) < 0) {
        l->broken = true;
        return;
    }
    size_t from = (l->tail_at + l->tail_size - l->tail_len) % l->tail_size;
    size_t first = MIN(l->tail_len, l->tail_size - from);
    l->used = 0;
    log_store(l, l->tail + from, first);
    log_store(l, l->tail, l->tail_len - first);
}

static void log_write(struct chr *chr, const uint8_t *buf, size_t len)
{
    struct chr_log *l = container_of(chr, struct chr_log, chr);

    chr_write(l->inner, buf, len);
    pthread_mutex_lock(&l->lock);
    for (size_t done = 0; done < len && !l->broken;) {
        size_t piece = MIN(len - done, l->limit - l->used);
        if (!piece) {
            log_start_again(l);
            continue;
        }
        log_store(l, buf + done, piece);
        for (size_t i = 0; i < piece; i++) {
            l->tail[l->tail_at] = buf[done + i];
            l->tail_at = (l->tail_at + 1) % l->tail_size;
        }
        l->tail_len = MIN(l->tail_len + piece, l->tail_size);
        done += piece;
    }
    pthread_mutex_unlock(&l->lock);
}

static void log_accept(struct chr *chr)
{
    chr_accept(container_of(chr, struct chr_log, chr)->inner);
}

/* The inner back end's front: passes on to the log's own, whatever that is by now. */
static size_t log_receive(void *opaque, const uint8_t *buf, size_t len)
{
    return chr_front_receive(&((struct chr_log *)opaque)->chr.front, buf, len);
}

static void log_event(void *opaque, enum chr_event ev)
{
    chr_front_event(&((struct chr_log *)opaque)->chr.front, ev);
}

static void log_destroy(struct chr *chr)
{
    struct chr_log *l = container_of(chr, struct chr_log, chr);

    chr_destroy(l->inner);
    base_close_fd(&l->fd);
    pthread_mutex_destroy(&l->lock);
    free(l->tail);
    free(l);
}

static const struct chr_ops log_ops = {
    .write = log_write, .accept = log_accept, .destroy = log_destroy};

const struct chr *chr_log_inner(const struct chr *chr)
{
    return chr && chr->ops == &log_ops ? container_of(chr, const struct chr_log, chr)->inner : NULL;
}

int chr_open_log(const char *path, size_t limit, struct chr *inner, struct chr **out,
                 struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);

    if (fd < 0) {
        int rc = fail_errno(err, errno, "cannot open %s", path);
        chr_destroy(inner);
        return rc;
    }
    struct chr_log *l = xcalloc(1, sizeof(*l));
    *l = (struct chr_log){.chr.ops = &log_ops,
                          .inner = inner,
                          .fd = fd,
                          .limit = MAX(limit, (size_t)LIMIT_MIN)};
    l->tail_size = l->limit / 2;
    l->tail = xcalloc(1, l->tail_size);
    pthread_mutex_init(&l->lock, NULL);
    if (inner)
        inner->front =
            (struct chr_front){.receive = log_receive, .event = log_event, .opaque = l};
    *out = &l->chr;
    return 0;
}
