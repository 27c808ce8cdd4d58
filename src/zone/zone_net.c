/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone_net.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/sys.h"
#include "image/store.h"
#include "zone/netlink.h"

#define PREFIX 16

static uint32_t subnet(void)
{
    const char *own = getenv("QUAD_ZONE_NET");
    unsigned a, b;
    char rest;

    if (own && sscanf(own, "%3u.%3u%c", &a, &b, &rest) == 2 && a < 224 && b < 256)
        return a << 24 | b << 16;
    return 10u << 24 | 90u << 16;
}

void zone_net_text(uint32_t address, char text[16])
{
    snprintf(text, 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
             address & 255);
}

static void interface_name(uint32_t address, char name[IFNAMSIZ])
{
    snprintf(name, IFNAMSIZ, "qz%04x", address & 0xffff);
}

/* ------------------------------------------------------------------------------------ addresses */

static uint32_t read_address(const char *folder)
{
    auto_free char *path = xasprintf("%s/address", folder);
    struct in_addr a;
    char text[32];

    if (file_read_buf(AT_FDCWD, path, text, sizeof(text)) <= 0)
        return 0;
    text[strcspn(text, "\n")] = 0;
    return inet_pton(AF_INET, text, &a) == 1 ? ntohl(a.s_addr) : 0;
}

static int note_address(void *opaque, const char *name)
{
    uint8_t *used = opaque;
    auto_free char *folder = store_path(STORE_GUESTS, name);
    uint32_t a = read_address(folder);

    if (a && (a & 0xffff0000) == subnet())
        used[(a & 0xffff) / 8] |= (uint8_t)(1 << (a & 7));
    return 0;
}

int zone_net_address(const char *folder, uint32_t *address, struct error *err)
{
    auto_free char *all = store_path(STORE_GUESTS, NULL);
    auto_fd int lock = open(all, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint32_t net = subnet();
    char text[16];

    if (lock < 0 || dir < 0 || flock(lock, LOCK_EX) < 0)
        return fail_errno(err, errno, "%s", folder);
    *address = read_address(folder);
    if (*address && (*address & 0xffff0000) == net)
        return 0;
    auto_free uint8_t *used = xcalloc(8192, 1);
    store_each(STORE_GUESTS, note_address, used);
    for (uint32_t i = 2; i < 0xfffe; i++) {
        if (used[i / 8] & 1 << (i & 7))
            continue;
        *address = net | i;
        zone_net_text(*address, text);
        return file_replace(dir, "address", text, strlen(text), err);
    }
    return fail(err, EADDRNOTAVAIL, "no address is free on " ZONE_BRIDGE);
}

/* Name servers of the host that a zone can reach too: not those that listen on loopback only. */
static char *resolvers(void)
{
    auto_free char *text = NULL;
    char *out = xstrdup(""), *save = NULL;

    if (file_read(AT_FDCWD, "/run/systemd/resolve/resolv.conf", &text, NULL, NULL) &&
        file_read(AT_FDCWD, "/etc/resolv.conf", &text, NULL, NULL))
        return out;
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        if (!strncmp(l, "nameserver 127.", 15) || !strncmp(l, "nameserver ::1", 14))
            continue;
        char *more = xasprintf("%s%s\n", out, l);
        free(out);
        out = more;
    }
    return out;
}

int zone_net_files(const struct zone_config *c, const char *folder, uint32_t address,
                   struct error *err)
{
    auto_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *resolv = resolvers();
    const char *host = c->hostname ? c->hostname : c->name;
    char text[16] = "127.0.1.1";

    if (dir < 0)
        return fail_errno(err, errno, "%s", folder);
    if (address)
        zone_net_text(address, text);
    auto_free char *hosts = xasprintf("127.0.0.1\tlocalhost\n::1\tlocalhost\n%s\t%s\n", text, host);
    int rc = file_replace(dir, "resolv.conf", resolv, strlen(resolv), err);
    if (!rc)
        rc = file_replace(dir, "hosts", hosts, strlen(hosts), err);
    if (!rc && (fchmodat(dir, "resolv.conf", 0644, 0) < 0 || fchmodat(dir, "hosts", 0644, 0) < 0))
        rc = fail_errno(err, errno, "%s", folder);
    return rc;
}

/* --------------------------------------------------------------------------------------- bridge */

static int add_address(int nl, int index, uint32_t address)
{
    struct nl_request q = {
        .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)), .nlmsg_type = RTM_NEWADDR,
              .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
        .addr = {.ifa_family = AF_INET, .ifa_prefixlen = PREFIX, .ifa_index = (uint32_t)index},
    };
    uint32_t a = htonl(address), all = htonl(address | 0xffff);

    nl_attr(&q, IFA_LOCAL, &a, sizeof(a));
    nl_attr(&q, IFA_ADDRESS, &a, sizeof(a));
    nl_attr(&q, IFA_BROADCAST, &all, sizeof(all));
    return nl_do(nl, &q);
}

static int nft(const char *text, struct error *err)
{
    int in[2], status = 0;

    if (pipe2(in, O_CLOEXEC) < 0)
        return fail_errno(err, errno, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(in[0], 0) == 0)
            execlp("nft", "nft", "-f", "-", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    size_t n = strlen(text);
    bool written = pid > 0 && write(in[1], text, n) == (ssize_t)n;
    close(in[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || !written || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
        return fail(err, ENOENT, "no program nft; install package nftables, or use --net none or host");
    return WEXITSTATUS(status) ? fail(err, EIO, "nft refuses the zones' rules") : 0;
}

#define FORWARD_RULES(chain, proto)                                                         \
    "add rule ip quad " chain " dnat ip to ip daddr . " proto " dport map @at_" proto "\n" \
    "add rule ip quad " chain " fib daddr type local dnat ip to " proto " dport map @any_" proto "\n"

static int base_rules(struct error *err)
{
    char net[16];

    zone_net_text(subnet(), net);
    auto_free char *text = xasprintf(
        "add table ip quad\n"
        "add map ip quad any_tcp { type inet_service : ipv4_addr . inet_service; }\n"
        "add map ip quad any_udp { type inet_service : ipv4_addr . inet_service; }\n"
        "add map ip quad at_tcp { type ipv4_addr . inet_service : ipv4_addr . inet_service; }\n"
        "add map ip quad at_udp { type ipv4_addr . inet_service : ipv4_addr . inet_service; }\n"
        "add chain ip quad prerouting { type nat hook prerouting priority -100; }\n"
        "add chain ip quad output { type nat hook output priority -100; }\n"
        "add chain ip quad postrouting { type nat hook postrouting priority 100; }\n"
        "flush chain ip quad prerouting\nflush chain ip quad output\n"
        "flush chain ip quad postrouting\n"
        FORWARD_RULES("prerouting", "tcp") FORWARD_RULES("prerouting", "udp")
        FORWARD_RULES("output", "tcp") FORWARD_RULES("output", "udp")
        "add rule ip quad postrouting ip saddr %s/16 ip daddr != %s/16 masquerade\n"
        "add rule ip quad postrouting oifname " ZONE_BRIDGE " ct status dnat masquerade\n",
        net, net);
    return nft(text, err);
}

static int make_bridge(int nl, struct error *err)
{
    struct nl_request q = {
        .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK,
              .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL},
        .link = {.ifi_family = AF_UNSPEC},
    };
    int rc, index = nl_index(ZONE_BRIDGE);

    if (index > 0)
        return index;
    if ((rc = base_rules(err))) /* first: where the bridge is there, they are */
        return rc;
    nl_attr(&q, IFLA_IFNAME, ZONE_BRIDGE, sizeof(ZONE_BRIDGE));
    struct rtattr *info = nl_begin(&q, IFLA_LINKINFO);
    nl_attr(&q, IFLA_INFO_KIND, "bridge", 7);
    nl_end(&q, info);
    rc = nl_do(nl, &q);
    if (rc && rc != -EEXIST)
        return fail_errno(err, -rc, "make the bridge " ZONE_BRIDGE);
    index = nl_index(ZONE_BRIDGE);
    if (index < 0)
        return fail_errno(err, -index, "bridge " ZONE_BRIDGE);
    rc = add_address(nl, index, subnet() | 1);
    if (!rc)
        rc = nl_link_up(ZONE_BRIDGE);
    if (!rc)
        rc = file_write(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", "1");
    /* a published port is also asked for on 127.0.0.1, from there to the bridge */
    if (!rc)
        rc = file_write(AT_FDCWD, "/proc/sys/net/ipv4/conf/" ZONE_BRIDGE "/route_localnet", "1");
    if (rc)
        return fail_errno(err, -rc, "set up the bridge " ZONE_BRIDGE);
    return index;
}

/* ------------------------------------------------------------------------------------- interface */

static int make_pair(int nl, int bridge, uint32_t address, int netns, struct error *err)
{
    struct nl_request q = {
        .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK,
              .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL},
        .link = {.ifi_family = AF_UNSPEC},
    };
    const uint8_t mac[6] = {0x52, 0x90, (uint8_t)(address >> 24), (uint8_t)(address >> 16),
                            (uint8_t)(address >> 8), (uint8_t)address};
    char name[IFNAMSIZ];
    int index;

    interface_name(address, name);
    if ((index = nl_index(name)) > 0) { /* of a zone that died with this host's process */
        struct nl_request del = {
            .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_DELLINK},
            .link = {.ifi_family = AF_UNSPEC, .ifi_index = index},
        };
        nl_do(nl, &del);
    }
    nl_attr(&q, IFLA_IFNAME, name, strlen(name) + 1);
    nl_attr(&q, IFLA_MASTER, &bridge, sizeof(bridge));
    struct rtattr *info = nl_begin(&q, IFLA_LINKINFO);
    nl_attr(&q, IFLA_INFO_KIND, "veth", 5);
    struct rtattr *data = nl_begin(&q, IFLA_INFO_DATA);
    struct rtattr *peer = nl_begin(&q, VETH_INFO_PEER);
    q.h.nlmsg_len += NLMSG_ALIGN(sizeof(struct ifinfomsg)); /* all zeros */
    nl_attr(&q, IFLA_IFNAME, "eth0", 5);
    nl_attr(&q, IFLA_ADDRESS, mac, sizeof(mac));
    nl_attr(&q, IFLA_NET_NS_FD, &netns, sizeof(netns));
    nl_end(&q, peer);
    nl_end(&q, data);
    nl_end(&q, info);
    int rc = nl_do(nl, &q);
    if (!rc)
        rc = nl_link_up(name);
    return rc ? fail_errno(err, -rc, "make the zone's interface %s", name) : 0;
}

/* In the zone's network namespace; -errno. */
static int set_up_inside(uint32_t address)
{
    struct nl_request q = {
        .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_NEWROUTE,
              .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
        .route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
                  .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST},
    };
    uint32_t gateway = htonl(subnet() | 1);
    auto_fd int nl = nl_socket();
    int index = nl < 0 ? nl : nl_index("eth0");

    if (index < 0)
        return index;
    int rc = add_address(nl, index, address);
    if (!rc)
        rc = nl_link_up("eth0");
    nl_attr(&q, RTA_GATEWAY, &gateway, sizeof(gateway));
    nl_attr(&q, RTA_OIF, &index, sizeof(index));
    return rc ? rc : nl_do(nl, &q);
}

/* Token bucket on an interface; 0 takes it away. [tc-tbf(8)] */
static int shape(const char *name, uint64_t rate)
{
    int index = nl_index(name);
    auto_fd int nl = nl_socket();
    struct nl_request q = {
        .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)),
              .nlmsg_type = rate ? RTM_NEWQDISC : RTM_DELQDISC,
              .nlmsg_flags = rate ? NLM_F_CREATE | NLM_F_REPLACE : 0},
        .tc = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = TC_H_ROOT},
    };

    if (index < 0 || nl < 0)
        return index < 0 ? index : nl;
    if (rate) {
        /* a burst of 10 ms, but two full segments at least; a queue of 50 ms */
        uint32_t burst = (uint32_t)MAX(rate / 100, 131072u);
        struct tc_tbf_qopt o = {
            .rate = {.rate = (uint32_t)MIN(rate, (uint64_t)UINT32_MAX), .linklayer = 1 /* Ethernet */},
            .limit = (uint32_t)MIN(MAX(rate / 20, UINT64_C(262144)), UINT64_C(1) << 30),
            /* the time that a burst takes, in ticks of 64 ns [pkt_sched.h PSCHED_SHIFT] */
            .buffer = (uint32_t)(burst * UINT64_C(1000000000) / rate / 64),
        };
        nl_attr(&q, TCA_KIND, "tbf", 4);
        struct rtattr *opt = nl_begin(&q, TCA_OPTIONS);
        nl_attr(&q, TCA_TBF_PARMS, &o, sizeof(o));
        nl_attr(&q, TCA_TBF_BURST, &burst, sizeof(burst));
        if (rate > UINT32_MAX)
            nl_attr(&q, TCA_TBF_RATE64, &rate, sizeof(rate));
        nl_end(&q, opt);
    }
    int rc = nl_do(nl, &q);
    return !rate && (rc == -ENOENT || rc == -EINVAL) ? 0 : rc;
}

/* Run fn(arg) in the network namespace of pid; its negative errno comes back. */
static int in_netns(pid_t pid, int (*fn)(uint64_t), uint64_t arg, struct error *err)
{
    char path[64];
    int status = 0;

    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    auto_fd int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0)
        return fail_errno(err, errno, "%s", path);
    pid_t child = fork();
    if (child < 0)
        return fail_errno(err, errno, "fork");
    if (child == 0)
        _exit(setns(ns, CLONE_NEWNET) < 0 ? errno : -fn(arg));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    return code ? fail_errno(err, code, "set up the zone's network") : 0;
}

static int inside_up(uint64_t address)
{
    return set_up_inside((uint32_t)address);
}

static int inside_rate(uint64_t rate)
{
    return shape("eth0", rate);
}

int zone_net_attach(const struct zone_config *c, uint32_t address, pid_t pid, struct error *err)
{
    auto_fd int nl = nl_socket();
    char path[64];
    int rc;

    if (nl < 0)
        return fail_errno(err, -nl, "netlink socket");
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    auto_fd int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0)
        return fail_errno(err, errno, "%s", path);
    int bridge = make_bridge(nl, err);
    if (bridge < 0)
        return bridge;
    rc = make_pair(nl, bridge, address, ns, err);
    if (!rc)
        rc = in_netns(pid, inside_up, address, err);
    if (!rc && c->limits.net_rate)
        rc = zone_net_rate(address, pid, c->limits.net_rate, err);
    return rc ? rc : zone_net_publish(c, address, true, err);
}

int zone_net_publish(const struct zone_config *c, uint32_t address, bool on, struct error *err)
{
    char to[16], at[16], key[32], value[32];
    auto_free char *text = xstrdup("");

    zone_net_text(address, to);
    for (size_t i = 0; i < c->forward_count; i++) {
        struct zone_forward f;
        int rc = zone_forward_parse(c->forwards[i], &f, err);
        if (rc)
            return rc;
        zone_net_text(ntohl(f.address), at);
        snprintf(key, sizeof(key), f.address ? "%s . %u" : "%.0s%u", at, f.host_port);
        snprintf(value, sizeof(value), " : %s . %u", to, f.zone_port);
        auto_free char *before = text;
        text = xasprintf("%s%s element ip quad %s%s { %s%s }\n", before, on ? "add" : "delete",
                         f.address ? "at_" : "any_", f.udp ? "udp" : "tcp", key, on ? value : "");
    }
    if (!*text)
        return 0;
    int rc = nft(text, err);
    return rc && on ? fail(err, EADDRINUSE, "%s: a published port belongs to another zone already",
                           c->name)
                    : rc;
}

int zone_net_rate(uint32_t address, pid_t pid, uint64_t rate, struct error *err)
{
    char name[IFNAMSIZ];

    interface_name(address, name);
    int rc = shape(name, rate);
    if (rc)
        return fail_errno(err, -rc, "network rate of %s", name);
    return in_netns(pid, inside_rate, rate, err);
}
