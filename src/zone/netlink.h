/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netlink: one request at a time to the kernel's routing socket. [rtnetlink(7)]
 */
#ifndef QUAD_ZONE_NETLINK_H
#define QUAD_ZONE_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/base.h"

struct nl_request {
    struct nlmsghdr h;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg addr;
        struct rtmsg route;
        struct tcmsg tc;
    };
    char attrs[512];
};

/* Append an attribute; what does not fit is left out (all of ours do). */
void nl_attr(struct nl_request *q, unsigned short type, const void *v, size_t n);
/* Attributes until nl_end() are inside this one. */
struct rtattr *nl_begin(struct nl_request *q, unsigned short type);
void nl_end(struct nl_request *q, struct rtattr *a);

int nl_socket(void); /* a descriptor or -errno */
/* Send and wait for the acknowledgement; 0 or -errno. */
int nl_do(int s, struct nl_request *q);

/* In the caller's network namespace. */
int nl_index(const char *name); /* > 0, or -errno */
int nl_link_up(const char *name);

#endif
