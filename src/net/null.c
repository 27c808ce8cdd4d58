/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net_open.h"

static void null_send(struct net *net, const struct iovec *iov, unsigned n)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < n; i++)
        len += iov[i].iov_len;
    __atomic_add_fetch(&net->n_tx, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&net->tx_bytes, len, __ATOMIC_RELAXED);
}

static void null_destroy(struct net *net)
{
    free(net);
}

struct net *net_null_open(void)
{
    static const struct net_ops ops = {.send = null_send, .destroy = null_destroy};
    struct net *net = xcalloc(1, sizeof(*net));

    net->ops = &ops;
    return net;
}
