/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * block: the cache of decoded code that interpreter and translator share the design of, one per
 * vCPU.
 *
 * A block is a run of decoded instructions from one guest-physical place up to a branch, a page
 * end or a length limit, keyed by guest-physical address and the MODE_* bits, so that it serves
 * every linear address and address space that maps the page. It is good while the page's code
 * generation (core/mem.h) is what it was when the bytes were read.
 *
 * An instruction that crosses a page end is a block of its own with a second page to check.
 *
 * A block keeps the bytes that it was decoded from, behind its instructions: where the page was
 * written but they are the same, it is good again (data beside code). Its translation is not.
 */
#ifndef QUAD_FULL_BLOCK_H
#define QUAD_FULL_BLOCK_H

#include "arch/x86/cpu.h"

#define BLOCK_INSNS_MAX 32
#define BLOCK_HASH_SIZE ((size_t)1 << 18)

struct block {
    uint64_t gpa; /* of the first byte */
    uint32_t mode;
    uint32_t gen;
    const uint32_t *genp; /* the page's generation */
    uint32_t gen2;        /* likewise of the second page, when crossing */
    const uint32_t *genp2; /* NULL: does not cross */
    uint64_t gpa2;         /* of the second page */
    struct block *next;    /* hash chain */
    uint16_t n, bytes;
    /* The translator's. */
    uint32_t heat;  /* times run by interpretation */
    uint32_t taken; /* of these, how often its branch was taken */
    void *code;     /* translated, or NULL */
    void *cold;     /* the rarely run part of it */
    uint64_t lin;   /* where it was when translated */
    uint32_t code_bytes, cold_bytes;
    uint8_t checks; /* bytes of the checks at its beginning */
    uint8_t churn;  /* how often the code here has changed before */
    bool is_twin;
    struct block *twin; /* itself once more, for another translation, or NULL */
    bool poll; /* ends in an instruction after which held-back interrupts may become deliverable */
    struct x86_insn insns[];
};

struct block_cache {
    struct block **hash;
    uint8_t *arena;
    size_t used;
    uint64_t n_decoded, n_stale, n_same, n_full; /* counters */
};

void block_cache_init(struct block_cache *bc);
void block_cache_fini(struct block_cache *bc);
void block_cache_clear(struct block_cache *bc);

/* The block at c's CS:RIP, decoded if need be. Raises fetch faults. *scratch is used for code that
 * is not cacheable (outside RAM and ROM). */
struct block *block_find(struct block_cache *bc, struct x86_cpu *c, uint64_t lin);

/* The block at a guest-physical address, if there is one that is fresh. */
const struct block *block_peek(const struct block_cache *bc, uint64_t gpa, uint32_t mode);

/* b's twin, a copy that only b leads to; NULL: no room. */
struct block *block_twin(struct block_cache *bc, struct block *b);

static inline bool block_is_fresh(const struct block *b)
{
    return __atomic_load_n(b->genp, __ATOMIC_RELAXED) == b->gen;
}

#endif
