/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mmu: what the software MMU keeps beside the TLB itself, and guest-physical accesses.
 */
#ifndef QUAD_ARCH_X86_MMU_H
#define QUAD_ARCH_X86_MMU_H

#include "arch/x86/cpu.h"

#define X86_ASIDS 4096u
#define X86_FETCHED 65536u

/* Entries of pages that are not global, in the supervisor's parts of the TLB: so many are dropped one
 * by one when the address space changes. */
#define X86_LOOSE_MAX 64

struct x86_mmu {
    uint16_t asid_of_pcid[4096]; /* of the user's part; 0: none given yet */
    uint16_t super_asid;         /* of the supervisor's parts, in all address spaces; 0 likewise */
    uint16_t next_asid;
    unsigned n_loose; /* more than X86_LOOSE_MAX: too many to tell */
    uint16_t loose[X86_LOOSE_MAX]; /* context * X86_TLB_SIZE + index */
    uint64_t asid_epoch; /* grows when numbers given before may mean something else, or nothing */
    /* Regions (hashed by address) of which a 4-KiB piece of a large page may be in the TLB: an
     * INVLPG there has to drop more than one entry. */
    uint64_t large_2m[64], large_1g[64];
    bool any_large;
    /* Pages (hashed) that instructions were fetched from in this epoch: only an INVLPG of such a one
     * ends it. */
    uint64_t fetched[X86_FETCHED / 64];
    uint64_t mem_generation; /* of core/mem when the TLB was last emptied */
    uint64_t n_fill, n_flush_all, n_flush_page, n_walk_fault; /* counters */
};

/* A translation: where an access of up to the end of the page goes. */
struct x86_xlat {
    uint64_t pa;
    struct x86_tlbe *e; /* filled entry, or NULL: a device window */
};

/* Guest-physical access of 1, 2, 4, 8 bytes outside RAM: local APIC, then the bus. */
uint64_t x86_mmio_read(struct x86_cpu *c, uint64_t pa, unsigned size);
void x86_mmio_write(struct x86_cpu *c, uint64_t pa, unsigned size, uint64_t v);

/* The tables that describe the current paging mode. */
static inline bool x86_is_canonical(uint64_t lin)
{
    return (uint64_t)((int64_t)(lin << 16) >> 16) == lin;
}

#endif
