/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * move_tls: a move's connection encrypted. The handshake is made by the command that opened the
 * connection; then a process of its own carries the bytes between it and a socket pair, whose other
 * end the guest's process gets: keys and library stay out of that.
 *
 *     guest's process --socket pair-- carrier ==TLS== carrier --socket pair-- guest's process
 *
 * A carrier or a link that dies is a link that dies: guest/move.h.
 */
#ifndef QUAD_GUEST_MOVE_TLS_H
#define QUAD_GUEST_MOVE_TLS_H

#include "base/base.h"

struct move_tls {
    const char *folder; /* ca.pem, cert.pem, key.pem: both sides have a certificate of that authority */
    const char *psk;    /* a file "NAME:HEX", the same on both sides */
};

static inline bool move_tls_wanted(const struct move_tls *t)
{
    return t->folder || t->psk;
}

/* *fd, a connected socket, becomes the end of the socket pair. `where`, of whoever connected, is the
 * place that the other side's certificate must name; NULL: this side was connected to. */
int move_tls_wrap(int *fd, const struct move_tls *t, const char *where, struct error *err);

#endif
