/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * chr_open: makes the back end of a character stream from what a person writes:
 *
 *     stdio          this process' terminal (raw; ctrl-a x leaves) or whatever stdin/stdout are
 *     file:PATH      output to a file, emptied first; no input
 *     socket:PATH    a Unix socket that waits for one peer at a time
 *     pty            a new pseudo terminal; chr_where() says its name
 *     null           nothing
 *
 * Everything runs on the loop's thread; only chr_write() and chr_accept() may be called from others.
 * Output that the other end does not take is kept up to a bound, then the oldest is dropped and
 * counted. Connect the front (chr->front) before the loop runs.
 */
#ifndef QUAD_CHR_CHR_OPEN_H
#define QUAD_CHR_CHR_OPEN_H

#include "core/chr.h"

struct loop;

/* Errors: EINVAL (unknown spec, with the list), or what the system said, with the path. */
int chr_open(const char *spec, struct loop *loop, struct chr **out, struct error *err);

/* The person asked to leave (stdio: ctrl-a x). On the loop's thread. No-op on other kinds. */
void chr_on_quit(struct chr *chr, void (*quit)(void *opaque), void *opaque);

/* Where it can be reached, for the person: "/dev/pts/7", a path, "stdio". */
const char *chr_where(const struct chr *chr);

/* Is it an interactive terminal that the escape works on? */
bool chr_is_terminal(const struct chr *chr);

/* Bytes dropped because the other end did not take them. */
uint64_t chr_dropped(const struct chr *chr);

/* A log beside another back end: what the guest writes goes to `inner` (takes it; may be NULL)
 * and to the file, which holds at most `limit` bytes: the last ones. */
int chr_open_log(const char *path, size_t limit, struct chr *inner, struct chr **out,
                 struct error *err);

/* Several ends for one stream: `primary` (takes it; may be NULL) and those attached later, on the
 * loop's thread: a descriptor that is read and written (takes it), which first gets up to `history`
 * bytes of what was said last. */
struct chr *chr_hub_create(struct chr *primary, struct loop *loop);
int chr_hub_attach(struct chr *hub, int fd, size_t history, struct error *err);
/* The newest output, up to 16 KiB of it; *written: bytes since the beginning. Any thread. */
size_t chr_hub_tail(struct chr *hub, uint8_t *buf, size_t len, uint64_t *written);

/* Put the terminal back as it was; safe in a signal handler and at exit, any number of times. */
void chr_stdio_restore(void);

#endif
