/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * memory: which memory the guest has: its map, the machine-to-physical table, and the balloon, by
 * which it gives frames back and takes them again. [XEN memory]
 *
 * A frame number stays the guest's own: giving it back marks it absent (no entry may name it any
 * more) and frees the host's memory behind it.
 */
#include <sys/mman.h>

#include "para/xen/domain.h"

/* clang-format off */
enum {
    MEM_INCREASE = 0, MEM_DECREASE = 1, MEM_MAX_RAM_PAGE = 2, MEM_CURRENT = 3, MEM_MAXIMUM = 4,
    MEM_MACHPHYS_LIST = 5, MEM_POPULATE = 6, MEM_MEMORY_MAP = 9, MEM_MACHINE_MAP = 10,
    MEM_EXCHANGE = 11, MEM_MACHPHYS_MAPPING = 12, MEM_MAX_GPFN = 14,
};
/* clang-format on */

enum { RSV_START = 0, RSV_NR = 8, RSV_ORDER = 16, RSV_FLAGS = 20, RSV_DOMID = 24, RSV_SIZE = 32 };

static bool is_self(const struct xen_domain *d, uint16_t domid)
{
    return domid == DOMID_SELF || domid == d->domid;
}

void m2p_set(struct xen_domain *d, uint64_t mfn, uint64_t pfn)
{
    mem_host_st64(&d->m2p[mfn], pfn);
    mem_page_written(&d->m->mem, d->m2p_slot, 8 * mfn & ~UINT64_C(0xfff));
}

static void frame_release(struct xen_domain *d, uint64_t mfn)
{
    d->frames[mfn].present = false;
    m2p_set(d, mfn, UINT64_MAX);
    d->cur_pages--;
    memset(frame_host(d, mfn), 0, PAGE_SIZE_4K);
    frame_written(d, mfn);
    madvise(frame_host(d, mfn), PAGE_SIZE_4K, MADV_REMOVE);
}

/* Give one frame back. It may not be in use as a table, nor pinned; whoever still has it mapped
 * keeps nothing but a page of zeroes until the mapping goes. */
static int decrease_one(struct xen_vcpu *v, uint64_t mfn)
{
    struct xen_domain *d = v->d;

    if (mfn >= d->max_pages || !frame_usable(d, mfn))
        return -EINVAL;
    const struct frame *f = &d->frames[mfn];
    if (f->pinned || (f->count && f->type != FT_WRITABLE))
        return -EBUSY;
    frame_release(d, mfn);
    return 0;
}

/* An absent frame for pfn: its own number if that is free. */
static int64_t find_absent(struct xen_domain *d, uint64_t pfn)
{
    if (pfn < d->max_pages && !d->frames[pfn].present && !d->frames[pfn].count)
        return (int64_t)pfn;
    for (uint64_t i = 0; i < d->max_pages; i++) {
        uint64_t mfn = (d->hint + i) % d->max_pages;
        if (!d->frames[mfn].present && !d->frames[mfn].count) {
            d->hint = mfn + 1;
            return (int64_t)mfn;
        }
    }
    return -ENOMEM;
}

static int64_t populate_one(struct xen_vcpu *v, uint64_t pfn)
{
    struct xen_domain *d = v->d;
    int64_t mfn = find_absent(d, pfn);

    if (mfn < 0)
        return mfn;
    d->frames[mfn] = (struct frame){.present = true};
    m2p_set(d, (uint64_t)mfn, pfn);
    d->cur_pages++;
    return mfn;
}

/* Returns how many extents were done; larger orders are sets of single frames here, which are
 * contiguous by number only when the guest's own list is. */
static int64_t reservation(struct xen_vcpu *v, unsigned cmd, uint64_t at)
{
    uint8_t raw[RSV_SIZE], entry[8];

    if (!xen_read(v, raw, at, sizeof(raw)))
        return -EFAULT;
    uint64_t list = ld_le64(raw + RSV_START), n = ld_le64(raw + RSV_NR);
    if (!is_self(v->d, ld_le16(raw + RSV_DOMID)))
        return -ESRCH;
    if (n > INT32_MAX)
        return -EINVAL;
    if (ld_le32(raw + RSV_ORDER))
        return cmd == MEM_DECREASE ? -EINVAL : 0;
    uint64_t i;
    for (i = 0; i < n; i++) {
        if (!xen_read(v, entry, list + 8 * i, 8))
            break;
        mm_lock(v);
        int64_t rc = cmd == MEM_DECREASE ? decrease_one(v, ld_le64(entry))
                                         : populate_one(v, ld_le64(entry));
        mm_unlock(v);
        if (rc < 0)
            break;
        if (cmd != MEM_DECREASE) {
            st_le64(entry, (uint64_t)rc);
            if (!xen_write(v, list + 8 * i, entry, 8))
                break;
        }
    }
    return (int64_t)i;
}

/* One range of RAM from 0 to the maximum. */
static int64_t memory_map(struct xen_vcpu *v, uint64_t at)
{
    uint8_t raw[16], e[20] = {0};

    if (!xen_read(v, raw, at, sizeof(raw)))
        return -EFAULT;
    uint32_t room = ld_le32(raw);
    uint64_t buffer = ld_le64(raw + 8);
    if (!room)
        return -EINVAL;
    st_le64(e + 8, v->d->max_pages << PAGE_SHIFT_4K);
    st_le32(e + 16, 1);
    st_le32(raw, 1);
    return xen_write(v, buffer, e, sizeof(e)) && xen_write(v, at, raw, 4) ? 0 : -EFAULT;
}

static int64_t machphys_mapping(struct xen_vcpu *v, uint64_t at)
{
    uint8_t raw[24];

    st_le64(raw, M2P_VIRT_START);
    st_le64(raw + 8, M2P_VIRT_START + ALIGN_UP(8 * v->d->special_end, UINT64_C(2) << 20));
    st_le64(raw + 16, v->d->special_end - 1);
    return xen_write(v, at, raw, sizeof(raw)) ? 0 : -EFAULT;
}

int64_t hc_memory_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    struct xen_domain *d = v->d;
    uint8_t raw[2];

    switch (arg[0] & 0x3f) {
    case MEM_INCREASE: /* as populate, for guests that choose the place afterwards */
        return -ENOSYS;
    case MEM_DECREASE:
    case MEM_POPULATE:
        return reservation(v, arg[0] & 0x3f, arg[1]);
    case MEM_MAX_RAM_PAGE:
        return (int64_t)d->special_end;
    case MEM_CURRENT:
    case MEM_MAXIMUM:
    case MEM_MAX_GPFN:
        if (!xen_read(v, raw, arg[1], 2))
            return -EFAULT;
        if (!is_self(d, ld_le16(raw)))
            return -ESRCH;
        return (int64_t)((arg[0] & 0x3f) == MEM_CURRENT   ? d->cur_pages
                         : (arg[0] & 0x3f) == MEM_MAXIMUM ? d->max_pages
                                                          : d->max_pages - 1);
    case MEM_MEMORY_MAP:
        return memory_map(v, arg[1]);
    case MEM_MACHPHYS_MAPPING:
        return machphys_mapping(v, arg[1]);
    case MEM_MACHINE_MAP:
    case MEM_MACHPHYS_LIST:
    case MEM_EXCHANGE:
        return -EPERM;
    default:
        return -ENOSYS;
    }
}
