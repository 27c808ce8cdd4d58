/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arch/x86/mmu_walk.h"

#include "arch/x86/persona.h"
#include "base/bits.h"
#include "core/machine.h"

#define PTE_P UINT64_C(1)
#define PTE_W UINT64_C(2)
#define PTE_U UINT64_C(4)
#define PTE_A UINT64_C(0x20)
#define PTE_D UINT64_C(0x40)
#define PTE_PS UINT64_C(0x80)
#define PTE_G UINT64_C(0x100)
#define PTE_NX BIT64(63)

/* One level of a walk: where its entries lie and which linear-address bits index it. */
struct level {
    unsigned shift; /* of the index in the linear address = log2 of what an entry maps */
    unsigned bits;  /* of the index */
};

static const struct level levels_4[] = {{39, 9}, {30, 9}, {21, 9}, {12, 9}};
static const struct level levels_pae[] = {{21, 9}, {12, 9}};
static const struct level levels_2[] = {{22, 10}, {12, 10}};

static uint64_t pte_load(const struct x86_cpu *c, uint64_t pa, bool wide)
{
    const void *p = mem_ptr(c->mem, pa, wide ? 8 : 4);

    if (!p)
        return wide ? UINT64_MAX : UINT32_MAX; /* nobody answers: all ones */
    return wide ? mem_host_ld64(p) : mem_host_ld32(p);
}

/* Set bits in an entry; false when it changed meanwhile (walk again). */
static bool pte_update(struct x86_cpu *c, uint64_t pa, bool wide, uint64_t old, uint64_t set)
{
    struct mem_slot *slot = mem_find(c->mem, pa);

    if (!slot || slot->kind != SLOT_RAM)
        return true; /* read-only tables: processors drop the write */
    void *p = slot->hva + (pa - slot->gpa);
    bool ok;
    if (wide) {
        uint64_t want = old;
        ok = __atomic_compare_exchange_n((mem_u64 *)p, &want, old | set, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
    } else {
        uint32_t want = (uint32_t)old;
        ok = __atomic_compare_exchange_n((mem_u32 *)p, &want, (uint32_t)(old | set), false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (ok && slot->flags[(pa - slot->gpa) / PAGE_SIZE_4K] != PAGE_DIRTY)
        mem_page_written(c->mem, slot, pa - slot->gpa);
    return ok;
}

struct walk_state {
    uint64_t pte, pte_pa;
    unsigned shift;
    bool wide;
    bool u, w, nx; /* accumulated over the levels */
};

/* Bits that must be zero in an entry [SDM3 tables 4-4 to 4-19]. */
static uint64_t reserved_bits(const struct x86_cpu *c, const struct level *lv, size_t n, size_t i,
                              uint64_t pte, bool wide)
{
    uint64_t r = 0;
    bool leaf_large = i + 1 < n && (pte & PTE_PS);

    if (!wide) {
        /* PSE-36: a 4-MiB page holds address bits 39:32 in 20:13; 21 must be 0. */
        if (leaf_large && (c->s.cr4 & CR4_PSE))
            r = BIT64(21);
        return r;
    }
    r = ~c->pa_mask & UINT64_C(0x000ffffffffff000);
    if (n == ARRAY_LEN(levels_pae))
        r |= UINT64_C(0x7ff0000000000000);
    if (!(c->s.efer & EFER_NXE))
        r |= PTE_NX;
    if (n == ARRAY_LEN(levels_4) && i == 0)
        r |= PTE_PS;
    if (leaf_large && lv[i].shift < 39)
        r |= (BIT64(lv[i].shift) - 1) & ~UINT64_C(0x1fff);
    return r;
}

/* Descend the tables. 1: st holds the leaf; 0: fault with *error; -1: an entry changed, again. */
static int descend(struct x86_cpu *c, uint64_t lin, const struct level *lv, size_t n, uint64_t root,
                   bool peek, struct walk_state *st, uint32_t *error)
{
    uint64_t table = root;

    for (size_t i = 0; i < n; i++) {
        unsigned esize = st->wide ? 8 : 4;
        uint64_t index = (lin >> lv[i].shift) & (BIT64(lv[i].bits) - 1);
        st->pte_pa = (table + index * esize) & c->vcpu->machine->a20_mask;
        st->pte = pte_load(c, st->pte_pa, st->wide);
        st->shift = lv[i].shift;
        if (!(st->pte & PTE_P))
            return 0;
        if (st->pte & reserved_bits(c, lv, n, i, st->pte, st->wide)) {
            *error |= PF_P | PF_RSVD;
            return 0;
        }
        st->u = st->u && (st->pte & PTE_U);
        st->w = st->w && (st->pte & PTE_W);
        st->nx = st->nx || (st->wide && (st->pte & PTE_NX));
        bool large = i + 1 < n && (st->pte & PTE_PS) && (st->wide || (c->s.cr4 & CR4_PSE));
        if (i + 1 == n || large)
            return 1;
        if (!(st->pte & PTE_A) && !peek && !pte_update(c, st->pte_pa, st->wide, st->pte, PTE_A))
            return -1;
        table = st->wide ? st->pte & c->pa_mask & X86_PAGE_MASK : st->pte & 0xfffff000;
    }
    return 0;
}

static uint64_t leaf_address(const struct x86_cpu *c, const struct walk_state *st, uint64_t lin)
{
    uint64_t low = BIT64(st->shift) - 1;
    uint64_t frame;

    if (st->wide)
        frame = st->pte & c->pa_mask;
    else if (st->shift == 22)
        frame = (st->pte & 0xffc00000) | bits_get(st->pte, 20, 13) << 32;
    else
        frame = st->pte & 0xfffff000;
    return (frame & ~low) | (lin & low);
}

/* The access rules of [SDM3 4.6.1] for one context. */
static void permissions(const struct x86_cpu *c, const struct walk_state *st, enum x86_tlb_ctx ctx,
                        struct x86_walk *w)
{
    if (ctx == TLB_USER) {
        bool u = st->u || c->persona; /* whose programs have tables of their own */
        w->can_r = u;
        w->can_w = u && st->w;
        w->can_x = u && !st->nx;
        return;
    }
    bool data = !st->u || ctx == TLB_SUPER_AC;
    w->can_r = data;
    w->can_w = data && (st->w || !(c->s.cr0 & CR0_WP));
    w->can_x = !st->nx && !(st->u && (c->s.cr4 & CR4_SMEP));
}

static uint32_t error_base(const struct x86_cpu *c, enum x86_access acc, enum x86_tlb_ctx ctx)
{
    bool nx_on = (c->s.efer & EFER_NXE) && (c->s.cr4 & CR4_PAE);

    return (acc == ACC_WRITE ? PF_W : 0u) | (ctx == TLB_USER ? PF_U : 0u) |
           (acc == ACC_EXEC && (nx_on || (c->s.cr4 & CR4_SMEP)) ? PF_ID : 0u);
}

static int walk_once(struct x86_cpu *c, uint64_t lin, enum x86_access acc, enum x86_tlb_ctx ctx,
                     bool peek, struct x86_walk *w)
{
    struct walk_state st = {.wide = c->s.cr4 & CR4_PAE, .u = true, .w = true};
    int rc;

    w->error = error_base(c, acc, ctx);
    if (c->s.efer & EFER_LMA) {
        uint64_t root = c->persona && ctx == TLB_USER ? c->pv_user_cr3 : c->s.cr3;
        rc = descend(c, lin, levels_4, ARRAY_LEN(levels_4), root & c->pa_mask & X86_PAGE_MASK, peek,
                     &st, &w->error);
    } else if (st.wide) {
        uint64_t pdpte = c->s.pdpte[bits_get(lin, 31, 30)];
        if (!(pdpte & PTE_P))
            return 0;
        rc = descend(c, lin, levels_pae, ARRAY_LEN(levels_pae), pdpte & c->pa_mask & X86_PAGE_MASK,
                     peek, &st, &w->error);
    } else {
        rc = descend(c, lin, levels_2, ARRAY_LEN(levels_2), c->s.cr3 & 0xfffff000, peek, &st,
                     &w->error);
    }
    if (rc <= 0)
        return rc;
    permissions(c, &st, ctx, w);
    if (!(acc == ACC_WRITE ? w->can_w : acc == ACC_EXEC ? w->can_x : w->can_r)) {
        w->error |= PF_P;
        return 0;
    }
    uint64_t set = PTE_A | (acc == ACC_WRITE ? PTE_D : 0);
    if (!peek && (st.pte & set) != set) {
        if (!pte_update(c, st.pte_pa, st.wide, st.pte, set))
            return -1;
        st.pte |= set;
    }
    w->can_w = w->can_w && (st.pte & PTE_D);
    w->global = (st.pte & PTE_G) && (c->s.cr4 & CR4_PGE);
    w->page_bits = st.shift;
    w->pa = leaf_address(c, &st, lin);
    return 1;
}

bool x86_walk(struct x86_cpu *c, uint64_t lin, enum x86_access acc, enum x86_tlb_ctx ctx, bool peek,
              struct x86_walk *w)
{
    if (!(c->s.cr0 & CR0_PG)) {
        *w = (struct x86_walk){.pa = lin & UINT32_MAX,
                               .page_bits = 32,
                               .can_r = true,
                               .can_w = true,
                               .can_x = true};
        return true;
    }
    if (c->persona) {
        w->error = error_base(c, acc, ctx);
        enum x86_region who = c->persona->region(c, lin, acc, ctx, w);
        if (who != REGION_TABLES)
            return who == REGION_OWN;
    }
    int rc;
    while ((rc = walk_once(c, lin, acc, ctx, peek, w)) < 0)
        ;
    if (rc && c->persona && !c->persona->frame(c, w->pa)) {
        w->error |= PF_P | PF_RSVD;
        return false;
    }
    return rc;
}

bool x86_load_pdptes(struct x86_cpu *c, uint64_t cr3)
{
    uint64_t v[4];
    /* [SDM3 4.4.1] table: bits 2:1, 8:5 and those above the address width are reserved. */
    uint64_t reserved = UINT64_C(0x1e6) | (~c->pa_mask & X86_PAGE_MASK);

    for (unsigned i = 0; i < 4; i++) {
        v[i] = pte_load(c, (cr3 & 0xffffffe0) + 8 * i, true);
        if ((v[i] & PTE_P) && (v[i] & reserved))
            return false;
    }
    memcpy(c->s.pdpte, v, sizeof(v));
    return true;
}
