/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * net_open: the back ends of network devices.
 */
#ifndef QUAD_NET_NET_OPEN_H
#define QUAD_NET_NET_OPEN_H

#include "base/loop.h"
#include "core/net.h"

struct net_forward {
    bool udp;
    char address[46]; /* of the host, "127.0.0.1" */
    uint16_t host_port, guest_port;
};

/* "[tcp:|udp:][ADDRESS:]PORT:PORT"; without an address only this host can use it. */
int net_forward_parse(struct net_forward *f, const char *text, struct error *err);

/* NAT, DHCP and DNS by libslirp in a process of its own, that ends with this one. */
int net_user_open(const struct net_forward *forwards, unsigned n, struct loop *loop,
                  struct net **out, struct error *err);
/* A tap interface that exists, or that we may make. */
int net_tap_open(const char *interface, struct loop *loop, struct net **out, struct error *err);
/* Frames vanish, none come. */
struct net *net_null_open(void);
/* Records what passes `inner`, which it takes over. */
int net_pcap_open(const char *path, struct net *inner, struct net **out, struct error *err);

/* A descriptor where each read and each write is one frame; takes fd. */
int net_fd_open(int fd, struct loop *loop, struct net **out, struct error *err);
/* Bytes a second from the guest and to it; 0: no limit. Any time, on the loop's thread. */
void net_fd_limit(struct net *net, uint64_t tx, uint64_t rx);

/* Has the guest taken a TCP connection on that port of its own? */
bool net_fd_port_open(struct net *net, uint16_t port);

#endif
