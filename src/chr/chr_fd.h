/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * chr_fd: what all back ends share: a descriptor to read, one to write, a bounded buffer each.
 *
 * Output is written at once by the caller's thread as far as the descriptor takes it without
 * blocking; the rest waits in a ring that the loop drains. Input is read on the loop's thread and
 * offered to the front; what it does not take waits until chr_accept(). Descriptor flags are not
 * changed (a shared terminal or pipe belongs to others, too): each access is asked for with poll.
 */
#ifndef QUAD_CHR_CHR_FD_H
#define QUAD_CHR_CHR_FD_H

#include "base/loop.h"
#include "core/chr.h"

#define CHR_OUT_MAX 65536
#define CHR_IN_MAX 4096

struct chr_fd {
    struct chr chr;
    struct loop *loop;
    char *where;

    /* Loop's thread only. */
    struct loop_io in_io;
    int in_fd; /* owned unless in_borrowed; -1: none */
    bool in_borrowed, in_watched, in_plain; /* plain: a file, which epoll does not take */
    uint8_t in[CHR_IN_MAX];
    size_t in_len;
    uint64_t n_in_dropped;
    bool terminal, escaped; /* escaped: ctrl-a was typed */
    void (*quit)(void *opaque);
    void *quit_opaque;
    void (*on_close)(struct chr_fd *c); /* the peer has gone; may be NULL */
    void (*on_fini)(struct chr_fd *c);  /* before it is freed; may be NULL */
    struct loop_io out_io;

    pthread_mutex_t lock; /* guards what follows; taken inside the front's lock */
    int out_fd;           /* owned unless out_borrowed; -1: none, output is kept for a peer */
    bool out_borrowed, out_watched, out_plain, discard;
    uint8_t out[CHR_OUT_MAX]; /* ring */
    size_t out_head, out_len;
    uint64_t n_out_dropped;

    bool stalled;   /* atomic: the front did not take everything */
    unsigned calls; /* atomic: loop calls under way */
    bool destroyed; /* loop's thread */
};

extern const struct chr_ops chr_fd_ops;

/* size: of the struct that has chr_fd first; where: copied. */
struct chr_fd *chr_fd_create(size_t size, struct loop *loop, const char *where);
/* Start to use descriptors (-1: none); takes those not borrowed. Loop's thread. */
int chr_fd_attach(struct chr_fd *c, int in_fd, int out_fd, bool borrowed, struct error *err);
/* Stop using them; output from now on is kept, the newest CHR_OUT_MAX bytes. */
void chr_fd_detach(struct chr_fd *c);

int chr_stdio_open(struct loop *loop, struct chr **out, struct error *err);
int chr_file_open(const char *path, struct loop *loop, struct chr **out, struct error *err);
int chr_pty_open(struct loop *loop, struct chr **out, struct error *err);
int chr_socket_open(const char *path, struct loop *loop, struct chr **out, struct error *err);

/* If chr is a log: what is behind it. */
const struct chr *chr_log_inner(const struct chr *chr);
/* If chr is a hub: its first end. */
struct chr *chr_hub_primary(const struct chr *chr);

#endif
