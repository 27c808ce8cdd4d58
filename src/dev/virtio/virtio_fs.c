/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virtio_fs: file system device [VIRTIO 5.11]: queue 0 for messages that must not wait, queue 1 for
 * the others. What a message means is the server's business; here it is copied out of the ring, and
 * its reply into it.
 *
 * A saved record has no messages on the way: the server's open files are not ours to save, so a
 * guest that used a share finds it stale after a restore (CAVEATS).
 *
 * Not modelled: notification queue, shared memory (DAX), more than one request queue.
 */
#include "dev/virtio/virtio_fs.h"

#include "base/endian.h"
#include "core/share.h"
#include "dev/virtio/virtio.h"

enum { TAG_LEN = 36, K_QUEUES = 36, K_SIZE = 40 };
enum { RING = 128 };

struct fs_regs {
    struct pci_regs pci;
    struct virtio_regs virtio;
};

struct fs {
    struct virtio v;
    struct fs_regs regs;
    uint8_t config[K_SIZE];
    struct share *share;
    uint32_t epoch[2]; /* of each queue: grows when it is reset, so that late replies are dropped */
    uint64_t n_messages, n_bad, n_late;
};

struct message {
    struct share_req req;
    struct fs *fs;
    struct vq_chain chain;
    unsigned qi;
    uint32_t epoch;
    uint8_t bytes[];
};

static const struct field fs_fields[] = {
    FIELD_SUB(struct fs_regs, pci, pci_fields),
    FIELD_SUB(struct fs_regs, virtio, virtio_fields),
    FIELD_END,
};
static const struct state fs_state = {"virtio_fs", 1, sizeof(struct fs_regs), fs_fields};

static struct fs *fs_of(struct virtio *v)
{
    return container_of(v, struct fs, v);
}

static void fs_done(struct share_req *req)
{
    struct message *m = container_of(req, struct message, req);
    struct fs *d = m->fs;

    pthread_mutex_lock(&d->v.pci.dev.lock);
    if (m->epoch != d->epoch[m->qi]) {
        d->n_late++;
    } else {
        uint64_t n = req->lost ? 0 : vq_write(&d->v, &m->chain, 0, req->reply, req->reply_len);
        vq_push(&d->v, m->qi, &m->chain, n);
        vq_signal(&d->v, m->qi);
    }
    pthread_mutex_unlock(&d->v.pci.dev.lock);
    free(m);
}

static bool submit(struct fs *d, unsigned qi, const struct vq_chain *c)
{
    struct message *m = d->share && c->out_len <= SHARE_MESSAGE_MAX
                            ? malloc(sizeof(*m) + (size_t)c->out_len)
                            : NULL;

    if (!m)
        return false;
    m->fs = d;
    m->chain = *c;
    m->qi = qi;
    m->epoch = d->epoch[qi];
    vq_read(&d->v, c, 0, m->bytes, c->out_len);
    m->req = (struct share_req){.message = m->bytes,
                                .len = (uint32_t)c->out_len,
                                .reply_max = (uint32_t)MIN(c->in_len, SHARE_MESSAGE_MAX),
                                .done = fs_done};
    share_submit(d->share, &m->req);
    return true;
}

static void fs_notify(struct virtio *v, unsigned qi)
{
    struct fs *d = fs_of(v);
    struct vq_chain c;
    bool refused = false;

    for (unsigned n = 0; n < VIRTIO_RING_MAX && vq_pop(v, qi, &c); n++) {
        d->n_messages++;
        if (submit(d, qi, &c))
            continue;
        d->n_bad++;
        refused = true;
        vq_push(v, qi, &c, 0);
    }
    if (refused)
        vq_signal(v, qi);
}

static void fs_quiesce(struct virtio *v, int qi)
{
    struct fs *d = fs_of(v);

    for (int i = 0; i < 2; i++)
        if (qi < 0 || qi == i)
            d->epoch[i]++;
}

static const struct virtio_class fs_class = {
    .id = VIRTIO_ID_FS, .class_code = 0x018000, .notify = fs_notify, .quiesce = fs_quiesce};

void virtio_fs_configure(struct dev *dev, struct share *share)
{
    struct fs *d = fs_of(virtio_of(dev));

    d->share = share;
    memset(d->config, 0, TAG_LEN);
    memcpy(d->config, share->tag, strnlen(share->tag, TAG_LEN));
    st_le32(d->config + K_QUEUES, 1);
}

static int fs_init(struct dev *dev, struct error *err)
{
    struct fs *d = fs_of(virtio_of(dev));
    const struct virtio_setup s = {.class = &fs_class,
                                   .pci = &d->regs.pci,
                                   .regs = &d->regs.virtio,
                                   .nqueues = 2,
                                   .queue_size = RING,
                                   .config = d->config,
                                   .config_size = sizeof(d->config)};

    (void)err;
    virtio_init(&d->v, &s);
    st_le32(d->config + K_QUEUES, 1);
    return 0;
}

static void fs_fini(struct dev *dev)
{
    virtio_fini(virtio_of(dev));
}

static void fs_reset(struct dev *dev)
{
    virtio_reset(virtio_of(dev));
}

static void fs_loaded(struct dev *dev)
{
    virtio_loaded(virtio_of(dev));
}

static const struct dev_counter fs_counters[] = {
    VIRTIO_COUNTERS(struct fs),
    {"messages", offsetof(struct fs, n_messages)},
    {"bad_messages", offsetof(struct fs, n_bad)},
    {"late_replies", offsetof(struct fs, n_late)},
    {0},
};

const struct dev_type virtio_fs_type = {
    .name = "virtio_fs",
    .help = "virtio file system: a folder of the host",
    .size = sizeof(struct fs),
    .regs = offsetof(struct fs, regs),
    .state = &fs_state,
    .windows = virtio_windows,
    .counters = fs_counters,
    .init = fs_init,
    .fini = fs_fini,
    .reset = fs_reset,
    .loaded = fs_loaded,
};
