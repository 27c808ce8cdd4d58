/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linux' own boot protocol [LINUX x86/boot]: the 64-bit entry (long mode, first 4 GiB mapped one to
 * one), the 32-bit entry, and both again for a kernel that the host has unpacked (vmlinux).
 *
 * Low memory as the loader leaves it:
 *
 *   0x500    GDT, TSS          0x1000  page tables (64-bit entry)
 *   0x7000   boot_params       0x20000 command line
 *
 * Not modelled: kernels above 4 GiB, setup_data.
 */
#include "arch/x86/cpu.h"
#include "board/bzimage.h"
#include "board/entry.h"
#include "board/loader.h"
#include "core/machine.h"

#define BOOT_PARAMS 0x7000u
#define CMDLINE 0x20000u
#define CMDLINE_ROOM 0x10000u

static struct x86_state *boot_cpu(struct machine *m)
{
    return &((struct x86_cpu *)m->vcpus[0]->cpu)->s;
}

static bool has_bzimage(const struct loader *l, uint16_t xloadflags, uint8_t loadflags)
{
    struct bzimage bz;
    struct error err;

    return bzimage_is(&l->kernel) && !bzimage_open(&bz, &l->kernel, &err) &&
           (bz.xloadflags & xloadflags) == xloadflags && (bz.loadflags & loadflags) == loadflags;
}

/* ------------------------------------------------------------------------------ boot_params */

static void put_e820(uint8_t *bp, const struct memmap *map)
{
    bp[BP_E820_ENTRIES] = (uint8_t)map->n;
    for (unsigned i = 0; i < map->n; i++) {
        uint8_t *e = bp + BP_E820_TABLE + 20 * (size_t)i;
        st_le64(e, map->range[i].start);
        st_le64(e + 8, map->range[i].size);
        st_le32(e + 16, map->range[i].type);
    }
    uint64_t ext_k = (map->low_top >> 10) - 1024;
    st_le16(bp + BP_EXT_MEM_K, (uint16_t)MIN(ext_k, 0xfc00u));
    st_le32(bp + BP_ALT_MEM_K, (uint32_t)ext_k);
}

/* The header is copied from the image, or made up for an ELF file that has none. */
static void put_header(uint8_t *bp, const struct bzimage *bz)
{
    if (bz) {
        size_t n = MIN(bz->header_size, (size_t)(BP_E820_TABLE - BZ_SETUP_SECTS));
        memcpy(bp + BZ_SETUP_SECTS, bz->file + BZ_SETUP_SECTS, n);
    } else {
        st_le16(bp + BZ_BOOT_FLAG, 0xaa55);
        st_le32(bp + BZ_HEADER, BZ_MAGIC);
        st_le16(bp + BZ_VERSION, 0x20c);
        bp[BZ_LOADFLAGS] = BZ_LOADED_HIGH;
        st_le32(bp + BZ_KERNEL_ALIGNMENT, 0x200000);
    }
    bp[BZ_TYPE_OF_LOADER] = 0xff; /* unassigned */
    st_le16(bp + BZ_VID_MODE, 0xffff);
}

static int put_initrd(struct loader *l, struct machine *m, const struct memmap *map, uint8_t *bp,
                      uint64_t kernel_end, uint32_t initrd_max, struct error *err)
{
    const struct blob *b = &l->module[0].blob;

    if (l->nmodules > 1)
        return fail(err, EINVAL, "Linux takes one initrd and no modules; try: one --initrd");
    if (!l->nmodules)
        return 0;
    uint64_t at = loader_place(map, kernel_end, (uint64_t)initrd_max + 1, b->size);
    if (!at)
        return loader_too_small(map, loader_need(l, kernel_end), err);
    mem_write(&m->mem, at, b->data, b->size);
    st_le32(bp + BZ_RAMDISK_IMAGE, (uint32_t)at);
    st_le32(bp + BZ_RAMDISK_SIZE, (uint32_t)b->size);
    return 0;
}

static int put_cmdline(const struct loader *l, struct machine *m, uint32_t max, struct error *err)
{
    size_t n = strlen(l->cmdline);

    if (n > MIN(max, CMDLINE_ROOM - 1))
        return fail(err, E2BIG, "the command line has %zu characters, this kernel takes %u", n,
                    MIN(max, CMDLINE_ROOM - 1));
    mem_write(&m->mem, CMDLINE, l->cmdline, n + 1);
    return 0;
}

/* Everything but the kernel: boot_params, command line, initrd. */
static int put_boot_params(struct loader *l, struct machine *m, const struct memmap *map,
                           const struct bzimage *bz, uint64_t kernel_end, struct error *err)
{
    uint8_t bp[BP_SIZE] = {0};

    if (loader_need(l, kernel_end) > map->ram)
        return loader_too_small(map, loader_need(l, kernel_end), err);
    put_header(bp, bz);
    put_e820(bp, map);
    st_le64(bp + BP_ACPI_RSDP, map->rsdp);
    st_le32(bp + BZ_CMD_LINE_PTR, CMDLINE);
    int rc = put_cmdline(l, m, bz ? bz->cmdline_max : 2047, err);
    if (!rc)
        rc = put_initrd(l, m, map, bp, kernel_end, bz ? bz->initrd_max : 0x7fffffff, err);
    if (!rc)
        mem_write(&m->mem, BOOT_PARAMS, bp, sizeof(bp));
    return rc;
}

/* ---------------------------------------------------------------- bzImage that unpacks itself */

/* Where the protected-mode part goes: its preferred place, or for a relocatable kernel that does
 * not fit there the lowest one that does. */
static uint64_t kernel_address(const struct bzimage *bz, const struct memmap *map)
{
    uint64_t room = MAX((uint64_t)bz->init_size, (uint64_t)bz->kernel_size);

    if (!bz->relocatable || bz->version < 0x20a)
        return bz->code32_start ? bz->code32_start : 0x100000;
    if (bz->pref_address < PC_ROM_END || bz->pref_address + room > map->low_top)
        return ALIGN_UP((uint64_t)PC_ROM_END, (uint64_t)MAX(bz->alignment, 0x1000u));
    return bz->pref_address;
}

static int load_bzimage(struct loader *l, struct machine *m, const struct memmap *map,
                        uint64_t *entry, struct error *err)
{
    struct bzimage bz;

    if (bzimage_open(&bz, &l->kernel, err))
        return -EINVAL;
    uint64_t at = kernel_address(&bz, map);
    uint64_t end = at + MAX((uint64_t)bz.init_size, (uint64_t)bz.kernel_size);
    if (at < PC_ROM_END || at > UINT32_MAX)
        return fail(err, EINVAL, "damaged header: wants to be loaded at %#" PRIx64, at);
    if (loader_need(l, end) > map->ram)
        return loader_too_small(map, loader_need(l, end), err);
    if (!mem_write(&m->mem, at, bz.kernel, bz.kernel_size))
        return loader_too_small(map, end, err);
    *entry = at;
    return put_boot_params(l, m, map, &bz, end, err);
}

static bool linux64_takes(struct loader *l)
{
    return has_bzimage(l, BZ_XLF_KERNEL_64, BZ_LOADED_HIGH);
}

static int linux64_load(struct loader *l, struct machine *m, const struct memmap *map,
                        struct error *err)
{
    uint64_t at;
    int rc = load_bzimage(l, m, map, &at, err);

    if (rc)
        return rc;
    entry_long64(boot_cpu(m), &m->mem, at + 0x200);
    boot_cpu(m)->r[RSI] = BOOT_PARAMS;
    return 0;
}

static bool linux32_takes(struct loader *l)
{
    return has_bzimage(l, 0, BZ_LOADED_HIGH);
}

static int linux32_load(struct loader *l, struct machine *m, const struct memmap *map,
                        struct error *err)
{
    uint64_t at;
    int rc = load_bzimage(l, m, map, &at, err);

    if (rc)
        return rc;
    entry_flat32(boot_cpu(m), &m->mem, (uint32_t)at);
    boot_cpu(m)->r[RSI] = BOOT_PARAMS;
    return 0;
}

/* -------------------------------------------------------------- ELF image, unpacked by the host */

/* Linux alone: its payload in a bzImage is the kernel, other ELF files say so in their notes. */
static bool vmlinux_takes(struct loader *l)
{
    struct error err;
    uint32_t len;

    if (loader_find_elf(l, &err))
        return false;
    const uint8_t *os = elf_note(&l->elf, "Xen", 6, &len);
    return bzimage_is(&l->kernel) || (os && len >= 5 && !memcmp(os, "linux", 5));
}

static int vmlinux_load(struct loader *l, struct machine *m, const struct memmap *map,
                        struct error *err)
{
    struct bzimage bz, *have = NULL;
    const struct elf *e = &l->elf;
    bool long_mode = e->machine == ELF_MACHINE_X86_64;

    if (bzimage_is(&l->kernel) && !bzimage_open(&bz, &l->kernel, err))
        have = &bz;
    if (e->start < PC_ROM_END)
        return fail(err, EINVAL, "it wants memory at %#" PRIx64 ", below 1 MiB", e->start);
    if (loader_need(l, e->end) > map->ram || e->end > map->low_top)
        return loader_too_small(map, loader_need(l, e->end), err);
    int rc = elf_load(e, &m->mem, err);
    if (!rc)
        rc = put_boot_params(l, m, map, have, e->end, err);
    if (rc)
        return rc;
    if (long_mode)
        entry_long64(boot_cpu(m), &m->mem, elf_entry_phys(e));
    else
        entry_flat32(boot_cpu(m), &m->mem, (uint32_t)elf_entry_phys(e));
    boot_cpu(m)->r[RSI] = BOOT_PARAMS;
    return 0;
}

const struct loader_type loader_linux64 = {
    .name = "linux64",
    .help = "Linux bzImage by its 64-bit entry; the kernel unpacks itself",
    .takes = linux64_takes,
    .load = linux64_load,
};

const struct loader_type loader_linux32 = {
    .name = "linux32",
    .help = "Linux bzImage by its 32-bit entry; the kernel unpacks itself",
    .takes = linux32_takes,
    .load = linux32_load,
};

const struct loader_type loader_vmlinux = {
    .name = "vmlinux",
    .help = "Linux ELF image, from its file or unpacked by the host out of a bzImage",
    .takes = vmlinux_takes,
    .load = vmlinux_load,
};
