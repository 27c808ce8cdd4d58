/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * access: hypercall arguments in the guest's virtual memory. Pointers are read through the tables of
 * the mode that runs, so that a kernel can pass on its programs' pointers; what would fault makes the
 * hypercall fail with -EFAULT.
 */
#include "para/xen/domain.h"

void frame_written(struct xen_domain *d, uint64_t mfn)
{
    struct mem_slot *s = mfn < d->max_pages ? d->ram_slot : d->special_slot;
    uint64_t page = mfn < d->max_pages ? mfn : mfn - d->special;

    if (s->flags[page] != PAGE_DIRTY)
        mem_page_written(&d->m->mem, s, page << PAGE_SHIFT_4K);
}

/* The hypervisor's own addresses are nobody's buffer. */
static bool in_hole(uint64_t va)
{
    return va >= XEN_VIRT_START && va < XEN_VIRT_END;
}

bool xen_read(struct xen_vcpu *v, void *to, uint64_t va, size_t n)
{
    uint8_t *out = to;

    while (n) {
        size_t k = MIN(n, (size_t)(PAGE_SIZE_4K - (va & 0xfff)));
        const struct x86_tlbe *e = in_hole(va) ? NULL : x86_try(v->c, va, ACC_READ);
        if (!e)
            return false;
        memcpy(out, (const void *)(uintptr_t)(va + e->addend), k);
        out += k;
        va += k;
        n -= k;
    }
    return true;
}

bool xen_write(struct xen_vcpu *v, uint64_t va, const void *from, size_t n)
{
    const uint8_t *in = from;

    while (n) {
        size_t k = MIN(n, (size_t)(PAGE_SIZE_4K - (va & 0xfff)));
        struct x86_tlbe *e = in_hole(va) ? NULL : x86_try(v->c, va, ACC_WRITE);
        if (!e)
            return false;
        memcpy((void *)(uintptr_t)(va + e->addend), in, k);
        if (*e->flagp != PAGE_DIRTY)
            x86_store_note(v->c, e, va);
        in += k;
        va += k;
        n -= k;
    }
    return true;
}
