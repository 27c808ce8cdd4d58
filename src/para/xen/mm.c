/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mm: frames and their types: the rule that a guest's page tables are tables that the hypervisor has
 * looked at, and that nobody stores into them but through it.
 *
 * A frame with references as a table of level n has only entries that were checked, and each present
 * entry holds a reference to what it names: as a table of level n-1, or, in a level-1 table with RW,
 * as writable. A frame is of one type at a time, so a table is never mapped writable. The last
 * reference gone, the frame may become something else; a processor may then still have it writable in
 * its TLB, which tlb_clock finds out: TLBs not emptied since are emptied first.
 *
 * Beyond that, mm_frame_allowed() lets no translation into any TLB whose frame is not the guest's own.
 */
#include <sched.h>

#include "arch/x86/mmu.h"
#include "base/bits.h"
#include "para/xen/domain.h"

/* ---- the lock ---- */

void mm_lock(struct xen_vcpu *v)
{
    struct xen_domain *d = v->d;

    while (__atomic_exchange_n(&d->mm_lock, 1, __ATOMIC_ACQUIRE)) {
        vcpu_exclusive_pass(v->c->vcpu);
        sched_yield();
    }
}

void mm_unlock(struct xen_vcpu *v)
{
    __atomic_store_n(&v->d->mm_lock, 0, __ATOMIC_RELEASE);
}

/* ---- TLBs ---- */

void mm_flush_local(struct xen_vcpu *v)
{
    v->changes = __atomic_load_n(&v->d->changes, __ATOMIC_SEQ_CST);
    x86_tlb_flush_nonglobal(v->c);
    v->tlb_stamp = __atomic_add_fetch(&v->d->tlb_clock, 1, __ATOMIC_SEQ_CST);
}

/* Others empty theirs before their next instruction; who is inside the engine leaves it first. */
void mm_flush_vcpus(struct xen_vcpu *v, uint64_t mask, bool page, uint64_t va)
{
    struct xen_domain *d = v->d;
    struct machine *m = d->m;
    bool inside = false;

    if (mask & BIT64(v->id)) {
        if (page)
            x86_tlb_flush_page(v->c, va);
        else
            mm_flush_local(v);
    }
    mask &= ~BIT64(v->id);
    if (!mask || d->nvcpus == 1)
        return;
    for (unsigned i = 0; i < d->nvcpus; i++)
        if (mask >> i & 1)
            __atomic_store_n(&d->vcpu[i]->flush, true, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&m->stop_lock);
    for (unsigned i = 0; i < d->nvcpus; i++)
        inside = inside || ((mask >> i & 1) && m->vcpus[i]->inside);
    pthread_mutex_unlock(&m->stop_lock);
    if (inside) {
        vcpu_exclusive_begin(v->c->vcpu);
        vcpu_exclusive_end(v->c->vcpu);
    }
}

/* Nobody may have the frame writable any more. */
static void flush_for(struct xen_vcpu *v, const struct frame *f)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < v->d->nvcpus; i++)
        if (v->d->vcpu[i]->tlb_stamp <= f->stamp && v->d->vcpu[i]->up)
            mask |= BIT64(i);
    if (f->stamp && mask)
        mm_flush_vcpus(v, mask, false, 0);
}

/* ---- entries ---- */

static bool is_table(enum frame_type t)
{
    return t >= FT_L1 && t <= FT_L4;
}

/* Of entries above level 1: PWT PCD PSE G are nobody's business. */
#define UPPER_FORBIDDEN (UINT64_C(0x18) | PTE_PSE | PTE_G)

static uint64_t entry_mfn(uint64_t e)
{
    return (e & PTE_FRAME) >> PAGE_SHIFT_4K;
}

/* Does an upper entry of table `own` name a table of its own level (or itself)? Guests look at their
 * tables through such entries; they may be read-only only. */
static bool is_linear(const struct xen_domain *d, enum frame_type type, uint64_t own, uint64_t mfn)
{
    return type != FT_L1 && (mfn == own || (d->frames[mfn].count && d->frames[mfn].type == type));
}

/* Does an entry of level 1 hold a reference? Of the hypervisor's frames any does: some go away. */
static bool counts(const struct xen_domain *d, uint64_t e)
{
    return (e & PTE_RW) || entry_mfn(e) >= d->special;
}

/* Take what a new present entry of the table `own` of `type` refers to. */
static int entry_get(struct xen_vcpu *v, enum frame_type type, uint64_t own, uint64_t e)
{
    uint64_t mfn = entry_mfn(e);

    if (!frame_usable(v->d, mfn))
        return -EINVAL;
    if (type == FT_L1)
        return counts(v->d, e) ? frame_get_type(v, mfn, FT_WRITABLE) : 0;
    if (e & UPPER_FORBIDDEN)
        return -EINVAL;
    if (!is_linear(v->d, type, own, mfn))
        return frame_get_type(v, mfn, type - 1);
    if (e & PTE_RW)
        return -EINVAL;
    return mfn == own ? 0 : frame_get_type(v, mfn, type);
}

static void entry_put(struct xen_vcpu *v, enum frame_type type, uint64_t own, uint64_t e)
{
    uint64_t mfn = entry_mfn(e);

    if (type == FT_L1) {
        if (counts(v->d, e))
            frame_put_type(v, mfn, FT_WRITABLE);
    } else if (mfn != own) {
        frame_put_type(v, mfn, v->d->frames[mfn].type == type ? type : type - 1);
    }
}

static bool xen_slot(enum frame_type type, unsigned i)
{
    return type == FT_L4 && i >= XEN_L4_FIRST && i <= XEN_L4_LAST;
}

/* ---- types ---- */

static void put_entries(struct xen_vcpu *v, uint64_t mfn, enum frame_type type, unsigned n)
{
    const uint8_t *p = frame_host(v->d, mfn);

    for (unsigned i = 0; i < n; i++) {
        uint64_t e = mem_host_ld64(p + 8 * i);
        if ((e & PTE_P) && !xen_slot(type, i))
            entry_put(v, type, mfn, e);
    }
}

static int check_table(struct xen_vcpu *v, uint64_t mfn, enum frame_type type)
{
    uint8_t *p = frame_host(v->d, mfn);

    for (unsigned i = 0; i < 512; i++) {
        uint64_t e = mem_host_ld64(p + 8 * i);
        if (xen_slot(type, i)) { /* whatever was there: not the guest's */
            mem_host_st64(p + 8 * i, 0);
            continue;
        }
        if (!(e & PTE_P))
            continue;
        int rc = entry_get(v, type, mfn, e);
        if (rc) {
            put_entries(v, mfn, type, i);
            return rc;
        }
    }
    return 0;
}

static int check_descriptors(struct xen_vcpu *v, uint64_t mfn)
{
    uint8_t *p = frame_host(v->d, mfn);

    for (unsigned i = 0; i < 512; i++) {
        uint64_t raw = mem_host_ld64(p + 8 * i), was = raw;
        if (!raw)
            continue;
        if (!desc_check(&raw))
            return -EINVAL;
        if (raw != was)
            mem_host_st64(p + 8 * i, raw);
    }
    frame_written(v->d, mfn);
    return 0;
}

/* mm_lock held, as for all below. */
int frame_get_type(struct xen_vcpu *v, uint64_t mfn, enum frame_type type)
{
    struct xen_domain *d = v->d;

    if (!frame_usable(d, mfn))
        return -EINVAL;
    struct frame *f = &d->frames[mfn];
    if (mfn >= d->special) { /* shared with the guest, never anything else */
        if (type != FT_WRITABLE)
            return -EINVAL;
        f->count++;
        return 0;
    }
    if (f->count) {
        if (f->type != type || f->partial)
            return -EINVAL;
        f->count++;
        return 0;
    }
    f->type = type;
    f->count = 1;
    if (type == FT_WRITABLE)
        return 0;
    flush_for(v, f);
    f->partial = true;
    int rc = is_table(type) ? check_table(v, mfn, type) : check_descriptors(v, mfn);
    f->partial = false;
    if (rc) {
        f->type = FT_NONE;
        f->count = 0;
    }
    return rc;
}

void frame_put_type(struct xen_vcpu *v, uint64_t mfn, enum frame_type type)
{
    struct xen_domain *d = v->d;
    struct frame *f = &d->frames[mfn];

    if (mfn >= d->special) {
        f->count -= f->count != 0;
        return;
    }
    if (f->type != type || !f->count || --f->count)
        return;
    if (is_table(type)) {
        __atomic_add_fetch(&d->changes, 1, __ATOMIC_SEQ_CST);
        put_entries(v, mfn, type, 512);
    } else if (type == FT_WRITABLE)
        f->stamp = __atomic_load_n(&d->tlb_clock, __ATOMIC_SEQ_CST);
    f->type = FT_NONE;
}

/* ---- changing an entry ---- */

#define PTE_AD (PTE_A | PTE_D)

/* Replace old by val in place; -EAGAIN when it has changed meanwhile (a walk set A or D). */
static int entry_replace(struct xen_vcpu *v, uint64_t maddr, enum frame_type type, uint64_t old,
                         uint64_t val)
{
    uint64_t own = maddr >> PAGE_SHIFT_4K;
    mem_u64 *p = (mem_u64 *)(void *)(frame_host(v->d, own) + (maddr & 0xff8));
    bool was = old & PTE_P, is = val & PTE_P;
    /* The same reference under other flags need not be taken again. */
    bool same = was && is && !((old ^ val) & (PTE_FRAME | (type == FT_L1 ? PTE_RW : 0)));

    if (type != FT_L1 && is && (val & UPPER_FORBIDDEN))
        return -EINVAL;
    if (same && (val & PTE_RW) && is_linear(v->d, type, own, entry_mfn(val)))
        return -EINVAL;
    if (is && !same) {
        int rc = entry_get(v, type, own, val);
        if (rc)
            return rc;
    }
    if (!__atomic_compare_exchange_n(p, &old, val, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        if (is && !same)
            entry_put(v, type, own, val);
        return -EAGAIN;
    }
    frame_written(v->d, own);
    if (was)
        __atomic_add_fetch(&v->d->changes, 1, __ATOMIC_SEQ_CST);
    if (was && !same)
        entry_put(v, type, own, old);
    return 0;
}

static int plain_write(struct xen_vcpu *v, uint64_t maddr, uint64_t val)
{
    uint64_t mfn = maddr >> PAGE_SHIFT_4K;
    int rc = frame_get_type(v, mfn, FT_WRITABLE);

    if (rc)
        return rc;
    mem_host_st64(frame_host(v->d, mfn) + (maddr & 0xff8), val);
    frame_written(v->d, mfn);
    frame_put_type(v, mfn, FT_WRITABLE);
    return 0;
}

int mm_write_entry(struct xen_vcpu *v, uint64_t maddr, uint64_t val, bool preserve_ad)
{
    uint64_t mfn = maddr >> PAGE_SHIFT_4K;
    int rc;

    if (!frame_usable(v->d, mfn))
        return -EINVAL;
    const struct frame *f = &v->d->frames[mfn];
    enum frame_type type = f->type;
    if (!f->count || !is_table(type))
        return plain_write(v, maddr, val);
    if (f->partial || xen_slot(type, (maddr & 0xfff) / 8))
        return -EINVAL;
    const uint8_t *p = frame_host(v->d, mfn) + (maddr & 0xff8);
    do {
        uint64_t old = mem_host_ld64(p);
        rc = entry_replace(v, maddr, type, old, preserve_ad ? val | (old & PTE_AD) : val);
    } while (rc == -EAGAIN);
    return rc;
}

/* ---- roots ---- */

static struct space *space_of(struct xen_vcpu *v)
{
    return &v->space[(v->c->s.cr3 >> PAGE_SHIFT_4K ^ v->c->s.cr3 >> 16) % ARRAY_LEN(v->space)];
}

static void space_leave(struct xen_vcpu *v)
{
    *space_of(v) = (struct space){v->c->s.cr3, v->c->pv_user_cr3, v->c->asids[TLB_USER],
                                  x86_asid_epoch(v->c), v->changes};
}

/* Back in a space whose TLB entries are all good still? */
static bool space_return(struct xen_vcpu *v)
{
    const struct space *s = space_of(v);

    if (s->kernel != v->c->s.cr3 || s->user != v->c->pv_user_cr3 ||
        s->epoch != x86_asid_epoch(v->c) ||
        s->changes != __atomic_load_n(&v->d->changes, __ATOMIC_SEQ_CST))
        return false;
    v->changes = s->changes;
    x86_asid_return(v->c, s->asid);
    return true;
}

/* The kernel's root comes first, then the user's: only then is the pair what it was. */
int mm_set_base(struct xen_vcpu *v, uint64_t mfn, bool user)
{
    struct x86_cpu *c = v->c;
    uint64_t *root = user ? &c->pv_user_cr3 : &c->s.cr3, old = *root >> PAGE_SHIFT_4K;

    if (mfn == old && mfn) {
        mm_flush_local(v);
        return 0;
    }
    if (!user && old)
        space_leave(v);
    if (user && !mfn) {
        *root = 0;
    } else {
        if (mfn >= v->d->max_pages)
            return -EINVAL;
        int rc = frame_get_type(v, mfn, FT_L4);
        if (rc)
            return rc;
        *root = mfn << PAGE_SHIFT_4K;
    }
    if (old)
        frame_put_type(v, old, FT_L4);
    if (!user || !space_return(v))
        mm_flush_local(v);
    return 0;
}

/* Machine address of the level-1 entry that maps va in the kernel's tables. */
bool mm_l1_entry(struct xen_vcpu *v, uint64_t va, uint64_t *maddr)
{
    uint64_t table = v->c->s.cr3 & PTE_FRAME;

    if (!x86_is_canonical(va) || (va >= XEN_VIRT_START && va < XEN_VIRT_END))
        return false;
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        const uint8_t *p = frame_host(v->d, table >> PAGE_SHIFT_4K);
        uint64_t e = p ? mem_host_ld64(p + 8 * (va >> shift & 511)) : 0;
        if (!(e & PTE_P) || (e & PTE_PSE))
            return false;
        table = e & PTE_FRAME;
    }
    *maddr = table + 8 * (va >> 12 & 511);
    return frame_usable(v->d, table >> PAGE_SHIFT_4K);
}

/* ---- stores into level-1 tables by the kernel's own instructions ---- */

/* Run the instruction, which touches nothing else, on a copy of the entry at va. */
static bool run_on_copy(struct xen_vcpu *v, const struct x86_insn *in, uint64_t va, uint64_t *entry)
{
    static volatile uint8_t dirty = PAGE_DIRTY;
    static _Thread_local uint8_t copy[PAGE_SIZE_4K] __attribute__((aligned(64)));
    struct x86_cpu *c = v->c;
    struct x86_tlbe *e = x86_try(c, va, ACC_READ);
    jmp_buf outer;
    bool ok = false;

    if (!e)
        return false;
    const struct x86_tlbe was = *e;
    mem_host_st64(copy + (va & 0xff8), *entry);
    e->tag_w = e->tag_r;
    e->addend = (uintptr_t)copy - (va & X86_PAGE_MASK);
    e->flagp = &dirty;
    memcpy(outer, c->unwind, sizeof(outer));
    if (!setjmp(c->unwind)) {
        c->cur = c->first = in;
        c->end = in + 1;
        c->s.r[X86_RIP] += in->len;
        in->fn(c, in);
        ok = true;
    }
    memcpy(c->unwind, outer, sizeof(outer));
    c->cur = NULL;
    *e = was;
    *entry = mem_host_ld64(copy + (va & 0xff8));
    return ok;
}

static bool is_single_store(const struct x86_insn *in)
{
    switch (in->op) {
    case X86_OP_mov: case X86_OP_xchg: case X86_OP_cmpxchg: case X86_OP_xadd: case X86_OP_add:
    case X86_OP_sub: case X86_OP_and: case X86_OP_or: case X86_OP_xor: case X86_OP_bts:
    case X86_OP_btr: case X86_OP_btc: case X86_OP_inc: case X86_OP_dec: case X86_OP_not:
    case X86_OP_neg: case X86_OP_movnti:
        return in->form == FORM_MR && in->size <= 8;
    case X86_OP_stos:
        return !(in->flags & (IN_REP | IN_REPNE)) && in->size <= 8;
    default:
        return false;
    }
}

/* The kernel may store into its level-1 tables as if they were writable (the assist
 * writable_pagetables): done here, checked as an update would be. False: the fault is the guest's. */
bool mm_emulate_store(struct xen_vcpu *v, const struct x86_insn *in, uint64_t va)
{
    struct xen_domain *d = v->d;
    struct x86_cpu *c = v->c;
    struct x86_walk w;
    int rc;

    if (!is_single_store(in) || !(d->vm_assist >> VMASST_WRITABLE_PAGETABLES & 1) ||
        (va & 7) + in->size > 8 || !x86_walk(c, va, ACC_READ, TLB_SUPER_AC, true, &w))
        return false;
    uint64_t mfn = w.pa >> PAGE_SHIFT_4K, maddr = w.pa & ~UINT64_C(7);
    if (mfn >= d->max_pages)
        return false;
    mm_lock(v);
    const struct frame *f = &d->frames[mfn];
    const struct x86_state before = c->s;
    const struct x86_lazy flags = c->f;
    do {
        rc = -EINVAL;
        uint64_t old = mem_host_ld64(frame_host(d, mfn) + (maddr & 0xff8)), now = old;
        if (!f->count || f->type != FT_L1 || f->partial || !run_on_copy(v, in, va, &now))
            break;
        rc = 0;
        if (now != old)
            rc = entry_replace(v, maddr, FT_L1, old, now);
        if (rc) {
            c->s = before;
            c->f = flags;
        }
    } while (rc == -EAGAIN);
    mm_unlock(v);
    v->n_ptwr += !rc;
    return !rc;
}

/* ---- hooks of the walk ---- */

enum x86_region mm_region(struct x86_cpu *c, uint64_t lin, enum x86_access acc,
                          enum x86_tlb_ctx ctx, struct x86_walk *w)
{
    const struct xen_domain *d = xen_vcpu_of(c)->d;

    (void)ctx;
    if (likely(lin < XEN_VIRT_START || lin >= XEN_VIRT_END))
        return REGION_TABLES;
    uint64_t off = lin - (lin < M2P_VIRT_START ? XEN_VIRT_START : M2P_VIRT_START);
    if (off >= 8 * d->special_end)
        return REGION_HOLE;
    if (acc != ACC_READ) {
        w->error |= PF_P;
        return REGION_HOLE;
    }
    *w = (struct x86_walk){.pa = d->m2p_slot->gpa + off, .page_bits = 12, .can_r = true};
    return REGION_OWN;
}

bool mm_frame_allowed(const struct x86_cpu *c, uint64_t pa)
{
    return frame_usable(xen_vcpu_of(c)->d, pa >> PAGE_SHIFT_4K);
}
