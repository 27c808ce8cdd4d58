/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pcap: a file with all frames, for tcpdump and others.
 *
 *   header  0 magic a1b2c3d4, 4 version 2.4, 16 longest frame, 20 link type 1 (Ethernet)
 *   frame   0 seconds, 4 microseconds, 8 bytes stored, 12 bytes of the frame, 16 the frame
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/endian.h"
#include "net/net_open.h"

struct pcap {
    struct net net;
    struct net *inner; /* owned */
    pthread_mutex_t lock; /* guards fd's position */
    int fd;
};

static void record(struct pcap *p, const struct iovec *iov, unsigned n)
{
    struct iovec out[66];
    uint8_t h[16];
    struct timespec now;
    size_t len = 0;

    if (n + 1 > ARRAY_LEN(out))
        return;
    for (unsigned i = 0; i < n; i++) {
        out[i + 1] = iov[i];
        len += iov[i].iov_len;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    st_le32(h, (uint32_t)now.tv_sec);
    st_le32(h + 4, (uint32_t)(now.tv_nsec / 1000));
    st_le32(h + 8, (uint32_t)len);
    st_le32(h + 12, (uint32_t)len);
    out[0] = (struct iovec){h, sizeof(h)};
    pthread_mutex_lock(&p->lock);
    ssize_t done = writev(p->fd, out, (int)n + 1);
    (void)done; /* a full disk ends the record, not the guest's network */
    pthread_mutex_unlock(&p->lock);
}

static void pcap_send(struct net *net, const struct iovec *iov, unsigned n)
{
    struct pcap *p = container_of(net, struct pcap, net);

    record(p, iov, n);
    net_send(p->inner, iov, n);
}

static bool pcap_receive(void *opaque, const uint8_t *frame, size_t len)
{
    struct pcap *p = opaque;
    bool taken = net_front_receive(&p->net.front, frame, len);

    if (taken && p->net.front.receive)
        record(p, &(struct iovec){(void *)(uintptr_t)frame, len}, 1);
    return taken;
}

static void pcap_accept(struct net *net)
{
    net_accept(container_of(net, struct pcap, net)->inner);
}

static void pcap_destroy(struct net *net)
{
    struct pcap *p = container_of(net, struct pcap, net);

    net_destroy(p->inner);
    close(p->fd);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int net_pcap_open(const char *path, struct net *inner, struct net **out, struct error *err)
{
    static const struct net_ops ops = {pcap_send, pcap_accept, pcap_destroy};
    static pthread_mutex_t unused = PTHREAD_MUTEX_INITIALIZER;
    uint8_t h[24] = {0};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return fail_errno(err, errno, "cannot write %s", path);
    struct pcap *p = xcalloc(1, sizeof(*p));
    p->net = (struct net){.ops = &ops, .checked = inner->checked};
    p->inner = inner;
    p->fd = fd;
    pthread_mutex_init(&p->lock, NULL);
    /* The inner one's lock guards nothing: the outer front's is taken by pcap_receive. */
    inner->front = (struct net_front){.receive = pcap_receive, .opaque = p, .lock = &unused};
    st_le32(h, 0xa1b2c3d4);
    st_le16(h + 4, 2);
    st_le16(h + 6, 4);
    st_le32(h + 16, 262144);
    st_le32(h + 20, 1);
    ssize_t done = write(fd, h, sizeof(h));
    (void)done;
    *out = &p->net;
    return 0;
}
