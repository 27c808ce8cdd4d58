/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/bzimage.h"

#include "base/endian.h"

bool bzimage_is(const struct blob *b)
{
    return b->size >= 0x210 && ld_le32(b->data + BZ_HEADER) == BZ_MAGIC &&
           ld_le16(b->data + BZ_BOOT_FLAG) == 0xaa55;
}

/* Fields that a version lacks keep the defaults that the protocol gives them. */
static void take_fields(struct bzimage *bz, const uint8_t *h)
{
    bz->loadflags = h[BZ_LOADFLAGS];
    bz->code32_start = ld_le32(h + BZ_CODE32_START);
    bz->initrd_max = bz->version >= 0x203 ? ld_le32(h + BZ_INITRD_ADDR_MAX) : 0x37ffffff;
    bz->alignment = bz->version >= 0x205 ? ld_le32(h + BZ_KERNEL_ALIGNMENT) : 0;
    bz->relocatable = bz->version >= 0x205 && h[BZ_RELOCATABLE];
    bz->cmdline_max = bz->version >= 0x206 ? ld_le32(h + BZ_CMDLINE_SIZE) : 255;
    bz->xloadflags = bz->version >= 0x20c ? ld_le16(h + BZ_XLOADFLAGS) : 0;
    bz->pref_address = bz->version >= 0x20a ? ld_le64(h + BZ_PREF_ADDRESS) : 0x100000;
    bz->init_size = bz->version >= 0x20a ? ld_le32(h + BZ_INIT_SIZE) : 0;
}

int bzimage_open(struct bzimage *bz, const struct blob *b, struct error *err)
{
    const uint8_t *h = b->data;

    *bz = (struct bzimage){.file = h};
    if (!bzimage_is(b))
        return fail(err, EINVAL, "no Linux bzImage");
    bz->version = ld_le16(h + BZ_VERSION);
    if (bz->version < 0x200)
        return fail(err, ENOTSUP, "boot protocol %u.%02u is too old", bz->version >> 8,
                    bz->version & 0xff);
    bz->setup_size = ((h[BZ_SETUP_SECTS] ? h[BZ_SETUP_SECTS] : 4u) + 1u) * 512u;
    bz->header_size = 0x202u + h[BZ_JUMP + 1] - BZ_SETUP_SECTS;
    if (b->size < 0x270 || b->size <= bz->setup_size || 0x202u + h[BZ_JUMP + 1] > bz->setup_size)
        return fail(err, EINVAL, "truncated: %zu bytes, its set-up code alone has %zu", b->size,
                    bz->setup_size);
    take_fields(bz, h);
    /* The size in 16-byte units; 32 bits from 2.04 on. */
    uint64_t claimed =
        16 * (uint64_t)(bz->version >= 0x204 ? ld_le32(h + BZ_SYSSIZE) : ld_le16(h + BZ_SYSSIZE));
    if (bz->setup_size + claimed > b->size + 15)
        return fail(err, EINVAL, "truncated: %zu bytes, its header says %" PRIu64, b->size,
                    bz->setup_size + claimed);
    bz->kernel = h + bz->setup_size;
    bz->kernel_size = b->size - bz->setup_size;
    if (bz->alignment & (bz->alignment - 1))
        return fail(err, EINVAL, "damaged header: alignment %#x", bz->alignment);
    if (bz->version >= 0x208 && ld_le32(h + BZ_PAYLOAD_LENGTH)) {
        uint32_t off = ld_le32(h + BZ_PAYLOAD_OFFSET), len = ld_le32(h + BZ_PAYLOAD_LENGTH);
        if (off > bz->kernel_size || len > bz->kernel_size - off)
            return fail(err, EINVAL, "truncated: the packed kernel ends behind the file");
        bz->payload = bz->kernel + off;
        bz->payload_size = len;
    }
    return 0;
}
