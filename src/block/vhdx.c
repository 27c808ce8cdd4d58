/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vhdx: Hyper-V images, for reading [VHDX].
 *
 *   0 "vhdxfile"   64 KiB, 128 KiB two headers, the newer one counts   192 KiB, 256 KiB region tables
 *   header        "head" +4 CRC32C of 4 KiB  +8 sequence 64  +48 log's GUID (none: it is empty)  +66 version
 *   region table  "regi" +4 CRC32C of 64 KiB  +8 entries; from +16 each: GUID  offset 64  length 32
 *   metadata      "metadata" +10 entries 16; from +32 each 32 bytes: GUID  offset 32  length 32  flags
 *   block table   64 bits a block: state in bits 2:0, offset in whole MiB above; after each `chunk`
 *                 blocks one entry more, for a bitmap that only differencing images have
 *
 * Refused: differencing images, and images whose log was not replayed: what they hold is not known
 * without it.
 */
#include "base/crc32c.h"
#include "block/disk.h"
#include "block/formats.h"

enum { HEADER = 4096, REGIONS = 65536, TABLE = 65536, SECTOR_MAX = 4096 };
enum { BLOCK_PRESENT = 6, HAS_PARENT = 2, ENTRIES_MAX = 2047 };
#define MIB (UINT64_C(1) << 20)
#define SIZE_MAX_ (UINT64_C(64) << 40)

static const uint8_t guid_table[16] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                       0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
static const uint8_t guid_metadata[16] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                          0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
static const uint8_t guid_parameters[16] = {0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                            0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
static const uint8_t guid_size[16] = {0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                      0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8};
static const uint8_t guid_sector[16] = {0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47,
                                        0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f};

struct vhdx {
    uint64_t *table; /* little-endian, as in the file */
    uint64_t blocks, block, chunk;
};

static int vhdx_probe(const uint8_t *head, size_t len)
{
    return len >= 8 && !memcmp(head, "vhdxfile", 8) ? 100 : 0;
}

/* The checksum at +4 counts as zero. */
static bool is_sound(uint8_t *p, size_t len, const char *signature)
{
    uint32_t said = ld_le32(p + 4);

    st_le32(p + 4, 0);
    bool sound = !memcmp(p, signature, 4) && crc32c(0, p, len) == said;
    st_le32(p + 4, said);
    return sound;
}

static int check_headers(struct disk *d, struct error *err)
{
    static const uint8_t no_log[16];
    auto_free uint8_t *h = xcalloc(2, HEADER);
    int newest = -1;

    for (int i = 0; i < 2; i++) {
        uint8_t *p = h + (size_t)i * HEADER;
        int rc = disk_file_read(&d->file, 65536 * (uint64_t)(i + 1), p, HEADER);
        if (rc)
            return fail_errno(err, -rc, "vhdx: cannot read its headers");
        if (is_sound(p, HEADER, "head") &&
            (newest < 0 || ld_le64(p + 8) > ld_le64(h + (size_t)newest * HEADER + 8)))
            newest = i;
    }
    if (newest < 0)
        return fail(err, EINVAL, "vhdx: neither of its headers is sound");
    if (ld_le16(h + (size_t)newest * HEADER + 66) != 1)
        return fail(err, ENOTSUP, "vhdx: version %u", ld_le16(h + (size_t)newest * HEADER + 66));
    if (memcmp(h + (size_t)newest * HEADER + 48, no_log, 16))
        return fail(err, ENOTSUP, "vhdx: it was not closed: its log is to be replayed; try: qemu-img "
                                  "check -r all FILE");
    return 0;
}

/* Where the region lies; ENOENT. */
static int find_region(const uint8_t *t, const uint8_t guid[16], uint64_t *at, uint32_t *len,
                       struct error *err)
{
    uint32_t n = ld_le32(t + 8);

    for (uint32_t i = 0; i < n && i < ENTRIES_MAX; i++) {
        const uint8_t *e = t + 16 + 32 * (size_t)i;
        if (memcmp(e, guid, 16))
            continue;
        *at = ld_le64(e + 16);
        *len = ld_le32(e + 24);
        return *at < MIB || *at >> 62 ? fail(err, EINVAL, "vhdx: a region at %#" PRIx64, *at) : 0;
    }
    return fail(err, ENOENT, "vhdx: its region table lacks %s",
                guid == guid_table ? "the block table" : "the metadata");
}

static int read_regions(struct disk *d, uint8_t *t, struct error *err)
{
    for (uint64_t at = 3; at < 5; at++) {
        int rc = disk_file_read(&d->file, 65536 * at, t, REGIONS);
        if (rc)
            return fail_errno(err, -rc, "vhdx: cannot read its region tables");
        if (is_sound(t, REGIONS, "regi"))
            return 0;
    }
    return fail(err, EINVAL, "vhdx: neither of its region tables is sound");
}

/* An item's first 8 bytes (fewer: zeroes behind). */
static int get_item(struct disk *d, const uint8_t *t, uint64_t base, uint32_t room,
                    const uint8_t guid[16], const char *what, uint8_t out[8], struct error *err)
{
    unsigned n = ld_le16(t + 10);

    memset(out, 0, 8);
    for (unsigned i = 0; i < n && i < ENTRIES_MAX; i++) {
        const uint8_t *e = t + 32 + 32 * (size_t)i;
        uint32_t at = ld_le32(e + 16), len = ld_le32(e + 20);
        if (memcmp(e, guid, 16))
            continue;
        if (len < 4 || at > room || len > room - at)
            return fail(err, EINVAL, "vhdx: %s at %u of %u bytes of metadata", what, at, room);
        int rc = disk_file_read(&d->file, base + at, out, MIN(len, 8u));
        return rc ? fail_errno(err, -rc, "vhdx: cannot read %s", what) : 0;
    }
    return fail(err, EINVAL, "vhdx: its metadata lacks %s", what);
}

static int read_metadata(struct disk *d, struct vhdx *v, uint64_t base, uint32_t room, struct error *err)
{
    auto_free uint8_t *t = xcalloc(1, TABLE);
    uint8_t par[8], size[8], sec[8];
    int rc = disk_file_read(&d->file, base, t, TABLE);

    if (rc)
        return fail_errno(err, -rc, "vhdx: cannot read its metadata");
    if (memcmp(t, "metadata", 8))
        return fail(err, EINVAL, "vhdx: no metadata where its region table says");
    if (get_item(d, t, base, room, guid_parameters, "the file's parameters", par, err) ||
        get_item(d, t, base, room, guid_size, "the disk's size", size, err) ||
        get_item(d, t, base, room, guid_sector, "the size of a sector", sec, err))
        return -err->code;
    uint64_t sector = ld_le32(sec);
    v->block = ld_le32(par);
    d->size = ld_le64(size);
    if (ld_le32(par + 4) & HAS_PARENT)
        return fail(err, ENOTSUP, "vhdx: a differencing image");
    if (v->block < MIB || v->block > 256 * MIB || (v->block & (v->block - 1)))
        return fail(err, EINVAL, "vhdx: blocks of %" PRIu64 " bytes", v->block);
    if ((sector != 512 && sector != SECTOR_MAX) || d->size % sector || d->size > SIZE_MAX_)
        return fail(err, EINVAL, "vhdx: %" PRIu64 " bytes in sectors of %" PRIu64, d->size, sector);
    v->chunk = (sector << 23) / v->block;
    v->blocks = (d->size + v->block - 1) / v->block;
    d->cluster_size = (uint32_t)v->block;
    return 0;
}

static int read_table(struct disk *d, struct vhdx *v, uint64_t at, uint32_t len, struct error *err)
{
    uint64_t entries = v->blocks ? v->blocks + (v->blocks - 1) / v->chunk : 0;

    if (entries > len / 8)
        return fail(err, EINVAL, "vhdx: a block table of %u bytes for %" PRIu64 " blocks", len, v->blocks);
    v->table = calloc(MAX(entries, UINT64_C(1)), 8);
    int rc = v->table ? disk_file_read(&d->file, at, v->table, entries * 8) : -ENOMEM;
    return rc ? fail_errno(err, -rc, "vhdx: cannot read the block table") : 0;
}

static void vhdx_close(struct disk *d)
{
    struct vhdx *v = d->priv;

    free(v->table);
    free(v);
    d->priv = NULL;
}

static int vhdx_open(struct disk *d, struct error *err)
{
    auto_free uint8_t *t = xcalloc(1, REGIONS);
    uint64_t table, metadata;
    uint32_t table_len, metadata_len;
    int rc = check_headers(d, err);

    d->priv = xcalloc(1, sizeof(struct vhdx));
    if (!rc)
        rc = read_regions(d, t, err);
    if (!rc)
        rc = find_region(t, guid_metadata, &metadata, &metadata_len, err);
    if (!rc)
        rc = find_region(t, guid_table, &table, &table_len, err);
    if (!rc)
        rc = read_metadata(d, d->priv, metadata, metadata_len, err);
    if (!rc)
        rc = read_table(d, d->priv, table, table_len, err);
    if (rc)
        vhdx_close(d);
    return rc;
}

/* The block's place in the file, 0: nothing there. A place within the headers is none. */
static uint64_t block_at(const struct vhdx *v, uint64_t off)
{
    uint64_t n = off / v->block, e = ld_le64(&v->table[n + n / v->chunk]);

    return (e & 7) == BLOCK_PRESENT ? e & ~(MIB - 1) : 0;
}

static int vhdx_read(struct disk *d, uint64_t off, const struct iovec *iov, unsigned n, uint64_t len)
{
    const struct vhdx *v = d->priv;
    struct iovec part[DISK_IOV_MAX];
    int rc = 0;

    for (uint64_t done = 0; done < len && !rc;) {
        uint64_t at = off + done, in = at % v->block, k = MIN(len - done, v->block - in);
        uint64_t place = block_at(v, at);
        unsigned parts = iov_slice(iov, n, done, k, part, DISK_IOV_MAX);
        if (!parts || place >> 62)
            return -EINVAL;
        if (place)
            rc = file_readv(&d->file, place + in, part, parts);
        else
            iov_zero(part, parts);
        done += k;
    }
    return rc;
}

static int vhdx_status(struct disk *d, uint64_t off, uint64_t *len, enum disk_status *status)
{
    const struct vhdx *v = d->priv;

    *len = MIN(v->block - off % v->block, d->size - off);
    *status = block_at(v, off) ? DISK_DATA : DISK_ZEROES;
    return 0;
}

const struct disk_format vhdx_disk = {
    .name = "vhdx",
    .help = "Hyper-V image (reading only)",
    .probe = vhdx_probe,
    .open = vhdx_open,
    .close = vhdx_close,
    .read = vhdx_read,
    .status = vhdx_status,
};
