/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "full/block.h"

#include <sys/mman.h>

#include "arch/x86/mmu.h"
#include "arch/x86/tlb.h"
#include "core/machine.h"

#define HASH_BITS 18
#define ARENA_SIZE (UINT64_C(48) << 20)

void block_cache_init(struct block_cache *bc)
{
    *bc = (struct block_cache){0};
    bc->hash = xcalloc(BLOCK_HASH_SIZE, sizeof(*bc->hash));
    void *p = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        abort(); /* address space for 48 MiB: as with xcalloc */
    bc->arena = p;
}

void block_cache_fini(struct block_cache *bc)
{
    free(bc->hash);
    munmap(bc->arena, ARENA_SIZE);
}

_Static_assert(BLOCK_HASH_SIZE == (size_t)1 << HASH_BITS, "");

static size_t hash_of(uint64_t gpa, uint32_t mode)
{
    return (size_t)(((gpa ^ (uint64_t)mode << 20) * UINT64_C(0x9e3779b97f4a7c15)) >>
                    (64 - HASH_BITS));
}

static uint8_t *bytes_of(struct block *b)
{
    return (uint8_t *)&b->insns[b->n];
}

static size_t size_of(const struct block *b)
{
    return ALIGN_UP(sizeof(*b) + b->n * sizeof(b->insns[0]) + b->bytes, (size_t)16);
}

/* A few blocks are taken out one by one. */
void block_cache_clear(struct block_cache *bc)
{
    if (bc->used > (size_t)1 << 20)
        memset(bc->hash, 0, BLOCK_HASH_SIZE * sizeof(*bc->hash));
    else
        for (size_t at = 0; at < bc->used;) {
            const struct block *b = (const struct block *)(const void *)(bc->arena + at);
            bc->hash[hash_of(b->gpa, b->mode)] = NULL;
            at += size_of(b);
        }
    bc->used = 0;
}

static struct block *block_alloc(struct block_cache *bc)
{
    size_t most = sizeof(struct block) + BLOCK_INSNS_MAX * (sizeof(struct x86_insn) + 15);

    if (bc->used + most > ARENA_SIZE) {
        block_cache_clear(bc);
        bc->n_full++;
    }
    return (struct block *)(void *)(bc->arena + bc->used);
}

static void block_keep(struct block_cache *bc, struct block *b)
{
    size_t h = hash_of(b->gpa, b->mode);

    bc->used += size_of(b);
    b->next = bc->hash[h];
    bc->hash[h] = b;
}

/* One instruction whose bytes are gathered singly: it crosses a page end, or its page is no
 * memory. Fetch faults of the second page are raised only if the instruction reaches it. */
static void decode_gathered(struct x86_cpu *c, struct block *b, uint64_t lin)
{
    uint64_t mask = c->mode & MODE_CODE64 ? UINT64_MAX : UINT32_MAX;
    uint8_t buf[16];
    unsigned have = 0, first = (unsigned)MIN(PAGE_SIZE_4K - (lin & 0xfff), UINT64_C(15));

    b->genp2 = NULL;
    for (;;) {
        uint64_t at = (lin + have) & mask, gpa;
        struct mem_slot *slot;
        const uint8_t *page = x86_fetch_page(c, at, &gpa, &slot);
        unsigned want = have ? 15 - first : first;
        if (have && slot) {
            size_t p = (gpa - slot->gpa) / PAGE_SIZE_4K;
            b->genp2 = &slot->gen[p];
            b->gen2 = mem_mark_code(c->mem, slot, p * PAGE_SIZE_4K);
            b->gpa2 = gpa;
        }
        for (unsigned i = 0; i < want; i++)
            buf[have + i] = page ? page[(at & 0xfff) + i]
                                 : (uint8_t)x86_mmio_read(c, gpa + (at & 0xfff) + i, 1);
        have += want;
        if (x86_decode_for(&b->insns[0], buf, have, c->mode, c->features) != X86_DECODE_SHORT)
            break;
        if (have == 15) { /* cannot be: 15 bytes decode or are too long */
            b->insns[0].fn = sem_too_long;
            b->insns[0].len = 15;
            break;
        }
    }
    b->n = 1;
    b->bytes = b->insns[0].len;
    b->poll = true;
}

static bool ends_block(const struct x86_insn *in)
{
    return in->flags & (IN_BRANCH | IN_ENDBLOCK);
}

/* Decode from the page until a branch, the page end or the limit. False: the first instruction
 * crosses the page end. */
static bool decode_run(struct x86_cpu *c, struct block *b, const uint8_t *page, unsigned off)
{
    b->n = 0;
    b->bytes = 0;
    b->poll = false;
    while (b->n < BLOCK_INSNS_MAX) {
        struct x86_insn *in = &b->insns[b->n];
        unsigned at = off + b->bytes, left = (unsigned)PAGE_SIZE_4K - at;
        if (!left || x86_decode_for(in, page + at, MIN(left, 15u), c->mode, c->features) ==
                         X86_DECODE_SHORT)
            break;
        b->n++;
        b->bytes = (uint16_t)(b->bytes + in->len);
        if (ends_block(in)) {
            b->poll = in->flags & IN_ENDBLOCK;
            break;
        }
    }
    return b->n;
}

static struct block *decode(struct block_cache *bc, struct x86_cpu *c, uint64_t lin,
                            const uint8_t *page, uint64_t gpa, struct mem_slot *slot)
{
    struct block *b = block_alloc(bc);

    bc->n_decoded++;
    b->gpa = gpa | (lin & 0xfff);
    b->mode = c->mode;
    b->genp2 = NULL;
    b->heat = b->taken = 0;
    b->code = NULL;
    b->twin = NULL;
    b->is_twin = false;
    if (!slot) {
        static const uint32_t never = 1; /* gen 0: stale at once */
        b->genp = &never;
        b->gen = 0;
        decode_gathered(c, b, lin);
        return b;
    }
    size_t p = (gpa - slot->gpa) / PAGE_SIZE_4K;
    b->genp = &slot->gen[p];
    b->gen = mem_mark_code(c->mem, slot, p * PAGE_SIZE_4K);
    if (decode_run(c, b, page, lin & 0xfff))
        memcpy(bytes_of(b), page + (lin & 0xfff), b->bytes);
    else
        decode_gathered(c, b, lin);
    block_keep(bc, b);
    return b;
}

/* A crossing block also needs its second page to be the same, unchanged. */
static bool second_page_ok(struct x86_cpu *c, const struct block *b, uint64_t lin)
{
    uint64_t gpa;
    struct mem_slot *slot;

    if (!b->genp2)
        return true;
    x86_fetch_page(c, (lin | 0xfff) + 1, &gpa, &slot);
    return gpa == b->gpa2 && *b->genp2 == b->gen2;
}

/* The page was written since: are the block's bytes what they were? */
static bool is_same(struct block_cache *bc, struct x86_cpu *c, struct block *b, const uint8_t *page,
                    struct mem_slot *slot)
{
    if (b->genp2 || !page || !slot || (b->gpa & 0xfff) + b->bytes > PAGE_SIZE_4K)
        return false;
    uint32_t gen = mem_mark_code(c->mem, slot, (b->gpa & X86_PAGE_MASK) - slot->gpa);
    if (memcmp(bytes_of(b), page + (b->gpa & 0xfff), b->bytes))
        return false;
    bc->n_same++;
    b->gen = gen;
    b->code = NULL;
    b->heat = b->taken = 0;
    b->churn += b->churn < UINT8_MAX;
    return true;
}

struct block *block_find(struct block_cache *bc, struct x86_cpu *c, uint64_t lin)
{
    uint64_t gpa;
    struct mem_slot *slot;
    const uint8_t *page = x86_fetch_page(c, lin, &gpa, &slot);
    uint64_t at = gpa | (lin & 0xfff);
    struct block **link = &bc->hash[hash_of(at, c->mode)];

    uint8_t churn = 0;

    while (*link) {
        struct block *b = *link;
        if (b->gpa != at || b->mode != c->mode) {
            link = &b->next;
            continue;
        }
        if (block_is_fresh(b) ? second_page_ok(c, b, lin) : is_same(bc, c, b, page, slot))
            return b;
        bc->n_stale++;
        churn = MIN(b->churn + 1, UINT8_MAX);
        *link = b->next;
    }
    struct block *b = decode(bc, c, lin, page, gpa, slot);
    b->churn = churn;
    return b;
}

struct block *block_twin(struct block_cache *bc, struct block *b)
{
    if (b->twin && b->twin->gen == b->gen)
        return b->twin;
    if (bc->used + size_of(b) > ARENA_SIZE)
        return NULL;
    struct block *t = (struct block *)(void *)(bc->arena + bc->used);
    memcpy(t, b, size_of(b));
    t->is_twin = true;
    t->code = NULL;
    bc->used += size_of(b);
    b->twin = t;
    return t;
}

const struct block *block_peek(const struct block_cache *bc, uint64_t gpa, uint32_t mode)
{
    const struct block *b = bc->hash[hash_of(gpa, mode)];

    while (b && (b->gpa != gpa || b->mode != mode || !block_is_fresh(b)))
        b = b->next;
    return b;
}
