/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vsock_unix: the host's ends of a guest's sockets are Unix stream sockets.
 *
 *   to the guest    connect to PATH, send "CONNECT PORT\n"; "OK NUMBER\n" comes back when the guest has
 *                   taken it (else the end of the stream), then the stream
 *   from the guest  its connection to port P of the host (address 2) becomes one to PATH_P, where
 *                   somebody may listen
 */
#ifndef QUAD_NET_VSOCK_UNIX_H
#define QUAD_NET_VSOCK_UNIX_H

#include "base/loop.h"
#include "core/vsock.h"

int vsock_unix_open(const char *path, struct loop *loop, struct vsock **out, struct error *err);

#endif
