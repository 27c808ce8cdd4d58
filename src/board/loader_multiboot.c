/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Multiboot 1 [MULTIBOOT 0.6.96] and 2 [MULTIBOOT2]: the entry of kernels that are not Linux, such
 * as the Xen hypervisor. 32-bit protected mode, EAX a magic number, EBX the information record.
 *
 *   0x500    GDT, TSS
 *   0x6000   multiboot 1: information (120 bytes), memory map, module list
 *   0x20000  texts (multiboot 1), the whole information record (multiboot 2)
 *
 * As boot loaders do, multiboot 1 puts the kernel's file name before its command line.
 * Not modelled: video modes, drive list, APM, a.out symbols, EFI and relocatable tags.
 */
#include <stdio.h>

#include "arch/x86/cpu.h"
#include "board/entry.h"
#include "board/loader.h"
#include "core/machine.h"

#define MB1_HEADER 0x1badb002u
#define MB1_EAX 0x2badb002u
#define MB2_HEADER 0xe85250d6u
#define MB2_EAX 0x36d76289u

#define INFO 0x6000u
#define INFO_MMAP (INFO + 0x100)
#define INFO_MODULES (INFO + 0x600)
#define TEXTS 0x20000u
#define TEXTS_ROOM 0x10000u

static const char loader_name[] = "Quadrivium";

/* What either header says of where things go; load.memsz 0: the ELF program headers say. */
struct image {
    const uint8_t *header;
    struct elf_segment load; /* offset, paddr, filesz, memsz */
    uint32_t entry;
    bool has_entry;
};

/* The header: 4-aligned (v2: 8-aligned) within the first 8 (v2: 32) KiB, sum of its words 0. */
static const uint8_t *find_header(const struct blob *b, uint32_t magic)
{
    bool v2 = magic == MB2_HEADER;
    size_t limit = MIN(b->size, v2 ? 32768u : 8192u), words = v2 ? 4 : 3;

    for (size_t at = 0; at + 4 * words <= limit; at += v2 ? 8 : 4) {
        uint32_t sum = 0;
        if (ld_le32(b->data + at) != magic)
            continue;
        for (size_t i = 0; i < words; i++)
            sum += ld_le32(b->data + at + 4 * i);
        if (!sum)
            return b->data + at;
    }
    return NULL;
}

static bool multiboot_takes(struct loader *l)
{
    return find_header(&l->kernel, MB1_HEADER);
}

static bool multiboot2_takes(struct loader *l)
{
    return find_header(&l->kernel, MB2_HEADER);
}

/* load_addr, load_end, bss_end as both versions give them. */
static int set_addresses(struct image *im, const struct blob *b, const uint32_t addr[4],
                         struct error *err)
{
    uint32_t header_addr = addr[0], load = addr[1], load_end = addr[2], bss_end = addr[3];
    uint64_t header_off = (uint64_t)(im->header - b->data);

    if (load > header_addr || header_addr - load > header_off)
        return fail(err, EINVAL, "damaged multiboot header: load address");
    uint64_t offset = header_off - (header_addr - load);
    uint64_t filesz = load_end ? (uint64_t)load_end - load : b->size - offset;
    if ((load_end && load_end < load) || !blob_has(b, offset, filesz))
        return fail(err, EINVAL, "truncated: %" PRIu64 " bytes to load, the file has %zu", filesz,
                    b->size);
    uint64_t memsz = bss_end > load ? (uint64_t)bss_end - load : filesz;
    im->load = (struct elf_segment){
        .offset = offset, .paddr = load, .filesz = filesz, .memsz = MAX(memsz, filesz)};
    return 0;
}

static int read_header1(struct image *im, const struct blob *b, struct error *err)
{
    uint32_t flags = ld_le32(im->header + 4), addr[4];

    if (flags & 0xfff8)
        return fail(err, ENOTSUP, "its multiboot header requires features %#x", flags & 0xfff8);
    if (!(flags & 0x10000))
        return 0;
    if (!blob_has(b, (uint64_t)(im->header - b->data), 32))
        return fail(err, EINVAL, "truncated multiboot header");
    for (unsigned i = 0; i < 4; i++)
        addr[i] = ld_le32(im->header + 12 + 4 * (size_t)i);
    im->entry = ld_le32(im->header + 28);
    im->has_entry = true;
    return set_addresses(im, b, addr, err);
}

static int read_header2(struct image *im, const struct blob *b, struct error *err)
{
    uint32_t len = ld_le32(im->header + 8), addr[4];

    if (ld_le32(im->header + 4))
        return fail(err, ENOTSUP, "its multiboot2 header is for another processor");
    if (!blob_has(b, (uint64_t)(im->header - b->data), len))
        return fail(err, EINVAL, "truncated multiboot2 header");
    for (uint32_t at = 16; at + 8 <= len;) {
        const uint8_t *t = im->header + at;
        uint32_t size = ld_le32(t + 4);
        uint16_t type = ld_le16(t);
        if (size < 8 || size > len - at)
            return fail(err, EINVAL, "damaged multiboot2 header");
        if (!type)
            break;
        if (type == 2 && size >= 24) {
            for (unsigned i = 0; i < 4; i++)
                addr[i] = ld_le32(t + 8 + 4 * (size_t)i);
            if (set_addresses(im, b, addr, err))
                return -EINVAL;
        } else if (type == 3 && size >= 12) {
            im->entry = ld_le32(t + 8);
            im->has_entry = true;
        } else if (type > 10 && !(ld_le16(t + 2) & 1)) {
            return fail(err, ENOTSUP, "its multiboot2 header requires feature %u", type);
        }
        at += ALIGN_UP(size, 8u);
    }
    return 0;
}

/* Load the kernel; *end: behind its last byte, *entry: where it starts. */
static int load_image(struct loader *l, struct machine *m, const struct memmap *map,
                      struct image *im, uint64_t *end, struct error *err)
{
    struct elf flat = {.data = l->kernel.data, .size = l->kernel.size, .nload = 1};
    const struct elf *e = &flat;

    if (im->load.memsz) {
        flat.load[0] = im->load;
        flat.start = im->load.paddr;
        flat.end = im->load.paddr + im->load.memsz;
    } else {
        int rc = loader_find_elf(l, err);
        if (rc)
            return rc;
        e = &l->elf;
    }
    if (!im->has_entry)
        im->entry = (uint32_t)elf_entry_phys(e);
    if (e->start < PC_ROM_END)
        return fail(err, EINVAL, "it wants memory at %#" PRIx64 ", below 1 MiB", e->start);
    *end = e->end;
    if (e->end > map->low_top)
        return loader_too_small(map, loader_need(l, e->end), err);
    return elf_load(e, &m->mem, err);
}

/* Put the modules' bytes in place, top down; at[i] is where. */
static int put_modules(struct loader *l, struct machine *m, const struct memmap *map,
                       uint64_t kernel_end, uint32_t *at, struct error *err)
{
    uint64_t limit = map->low_top;

    for (unsigned i = 0; i < l->nmodules; i++) {
        const struct blob *b = &l->module[i].blob;
        limit = loader_place(map, kernel_end, limit, b->size);
        if (!limit)
            return loader_too_small(map, loader_need(l, kernel_end), err);
        mem_write(&m->mem, limit, b->data, b->size);
        at[i] = (uint32_t)limit;
    }
    return 0;
}

static void enter(struct machine *m, uint32_t eip, uint32_t eax, uint32_t ebx)
{
    struct x86_state *s = &((struct x86_cpu *)m->vcpus[0]->cpu)->s;

    entry_flat32(s, &m->mem, eip);
    s->r[RAX] = eax;
    s->r[RBX] = ebx;
}

/* Types 1, 3, 4 mean the same as in E820. */
static void put_memory_map1(struct machine *m, const struct memmap *map)
{
    for (unsigned i = 0; i < map->n; i++) {
        uint8_t e[24];
        st_le32(e, 20);
        st_le64(e + 4, map->range[i].start);
        st_le64(e + 12, map->range[i].size);
        st_le32(e + 20, map->range[i].type);
        mem_write(&m->mem, INFO_MMAP + 24 * i, e, sizeof(e));
    }
}

static uint32_t put_text(struct machine *m, uint32_t *at, const char *text, struct error *err)
{
    size_t n = strlen(text) + 1;
    uint32_t here = *at;

    if (*at + n > TEXTS + TEXTS_ROOM) {
        fail(err, E2BIG, "the command lines have more than %u bytes", TEXTS_ROOM);
        return 0;
    }
    mem_write(&m->mem, here, text, n);
    *at += (uint32_t)n;
    return here;
}

static int put_info1(struct loader *l, struct machine *m, const struct memmap *map,
                     const uint32_t *module_at, struct error *err)
{
    uint8_t info[120] = {0};
    uint32_t texts = TEXTS;
    auto_free char *cmdline =
        xasprintf("%s%s%s", l->kernel_name, *l->cmdline ? " " : "", l->cmdline);
    uint32_t cmd_at = put_text(m, &texts, cmdline, err);
    uint32_t name_at = cmd_at ? put_text(m, &texts, loader_name, err) : 0;

    if (!name_at)
        return -E2BIG;
    for (unsigned i = 0; i < l->nmodules; i++) {
        uint8_t e[16] = {0};
        uint32_t text = put_text(m, &texts, l->module[i].cmdline, err);
        if (!text)
            return -E2BIG;
        st_le32(e, module_at[i]);
        st_le32(e + 4, module_at[i] + (uint32_t)l->module[i].blob.size);
        st_le32(e + 8, text);
        mem_write(&m->mem, INFO_MODULES + 16 * i, e, sizeof(e));
    }
    put_memory_map1(m, map);
    /* flags: memory, command line, modules, memory map, loader name */
    st_le32(info, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    st_le32(info + 4, PC_LOW_RAM_END >> 10);
    st_le32(info + 8, (uint32_t)((map->low_top - PC_ROM_END) >> 10));
    st_le32(info + 16, cmd_at);
    st_le32(info + 20, l->nmodules);
    st_le32(info + 24, INFO_MODULES);
    st_le32(info + 44, map->n * 24);
    st_le32(info + 48, INFO_MMAP);
    st_le32(info + 64, name_at);
    mem_write(&m->mem, INFO, info, sizeof(info));
    return 0;
}

static int multiboot_load(struct loader *l, struct machine *m, const struct memmap *map,
                          struct error *err)
{
    struct image im = {.header = find_header(&l->kernel, MB1_HEADER)};
    uint32_t at[LOADER_MODULES_MAX];
    uint64_t end;
    int rc = read_header1(&im, &l->kernel, err);

    if (!rc)
        rc = load_image(l, m, map, &im, &end, err);
    if (!rc)
        rc = put_modules(l, m, map, end, at, err);
    if (!rc)
        rc = put_info1(l, m, map, at, err);
    if (!rc)
        enter(m, im.entry, MB1_EAX, INFO);
    return rc;
}

/* ---------------------------------------------------------------------------- multiboot 2 tags */

struct tags {
    uint8_t buf[TEXTS_ROOM];
    uint32_t n;
    bool full;
};

/* Open a tag with room for `size` bytes behind its 8-byte head. */
static uint8_t *tag_add(struct tags *t, uint32_t type, size_t size)
{
    uint32_t at = ALIGN_UP(t->n, 8u);

    if (size > sizeof(t->buf) || at + 8 + size > sizeof(t->buf)) {
        t->full = true;
        return t->buf; /* overwritten, and refused later */
    }
    memset(t->buf + t->n, 0, at - t->n);
    st_le32(t->buf + at, type);
    st_le32(t->buf + at + 4, (uint32_t)(8 + size));
    t->n = at + 8 + (uint32_t)size;
    return t->buf + at + 8;
}

static void tag_text(struct tags *t, uint32_t type, const char *text)
{
    size_t n = strlen(text) + 1;
    uint8_t *p = tag_add(t, type, n);

    if (!t->full)
        memcpy(p, text, n);
}

static void tags_memory(struct tags *t, const struct memmap *map)
{
    uint8_t *p = tag_add(t, 4, 8);

    st_le32(p, PC_LOW_RAM_END >> 10);
    st_le32(p + 4, (uint32_t)((map->low_top - PC_ROM_END) >> 10));
    p = tag_add(t, 6, 8 + 24 * (size_t)map->n);
    st_le32(p, 24);
    st_le32(p + 4, 0);
    for (unsigned i = 0; i < map->n && !t->full; i++) {
        uint8_t *e = p + 8 + 24 * (size_t)i;
        st_le64(e, map->range[i].start);
        st_le64(e + 8, map->range[i].size);
        st_le32(e + 16, map->range[i].type);
        st_le32(e + 20, 0);
    }
}

static int put_info2(struct loader *l, struct machine *m, const struct memmap *map,
                     const uint32_t *module_at, struct error *err)
{
    auto_free struct tags *t = xcalloc(1, sizeof(*t));

    t->n = 8;
    tag_text(t, 1, l->cmdline);
    tag_text(t, 2, loader_name);
    for (unsigned i = 0; i < l->nmodules; i++) {
        size_t n = strlen(l->module[i].cmdline) + 1;
        uint8_t *p = tag_add(t, 3, 8 + n);
        if (t->full)
            break;
        st_le32(p, module_at[i]);
        st_le32(p + 4, module_at[i] + (uint32_t)l->module[i].blob.size);
        memcpy(p + 8, l->module[i].cmdline, n);
    }
    tags_memory(t, map);
    if (map->rsdp)
        mem_read(&m->mem, map->rsdp, tag_add(t, 15, 36), 36); /* ACPI 2.0 root pointer */
    tag_add(t, 0, 0);
    if (t->full)
        return fail(err, E2BIG, "the command lines have more than %u bytes", TEXTS_ROOM);
    st_le32(t->buf, t->n);
    mem_write(&m->mem, TEXTS, t->buf, t->n);
    return 0;
}

static int multiboot2_load(struct loader *l, struct machine *m, const struct memmap *map,
                           struct error *err)
{
    struct image im = {.header = find_header(&l->kernel, MB2_HEADER)};
    uint32_t at[LOADER_MODULES_MAX];
    uint64_t end;
    int rc = read_header2(&im, &l->kernel, err);

    if (!rc)
        rc = load_image(l, m, map, &im, &end, err);
    if (!rc)
        rc = put_modules(l, m, map, end, at, err);
    if (!rc)
        rc = put_info2(l, m, map, at, err);
    if (!rc)
        enter(m, im.entry, MB2_EAX, TEXTS);
    return rc;
}

const struct loader_type loader_multiboot = {
    .name = "multiboot",
    .help = "kernel with a multiboot 1 header; the initrd and every --module are its modules",
    .takes = multiboot_takes,
    .load = multiboot_load,
};

const struct loader_type loader_multiboot2 = {
    .name = "multiboot2",
    .help = "kernel with a multiboot 2 header; the initrd and every --module are its modules",
    .takes = multiboot2_takes,
    .load = multiboot2_load,
};
