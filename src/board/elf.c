/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/elf.h"

#include <elf.h>

#include "base/endian.h"
#include "core/mem.h"

bool elf_is(const uint8_t *data, size_t size)
{
    return size >= 16 && !memcmp(data, ELFMAG, SELFMAG);
}

static struct elf_segment elf_phdr(const struct elf *e, const uint8_t *p)
{
    if (e->is64)
        return (struct elf_segment){ld_le64(p + 8), ld_le64(p + 24), ld_le64(p + 16),
                                    ld_le64(p + 32), ld_le64(p + 40)};
    return (struct elf_segment){ld_le32(p + 4), ld_le32(p + 12), ld_le32(p + 8), ld_le32(p + 16),
                                ld_le32(p + 20)};
}

static int elf_take_segment(struct elf *e, uint32_t type, struct elf_segment s, struct error *err)
{
    if (type != PT_LOAD && type != PT_NOTE)
        return 0;
    if (s.offset > e->size || s.filesz > e->size - s.offset)
        return fail(err, EINVAL, "truncated: a segment ends at %" PRIu64 ", the file at %zu",
                    s.offset + s.filesz, e->size);
    if (type == PT_NOTE) {
        if (e->nnote < ELF_SEGMENTS_MAX)
            e->note[e->nnote++] = s;
        return 0;
    }
    if (!s.memsz)
        return 0;
    if (s.filesz > s.memsz || s.paddr + s.memsz < s.paddr || s.memsz > (UINT64_C(1) << 40))
        return fail(err, EINVAL, "damaged: a segment of %#" PRIx64 " bytes at %#" PRIx64, s.memsz,
                    s.paddr);
    if (e->nload == ELF_SEGMENTS_MAX)
        return fail(err, EINVAL, "more than %d loadable segments", ELF_SEGMENTS_MAX);
    e->load[e->nload++] = s;
    e->start = MIN(e->start, s.paddr);
    e->end = MAX(e->end, s.paddr + s.memsz);
    return 0;
}

/* ---- sections ---- */

struct section {
    uint32_t name, type;
    uint64_t offset, size;
};

/* Section i; false: there is none, or it lies outside of the file. */
static bool elf_shdr(const struct elf *e, unsigned i, struct section *s)
{
    uint64_t shoff = e->is64 ? ld_le64(e->data + 40) : ld_le32(e->data + 32);
    unsigned entsize = ld_le16(e->data + (e->is64 ? 58 : 46));
    unsigned n = ld_le16(e->data + (e->is64 ? 60 : 48));

    if (i >= n || entsize < (e->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr)) ||
        shoff > e->size || (uint64_t)entsize * n > e->size - shoff)
        return false;
    const uint8_t *p = e->data + shoff + (size_t)i * entsize;
    *s = (struct section){ld_le32(p), ld_le32(p + 4), e->is64 ? ld_le64(p + 24) : ld_le32(p + 16),
                          e->is64 ? ld_le64(p + 32) : ld_le32(p + 20)};
    return s->type != SHT_NOBITS && s->offset <= e->size && s->size <= e->size - s->offset;
}

static unsigned elf_nsections(const struct elf *e)
{
    return ld_le16(e->data + (e->is64 ? 60 : 48));
}

/* A linker script of one segment leaves its notes in sections only. */
static void elf_take_sections(struct elf *e)
{
    struct section s;

    for (unsigned i = 0; i < elf_nsections(e) && e->nnote < ELF_SEGMENTS_MAX; i++)
        if (elf_shdr(e, i, &s) && s.type == SHT_NOTE)
            e->note[e->nnote++] = (struct elf_segment){.offset = s.offset, .filesz = s.size};
}

const uint8_t *elf_section(const struct elf *e, const char *name, size_t *size)
{
    struct section s, names;
    size_t len = strlen(name) + 1;

    if (!elf_shdr(e, ld_le16(e->data + (e->is64 ? 62 : 50)), &names))
        return NULL;
    for (unsigned i = 0; i < elf_nsections(e); i++) {
        if (!elf_shdr(e, i, &s) || s.name > names.size || len > names.size - s.name ||
            memcmp(e->data + names.offset + s.name, name, len))
            continue;
        *size = s.size;
        return e->data + s.offset;
    }
    return NULL;
}

int elf_open(struct elf *e, const uint8_t *data, size_t size, struct error *err)
{
    *e = (struct elf){.data = data, .size = size, .start = UINT64_MAX};
    if (!elf_is(data, size) || size < sizeof(Elf32_Ehdr))
        return fail(err, EINVAL, "no ELF file");
    if (data[EI_DATA] != ELFDATA2LSB ||
        (data[EI_CLASS] != ELFCLASS32 && data[EI_CLASS] != ELFCLASS64))
        return fail(err, EINVAL, "an ELF file of another kind of machine");
    e->is64 = data[EI_CLASS] == ELFCLASS64;
    if (e->is64 && size < sizeof(Elf64_Ehdr))
        return fail(err, EINVAL, "truncated: no complete ELF header");
    e->machine = ld_le16(data + 18);
    if (e->machine != ELF_MACHINE_386 && e->machine != ELF_MACHINE_X86_64)
        return fail(err, EINVAL, "an ELF file for another processor (machine %u)", e->machine);
    if (ld_le16(data + 16) != ET_EXEC && ld_le16(data + 16) != ET_DYN)
        return fail(err, EINVAL, "an ELF file that is no program");
    e->entry = e->is64 ? ld_le64(data + 24) : ld_le32(data + 24);
    uint64_t phoff = e->is64 ? ld_le64(data + 32) : ld_le32(data + 28);
    unsigned phentsize = ld_le16(data + (e->is64 ? 54 : 42));
    unsigned phnum = ld_le16(data + (e->is64 ? 56 : 44));
    if (phentsize < (e->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return fail(err, EINVAL, "damaged ELF header");
    if (phoff > size || (uint64_t)phentsize * phnum > size - phoff)
        return fail(err, EINVAL, "truncated: no complete program headers");
    for (unsigned i = 0; i < phnum; i++) {
        const uint8_t *p = data + phoff + (size_t)i * phentsize;
        int rc = elf_take_segment(e, ld_le32(p), elf_phdr(e, p), err);
        if (rc)
            return rc;
    }
    if (!e->nload)
        return fail(err, EINVAL, "an ELF file with nothing to load");
    elf_take_sections(e);
    return 0;
}

uint64_t elf_entry_phys(const struct elf *e)
{
    for (unsigned i = 0; i < e->nload; i++)
        if (e->entry - e->load[i].vaddr < e->load[i].memsz)
            return e->entry - e->load[i].vaddr + e->load[i].paddr;
    return e->entry;
}

const uint8_t *elf_note(const struct elf *e, const char *owner, uint32_t type, uint32_t *len)
{
    size_t owner_len = strlen(owner) + 1;

    for (unsigned i = 0; i < e->nnote; i++) {
        uint64_t at = e->note[i].offset, end = at + e->note[i].filesz;
        while (end - at >= 12) {
            uint64_t namesz = ld_le32(e->data + at), descsz = ld_le32(e->data + at + 4);
            uint64_t name = at + 12, desc = name + ((namesz + 3) & ~UINT64_C(3));
            uint64_t next = desc + ((descsz + 3) & ~UINT64_C(3));
            if (desc + descsz > end)
                break;
            if (ld_le32(e->data + at + 8) == type && namesz == owner_len &&
                !memcmp(e->data + name, owner, owner_len)) {
                *len = (uint32_t)descsz;
                return e->data + desc;
            }
            if (next > end)
                break;
            at = next;
        }
    }
    return NULL;
}

static bool zero_range(struct mem *mem, uint64_t gpa, uint64_t len)
{
    while (len) {
        struct mem_slot *s = mem_find(mem, gpa);
        if (!s || s->kind != SLOT_RAM)
            return false;
        uint64_t n = MIN(len, s->size - (gpa - s->gpa));
        memset(s->hva + (gpa - s->gpa), 0, n);
        mem_write_end(mem, gpa, n);
        gpa += n;
        len -= n;
    }
    return true;
}

int elf_load(const struct elf *e, struct mem *mem, struct error *err)
{
    for (unsigned i = 0; i < e->nload; i++) {
        const struct elf_segment *s = &e->load[i];
        if (!mem_write(mem, s->paddr, e->data + s->offset, s->filesz) ||
            !zero_range(mem, s->paddr + s->filesz, s->memsz - s->filesz))
            return fail(err, ENOMEM,
                        "it wants memory at %#" PRIx64 "..%#" PRIx64
                        " that the guest does not have; try: a larger --memory",
                        s->paddr, s->paddr + s->memsz);
    }
    return 0;
}
