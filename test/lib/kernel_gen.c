/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/kernel_gen.h"

#include "base/endian.h"

const char *const kernel_gen_names[KERNEL_GENS] = {
    "linux64", "linux32", "pvh", "vmlinux", "multiboot", "multiboot", "multiboot2",
};

static size_t gen_bzimage(uint8_t *b, bool is64)
{
    size_t setup = 5 * 512, kernel = 2048;

    b[0x1f1] = 4;
    st_le32(b + 0x1f4, (uint32_t)kernel / 16);
    st_le16(b + 0x1fe, 0xaa55);
    b[0x200] = 0xeb;
    b[0x201] = 0x6a;
    st_le32(b + 0x202, 0x53726448);
    st_le16(b + 0x206, 0x20f);
    b[0x211] = 1;
    st_le32(b + 0x214, is64 ? 0x100000 : KERNEL_GEN_AT);
    st_le32(b + 0x22c, 0x7fffffff);
    st_le32(b + 0x230, 0x200000);
    b[0x234] = is64;
    st_le16(b + 0x236, is64 ? 1 : 0);
    st_le32(b + 0x238, 255);
    st_le64(b + 0x258, KERNEL_GEN_AT);
    st_le32(b + 0x260, 0x100000);
    st_le64(b + setup, KERNEL_GEN_CODE);
    return setup + kernel;
}

static void put_note(uint8_t *p, uint32_t type, const void *desc, uint32_t len)
{
    st_le32(p, 4);
    st_le32(p + 4, len);
    st_le32(p + 8, type);
    memcpy(p + 12, "Xen", 4);
    memcpy(p + 16, desc, len);
}

/* One loadable segment with some zeroed room, one note. */
static size_t gen_elf64(uint8_t *b, uint32_t note, const void *desc, uint32_t len)
{
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

    memcpy(b, ident, sizeof(ident));
    st_le16(b + 16, 2);
    st_le16(b + 18, 62);
    st_le64(b + 24, UINT64_C(0xffffffff80000000) + KERNEL_GEN_AT + 16);
    st_le64(b + 32, 64);
    st_le16(b + 54, 56);
    st_le16(b + 56, 2);
    uint8_t *ph = b + 64;
    st_le32(ph, 1);
    st_le64(ph + 8, 4096);
    st_le64(ph + 16, UINT64_C(0xffffffff80000000) + KERNEL_GEN_AT);
    st_le64(ph + 24, KERNEL_GEN_AT);
    st_le64(ph + 32, 1024);
    st_le64(ph + 40, 8192);
    ph += 56;
    st_le32(ph, 4);
    st_le64(ph + 8, 512);
    st_le64(ph + 32, 32);
    put_note(b + 512, note, desc, len);
    st_le64(b + 4096, KERNEL_GEN_CODE);
    return 4096 + 1024;
}

static size_t gen_multiboot(uint8_t *b, bool flat)
{
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 1, 1, 1};
    uint32_t flags = flat ? 0x10003 : 3;
    uint8_t *h = b + 4096 + 64, *ph = b + 52;

    st_le64(b + 4096, KERNEL_GEN_CODE);
    st_le32(h, 0x1badb002);
    st_le32(h + 4, flags);
    st_le32(h + 8, 0 - 0x1badb002u - flags);
    if (flat) {
        st_le32(h + 12, KERNEL_GEN_AT + 64);
        st_le32(h + 16, KERNEL_GEN_AT);
        st_le32(h + 20, KERNEL_GEN_AT + 1024);
        st_le32(h + 24, KERNEL_GEN_AT + 8192);
        st_le32(h + 28, KERNEL_GEN_AT + 16);
        return 4096 + 1024;
    }
    memcpy(b, ident, sizeof(ident));
    st_le16(b + 16, 2);
    st_le16(b + 18, 3);
    st_le32(b + 24, KERNEL_GEN_AT + 16);
    st_le32(b + 28, 52);
    st_le16(b + 42, 32);
    st_le16(b + 44, 1);
    st_le32(ph, 1);
    st_le32(ph + 4, 4096);
    st_le32(ph + 8, KERNEL_GEN_AT);
    st_le32(ph + 12, KERNEL_GEN_AT);
    st_le32(ph + 16, 1024);
    st_le32(ph + 20, 8192);
    return 4096 + 1024;
}

static size_t gen_multiboot2(uint8_t *b)
{
    uint8_t *h = b + 4096 + 64;
    uint32_t len = 16 + 24 + 16 + 8;

    st_le64(b + 4096, KERNEL_GEN_CODE);
    st_le32(h, 0xe85250d6);
    st_le32(h + 8, len);
    st_le32(h + 12, 0 - 0xe85250d6u - len);
    st_le16(h + 16, 2);
    st_le32(h + 20, 24);
    st_le32(h + 24, KERNEL_GEN_AT + 64);
    st_le32(h + 28, KERNEL_GEN_AT);
    st_le32(h + 32, KERNEL_GEN_AT + 1024);
    st_le32(h + 36, KERNEL_GEN_AT + 8192);
    st_le16(h + 40, 3);
    st_le32(h + 44, 12);
    st_le32(h + 48, KERNEL_GEN_AT + 16);
    st_le32(h + 60, 8);
    return 4096 + 1024;
}

size_t kernel_gen(enum kernel_gen kind, uint8_t *buf)
{
    uint8_t entry[4];

    memset(buf, 0, KERNEL_GEN_MAX);
    st_le32(entry, KERNEL_GEN_AT + 16);
    switch (kind) {
    case KERNEL_BZIMAGE: return gen_bzimage(buf, true);
    case KERNEL_BZIMAGE_32: return gen_bzimage(buf, false);
    case KERNEL_PVH: return gen_elf64(buf, 18, entry, 4);
    case KERNEL_VMLINUX: return gen_elf64(buf, 6, "linux", 6);
    case KERNEL_MULTIBOOT: return gen_multiboot(buf, false);
    case KERNEL_MULTIBOOT_FLAT: return gen_multiboot(buf, true);
    case KERNEL_MULTIBOOT2: return gen_multiboot2(buf);
    case KERNEL_GENS: break;
    }
    return 0;
}

size_t kernel_gen_xen(uint8_t *buf)
{
    memset(buf, 0, KERNEL_GEN_MAX);
    return gen_elf64(buf, 5, "xen-3.0", 8);
}
