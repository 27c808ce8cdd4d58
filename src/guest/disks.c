/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/disks.h"

#include <stdio.h>

#include "base/log.h"
#include "block/pool.h"
#include "board/board.h"
#include "config/device_config.h"
#include "core/machine.h"
#include "core/tape_back.h"
#include "dev/virtio/virtio.h"
#include "dev/virtio/virtio_blk.h"
#include "registry/registry.h"

static enum pool_cache cache_of(const char *word)
{
    return !strcmp(word, "unsafe")         ? POOL_UNSAFE
           : !strcmp(word, "writethrough") ? POOL_WRITETHROUGH
                                           : POOL_WRITEBACK;
}

static int open_image(struct disks *d, const struct disk_config *c, struct error *err)
{
    const struct disk_options o = {.path = c->file,
                                   .format = c->format,
                                   .readonly = c->readonly,
                                   .formats = registry_disks};
    const struct pool_limits limits = {.iops = c->iops, .bytes = c->rate};
    struct disk *disk;
    int rc = disk_open(&disk, &o, err);

    if (rc)
        return error_prefix(err, "--disk");
    if (disk->probed && !strcmp(disk->format->name, "raw"))
        log_notice("%s: taken for a raw disk; try: --disk %s,format=raw to say so", c->file,
                   c->file);
    d->blk[d->n] = pool_create(disk, cache_of(c->cache));
    if (c->iops || c->rate)
        pool_limit(d->blk[d->n], &limits);
    return 0;
}

static int open_one(struct disks *d, const char *text, struct board *board, struct error *err)
{
    struct machine *m = board->machine;
    struct disk_config c;
    struct dev *dev;
    int rc = disk_config_parse(&c, text, err);

    if (rc)
        return rc;
    rc = open_image(d, &c, err);
    if (!rc) {
        unsigned n = d->n++;
        d->front[n] = m->tape ? tape_blk(m->tape, d->blk[n]) : d->blk[n];
        d->name[n] = xasprintf("disk%u", n);
        rc = dev_create(&virtio_blk_type, d->name[n], m, &dev, err);
        if (!rc) {
            virtio_blk_configure(
                dev, &(struct virtio_blk_config){.blk = d->front[n],
                                                 .serial = c.serial,
                                                 .queues = (unsigned)(c.queues ? c.queues
                                                                               : m->nvcpus)});
            if (c.rings && !strcmp(c.rings, "split"))
                virtio_leave_out(dev, VIRTIO_F_RING_PACKED);
            rc = board->type->add_pci(board, dev, err);
        }
    }
    disk_config_free(&c);
    return rc;
}

int disks_open(struct disks *d, const struct opt_list *list, struct board *board, struct error *err)
{
    if (list->count > DISKS_MAX)
        return fail(err, EINVAL, "--disk: more than %d", DISKS_MAX);
    if (list->count && !board->type->add_pci)
        return fail(err, EINVAL, "--disk: board %s has no PCI bus", board->type->name);
    for (size_t i = 0; i < list->count; i++) {
        int rc = open_one(d, list->items[i], board, err);
        if (rc)
            return rc;
    }
    return 0;
}

void disks_close(struct disks *d)
{
    for (unsigned i = 0; i < DISKS_MAX; i++) {
        if (d->front[i] != d->blk[i])
            blk_destroy(d->front[i]);
        blk_destroy(d->blk[i]);
        free(d->name[i]);
    }
    *d = (struct disks){0};
}
