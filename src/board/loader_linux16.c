/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The legacy 16-bit entry of a bzImage [LINUX x86/boot]: the set-up code runs in real mode and asks
 * the BIOS for memory and video. There is no firmware here: the board's bios16 (a
 * few services in ROM) answers.
 *
 *   0x10000  set-up code, its heap and stack      0x20000  command line
 *   0x100000 the protected-mode part
 */
#include "arch/x86/cpu.h"
#include "board/bzimage.h"
#include "board/entry.h"
#include "board/loader.h"
#include "core/machine.h"

#define SETUP 0x10000u
#define CMDLINE 0x20000u
#define CMDLINE_ROOM 0x10000u

static bool linux16_takes(struct loader *l)
{
    struct bzimage bz;
    struct error err;

    return bzimage_is(&l->kernel) && !bzimage_open(&bz, &l->kernel, &err) && bz.version >= 0x202 &&
           (bz.loadflags & BZ_LOADED_HIGH);
}

static int place_initrd(struct loader *l, struct machine *m, const struct memmap *map,
                        const struct bzimage *bz, uint64_t kernel_end, uint8_t *setup,
                        struct error *err)
{
    const struct blob *b = &l->module[0].blob;

    if (l->nmodules > 1)
        return fail(err, EINVAL, "Linux takes one initrd and no modules; try: one --initrd");
    if (!l->nmodules)
        return 0;
    uint64_t at = loader_place(map, kernel_end, (uint64_t)bz->initrd_max + 1, b->size);
    if (!at)
        return loader_too_small(map, loader_need(l, kernel_end), err);
    mem_write(&m->mem, at, b->data, b->size);
    st_le32(setup + BZ_RAMDISK_IMAGE, (uint32_t)at);
    st_le32(setup + BZ_RAMDISK_SIZE, (uint32_t)b->size);
    return 0;
}

static int linux16_load(struct loader *l, struct machine *m, const struct memmap *map,
                        struct error *err)
{
    struct x86_state *s = &((struct x86_cpu *)m->vcpus[0]->cpu)->s;
    size_t n = strlen(l->cmdline);
    struct bzimage bz;

    if (bzimage_open(&bz, &l->kernel, err))
        return -EINVAL;
    /* A relocatable kernel moves itself to its preferred address: that must exist too. */
    uint64_t base = bz.version >= 0x20a ? MAX(bz.pref_address, UINT64_C(0x100000)) : 0x100000;
    uint64_t end = MAX(base + bz.init_size, 0x100000 + (uint64_t)bz.kernel_size);
    if (loader_need(l, end) > map->ram)
        return loader_too_small(map, loader_need(l, end), err);
    if (n > MIN(bz.cmdline_max, CMDLINE_ROOM - 1))
        return fail(err, E2BIG, "the command line has %zu characters, this kernel takes %u", n,
                    bz.cmdline_max);
    if (bz.setup_size > 0x8000)
        return fail(err, EINVAL, "damaged header: %zu bytes of set-up code", bz.setup_size);
    auto_free uint8_t *setup = xcalloc(1, bz.setup_size);
    memcpy(setup, bz.file, bz.setup_size);
    setup[BZ_TYPE_OF_LOADER] = 0xff;
    setup[BZ_LOADFLAGS] |= BZ_CAN_USE_HEAP;
    st_le16(setup + BZ_HEAP_END_PTR, CMDLINE - SETUP - 0x200 - 0x1000);
    st_le32(setup + BZ_CMD_LINE_PTR, CMDLINE);
    st_le16(setup + BZ_VID_MODE, 0xffff);
    int rc = place_initrd(l, m, map, &bz, end, setup, err);
    if (rc)
        return rc;
    mem_write(&m->mem, SETUP, setup, bz.setup_size);
    mem_write(&m->mem, CMDLINE, l->cmdline, n + 1);
    mem_write(&m->mem, 0x100000, bz.kernel, bz.kernel_size);
    entry_real16(s, (SETUP >> 4) + 0x20, 0, SETUP >> 4, CMDLINE - SETUP - 16);
    return 0;
}

const struct loader_type loader_linux16 = {
    .name = "linux16",
    .help = "Linux bzImage by its 16-bit entry: its set-up code runs in real mode",
    .takes = linux16_takes,
    .load = linux16_load,
};
