/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Disks that another process gets for a while. Their files stay open here without locks: a sandboxed
 * process could not open them again by name.
 */
#include "guest/disks.h"

#include "core/blk.h"
#include "registry/registry.h"

enum { VARS = DISKS_MAX }; /* their place in kept[] */

static struct blk *blk_of(const struct disks *d, unsigned i)
{
    return i == VARS ? d->vars : i < d->n ? d->blk[i] : NULL;
}

static int keep(struct disk_kept *k, const struct disk *disk, struct error *err)
{
    k->files = xcalloc(DISK_CHAIN_MAX, sizeof(*k->files));
    int n = disk_files(disk, k->files, DISK_CHAIN_MAX, err);
    k->n = (unsigned)MAX(n, 0);
    return MIN(n, 0);
}

static void drop(struct disk_kept *k)
{
    while (k->n)
        file_close(&k->files[--k->n]);
    free(take_ptr(k->files));
}

static void unlock(struct disk_kept *k)
{
    for (unsigned i = 0; i < k->n; i++)
        file_unlock(&k->files[i]);
}

void disks_forget(struct disks *d)
{
    for (unsigned i = 0; i <= VARS; i++)
        drop(&d->kept[i]);
}

int disks_give(struct disks *d, bool same_host, struct error *err)
{
    for (unsigned i = 0; i <= VARS; i++) {
        struct blk *blk = blk_of(d, i);
        if (blk && pool_disk(blk) && keep(&d->kept[i], pool_disk(blk), err)) {
            disks_forget(d);
            return -err->code;
        }
    }
    for (unsigned i = 0; i <= VARS; i++) {
        struct blk *blk = blk_of(d, i);
        if (!blk)
            continue;
        if (i != VARS && pool_disk(blk) && same_host)
            pool_disk(blk)->unsafe = true;
        pool_swap(blk, NULL);
        unlock(&d->kept[i]);
    }
    d->elsewhere = true;
    return 0;
}

static int open_again(struct disk **disk, struct disk_options *o, const struct disk_kept *k,
                      struct error *err)
{
    struct disk_file files[DISK_CHAIN_MAX];
    int rc = 0;

    for (unsigned i = 0; i < k->n; i++) {
        files[i].fd = -1;
        files[i].path = NULL;
        rc = rc ? rc : file_dup(&files[i], &k->files[i], err);
    }
    if (!rc && k->n) {
        o->file = files;
        o->backing = files + 1;
        o->nbacking = k->n - 1;
    }
    rc = rc ? rc : disk_open(disk, o, err);
    for (unsigned i = 0; i < k->n; i++) /* those that were not taken over */
        file_close(&files[i]);
    return rc;
}

static int take(struct disks *d, unsigned i, struct error *err)
{
    struct disk_options o = {.path = i == VARS ? d->vars_path : d->path[i],
                             .format = i == VARS ? "raw" : d->format[i],
                             .readonly = i != VARS && d->readonly[i],
                             .formats = registry_disks};
    struct blk *blk = blk_of(d, i);
    struct disk *disk = NULL;
    int rc = open_again(&disk, &o, &d->kept[i], err);

    if (!rc && ALIGN_DOWN(disk->size, (uint64_t)BLK_SECTOR) != blk->size) {
        disk_close(disk);
        rc = fail(err, EINVAL, "%s has another size now", o.path);
    }
    if (rc)
        unlock(&d->kept[i]);
    else
        pool_swap(blk, disk);
    return rc;
}

int disks_take(struct disks *d, struct error *err)
{
    unsigned i = 0;
    int rc = 0;

    for (; d->elsewhere && !rc && i <= VARS; i++)
        rc = blk_of(d, i) ? take(d, i, err) : 0;
    while (rc && i--)
        if (blk_of(d, i)) {
            pool_swap(blk_of(d, i), NULL);
            unlock(&d->kept[i]);
        }
    if (!rc)
        disks_forget(d);
    d->elsewhere = rc != 0;
    return rc;
}
