/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/netns.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/sys.h"
#include "zone/netlink.h"

int net_loopback_up(struct error *err)
{
    auto_fd int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    if (s < 0) /* a kernel without IPv4 has no loopback to raise */
        return errno == EAFNOSUPPORT ? 0 : fail_errno(err, errno, "socket");
    /* one call: a new namespace's loopback has no flag that would be lost */
    struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
    rc = ioctl(s, SIOCSIFFLAGS, &ifr);
    return rc < 0 ? fail_errno(err, errno, "loopback interface") : 0;
}

struct saved_addr {
    struct ifaddrmsg ifa;
    unsigned char local[16], broadcast[16];
    bool has_broadcast;
};

/* Global addresses of an interface, before it moves: moving loses them. */
static size_t read_addrs(int s, int index, struct saved_addr *out, size_t max)
{
    struct nl_request q = {
        .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)), .nlmsg_type = RTM_GETADDR,
              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
    };
    size_t n = 0;
    static char buf[32768];

    if (send(s, &q, q.h.nlmsg_len, 0) < 0)
        return 0;
    for (;;) {
        ssize_t got = recv(s, buf, sizeof(buf), 0);
        if (got <= 0)
            return n;
        int left = (int)got;
        for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, (unsigned)left);
             h = NLMSG_NEXT(h, left)) {
            if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
                return n;
            struct ifaddrmsg *ifa = NLMSG_DATA(h);
            if ((int)ifa->ifa_index != index || ifa->ifa_scope != RT_SCOPE_UNIVERSE || n == max)
                continue;
            struct saved_addr *a = &out[n];
            *a = (struct saved_addr){.ifa = *ifa};
            bool have = false;
            int len = (int)IFA_PAYLOAD(h);
            for (struct rtattr *r = IFA_RTA(ifa); RTA_OK(r, len); r = RTA_NEXT(r, len)) {
                size_t size = MIN(RTA_PAYLOAD(r), sizeof(a->local));
                if (r->rta_type == IFA_LOCAL || (r->rta_type == IFA_ADDRESS && !have)) {
                    memcpy(a->local, RTA_DATA(r), size);
                    have = true;
                } else if (r->rta_type == IFA_BROADCAST) {
                    memcpy(a->broadcast, RTA_DATA(r), size);
                    a->has_broadcast = true;
                }
            }
            n += have;
        }
    }
}

/* In the target namespace: addresses back, and up. */
static int restore_device(const struct spec_netdev *d, const struct saved_addr *addrs, size_t n)
{
    auto_fd int nl = nl_socket();

    if (nl < 0)
        return nl;
    int index = nl_index(d->name);
    if (index < 0)
        return index;
    for (size_t i = 0; i < n; i++) {
        struct nl_request q = {
            .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)), .nlmsg_type = RTM_NEWADDR,
                  .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
            .addr = addrs[i].ifa,
        };
        size_t len = addrs[i].ifa.ifa_family == AF_INET ? 4 : 16;
        q.addr.ifa_index = (uint32_t)index;
        nl_attr(&q, IFA_LOCAL, addrs[i].local, len);
        nl_attr(&q, IFA_ADDRESS, addrs[i].local, len);
        if (addrs[i].has_broadcast)
            nl_attr(&q, IFA_BROADCAST, addrs[i].broadcast, len);
        int rc = nl_do(nl, &q);
        if (rc && rc != -EEXIST)
            return rc;
    }
    return nl_link_up(d->name);
}

static int move_device(int nl, const struct spec_netdev *d, int netns, struct error *err)
{
    struct saved_addr addrs[32];
    int index = nl_index(d->host_name);

    if (index < 0)
        return fail_errno(err, -index, "network device %s", d->host_name);
    size_t n = read_addrs(nl, index, addrs, ARRAY_LEN(addrs));
    struct nl_request q = {
        .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK},
        .link = {.ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_change = IFF_UP},
    };
    nl_attr(&q, IFLA_NET_NS_FD, &netns, sizeof(netns));
    nl_attr(&q, IFLA_IFNAME, d->name, strlen(d->name) + 1);
    int rc = nl_do(nl, &q);
    if (rc)
        return fail_errno(err, -rc, "move network device %s", d->host_name);
    pid_t pid = fork();
    if (pid < 0)
        return fail_errno(err, errno, "fork");
    if (pid == 0)
        _exit(setns(netns, CLONE_NEWNET) < 0 ? errno : -restore_device(d, addrs, n));
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return fail_errno(err, WIFEXITED(status) ? WEXITSTATUS(status) : EIO,
                          "set up network device %s in the container", d->name);
    return 0;
}

int net_move_devices(const struct spec *s, int netns, struct error *err)
{
    if (!s->netdev_count)
        return 0;
    auto_fd int nl = nl_socket();
    if (nl < 0)
        return fail_errno(err, -nl, "netlink socket");
    for (size_t i = 0; i < s->netdev_count; i++) {
        int rc = move_device(nl, &s->netdevs[i], netns, err);
        if (rc)
            return rc;
    }
    return 0;
}
