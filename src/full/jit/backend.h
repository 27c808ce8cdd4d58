/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * backend: between the translator's runtime (jit.c) and one guest-host pair's generator.
 *
 * Native code runs with the guest's registers in host registers (backend's choice). At block
 * boundaries: the guest's arithmetic flags are in JIT_FLAGS, RIP in the state record.
 */
#ifndef QUAD_FULL_JIT_BACKEND_H
#define QUAD_FULL_JIT_BACKEND_H

#include <stdio.h>

#include "arch/x86/cpu.h"
#include "full/block.h"

/* Words of x86_cpu.scratch. */
enum {
    JIT_FLAGS,  /* AH of LAHF << 8 | OF */
    JIT_TAG,    /* what a struct jump of the current context is tagged with */
    JIT_JUMPS,  /* host address of the jump cache */
    JIT_LINK,   /* out: where to patch, when native code ends in a jump not linked yet */
    JIT_NATIVE, /* guest instructions begun as native blocks (counter) */
    JIT_HOST_MXCSR,
    JIT_SIMD,   /* JIT_NO_*: vector instructions that CR0, CR4, XCR0 forbid now; JIT_VEC_OUT: the
                   vector registers and MXCSR are in the record, not in the host's */
    JIT_TARGET, /* of an indirect call, while its return address is pushed */
};

/* JIT_NO_X87 also while an exception is unmasked or pending; JIT_X87_OUT: as JIT_VEC_OUT. */
enum { JIT_NO_SSE = 1, JIT_NO_VEX = 2, JIT_VEC_OUT = 4, JIT_X87_OUT = 8, JIT_NO_X87 = 16 };

struct jump {
    uint64_t lin, tag;
    struct block *block;
    const void *code; /* never NULL: the exit stub where there is none */
};

#define JUMP_BITS 15

struct code_cache {
    uint8_t *rw, *rx; /* one memory, two mappings */
    size_t size, used, base_used; /* base_used: stubs that stay when the cache is cleared */
    ptrdiff_t to_rx;
};

struct jit_vcpu {
    struct x86_cpu *cpu;
    struct block_cache blocks;
    struct jump jumps[1u << JUMP_BITS];
    struct code_cache code;
    uint64_t mem_generation;
    /* Stubs, as executable addresses. */
    unsigned (*enter)(const void *code);
    const uint8_t *exit, *exit_link, *lookup, *helper, *helper_last, *note, *exit_spilled,
        *vec_in, *x87_in;
    uint64_t n_helper_of[X86_OP_COUNT];
    FILE *perf_map; /* borrowed, or NULL */
    uint64_t n_translated, n_enter, n_interp, n_faults, n_polls, n_flush, n_links, n_helper;
    /* Bounded and deterministic runs: blocks are never linked, one is entered at a time, and how
     * far it got is known to the instruction. */
    bool single;
    uint64_t before; /* JIT_NATIVE when native code was entered */
    const struct block *running;
    uint64_t done; /* instructions of `running` that retired; 0: all of them */
};

/* Why native code came back. */
enum { JIT_EXIT, JIT_EXIT_LINK };

int jit_backend_init(struct jit_vcpu *jv, struct error *err); /* writes the stubs */
/* Translate b; false: no room (the caller clears the cache and tries again). */
bool jit_translate(struct jit_vcpu *jv, struct block *b);
void jit_patch(struct jit_vcpu *jv, uint8_t *end_rw, const void *code);

/* The x87's registers into the host's, and back. All C code that native code calls begins with
 * taking them back where they are in the host's. */
void jit_x87_load(const struct x86_cpu *c);
void jit_x87_save(struct x86_cpu *c);

/* Called from native code. */
int jit_helper(struct x86_cpu *c, const struct x86_insn *in, uint64_t off_next);
void jit_helper_last(struct x86_cpu *c, const struct x86_insn *in, uint64_t off_next);
int jit_x87_in(struct x86_cpu *c, const void *unused, uint64_t off_next);
int jit_note(struct x86_cpu *c, struct x86_tlbe *e, uint64_t off_next);

#endif
