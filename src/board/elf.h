/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * elf: the program headers of a kernel in ELF form: what is loaded where (by physical address),
 * and its notes, of segments and of sections. Checked once by elf_open(); the image is borrowed. A
 * section table that makes no sense counts as none: nothing is loaded by it.
 */
#ifndef QUAD_BOARD_ELF_H
#define QUAD_BOARD_ELF_H

#include "board/blob.h"

struct mem;

struct elf_segment {
    uint64_t offset, paddr, vaddr, filesz, memsz;
};

#define ELF_SEGMENTS_MAX 16

struct elf {
    const uint8_t *data;
    size_t size;
    bool is64;
    uint16_t machine;
    uint64_t entry; /* virtual */
    struct elf_segment load[ELF_SEGMENTS_MAX], note[ELF_SEGMENTS_MAX];
    unsigned nload, nnote;
    uint64_t start, end; /* physical extent of the loaded segments */
};

enum { ELF_MACHINE_386 = 3, ELF_MACHINE_X86_64 = 62 };

bool elf_is(const uint8_t *data, size_t size);
int elf_open(struct elf *e, const uint8_t *data, size_t size, struct error *err);

/* The entry as a physical address (by the segment that holds it). */
uint64_t elf_entry_phys(const struct elf *e);

/* The descriptor of the first note `type` of `owner`, or NULL. */
const uint8_t *elf_note(const struct elf *e, const char *owner, uint32_t type, uint32_t *len);

/* The contents of the section called `name`, or NULL. */
const uint8_t *elf_section(const struct elf *e, const char *name, size_t *size);

/* Copy the segments to guest memory and zero what they leave open. */
int elf_load(const struct elf *e, struct mem *mem, struct error *err);

#endif
