/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xen_dom.h"

#include <stdio.h>

#include "arch/x86/model.h"
#include "lib/kernel_gen.h"

void xen_dom_init(struct xen_dom *t, unsigned cpus, uint64_t memory)
{
    static uint8_t kernel[KERNEL_GEN_MAX];
    const struct board_config bc = {.memory = memory, .cpus = cpus};
    struct error err;

    memset(t, 0, sizeof(*t));
    if (loop_init(&t->loop, &err))
        abort();
    machine_init(&t->m, &x86_arch, &t->loop, false);
    t->m.cpu_model = x86_model_find("v2");
    if (board_xen_pv_1.create(&t->board, &t->m, &bc, &err) ||
        loader_open_bytes(&t->loader, "xen-pv", kernel, kernel_gen_xen(kernel), "", &err))
        abort();
    machine_reset(&t->m);
    if (t->board->type->load(t->board, &t->loader, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    t->d = container_of(t->board, struct xen_domain, board);
    t->v = t->d->vcpu[0];
}

void xen_dom_fini(struct xen_dom *t)
{
    t->board->type->let_go(t->board);
    machine_fini(&t->m);
    t->board->type->destroy(t->board);
    loader_close(&t->loader);
    loop_fini(&t->loop);
}

static bool entry_holds(const struct xen_domain *d, uint64_t own, enum frame_type type, uint64_t e)
{
    uint64_t mfn = (e & PTE_FRAME) >> PAGE_SHIFT_4K;

    if (mfn >= d->special_end)
        return false;
    const struct frame *f = &d->frames[mfn];
    if (type == FT_L1)
        return !(e & PTE_RW) || mfn >= d->special || (f->type == FT_WRITABLE && f->count);
    if (f->type == type - 1 && f->count)
        return true;
    return !(e & PTE_RW) && (mfn == own || (f->type == type && f->count));
}

bool xen_dom_audit(const struct xen_domain *d, char *text, size_t size)
{
    for (uint64_t mfn = 0; mfn < d->max_pages; mfn++) {
        const struct frame *f = &d->frames[mfn];
        if (!f->count || f->type < FT_L1 || f->type > FT_L4)
            continue;
        for (unsigned i = 0; i < 512; i++) {
            uint64_t e = mem_host_ld64(frame_host(d, mfn) + 8 * i);
            if (f->type == FT_L4 && i >= XEN_L4_FIRST && i <= XEN_L4_LAST)
                continue;
            if ((e & PTE_P) && !entry_holds(d, mfn, f->type, e)) {
                snprintf(text, size, "frame %#" PRIx64 " (type %u): entry %u is %#" PRIx64, mfn,
                         f->type, i, e);
                return false;
            }
        }
    }
    return true;
}
