/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arch/x86/mmu.h"

#include <sys/mman.h>

#include "arch/x86/lapic.h"
#include "arch/x86/model.h"
#include "arch/x86/msr.h"
#include "arch/x86/mmu_walk.h"
#include "arch/x86/seg.h"
#include "arch/x86/tlb.h"
#include "base/bits.h"
#include "core/machine.h"

/* ------------------------------------------------------------------------------ asids, flushes */

static void epoch_end(struct x86_cpu *c)
{
    struct x86_mmu *mmu = c->mmu;

    memset(mmu->fetched, 0, sizeof(mmu->fetched));
    c->tlb_epoch++;
}

static void tlb_clear(struct x86_cpu *c)
{
    struct x86_mmu *mmu = c->mmu;

    memset(c->tlbs, 0, sizeof(*c->tlbs) * X86_TLB_CTXS);
    memset(mmu->large_2m, 0, sizeof(mmu->large_2m));
    memset(mmu->large_1g, 0, sizeof(mmu->large_1g));
    mmu->any_large = false;
    epoch_end(c);
}

/* The supervisor's entries that may mean something else in another address space. */
static void drop_loose(struct x86_cpu *c)
{
    struct x86_mmu *mmu = c->mmu;

    if (mmu->n_loose > X86_LOOSE_MAX)
        mmu->super_asid = 0;
    else
        for (unsigned i = 0; i < mmu->n_loose; i++) {
            struct x86_tlbe *e = &c->tlbs[0][0] + mmu->loose[i];
            e->tag_r = e->tag_w = e->tag_x = 0;
        }
    mmu->n_loose = 0;
}

/* The address space has changed, or what it maps: tags of the current one, new ones where it has none.
 * The supervisor's tag stays with its global pages, as in a processor [SDM3 4.10.2.4]; a persona's
 * kernel has pages of its own in each space. */
static void asid_select(struct x86_cpu *c)
{
    struct x86_mmu *mmu = c->mmu;
    unsigned pcid = c->s.cr4 & CR4_PCIDE ? c->s.cr3 & 0xfff : 0;

    drop_loose(c);
    if (mmu->next_asid + 2u > X86_ASIDS) {
        memset(mmu->asid_of_pcid, 0, sizeof(mmu->asid_of_pcid));
        mmu->super_asid = 0;
        tlb_clear(c);
        mmu->next_asid = 1;
        mmu->asid_epoch++;
    }
    if (!mmu->super_asid)
        mmu->super_asid = mmu->next_asid++;
    if (!mmu->asid_of_pcid[pcid])
        mmu->asid_of_pcid[pcid] = mmu->next_asid++;
    c->asids[TLB_USER] = mmu->asid_of_pcid[pcid];
    c->asids[TLB_SUPER] = c->asids[TLB_SUPER_AC] =
        c->persona ? c->asids[TLB_USER] : mmu->super_asid;
    x86_pick_tlb(c);
}

void x86_mmu_init(struct x86_cpu *c)
{
    struct x86_mmu *mmu = xcalloc(1, sizeof(*mmu));

    mmu->next_asid = 1;
    c->mmu = mmu;
    c->tlbs = aligned_alloc(64, X86_TLB_CTXS * sizeof(*c->tlbs));
    if (!c->tlbs)
        abort();
    memset(c->tlbs, 0, X86_TLB_CTXS * sizeof(*c->tlbs));
    asid_select(c);
}

void x86_mmu_fini(struct x86_cpu *c)
{
    free(c->mmu);
    free(c->tlbs);
    c->mmu = NULL;
    c->tlbs = NULL;
}

void x86_tlb_flush_all(struct x86_cpu *c)
{
    struct x86_mmu *mmu = c->mmu;

    memset(mmu->asid_of_pcid, 0, sizeof(mmu->asid_of_pcid));
    mmu->super_asid = 0;
    mmu->asid_epoch++;
    mmu->n_flush_all++;
    asid_select(c);
    x86_end_block(c);
}

/* The user's global pages live under each address space's tag, so dropping them too is allowed: the
 * processor promises no more than that other entries *may* stay [SDM3 4.10.2.4]. */
void x86_tlb_flush_nonglobal(struct x86_cpu *c)
{
    struct x86_mmu *mmu = c->mmu;

    mmu->asid_of_pcid[c->s.cr4 & CR4_PCIDE ? c->s.cr3 & 0xfff : 0] = 0;
    asid_select(c);
    x86_end_block(c);
}

uint64_t x86_asid_epoch(const struct x86_cpu *c)
{
    return ((const struct x86_mmu *)c->mmu)->asid_epoch;
}

void x86_asid_return(struct x86_cpu *c, uint64_t asid)
{
    struct x86_mmu *mmu = c->mmu;

    mmu->asid_of_pcid[0] = (uint16_t)asid;
    asid_select(c);
    x86_end_block(c);
}

static bool hash_test(const uint64_t *map, uint64_t n)
{
    return map[(n & 4095) / 64] >> (n & 63) & 1;
}

static void hash_set(uint64_t *map, uint64_t n)
{
    map[(n & 4095) / 64] |= BIT64(n & 63);
}

/* Pages that instructions were fetched from. */
static uint64_t *fetched_word(struct x86_cpu *c, uint64_t lin)
{
    return &((struct x86_mmu *)c->mmu)->fetched[(lin >> 12 & (X86_FETCHED - 1)) / 64];
}

static bool was_fetched(struct x86_cpu *c, uint64_t lin)
{
    return *fetched_word(c, lin) >> (lin >> 12 & 63) & 1;
}

static void entry_drop(struct x86_cpu *c, uint64_t lin)
{
    for (unsigned ctx = 0; ctx < X86_TLB_CTXS; ctx++) {
        struct x86_tlbe *e = x86_tlbe(c->tlbs[ctx], lin);
        e->tag_r = e->tag_w = e->tag_x = 0;
    }
}

void x86_tlb_flush_page(struct x86_cpu *c, uint64_t lin)
{
    struct x86_mmu *mmu = c->mmu;

    mmu->n_flush_page++;
    if (hash_test(mmu->large_1g, lin >> 30)) {
        x86_tlb_flush_all(c);
        return;
    }
    /* 4-MiB pages cover two of the 2-MiB regions. */
    if (mmu->any_large && (hash_test(mmu->large_2m, lin >> 21) ||
                           hash_test(mmu->large_2m, (lin >> 21) ^ 1))) {
        uint64_t base = ALIGN_DOWN(lin, UINT64_C(0x400000));
        epoch_end(c);
        for (uint64_t p = base; p < base + 0x400000; p += PAGE_SIZE_4K)
            entry_drop(c, p);
    } else {
        if (was_fetched(c, lin))
            epoch_end(c);
        entry_drop(c, lin);
    }
    x86_end_block(c);
}

/* [SDM2 INVPCID]: 0 one address, 1 one PCID, 2 all with globals, 3 all without. */
void x86_tlb_invpcid(struct x86_cpu *c, unsigned type, unsigned pcid, uint64_t lin)
{
    struct x86_mmu *mmu = c->mmu;

    if (type == 0) {
        x86_tlb_flush_page(c, lin);
    } else if (type == 1) {
        mmu->asid_of_pcid[pcid] = 0;
        asid_select(c);
        x86_end_block(c);
    } else {
        x86_tlb_flush_all(c);
    }
}

/* ---------------------------------------------------------------------------------- device side */

uint64_t x86_mmio_read(struct x86_cpu *c, uint64_t pa, unsigned size)
{
    uint64_t v;

    x86_sync_time(c);
    if (lapic_mmio_read(c->lapic, pa, size, &v))
        return v;
    return bus_read(&c->vcpu->machine->mmio, pa, size);
}

void x86_mmio_write(struct x86_cpu *c, uint64_t pa, unsigned size, uint64_t v)
{
    x86_sync_time(c);
    if (!lapic_mmio_write(c->lapic, pa, size, v))
        bus_write(&c->vcpu->machine->mmio, pa, size, v);
}

/* ----------------------------------------------------------------------------------------- fill */

/* In long mode also 32-bit code reaches descriptor tables and handlers' stacks anywhere; its own
 * addresses come cut to 32 bits. */
static uint64_t lin_mask(const struct x86_cpu *c)
{
    return c->mode & MODE_LMA ? UINT64_MAX : UINT32_MAX;
}

static void note_loose(struct x86_mmu *mmu, size_t n)
{
    if (mmu->n_loose < X86_LOOSE_MAX)
        mmu->loose[mmu->n_loose++] = (uint16_t)n;
    else
        mmu->n_loose = X86_LOOSE_MAX + 1;
}

static struct x86_tlbe *fill(struct x86_cpu *c, uint64_t lin, enum x86_tlb_ctx ctx,
                             const struct x86_walk *w)
{
    struct x86_mmu *mmu = c->mmu;
    uint64_t pa = w->pa & c->vcpu->machine->a20_mask;
    struct mem_slot *slot = mem_find(c->mem, pa);

    if (!slot || lapic_claims(c->lapic, pa))
        return NULL;
    uint64_t off = (pa - slot->gpa) & X86_PAGE_MASK;
    struct x86_tlbe *e = x86_tlbe(c->tlbs[ctx], lin);
    uint64_t tag = (lin & X86_PAGE_MASK) | c->asids[ctx];

    mmu->n_fill++;
    e->loose = !w->global;
    if (e->loose && ctx != TLB_USER)
        note_loose(mmu, (size_t)(e - c->tlbs[0]));
    e->tag_r = w->can_r ? tag : 0;
    e->tag_w = w->can_w && slot->kind == SLOT_RAM ? tag : 0;
    e->tag_x = w->can_x ? tag : 0;
    e->addend = (uintptr_t)(slot->hva + off) - (lin & X86_PAGE_MASK);
    e->flagp = &slot->flags[off / PAGE_SIZE_4K];
    e->gpa = pa & X86_PAGE_MASK;
    if (w->page_bits > 12 && w->page_bits < 32) {
        hash_set(w->page_bits == 30 ? mmu->large_1g : mmu->large_2m,
                 lin >> (w->page_bits == 30 ? 30 : 21));
        mmu->any_large = true;
    }
    return e;
}

/* Translate one address; raises #PF. */
static struct x86_xlat translate(struct x86_cpu *c, uint64_t lin, enum x86_access acc,
                                 enum x86_tlb_ctx ctx)
{
    struct x86_tlbe *e = x86_tlbe(c->tlbs[ctx], lin);
    uint64_t tag = (lin & X86_PAGE_MASK) | c->asids[ctx];
    struct x86_walk w;

    if ((acc == ACC_READ ? e->tag_r : acc == ACC_WRITE ? e->tag_w : e->tag_x) == tag)
        return (struct x86_xlat){.pa = e->gpa | (lin & 0xfff), .e = e};
    if (!x86_walk(c, lin, acc, ctx, false, &w)) {
        ((struct x86_mmu *)c->mmu)->n_walk_fault++;
        x86_raise_pf(c, lin, w.error);
    }
    return (struct x86_xlat){.pa = w.pa & c->vcpu->machine->a20_mask, .e = fill(c, lin, ctx, &w)};
}

static enum x86_tlb_ctx current_ctx(const struct x86_cpu *c)
{
    return (enum x86_tlb_ctx)((c->tlb - c->tlbs[0]) / X86_TLB_SIZE);
}

static void check_canonical(struct x86_cpu *c, unsigned seg, uint64_t lin, uint64_t last)
{
    if ((c->mode & MODE_CODE64) && (!x86_is_canonical(lin) || !x86_is_canonical(last)))
        x86_raise_error(c, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
}

/* --------------------------------------------------------------------------------------- access */

/* Where the bytes of one access of up to a page go: one or two pieces. */
struct pieces {
    struct x86_xlat x[2];
    uint64_t lin[2];
    unsigned n[2];
    unsigned count;
};

static void locate(struct x86_cpu *c, uint64_t lin, unsigned size, enum x86_access acc,
                   enum x86_tlb_ctx ctx, struct pieces *p)
{
    unsigned first = (unsigned)MIN((uint64_t)size, PAGE_SIZE_4K - (lin & 0xfff));

    lin &= lin_mask(c);
    p->count = 1;
    p->lin[0] = lin;
    p->n[0] = first;
    p->x[0] = translate(c, lin, acc, ctx);
    if (first < size) {
        p->count = 2;
        p->lin[1] = (lin + first) & lin_mask(c);
        p->n[1] = size - first;
        p->x[1] = translate(c, p->lin[1], acc, ctx);
        /* The second fill may have evicted the first entry only if both index the same set, which
         * neighbouring pages never do. */
    }
}

static bool is_ram_target(struct x86_cpu *c, const struct x86_xlat *x)
{
    return x->e || (mem_find(c->mem, x->pa) && !lapic_claims(c->lapic, x->pa));
}

/* Bytes from or to a device window in naturally sized pieces of at most 8. */
static void mmio_bytes(struct x86_cpu *c, uint64_t pa, uint8_t *buf, unsigned n, bool write)
{
    while (n) {
        unsigned k = 8;
        while (k > n || (pa & (k - 1)))
            k /= 2;
        uint64_t v = 0;
        if (write) {
            memcpy(&v, buf, k);
            x86_mmio_write(c, pa, k, v);
        } else {
            v = x86_mmio_read(c, pa, k);
            memcpy(buf, &v, k);
        }
        pa += k;
        buf += k;
        n -= k;
    }
}

static void piece_read(struct x86_cpu *c, const struct pieces *p, unsigned i, uint8_t *out)
{
    if (is_ram_target(c, &p->x[i]))
        mem_read(c->mem, p->x[i].pa, out, p->n[i]);
    else
        mmio_bytes(c, p->x[i].pa, out, p->n[i], false);
}

static void piece_write(struct x86_cpu *c, const struct pieces *p, unsigned i, const uint8_t *v)
{
    if (!is_ram_target(c, &p->x[i])) {
        mmio_bytes(c, p->x[i].pa, (uint8_t *)(uintptr_t)v, p->n[i], true);
        return;
    }
    struct mem_slot *slot = mem_find(c->mem, p->x[i].pa);
    if (slot->kind != SLOT_RAM)
        return; /* ROM ignores writes */
    uint64_t off = p->x[i].pa - slot->gpa;
    memcpy(slot->hva + off, v, p->n[i]);
    uint8_t flags = slot->flags[off / PAGE_SIZE_4K];
    if (flags != PAGE_DIRTY) {
        mem_page_written(c->mem, slot, off);
        if (flags & PAGE_CODE)
            x86_end_block(c);
    }
}

static uint64_t ld_common(struct x86_cpu *c, uint64_t lin, unsigned size, enum x86_access acc,
                          enum x86_tlb_ctx ctx)
{
    struct pieces p;
    uint8_t buf[8] = {0};

    locate(c, lin, size, acc, ctx, &p);
    if (p.count == 1 && is_ram_target(c, &p.x[0])) {
        const void *at = mem_ptr(c->mem, p.x[0].pa, size);
        switch (at ? size : 0) {
        case 1:
            return mem_host_ld8(at);
        case 2:
            return mem_host_ld16(at);
        case 4:
            return mem_host_ld32(at);
        case 8:
            return mem_host_ld64(at);
        }
    } else if (p.count == 1) {
        return x86_mmio_read(c, p.x[0].pa, size);
    }
    piece_read(c, &p, 0, buf);
    if (p.count == 2)
        piece_read(c, &p, 1, buf + p.n[0]);
    return ld_le64(buf);
}

static void st_common(struct x86_cpu *c, uint64_t lin, unsigned size, uint64_t v,
                      enum x86_tlb_ctx ctx)
{
    struct pieces p;
    uint8_t buf[8];

    locate(c, lin, size, ACC_WRITE, ctx, &p);
    if (p.count == 1 && p.x[0].e) {
        void *at = (void *)(uintptr_t)((lin & lin_mask(c)) + p.x[0].e->addend);
        switch (p.x[0].e->tag_w ? size : 0) {
        case 1:
            mem_host_st8(at, (uint8_t)v);
            break;
        case 2:
            mem_host_st16(at, (uint16_t)v);
            break;
        case 4:
            mem_host_st32(at, (uint32_t)v);
            break;
        case 8:
            mem_host_st64(at, v);
            break;
        default:
            return; /* ROM */
        }
        if (*p.x[0].e->flagp != PAGE_DIRTY)
            x86_store_note(c, p.x[0].e, lin);
        return;
    }
    if (p.count == 1 && !is_ram_target(c, &p.x[0])) {
        x86_mmio_write(c, p.x[0].pa, size, v);
        return;
    }
    st_le64(buf, v);
    piece_write(c, &p, 0, buf);
    if (p.count == 2)
        piece_write(c, &p, 1, buf + p.n[0]);
}

uint64_t x86_ld_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, unsigned size, bool intent_w)
{
    check_canonical(c, seg, lin, lin + size - 1);
    return ld_common(c, lin, size, intent_w ? ACC_WRITE : ACC_READ, current_ctx(c));
}

void x86_st_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, unsigned size, uint64_t v)
{
    check_canonical(c, seg, lin, lin + size - 1);
    st_common(c, lin, size, v, current_ctx(c));
}

void x86_store_note(struct x86_cpu *c, struct x86_tlbe *e, uint64_t lin)
{
    struct mem_slot *slot = mem_find(c->mem, e->gpa);
    uint8_t flags = *e->flagp;

    (void)lin;
    mem_page_written(c->mem, slot, e->gpa - slot->gpa);
    if (flags & PAGE_CODE)
        x86_end_block(c);
}

void x86_ld_bytes_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, void *out, unsigned size)
{
    struct pieces p;

    check_canonical(c, seg, lin, lin + size - 1);
    locate(c, lin, size, ACC_READ, current_ctx(c), &p);
    piece_read(c, &p, 0, out);
    if (p.count == 2)
        piece_read(c, &p, 1, (uint8_t *)out + p.n[0]);
}

void x86_st_bytes_slow(struct x86_cpu *c, unsigned seg, uint64_t lin, const void *v, unsigned size)
{
    struct pieces p;

    check_canonical(c, seg, lin, lin + size - 1);
    locate(c, lin, size, ACC_WRITE, current_ctx(c), &p);
    piece_write(c, &p, 0, v);
    if (p.count == 2)
        piece_write(c, &p, 1, (const uint8_t *)v + p.n[0]);
}

void x86_probe_w(struct x86_cpu *c, unsigned seg, uint64_t ea, unsigned size)
{
    uint64_t lin = x86_lin_w(c, seg, ea, size);
    struct pieces p;

    check_canonical(c, seg, lin, lin + size - 1);
    locate(c, lin, size, ACC_WRITE, current_ctx(c), &p);
}

/* -------------------------------------------------------------------------------------- locked */

#if defined(__x86_64__)
#define HOST_ATOMIC_ANY_ALIGN 1
#else
#define HOST_ATOMIC_ANY_ALIGN 0
#endif

void x86_locked_begin(struct x86_cpu *c, struct x86_locked *l, unsigned seg, uint64_t ea,
                      unsigned size)
{
    uint64_t lin = x86_lin_w(c, seg, ea, size);
    struct pieces p;

    check_canonical(c, seg, lin, lin + size - 1);
    locate(c, lin, size, ACC_WRITE, current_ctx(c), &p);
    l->lin = p.lin[0];
    l->size = size;
    l->seg = seg;
    l->e = p.x[0].e;
    l->bounce = p.count == 2 || !l->e || !l->e->tag_w ||
                (!HOST_ATOMIC_ANY_ALIGN && (lin & (size - 1)));
    if (!l->bounce) {
        l->ptr = (void *)(uintptr_t)(l->lin + l->e->addend);
        return;
    }
    vcpu_exclusive_begin(c->vcpu);
    l->ptr = l->buf;
    piece_read(c, &p, 0, (uint8_t *)l->buf);
    if (p.count == 2)
        piece_read(c, &p, 1, (uint8_t *)l->buf + p.n[0]);
}

void x86_locked_end(struct x86_cpu *c, struct x86_locked *l)
{
    if (l->bounce) {
        struct pieces p;
        /* begin() made every check under the same tables; nothing can fault here. */
        locate(c, l->lin, l->size, ACC_WRITE, current_ctx(c), &p);
        piece_write(c, &p, 0, (const uint8_t *)l->buf);
        if (p.count == 2)
            piece_write(c, &p, 1, (const uint8_t *)l->buf + p.n[0]);
        vcpu_exclusive_end(c->vcpu);
    } else if (*l->e->flagp != PAGE_DIRTY) {
        x86_store_note(c, l->e, l->lin);
    }
}

/* ----------------------------------------------------------------------------- system accesses */

/* Supervisor accesses that are not an instruction's own never see EFLAGS.AC. */
static enum x86_tlb_ctx sys_ctx(const struct x86_cpu *c, enum x86_tlb_ctx ctx)
{
    if (ctx == TLB_USER)
        return ctx;
    return c->s.cr4 & CR4_SMAP ? TLB_SUPER : TLB_SUPER_AC;
}

uint64_t x86_sys_ld(struct x86_cpu *c, enum x86_tlb_ctx ctx, uint64_t lin, unsigned size)
{
    return ld_common(c, lin, size, ACC_READ, sys_ctx(c, ctx));
}

void x86_sys_st(struct x86_cpu *c, enum x86_tlb_ctx ctx, uint64_t lin, unsigned size, uint64_t v)
{
    st_common(c, lin, size, v, sys_ctx(c, ctx));
}

void x86_sys_probe_w(struct x86_cpu *c, enum x86_tlb_ctx ctx, uint64_t lin, unsigned size)
{
    struct pieces p;

    locate(c, lin, size, ACC_WRITE, sys_ctx(c, ctx), &p);
}

const uint8_t *x86_fetch_page(struct x86_cpu *c, uint64_t lin, uint64_t *gpa,
                              struct mem_slot **slot)
{
    if ((c->mode & MODE_CODE64) && !x86_is_canonical(lin))
        x86_gp0(c);
    struct x86_xlat x = translate(c, lin & lin_mask(c), ACC_EXEC, current_ctx(c));
    *fetched_word(c, lin & lin_mask(c)) |= BIT64(lin >> 12 & 63);
    if (current_ctx(c) != TLB_USER && (!x.e || x.e->loose)) /* engines remember code by the tag alone */
        ((struct x86_mmu *)c->mmu)->n_loose = X86_LOOSE_MAX + 1;
    *gpa = x.pa & X86_PAGE_MASK;
    *slot = x.e ? mem_find(c->mem, x.pa) : NULL;
    if (!*slot)
        return NULL;
    return (*slot)->hva + (*gpa - (*slot)->gpa);
}

struct x86_tlbe *x86_try(struct x86_cpu *c, uint64_t lin, enum x86_access acc)
{
    enum x86_tlb_ctx ctx = current_ctx(c);
    struct x86_tlbe *e = x86_tlbe(c->tlbs[ctx], lin);
    uint64_t tag = (lin & X86_PAGE_MASK) | c->asid;
    struct x86_walk w;

    if (likely((acc == ACC_READ ? e->tag_r : acc == ACC_WRITE ? e->tag_w : e->tag_x) == tag))
        return e;
    if (!x86_is_canonical(lin) || !x86_walk(c, lin, acc, ctx, false, &w))
        return NULL;
    e = fill(c, lin, ctx, &w);
    if (!e || (acc == ACC_WRITE && e->tag_w != tag))
        return NULL; /* a device window, or ROM */
    return e;
}

bool x86_walk_peek(struct x86_cpu *c, uint64_t lin, uint64_t *gpa)
{
    struct x86_walk w;

    if (!x86_walk(c, lin, ACC_READ, TLB_SUPER_AC, true, &w))
        return false;
    *gpa = w.pa & c->vcpu->machine->a20_mask;
    return true;
}

/* --------------------------------------------------------------------------- control registers */

void x86_set_cr0(struct x86_cpu *c, uint64_t v)
{
    uint64_t old = c->s.cr0;

    if (v >> 32 || ((v & CR0_PG) && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD)))
        x86_gp0(c);
    v = (v & (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD |
              CR0_PG)) |
        CR0_ET;
    if (!(old & CR0_PG) && (v & CR0_PG)) {
        if (c->s.efer & EFER_LME) {
            if (!(c->s.cr4 & CR4_PAE) || (c->s.seg[SEG_CS].attr & SEG_A_L))
                x86_gp0(c);
            c->s.efer |= EFER_LMA;
        } else if ((c->s.cr4 & CR4_PAE) && !x86_load_pdptes(c, c->s.cr3)) {
            x86_gp0(c);
        }
    } else if ((old & CR0_PG) && !(v & CR0_PG)) {
        if ((c->mode & MODE_CODE64) || (c->s.cr4 & CR4_PCIDE))
            x86_gp0(c);
        c->s.efer &= ~(uint64_t)EFER_LMA;
    }
    c->s.cr0 = v;
    if ((old ^ v) & (CR0_PG | CR0_WP | CR0_PE))
        x86_tlb_flush_all(c);
    x86_derive(c);
    x86_end_block(c);
}

void x86_set_cr3(struct x86_cpu *c, uint64_t v)
{
    bool keep = (c->s.cr4 & CR4_PCIDE) && (v & BIT64(63));

    if (c->s.cr4 & CR4_PCIDE)
        v &= ~BIT64(63);
    if (c->s.efer & EFER_LMA) {
        if (v & ~(c->pa_mask | 0xfff))
            x86_gp0(c);
    } else {
        v = (uint32_t)v;
        if ((c->s.cr0 & CR0_PG) && (c->s.cr4 & CR4_PAE) && !x86_load_pdptes(c, v))
            x86_gp0(c);
    }
    c->s.cr3 = v;
    if (keep) {
        asid_select(c);
        x86_end_block(c);
    } else {
        x86_tlb_flush_nonglobal(c);
    }
}

void x86_set_cr4(struct x86_cpu *c, uint64_t v)
{
    const uint64_t known = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |
                           CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP |
                           CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP;
    uint64_t old = c->s.cr4;

    if (v & ~(known & x86_cr4_allowed(c->model)))
        x86_gp0(c);
    if ((c->s.efer & EFER_LMA) && !(v & CR4_PAE))
        x86_gp0(c);
    if ((v & CR4_PCIDE) && !(old & CR4_PCIDE) &&
        (!(c->s.efer & EFER_LMA) || (c->s.cr3 & 0xfff)))
        x86_gp0(c);
    if ((c->s.cr0 & CR0_PG) && !(c->s.efer & EFER_LMA) && (v & CR4_PAE) &&
        ((old ^ v) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) && !x86_load_pdptes(c, c->s.cr3))
        x86_gp0(c);
    c->s.cr4 = v;
    if ((old ^ v) & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP))
        x86_tlb_flush_all(c);
    x86_derive(c);
    x86_end_block(c);
}

void x86_set_efer(struct x86_cpu *c, uint64_t v)
{
    uint64_t old = c->s.efer;

    if (v & ~(uint64_t)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR))
        x86_gp0(c);
    if (((old ^ v) & EFER_LME) && (c->s.cr0 & CR0_PG))
        x86_gp0(c);
    c->s.efer = (v & ~(uint64_t)EFER_LMA) | (old & EFER_LMA);
    if ((old ^ v) & EFER_NXE)
        x86_tlb_flush_all(c);
    x86_derive(c);
    x86_end_block(c);
}
