/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * backend: between the translator's runtime (jit.c) and one guest-host pair's generator.
 *
 * Native code runs with the guest's registers in host registers (backend's choice). Between units:
 * the guest's arithmetic flags are in JIT_FLAGS; RIP of the state record is the linear address of the
 * page that runs, so that a unit serves every address at which its page is mapped and jumps within
 * a page cost nothing.
 */
#ifndef QUAD_FULL_JIT_BACKEND_H
#define QUAD_FULL_JIT_BACKEND_H

#include <stdio.h>

#include "arch/x86/cpu.h"
#include "full/block.h"

/* Words of x86_cpu.scratch. */
#define JIT_GROUPS_MAX 6
enum {
    JIT_FLAGS,  /* AH of LAHF << 8 | OF */
    JIT_TAG,    /* what a struct jump and a far link of the current context are tagged with */
    JIT_NATIVE, /* guest instructions begun as native units (counter) */
    JIT_SIMD,   /* JIT_NO_*: vector instructions that CR0, CR4, XCR0 forbid now; JIT_VEC_OUT: the
                   vector registers and MXCSR are in the record, not in the host's */
    JIT_REQUEST, /* not 0: leave native code soon (jit_kick()) */
    JIT_GROUPS, /* of a unit's group of accesses: translation, address of the page's flags */
    JIT_JUMPS = JIT_GROUPS + 2 * JIT_GROUPS_MAX, /* host address of the jump cache */
    JIT_LINK,   /* out: JIT_LINK_*, when native code ends in a jump not linked yet */
    JIT_HOST_MXCSR,
    JIT_TARGET, /* of an indirect call, while its return address is pushed */
    JIT_ENTRY,  /* and its place in the jump cache */
    JIT_FILLED, /* out of jit_fill() */
    JIT_HOST_SP, /* of the C code that called enter() */
    JIT_RELINK, /* far links that are still found in the jump cache before one is linked anew */
    JIT_WORDS
};

/* JIT_LINK: where the jump to patch ends in the code cache; to another page; to a unit further up on
 * the same page, past its checks. */
#define JIT_LINK_SITE UINT64_C(0x3fffffff)
#define JIT_LINK_FAR UINT64_C(0x40000000)
#define JIT_LINK_IN UINT64_C(0x80000000)
#define JIT_LINK_TWIN UINT64_C(0x100000000) /* to the block's twin */

/* JIT_NO_X87 also while an exception is unmasked or pending; JIT_X87_OUT: as JIT_VEC_OUT. */
enum { JIT_NO_SSE = 1, JIT_NO_VEX = 2, JIT_VEC_OUT = 4, JIT_X87_OUT = 8, JIT_NO_X87 = 16 };

struct jump {
    uint64_t lin, tag;
    struct block *block;
    const void *code;
};

#define JUMP_BITS 16
#define TAGS 4096

struct code_cache {
    uint8_t *rw, *rx; /* one memory, two mappings */
    size_t size, used, base_used; /* base_used: stubs that stay when the cache is cleared */
    size_t cold_base, cold_used; /* the half for what is rarely run */
    ptrdiff_t to_rx;
};

struct jit_vcpu {
    struct x86_cpu *cpu;
    struct block_cache blocks;
    struct jump jumps[1u << JUMP_BITS];      /* native code looks here: all have code */
    struct jump cold_jumps[1u << JUMP_BITS]; /* only jit.c does: none has */
    struct code_cache code;
    uint64_t mem_generation;
    uint64_t n_full; /* of blocks, when the code was last dropped */
    /* Stubs, as executable addresses. */
    void (*enter)(const void *code);
    const uint8_t *exit, *exit_link, *lookup_far, *helper, *helper_last, *note, *exit_spilled,
        *vec_in, *x87_in, *tsc, *fill;
    struct gen *gen; /* the backend's, owned */
    /* The tag of the current context, and those of some contexts before. */
    uint64_t raw_tag;
    struct {
        uint64_t raw;
        uint32_t tag;
    } tags[TAGS];
    uint32_t last_tag;
    uint64_t n_helper_of[X86_OP_COUNT];
    FILE *perf_map; /* borrowed, or NULL */
    uint64_t n_translated, n_enter, n_interp, n_faults, n_polls, n_flush, n_links, n_helper,
        n_unit_blocks, n_twin;
    /* Bounded and deterministic runs: blocks are never linked, one is entered at a time, and how
     * far it got is known to the instruction. */
    bool single;
    /* An interrupt shadow was on when the code that runs was entered, with JIT_NATIVE at shadow_at. */
    bool shadow;
    uint64_t shadow_at;
    uint64_t n_go_on; /* operations that end a unit and did not leave native code */
    uint64_t before; /* JIT_NATIVE when native code was entered */
    const struct block *running;
    uint64_t done; /* instructions of `running` that retired; 0: all of them */
};

int jit_backend_init(struct jit_vcpu *jv, struct error *err); /* writes the stubs */
/* Translate b; false: no room (the caller clears the cache and tries again). */
bool jit_translate(struct jit_vcpu *jv, struct block *b);
void jit_link(struct jit_vcpu *jv, uint64_t link, const struct block *to);

/* The x87's registers into the host's, and back. All C code that native code calls begins with
 * taking them back where they are in the host's. */
void jit_x87_load(const struct x86_cpu *c);
void jit_x87_save(struct x86_cpu *c);

/* Called from native code. */
int jit_helper(struct x86_cpu *c, const struct x86_insn *in, uint64_t off_next);
const void *jit_helper_last(struct x86_cpu *c, const struct x86_insn *in, uint64_t off_next);
int jit_tsc(struct x86_cpu *c, const void *unused, uint64_t with_aux);
/* off_next INT64_MIN: control goes to JIT_TARGET. */
int jit_x87_in(struct x86_cpu *c, const void *unused, int64_t off_next);
int jit_note(struct x86_cpu *c, const uint8_t *page_flags, int64_t off_next);
/* The TLB gets an entry for a group's access at lin; JIT_FILLED: it has one. */
int jit_fill(struct x86_cpu *c, uint64_t write, uint64_t lin);

#endif
