/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * desc: segment descriptors: the guest's GDT of up to 14 frames with the hypervisor's two pages
 * behind them, LDT, FS and GS bases. A descriptor of the guest's never has a DPL below its kernel's
 * privilege, 3, and is never a gate: desc_check() says so of each before it counts.
 */
#include "arch/x86/seg.h"
#include "para/xen/domain.h"

#define RAW_CS64 UINT64_C(0x00affb000000ffff)
#define RAW_CS32 UINT64_C(0x00cffb000000ffff)
#define RAW_DS UINT64_C(0x00cff3000000ffff)

static uint64_t reserved_desc(unsigned index)
{
    switch (index) {
    case SEL_RING3_CS32 >> 3:
        return RAW_CS32;
    case SEL_RING3_DS >> 3:
        return RAW_DS;
    case SEL_RING3_CS64 >> 3:
        return RAW_CS64;
    default:
        return 0;
    }
}

void desc_put_flat(struct x86_cpu *c, unsigned seg, uint16_t sel)
{
    x86_seg_put(c, seg, sel, reserved_desc(sel >> 3));
}

/* Make it what it may be; false: it may not be at all. */
bool desc_check(uint64_t *raw)
{
    *raw |= UINT64_C(3) << 45; /* DPL 3 */
    if (!desc_present(*raw) || !desc_is_system(*raw))
        return true;
    return (desc_attr(*raw) & SEG_A_TYPE) == 0; /* type 0 is harmless, gates and the like are not */
}

static bool ldt_desc(struct xen_vcpu *v, unsigned index, uint64_t *raw)
{
    uint64_t va = v->ldt_base + 8 * (uint64_t)index;
    struct x86_walk w;

    if (index >= v->ldt_ents || !x86_walk(v->c, va, ACC_READ, TLB_SUPER_AC, true, &w))
        return false;
    const uint8_t *p = frame_host(v->d, w.pa >> PAGE_SHIFT_4K);
    if (!p)
        return false;
    *raw = mem_host_ld64(p + (w.pa & 0xff8));
    return desc_check(raw);
}

bool desc_lookup(struct x86_cpu *c, uint16_t sel, uint64_t *raw)
{
    struct xen_vcpu *v = xen_vcpu_of(c);
    unsigned index = sel >> 3;

    if (sel & 4)
        return ldt_desc(v, index, raw);
    if (index >= GDT_RESERVED_FIRST) {
        *raw = reserved_desc(index);
        return *raw != 0;
    }
    if (index >= v->gdt_ents)
        return false;
    const uint8_t *p = frame_host(v->d, v->gdt_frame[index / 512]);
    *raw = mem_host_ld64(p + 8 * (index % 512));
    return desc_check(raw);
}

static void gdt_drop(struct xen_vcpu *v)
{
    for (unsigned i = 0; i * 512 < v->gdt_ents; i++)
        frame_put_type(v, v->gdt_frame[i], FT_SEG);
    v->gdt_ents = 0;
}

/* mm_lock held. */
int desc_set_gdt(struct xen_vcpu *v, const uint64_t *frames, unsigned entries)
{
    unsigned n = (entries + 511) / 512;

    if (entries > GDT_RESERVED_FIRST)
        return -EINVAL;
    for (unsigned i = 0; i < n; i++) {
        int rc = frame_get_type(v, frames[i], FT_SEG);
        if (rc) {
            while (i-- > 0)
                frame_put_type(v, frames[i], FT_SEG);
            return rc;
        }
    }
    gdt_drop(v);
    memcpy(v->gdt_frame, frames, n * sizeof(*frames));
    v->gdt_ents = entries;
    return 0;
}

int64_t hc_set_gdt(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint64_t frames[GDT_GUEST_FRAMES], n = (arg[1] + 511) / 512;

    if (arg[1] > GDT_RESERVED_FIRST)
        return -EINVAL;
    if (!xen_read(v, frames, arg[0], n * 8))
        return -EFAULT;
    mm_lock(v);
    int rc = desc_set_gdt(v, frames, (unsigned)arg[1]);
    mm_unlock(v);
    return rc;
}

int desc_set_ldt(struct xen_vcpu *v, uint64_t base, uint64_t entries)
{
    if (entries > 8192 || (entries && (base & 0xfff)) ||
        (entries && base + 8 * entries > XEN_VIRT_START && base < XEN_VIRT_END))
        return -EINVAL;
    v->ldt_base = base;
    v->ldt_ents = (unsigned)entries;
    return 0;
}

int64_t hc_update_descriptor(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint64_t mfn = arg[0] >> PAGE_SHIFT_4K, raw = arg[1];
    int64_t rc = 0;

    if ((arg[0] & 7) || mfn >= v->d->max_pages || !frame_usable(v->d, mfn) || !desc_check(&raw))
        return -EINVAL;
    mm_lock(v);
    struct frame *f = &v->d->frames[mfn];
    enum frame_type type = f->count && f->type == FT_SEG ? FT_SEG : FT_WRITABLE;
    rc = frame_get_type(v, mfn, type);
    if (!rc) {
        mem_host_st64(frame_host(v->d, mfn) + (arg[0] & 0xff8), raw);
        frame_written(v->d, mfn);
        frame_put_type(v, mfn, type);
    }
    mm_unlock(v);
    return rc;
}

/* The user's GS selector: its descriptor's base becomes the user's GS base. */
static void set_user_gs(struct xen_vcpu *v, uint16_t sel)
{
    struct x86_cpu *c = v->c;
    uint64_t raw, kernel = c->s.seg[SEG_GS].base;

    if ((sel & ~3u) && desc_lookup(c, sel, &raw) && desc_present(raw) && !desc_is_system(raw) &&
        (desc_is_data(raw) || (desc_attr(raw) & SEG_A_RW))) {
        x86_seg_put(c, SEG_GS, sel, raw);
    } else {
        x86_seg_put_null(c, SEG_GS, sel & ~3u ? 0 : sel, 0);
    }
    c->s.kernel_gs_base = c->s.seg[SEG_GS].base;
    c->s.seg[SEG_GS].base = kernel;
    x86_derive(c);
}

int64_t hc_set_segment_base(struct xen_vcpu *v, const uint64_t arg[6])
{
    struct x86_cpu *c = v->c;

    if (arg[0] < 3 && (uint64_t)((int64_t)(arg[1] << 16) >> 16) != arg[1])
        return -EINVAL;
    switch (arg[0]) {
    case 0:
        c->s.seg[SEG_FS].base = c->segbase[SEG_FS] = arg[1];
        return 0;
    case 1:
        c->s.kernel_gs_base = arg[1];
        return 0;
    case 2:
        c->s.seg[SEG_GS].base = c->segbase[SEG_GS] = arg[1];
        return 0;
    case 3:
        set_user_gs(v, (uint16_t)arg[1]);
        return 0;
    default:
        return -EINVAL;
    }
}
