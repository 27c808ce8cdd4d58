/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vdi: VirtualBox images, for reading [VDI].
 *
 *   0x40 magic beda107f   0x44 version 1.1   0x4c type: 1 dynamic, 2 fixed
 *   0x154 offset of the block map   0x158 offset of the data   0x170 disk size 64
 *   0x178 block size   0x17c extra bytes a block   0x180 blocks   0x184 blocks allocated
 *   block map: 32 bits a block: its number in the data; ffffffff none, fffffffe zeroes
 *
 * Refused: differencing images, blocks with extra bytes.
 */
#include "block/disk.h"
#include "block/formats.h"

enum { VDI_DYNAMIC = 1, VDI_FIXED = 2 };
#define BLOCK_NONE 0xfffffffeu /* and above: nothing there */
#define MAP_MAX (64u << 20)

struct vdi {
    uint32_t *map;
    uint32_t blocks, data;
    uint64_t block;
};

static int vdi_probe(const uint8_t *head, size_t len)
{
    return len >= 512 && ld_le32(head + 0x40) == MAGIC_VDI ? 100 : 0;
}

static int vdi_parse(struct disk *d, struct vdi *v, uint32_t *map_at, struct error *err)
{
    uint8_t h[512];
    int rc = disk_file_read(&d->file, 0, h, sizeof(h));

    if (rc)
        return fail_errno(err, -rc, "vdi: cannot read the header");
    uint32_t type = ld_le32(h + 0x4c);
    if (ld_le32(h + 0x40) != MAGIC_VDI || ld_le32(h + 0x44) != 0x10001)
        return fail(err, EINVAL, "vdi: no VDI header of version 1.1");
    if (type != VDI_DYNAMIC && type != VDI_FIXED)
        return fail(err, ENOTSUP, "vdi: image type %u (a differencing image?)", type);
    *map_at = ld_le32(h + 0x154);
    v->data = ld_le32(h + 0x158);
    d->size = ld_le64(h + 0x170);
    v->block = ld_le32(h + 0x178);
    v->blocks = ld_le32(h + 0x180);
    if (v->block < 4096 || v->block > 256u << 20 || (v->block & (v->block - 1)))
        return fail(err, EINVAL, "vdi: block size %" PRIu64, v->block);
    if (ld_le32(h + 0x17c))
        return fail(err, ENOTSUP, "vdi: blocks with extra bytes");
    if (d->size % 512 || v->blocks > MAP_MAX / 4 || d->size > v->block * v->blocks)
        return fail(err, EINVAL, "vdi: %" PRIu64 " bytes in %u blocks", d->size, v->blocks);
    d->cluster_size = (uint32_t)v->block;
    return 0;
}

static int vdi_open(struct disk *d, struct error *err)
{
    struct vdi *v = xcalloc(1, sizeof(*v));
    uint32_t at;
    int rc = vdi_parse(d, v, &at, err);

    if (!rc) {
        v->map = calloc(MAX(v->blocks, 1u), 4);
        rc = v->map ? disk_file_read(&d->file, at, v->map, (size_t)v->blocks * 4) : -ENOMEM;
        if (rc)
            fail_errno(err, -rc, "vdi: cannot read the block map");
    }
    if (rc) {
        free(v->map);
        free(v);
        return rc;
    }
    d->priv = v;
    return 0;
}

static void vdi_close(struct disk *d)
{
    struct vdi *v = d->priv;

    free(v->map);
    free(v);
    d->priv = NULL;
}

static uint32_t block_of(const struct vdi *v, uint64_t off)
{
    return ld_le32(&v->map[off / v->block]);
}

static int vdi_read(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    const struct vdi *v = d->priv;
    struct iovec part[DISK_IOV_MAX];
    int rc = 0;

    for (uint64_t done = 0; done < len && !rc;) {
        uint64_t at = off + done, in = at % v->block, k = MIN(len - done, v->block - in);
        uint32_t b = block_of(v, at);
        unsigned parts = iov_slice(iov, n, done, k, part, DISK_IOV_MAX);
        if (!parts)
            return -EINVAL;
        if (b >= BLOCK_NONE)
            iov_zero(part, parts);
        else
            rc = file_readv(&d->file, v->data + b * v->block + in, part, parts);
        done += k;
    }
    return rc;
}

static int vdi_status(struct disk *d, uint64_t off, uint64_t *len, enum disk_status *status)
{
    const struct vdi *v = d->priv;

    *len = MIN(v->block - off % v->block, d->size - off);
    *status = block_of(v, off) >= BLOCK_NONE ? DISK_ZEROES : DISK_DATA;
    return 0;
}

const struct disk_format vdi_disk = {
    .name = "vdi",
    .help = "VirtualBox image (reading only)",
    .probe = vdi_probe,
    .open = vdi_open,
    .close = vdi_close,
    .read = vdi_read,
    .status = vdi_status,
};
