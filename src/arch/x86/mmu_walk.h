/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mmu_walk: the page-table walk [SDM3 4], separate from the TLB that caches its results.
 */
#ifndef QUAD_ARCH_X86_MMU_WALK_H
#define QUAD_ARCH_X86_MMU_WALK_H

#include "arch/x86/cpu.h"
#include "arch/x86/tlb.h"

/* Page-fault error code [SDM3 4.7]. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_ID = 16 };

struct x86_walk {
    uint64_t pa;        /* of the byte */
    unsigned page_bits; /* 12, 21, 22, 30; 32 with paging off */
    bool can_r, can_w, can_x; /* what the same rules allow without another walk; can_w needs D set */
    bool global;
    uint32_t error; /* when the walk failed */
};

/* Translate lin for one access under the rules of ctx. True: w is filled, A and D are set in the
 * tables. False: w->error is the page fault's error code. `peek`: no A/D updates. */
bool x86_walk(struct x86_cpu *c, uint64_t lin, enum x86_access acc, enum x86_tlb_ctx ctx, bool peek,
              struct x86_walk *w);

/* Load the PAE page-directory pointers from CR3 into s.pdpte; false: a reserved bit is set. */
bool x86_load_pdptes(struct x86_cpu *c, uint64_t cr3);

#endif
