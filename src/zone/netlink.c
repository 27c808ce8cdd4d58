/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/netlink.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/file.h"

void nl_attr(struct nl_request *q, unsigned short type, const void *v, size_t n)
{
    size_t at = NLMSG_ALIGN(q->h.nlmsg_len);
    struct rtattr *a = (struct rtattr *)((char *)q + at);

    if (at + RTA_SPACE(n) > sizeof(*q))
        return;
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(n);
    if (n)
        memcpy(RTA_DATA(a), v, n);
    q->h.nlmsg_len = (uint32_t)(at + RTA_SPACE(n));
}

struct rtattr *nl_begin(struct nl_request *q, unsigned short type)
{
    struct rtattr *a = (struct rtattr *)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len));

    nl_attr(q, type, NULL, 0);
    return a;
}

void nl_end(struct nl_request *q, struct rtattr *a)
{
    a->rta_len = (unsigned short)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len) - (char *)a);
}

int nl_socket(void)
{
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    return s < 0 ? -errno : s;
}

int nl_do(int s, struct nl_request *q)
{
    char buf[4096];

    q->h.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (send(s, q, q->h.nlmsg_len, 0) < 0)
        return -errno;
    ssize_t n = recv(s, buf, sizeof(buf), 0);
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
        return n < 0 ? -errno : -EPROTO;
    struct nlmsghdr h;
    struct nlmsgerr e;
    memcpy(&h, buf, sizeof(h));
    memcpy(&e, buf + NLMSG_HDRLEN, sizeof(e));
    return h.nlmsg_type == NLMSG_ERROR ? e.error : -EPROTO;
}

static int ask(const char *name, unsigned long what, struct ifreq *ifr)
{
    auto_fd int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (s < 0)
        return -errno;
    memcpy(ifr->ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    return ioctl(s, what, ifr) < 0 ? -errno : 0;
}

int nl_index(const char *name)
{
    struct ifreq ifr = {0};
    int rc = ask(name, SIOCGIFINDEX, &ifr);

    return rc ? rc : ifr.ifr_ifindex;
}

int nl_link_up(const char *name)
{
    struct ifreq ifr = {0};
    int rc = ask(name, SIOCGIFFLAGS, &ifr);

    if (rc || (ifr.ifr_flags & IFF_UP))
        return rc;
    ifr.ifr_flags |= IFF_UP;
    return ask(name, SIOCSIFFLAGS, &ifr);
}
