/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * PVH: an ELF image with the note PHYS32_ENTRY is entered in 32-bit protected mode, EBX pointing to
 * hvm_start_info [XEN pvh, hvm/start_info.h]. The image is the file itself or a bzImage's payload.
 *
 *   0x500    GDT, TSS
 *   0x6000   hvm_start_info (56 bytes), module list (32 bytes each), memory map (24 bytes each)
 *   0x20000  command lines
 */
#include "arch/x86/cpu.h"
#include "board/entry.h"
#include "board/loader.h"
#include "core/machine.h"

#define START_INFO 0x6000u
#define MODULES (START_INFO + 0x100)
#define MEMORY_MAP (START_INFO + 0x400)
#define CMDLINE 0x20000u
#define CMDLINE_ROOM 0x10000u

#define XEN_HVM_START_MAGIC 0x336ec578u
enum { NOTE_PHYS32_ENTRY = 18 };

static bool pvh_entry(const struct loader *l, uint32_t *entry)
{
    uint32_t len;
    const uint8_t *note = elf_note(&l->elf, "Xen", NOTE_PHYS32_ENTRY, &len);

    if (!note || len < 4)
        return false;
    *entry = ld_le32(note);
    return true;
}

static bool pvh_takes(struct loader *l)
{
    struct error err;
    uint32_t entry;

    return !loader_find_elf(l, &err) && pvh_entry(l, &entry);
}

/* Modules from the top of low RAM down, their list and texts; *texts: next free text address. */
static int put_modules(struct loader *l, struct machine *m, const struct memmap *map,
                       uint32_t texts, struct error *err)
{
    uint64_t limit = MIN(map->low_top, UINT64_C(1) << 32);

    for (unsigned i = 0; i < l->nmodules; i++) {
        const struct loader_module *mod = &l->module[i];
        uint64_t at = loader_place(map, l->elf.end, limit, mod->blob.size);
        size_t n = strlen(mod->cmdline) + 1;
        uint8_t entry[32] = {0};
        if (!at)
            return loader_too_small(map, loader_need(l, l->elf.end), err);
        if (texts + n > CMDLINE + CMDLINE_ROOM)
            return fail(err, E2BIG, "the modules' command lines are too long");
        mem_write(&m->mem, at, mod->blob.data, mod->blob.size);
        mem_write(&m->mem, texts, mod->cmdline, n);
        st_le64(entry, at);
        st_le64(entry + 8, mod->blob.size);
        st_le64(entry + 16, texts);
        mem_write(&m->mem, MODULES + 32 * i, entry, sizeof(entry));
        texts += (uint32_t)n;
        limit = at;
    }
    return 0;
}

static void put_memory_map(struct machine *m, const struct memmap *map)
{
    for (unsigned i = 0; i < map->n; i++) {
        uint8_t e[24] = {0};
        st_le64(e, map->range[i].start);
        st_le64(e + 8, map->range[i].size);
        st_le32(e + 16, map->range[i].type);
        mem_write(&m->mem, MEMORY_MAP + 24 * i, e, sizeof(e));
    }
}

static void put_start_info(struct loader *l, struct machine *m, const struct memmap *map)
{
    uint8_t si[56] = {0};

    st_le32(si, XEN_HVM_START_MAGIC);
    st_le32(si + 4, 1); /* version 1: with the memory map */
    st_le32(si + 12, l->nmodules);
    st_le64(si + 16, l->nmodules ? MODULES : 0);
    st_le64(si + 24, CMDLINE);
    st_le64(si + 32, map->rsdp);
    st_le64(si + 40, MEMORY_MAP);
    st_le32(si + 48, map->n);
    mem_write(&m->mem, START_INFO, si, sizeof(si));
}

static int pvh_load(struct loader *l, struct machine *m, const struct memmap *map,
                    struct error *err)
{
    struct x86_state *s = &((struct x86_cpu *)m->vcpus[0]->cpu)->s;
    size_t n = strlen(l->cmdline) + 1;
    uint32_t entry;

    if (!pvh_entry(l, &entry))
        return fail(err, EINVAL, "no PVH entry");
    if (l->elf.start < PC_ROM_END)
        return fail(err, EINVAL, "it wants memory at %#" PRIx64 ", below 1 MiB", l->elf.start);
    if (n > CMDLINE_ROOM)
        return fail(err, E2BIG, "the command line has %zu characters", n - 1);
    if (loader_need(l, l->elf.end) > map->ram || l->elf.end > map->low_top)
        return loader_too_small(map, loader_need(l, l->elf.end), err);
    int rc = elf_load(&l->elf, &m->mem, err);
    if (!rc)
        rc = put_modules(l, m, map, CMDLINE + (uint32_t)n, err);
    if (rc)
        return rc;
    mem_write(&m->mem, CMDLINE, l->cmdline, n);
    put_memory_map(m, map);
    put_start_info(l, m, map);
    entry_flat32(s, &m->mem, entry);
    s->r[RBX] = START_INFO;
    return 0;
}

const struct loader_type loader_pvh = {
    .name = "pvh",
    .help = "ELF kernel by its PVH entry, from its file or unpacked by the host out of a bzImage",
    .takes = pvh_takes,
    .load = pvh_load,
};
