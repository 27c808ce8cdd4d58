/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nics.h"

#include <stdio.h>

#include "base/log.h"
#include "board/board.h"
#include "config/device_config.h"
#include "core/machine.h"
#include "core/tape_back.h"
#include "dev/virtio/virtio.h"
#include "dev/e1000_82540em.h"
#include "dev/virtio/virtio_net.h"
#include "net/net_open.h"

static int add_forwards(struct net_forward *f, unsigned *n, unsigned room,
                        const struct opt_list *list, struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (*n == room)
            return fail(err, E2BIG, "--forward: more than %d", FORWARDS_MAX);
        int rc = net_forward_parse(&f[(*n)++], list->items[i], err);
        if (rc)
            return error_prefix(err, "--forward");
    }
    return 0;
}

static int open_user(struct nics *nics, struct net **net, const struct nic_config *c, const struct opt_list *more,
                     struct loop *loop, struct error *err)
{
    struct net_forward *f = nics->forwards + nics->n_forwards;
    unsigned n = 0, room = FORWARDS_MAX - nics->n_forwards;
    int rc = add_forwards(f, &n, room, &c->forwards, err);

    if (!rc && more)
        rc = add_forwards(f, &n, room, more, err);
    if (!rc)
        rc = net_user_open(f, n, loop, net, err);
    for (unsigned i = 0; !rc && i < n; i++)
        log_notice("%s port %u leads to the guest's port %u (%s)", f[i].address, f[i].host_port,
                   f[i].guest_port, f[i].udp ? "udp" : "tcp");
    nics->n_forwards += rc ? 0 : n;
    return rc;
}

static int open_net(struct nics *n, const struct nic_config *c, const struct opt_list *forwards,
                    struct loop *loop, struct error *err)
{
    struct net *inner = NULL, **net = &n->net[n->n];
    bool user = !strcmp(c->back, "user");
    int rc = 0;

    if (c->forwards.count && !user)
        return fail(err, EINVAL, "--nic %s: only a user network forwards ports", c->back);
    if (user)
        rc = open_user(n, &inner, c, forwards, loop, err);
    else if (!strcmp(c->back, "tap"))
        rc = net_tap_open(c->interface, loop, &inner, err);
    else
        inner = net_null_open();
    if (rc)
        return rc;
    n->limited[n->n] = strcmp(c->back, "null") ? inner : NULL;
    n->is_user[n->n] = user;
    n->rate[n->n] = c->rate;
    if (c->rate)
        net_fd_limit(inner, c->rate, c->rate);
    if (c->pcap && (rc = net_pcap_open(c->pcap, inner, net, err))) {
        net_destroy(inner);
        return error_prefix(err, "--nic pcap");
    }
    if (!c->pcap)
        *net = inner;
    return 0;
}

static int parse_mac(const char *text, uint8_t mac[6], struct error *err)
{
    unsigned b[6];
    char rest;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
               &rest) != 6 ||
        (b[0] & 1))
        return fail(err, EINVAL, "--nic: \"%s\" is no card's address; try: 52:54:00:12:34:56", text);
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)b[i];
    return 0;
}

/* Local addresses: two bits of the first byte, the rest from the guest's UUID and the number. */
static void make_mac(const uint8_t *uuid, unsigned n, uint8_t mac[6])
{
    mac[0] = 0x52;
    mac[1] = 0x51;
    for (unsigned i = 2; i < 6; i++)
        mac[i] = uuid[i] ^ uuid[i + 4] ^ uuid[i + 8];
    mac[5] = (uint8_t)(mac[5] + n);
}

static int open_one(struct nics *n, const char *text, const struct nics_config *nc,
                    const struct opt_list *forwards, struct board *board, struct loop *loop,
                    struct error *err)
{
    struct virtio_net_config vc = {.pairs = machine_vcpus_present(board->machine)};
    struct nic_config c;
    struct dev *dev;
    int rc = nic_config_parse(&c, text, err);

    if (rc)
        return rc;
    make_mac(nc->uuid, n->n, vc.mac);
    if (c.mac)
        rc = parse_mac(c.mac, vc.mac, err);
    if (!rc && !tape_is_replay(board->machine->tape)) /* then nobody is there */
        rc = open_net(n, &c, forwards, loop, err);
    bool e1000 = !rc && c.model && !strcmp(c.model, "e1000");
    bool split = !rc && c.rings && !strcmp(c.rings, "split");
    nic_config_free(&c);
    if (rc)
        return rc;
    unsigned i = n->n++;
    n->name[i] = xasprintf("nic%u", i);
    n->front[i] = n->net[i];
    if (board->machine->tape)
        n->front[i] = tape_net(board->machine->tape, n->name[i], n->net[i]);
    vc.net = n->front[i];
    if (board->type->add_nic) {
        board->type->add_nic(board, vc.net, vc.mac, i);
        return 0;
    }
    if (e1000) {
        rc = dev_create(&e1000_82540em_type, n->name[i], board->machine, &dev, err);
        if (!rc)
            e1000_82540em_configure(dev, vc.net, vc.mac);
        return rc ? rc : board->type->add_pci(board, dev, err);
    }
    rc = dev_create(&virtio_net_type, n->name[i], board->machine, &dev, err);
    if (rc)
        return rc;
    n->dev[i] = dev;
    virtio_net_configure(dev, &vc);
    if (split)
        virtio_leave_out(dev, VIRTIO_F_RING_PACKED);
    return board->type->add_pci(board, dev, err);
}

int nics_open(struct nics *n, const struct nics_config *c, struct board *board, struct loop *loop,
              struct error *err)
{
    static const char *const user[] = {"user"};
    const char *const *items = c->nics->items;
    size_t count = c->nics->count;

    if (!count && c->forwards->count) { /* a forward needs a network to lead into */
        items = user;
        count = 1;
    }
    if (count > NICS_MAX)
        return fail(err, EINVAL, "--nic: more than %d", NICS_MAX);
    if (count && !board->type->add_pci && !board->type->add_nic)
        return fail(err, EINVAL, "--nic: board %s has no place for one", board->type->name);
    bool given = false;
    for (size_t i = 0; i < count; i++) {
        bool first = !given && !strncmp(items[i], "user", 4);
        int rc = open_one(n, items[i], c, first ? c->forwards : NULL, board, loop, err);
        if (rc)
            return rc;
        given = given || first;
    }
    if (c->forwards->count && !given)
        return fail(err, EINVAL, "--forward needs a user network; try: --nic user");
    return 0;
}

void nics_announce(struct nics *n)
{
    for (unsigned i = 0; i < n->n; i++)
        if (n->dev[i])
            virtio_net_announce(n->dev[i]);
}

void nics_close(struct nics *n)
{
    for (unsigned i = 0; i < NICS_MAX; i++) {
        if (n->front[i] != n->net[i])
            net_destroy(n->front[i]);
        net_destroy(n->net[i]);
        free(n->name[i]);
    }
    *n = (struct nics){0};
}
