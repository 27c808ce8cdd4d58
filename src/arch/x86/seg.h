/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * seg: segment descriptors: fetching them, their checks, loading segment registers.
 * [SDM3 chapters 3.4, 3.5, 5; APM2 chapter 4]
 *
 * Everything here raises the exact fault and then does not return; a load commits only after its
 * last check.
 */
#ifndef QUAD_ARCH_X86_SEG_H
#define QUAD_ARCH_X86_SEG_H

#include "arch/x86/tlb.h"

/* A descriptor as it lies in its table: the raw words, and where. */
struct x86_desc {
    uint64_t raw, high; /* high: second half of a 16-byte one (x86_desc_fetch_high) */
    uint64_t lin;
};

static inline unsigned desc_attr(uint64_t raw) /* as struct x86_seg packs it */
{
    return (unsigned)((raw >> 40) & 0xff) | (unsigned)((raw >> 44) & 0xf00);
}

static inline uint32_t desc_base(uint64_t raw)
{
    return (uint32_t)((raw >> 16) & 0xffffff) | (uint32_t)((raw >> 32) & 0xff000000);
}

static inline uint32_t desc_limit(uint64_t raw)
{
    uint32_t v = (uint32_t)(raw & 0xffff) | (uint32_t)((raw >> 32) & 0xf0000);

    return desc_attr(raw) & SEG_A_G ? v << 12 | 0xfff : v;
}

static inline unsigned desc_dpl(uint64_t raw) { return (raw >> 45) & 3; }
static inline bool desc_present(uint64_t raw) { return (raw >> 47) & 1; }
static inline bool desc_is_code(uint64_t raw) { return (desc_attr(raw) & 0x18) == 0x18; }
static inline bool desc_is_data(uint64_t raw) { return (desc_attr(raw) & 0x18) == 0x10; }
static inline bool desc_is_system(uint64_t raw) { return !(desc_attr(raw) & SEG_A_S); }

/* System descriptor types [SDM3 table 3-2]. */
enum {
    DESC_TSS16 = 1, DESC_LDT = 2, DESC_TSS16_BUSY = 3, DESC_CALL16 = 4, DESC_TASK_GATE = 5,
    DESC_INT16 = 6, DESC_TRAP16 = 7, DESC_TSS32 = 9, DESC_TSS32_BUSY = 11, DESC_CALL32 = 12,
    DESC_INT32 = 14, DESC_TRAP32 = 15,
};

/* Fetch the descriptor that a non-null selector names. Beyond the table: `vector` with the
 * selector as error code (plus ext: 1 while an event is delivered). _try: false instead. */
void x86_desc_fetch(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, unsigned vector,
                    unsigned ext);
bool x86_desc_try(struct x86_cpu *c, struct x86_desc *d, uint16_t sel);

/* The upper half of a 16-byte system descriptor or gate (long mode). */
bool x86_desc_try_high(struct x86_cpu *c, struct x86_desc *d, uint16_t sel);

/* Set the accessed bit in memory and in d->raw, where it is not yet. */
void x86_desc_accessed(struct x86_cpu *c, struct x86_desc *d);

/* Fill the register from a checked descriptor. */
void x86_seg_put(struct x86_cpu *c, unsigned seg, uint16_t sel, uint64_t raw);
void x86_seg_put_null(struct x86_cpu *c, unsigned seg, uint16_t sel, unsigned dpl);
/* As real mode and virtual-8086 mode do. */
void x86_seg_put_vm86(struct x86_cpu *c, unsigned seg, uint16_t sel);
void x86_seg_put_real(struct x86_cpu *c, unsigned seg, uint16_t sel);

/* MOV/POP/LxS to ES SS DS FS GS in every mode. The caller runs x86_derive() afterwards when it
 * has committed the rest. */
void x86_seg_load(struct x86_cpu *c, unsigned seg, uint16_t sel);

/* Checks of a stack segment for privilege cpl; fault vector #GP or #TS (task switch, inner
 * stacks). #SS when not present. */
void x86_check_ss(struct x86_cpu *c, struct x86_desc *d, uint16_t sel, unsigned cpl,
                  unsigned vector, unsigned ext);

/* A stack that is being built or read before it is (or after it was) the current one: accesses obey
 * the limits of `seg` and fault with #SS(error). Local until the caller commits seg and sp. */
struct x86_stack {
    struct x86_seg seg;
    uint64_t mask, sp;
    bool wide; /* 64-bit: no limits, canonical addresses */
    enum x86_tlb_ctx ctx;
    uint32_t error;
};
void x86_stack_current(struct x86_cpu *c, struct x86_stack *st, uint32_t error);
void x86_stack_from_desc(struct x86_stack *st, uint16_t sel, uint64_t raw, uint64_t sp,
                         uint32_t error);
void x86_stack_push(struct x86_cpu *c, struct x86_stack *st, unsigned size, uint64_t v);
uint64_t x86_stack_pop(struct x86_cpu *c, struct x86_stack *st, unsigned size);
uint64_t x86_stack_peek(struct x86_cpu *c, const struct x86_stack *st, unsigned offset,
                        unsigned size);

/* Which TLB context the current state uses. */
void x86_pick_tlb(struct x86_cpu *c);

#endif
