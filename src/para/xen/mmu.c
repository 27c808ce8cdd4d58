/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mmu: the hypercalls about page tables: mmu_update, update_va_mapping, mmuext_op. [XEN xen]
 */
#include "arch/x86/mmu.h"
#include "base/bits.h"
#include "para/xen/domain.h"

/* Updates and pins on behalf of other domains are for privileged guests. */
static int check_domain(const struct xen_domain *d, uint64_t domid)
{
    uint16_t subject = (uint16_t)domid, owner = (uint16_t)(domid >> 16);

    if (owner && owner - 1 != DOMID_SELF && owner - 1 != d->domid)
        return -ESRCH;
    if (subject == DOMID_SELF || subject == d->domid)
        return 0;
    return subject == DOMID_IO || subject == DOMID_XEN ? -EPERM : -ESRCH;
}

#define PREEMPTED (UINT64_C(1) << 31)

/* How many were done goes to *done, on top of what an earlier, interrupted call has left there. */
static int64_t report_done(struct xen_vcpu *v, uint64_t ptr, bool again, uint32_t n, int64_t rc)
{
    uint8_t raw[4];
    uint32_t before = 0;

    if (!ptr)
        return rc;
    if (again && xen_read(v, raw, ptr, 4))
        before = ld_le32(raw);
    st_le32(raw, before + n);
    return xen_write(v, ptr, raw, 4) ? rc : -EFAULT;
}

enum { MMU_NORMAL, MMU_MACHPHYS, MMU_PRESERVE_AD, MMU_NO_TRANSLATE };

static int one_update(struct xen_vcpu *v, uint64_t ptr, uint64_t val)
{
    struct xen_domain *d = v->d;

    switch (ptr & 3) {
    case MMU_MACHPHYS: {
        uint64_t mfn = ptr >> PAGE_SHIFT_4K;
        if (mfn >= d->max_pages || !frame_usable(d, mfn))
            return -EINVAL;
        m2p_set(d, mfn, val);
        return 0;
    }
    default:
        if (ptr & 4)
            return -EINVAL;
        return mm_write_entry(v, ptr & ~UINT64_C(7), val, (ptr & 3) == MMU_PRESERVE_AD);
    }
}

/* Records of `size` bytes, one after the other, up to the first that fails. */
static int64_t batch(struct xen_vcpu *v, const uint64_t arg[6], size_t size, uint64_t *done,
                     int (*one)(struct xen_vcpu *v, const uint8_t *raw))
{
    uint64_t at = arg[0];
    bool again = arg[1] & PREEMPTED;
    uint32_t count = (uint32_t)arg[1] & ~(uint32_t)PREEMPTED, i;
    int64_t rc = 0;
    uint8_t raw[24];

    for (i = 0; i < count; i++, at += size) {
        rc = xen_read(v, raw, at, size) ? one(v, raw) : -EFAULT;
        if (rc)
            break;
    }
    *done += i;
    return report_done(v, arg[2], again, i, rc);
}

static int update_record(struct xen_vcpu *v, const uint8_t *raw)
{
    mm_lock(v);
    int rc = one_update(v, ld_le64(raw), ld_le64(raw + 8));
    mm_unlock(v);
    return rc;
}

int64_t hc_mmu_update(struct xen_vcpu *v, const uint64_t arg[6])
{
    int64_t rc = check_domain(v->d, arg[3]);

    return rc ? rc : batch(v, arg, 16, &v->d->n_ops[0], update_record);
}

/* ---- update_va_mapping ---- */

/* A bitmap of vCPUs in guest memory. */
static bool read_mask(struct xen_vcpu *v, uint64_t va, uint64_t *mask)
{
    uint64_t all = v->d->nvcpus == 64 ? UINT64_MAX : BIT64(v->d->nvcpus) - 1;

    if (!xen_read(v, mask, va, (v->d->nvcpus + 7) / 8 > 4 ? 8 : 4))
        return false;
    *mask &= all;
    return true;
}

static uint64_t all_vcpus(const struct xen_domain *d)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < d->nvcpus; i++)
        mask |= d->vcpu[i]->initialised ? BIT64(i) : 0;
    return mask;
}

static int flush_as_asked(struct xen_vcpu *v, uint64_t va, uint64_t flags)
{
    unsigned kind = flags & 3;
    uint64_t mask = BIT64(v->id), ptr = flags & ~UINT64_C(3);

    if (!kind)
        return 0;
    if (kind == 3)
        return -EINVAL;
    if (ptr == 4) {
        mask = all_vcpus(v->d);
    } else if (ptr) {
        mask = 0;
        if (!read_mask(v, ptr, &mask))
            return -EFAULT;
    }
    mm_flush_vcpus(v, mask, kind == 2, va);
    return 0;
}

int64_t hc_update_va_mapping(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint64_t maddr;
    int rc = -EINVAL;

    mm_lock(v);
    if (mm_l1_entry(v, arg[0], &maddr))
        rc = mm_write_entry(v, maddr, arg[1], false);
    mm_unlock(v);
    return rc ? rc : flush_as_asked(v, arg[0], arg[2]);
}

int64_t hc_update_va_mapping_otherdomain(struct xen_vcpu *v, const uint64_t arg[6])
{
    int rc = check_domain(v->d, arg[3] & 0xffff);

    return rc ? rc : hc_update_va_mapping(v, arg);
}

/* ---- mmuext_op ---- */

/* clang-format off */
enum {
    OP_PIN_L1, OP_PIN_L2, OP_PIN_L3, OP_PIN_L4, OP_UNPIN, OP_NEW_BASEPTR, OP_TLB_FLUSH_LOCAL,
    OP_INVLPG_LOCAL, OP_TLB_FLUSH_MULTI, OP_INVLPG_MULTI, OP_TLB_FLUSH_ALL, OP_INVLPG_ALL,
    OP_FLUSH_CACHE, OP_SET_LDT, OP_NEW_USER_BASEPTR = 15, OP_CLEAR_PAGE, OP_COPY_PAGE,
    OP_FLUSH_CACHE_GLOBAL, OP_MARK_SUPER, OP_UNMARK_SUPER,
};
/* clang-format on */

static int pin(struct xen_vcpu *v, uint64_t mfn, enum frame_type type)
{
    if (mfn >= v->d->max_pages || !frame_usable(v->d, mfn))
        return -EINVAL;
    struct frame *f = &v->d->frames[mfn];
    if (f->pinned)
        return -EINVAL;
    int rc = frame_get_type(v, mfn, type);
    if (!rc)
        f->pinned = true;
    return rc;
}

static int unpin(struct xen_vcpu *v, uint64_t mfn)
{
    if (mfn >= v->d->max_pages || !frame_usable(v->d, mfn))
        return -EINVAL;
    struct frame *f = &v->d->frames[mfn];
    if (!f->pinned)
        return -EINVAL;
    f->pinned = false;
    frame_put_type(v, mfn, f->type);
    return 0;
}

/* Clear or copy a page that is, or could be, writable. */
static int page_op(struct xen_vcpu *v, uint64_t to, uint64_t from, bool copy)
{
    struct xen_domain *d = v->d;

    if (to >= d->max_pages || (copy && (from >= d->max_pages || !frame_usable(d, from))))
        return -EINVAL;
    int rc = frame_get_type(v, to, FT_WRITABLE);
    if (rc)
        return rc;
    if (copy)
        memmove(frame_host(d, to), frame_host(d, from), PAGE_SIZE_4K);
    else
        memset(frame_host(d, to), 0, PAGE_SIZE_4K);
    frame_written(d, to);
    frame_put_type(v, to, FT_WRITABLE);
    return 0;
}

static int flush_op(struct xen_vcpu *v, unsigned cmd, uint64_t va, uint64_t bitmap)
{
    uint64_t mask = BIT64(v->id);
    bool page = cmd == OP_INVLPG_LOCAL || cmd == OP_INVLPG_MULTI || cmd == OP_INVLPG_ALL;

    if (cmd == OP_TLB_FLUSH_MULTI || cmd == OP_INVLPG_MULTI) {
        if (!read_mask(v, bitmap, &mask))
            return -EFAULT;
    } else if (cmd == OP_TLB_FLUSH_ALL || cmd == OP_INVLPG_ALL) {
        mask = all_vcpus(v->d);
    }
    if (page && !x86_is_canonical(va))
        return 0; /* nothing can be cached there */
    mm_flush_vcpus(v, mask, page, va);
    return 0;
}

static int locked_op(struct xen_vcpu *v, unsigned cmd, uint64_t arg1, uint64_t arg2)
{
    switch (cmd) {
    case OP_PIN_L1 ... OP_PIN_L4:
        return pin(v, arg1, (enum frame_type)(FT_L1 + cmd));
    case OP_UNPIN:
        return unpin(v, arg1);
    case OP_NEW_BASEPTR:
        return mm_set_base(v, arg1, false);
    case OP_NEW_USER_BASEPTR:
        return mm_set_base(v, arg1, true);
    case OP_SET_LDT:
        return desc_set_ldt(v, arg1, (uint32_t)arg2);
    case OP_CLEAR_PAGE:
        return page_op(v, arg1, 0, false);
    case OP_COPY_PAGE:
        return page_op(v, arg1, arg2, true);
    case OP_FLUSH_CACHE: /* for guests with devices of their own */
    case OP_FLUSH_CACHE_GLOBAL:
        return -EACCES;
    case OP_MARK_SUPER:
    case OP_UNMARK_SUPER:
        return -EOPNOTSUPP;
    default:
        return -ENOSYS;
    }
}

static int op_record(struct xen_vcpu *v, const uint8_t *raw)
{
    unsigned cmd = ld_le32(raw);
    uint64_t arg1 = ld_le64(raw + 8), arg2 = ld_le64(raw + 16);

    if (cmd >= OP_TLB_FLUSH_LOCAL && cmd <= OP_INVLPG_ALL)
        return flush_op(v, cmd, arg1, arg2);
    mm_lock(v);
    int rc = locked_op(v, cmd, arg1, arg2);
    mm_unlock(v);
    return rc;
}

int64_t hc_mmuext_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    int64_t rc = check_domain(v->d, arg[3] & 0xffff);

    return rc ? rc : batch(v, arg, 24, &v->d->n_ops[1], op_record);
}
