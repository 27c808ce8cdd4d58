/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * grant_op: the guest's own operations on grants [XEN grant_table]: its table's frames and version,
 * mapping and copying. Other domains are not in this process: what a guest may map or copy is what it
 * grants itself.
 */
#include "arch/x86/mmu.h"
#include "para/xen/domain.h"
#include "para/xen/grant.h"

/* clang-format off */
enum {
    GOP_MAP, GOP_UNMAP, GOP_SETUP_TABLE, GOP_DUMP_TABLE, GOP_TRANSFER, GOP_COPY, GOP_QUERY_SIZE,
    GOP_UNMAP_AND_REPLACE, GOP_SET_VERSION, GOP_GET_STATUS_FRAMES, GOP_GET_VERSION,
    GOP_SWAP, GOP_CACHE_FLUSH,
};
enum { MAP_DEVICE = 1, MAP_HOST = 2, MAP_READONLY = GNTMAP_READONLY, MAP_APPLICATION = 8, MAP_CONTAINS_PTE = 16 };
/* clang-format on */

static bool is_self(const struct xen_domain *d, uint16_t domid)
{
    return domid == DOMID_SELF || domid == d->domid;
}

/* In: dom @0, nr_frames @4; out: status @8; list pointer @16. */
static int64_t setup_table(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_grants *g = v->d->grants;
    uint32_t n = ld_le32(a + 4);
    int16_t status = GNTST_OKAY;

    if (!is_self(v->d, ld_le16(a)))
        status = GNTST_BAD_DOMAIN;
    else if (n > GRANT_FRAMES)
        status = GNTST_GENERAL;
    if (!status) {
        g->nframes = MAX(g->nframes, n);
        for (uint32_t i = 0; i < n; i++) {
            uint8_t raw[8];
            st_le64(raw, grant_table_mfn(g, i));
            if (!xen_write(v, ld_le64(a + 16) + 8 * i, raw, 8))
                return -EFAULT;
        }
    }
    st_le16(a + 8, (uint16_t)status);
    return 0;
}

static int64_t query_size(struct xen_vcpu *v, uint8_t *a)
{
    bool self = is_self(v->d, ld_le16(a));

    if (self) {
        st_le32(a + 4, v->d->grants->nframes);
        st_le32(a + 8, GRANT_FRAMES);
    }
    st_le16(a + 12, (uint16_t)(self ? GNTST_OKAY : GNTST_BAD_DOMAIN));
    return 0;
}

static uint32_t new_handle(struct xen_grants *g)
{
    for (uint32_t i = 0; i < g->nmap; i++)
        if (!g->map[i].used)
            return i;
    uint32_t n = g->nmap ? g->nmap * 2 : 64;
    if (n > 1u << 16)
        return UINT32_MAX;
    struct mapping *more = realloc(g->map, n * sizeof(*more));
    if (!more)
        return UINT32_MAX;
    memset(more + g->nmap, 0, (n - g->nmap) * sizeof(*more));
    uint32_t first = g->nmap;
    g->map = more;
    g->nmap = n;
    return first;
}

/* Where a mapping's entry is: the host address is a virtual address, or its entry's. */
static bool entry_of(struct xen_vcpu *v, uint64_t host_addr, uint32_t flags, uint64_t *maddr)
{
    if (!(flags & MAP_CONTAINS_PTE))
        return mm_l1_entry(v, host_addr, maddr);
    uint64_t mfn = host_addr >> PAGE_SHIFT_4K;
    *maddr = host_addr;
    if ((host_addr & 7) || mfn >= v->d->max_pages || !frame_usable(v->d, mfn))
        return false;
    return v->d->frames[mfn].count && v->d->frames[mfn].type == FT_L1;
}

/* host_addr @0, flags @8, ref @12, dom @16; out: status @18, handle @20, dev_bus_addr @24. */
static int map_one(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_grants *g = v->d->grants;
    uint64_t host_addr = ld_le64(a), mfn, maddr;
    uint32_t flags = ld_le32(a + 8), ref = ld_le32(a + 12);
    bool write = !(flags & MAP_READONLY);

    if (!is_self(v->d, ld_le16(a + 16))) /* domain 0, our back ends, grants nothing */
        return ld_le16(a + 16) ? GNTST_BAD_DOMAIN : GNTST_GENERAL;
    if (!(flags & (MAP_DEVICE | MAP_HOST)) ||
        (flags & ~(uint32_t)(MAP_DEVICE | MAP_HOST | MAP_READONLY | MAP_APPLICATION |
                             MAP_CONTAINS_PTE | 0xffff0000u)))
        return GNTST_BAD_GNTREF;
    if ((flags & MAP_HOST) && !entry_of(v, host_addr, flags, &maddr))
        return GNTST_GENERAL;
    uint32_t handle = new_handle(g);
    if (handle == UINT32_MAX)
        return GNTST_NO_DEVICE_SPACE;
    int rc = grant_acquire(g, v->d->domid, ref, write, &mfn);
    if (rc)
        return rc;
    uint64_t pte = mfn << PAGE_SHIFT_4K | PTE_P | PTE_US | PTE_A | (write ? PTE_RW | PTE_D : 0);
    if ((flags & MAP_HOST) && mm_write_entry(v, maddr, pte, false)) {
        grant_release(g, ref, write);
        return GNTST_GENERAL;
    }
    g->map[handle] = (struct mapping){true, ref, flags, mfn, host_addr};
    st_le32(a + 20, handle);
    st_le64(a + 24, flags & MAP_DEVICE ? mfn << PAGE_SHIFT_4K : 0);
    return GNTST_OKAY;
}

static struct mapping *mapping_of(struct xen_grants *g, uint32_t handle)
{
    return handle < g->nmap && g->map[handle].used ? &g->map[handle] : NULL;
}

/* Put `pte` where the mapping's own entry is; that has to be as it was made. */
static int replace_entry(struct xen_vcpu *v, const struct mapping *m, uint64_t host_addr,
                         uint64_t pte)
{
    uint64_t maddr, want = m->flags & MAP_READONLY ? 0 : PTE_RW;

    if (!entry_of(v, host_addr, m->flags, &maddr))
        return GNTST_GENERAL;
    uint64_t old = mem_host_ld64(frame_host(v->d, maddr >> PAGE_SHIFT_4K) + (maddr & 0xff8));
    if (!(old & PTE_P) || (old & PTE_RW) != want || (old & PTE_FRAME) >> PAGE_SHIFT_4K != m->mfn)
        return GNTST_GENERAL;
    return mm_write_entry(v, maddr, pte, false) ? GNTST_GENERAL : GNTST_OKAY;
}

static void mapping_drop(struct xen_grants *g, struct mapping *m, uint32_t kinds)
{
    m->flags &= ~kinds;
    if (m->flags & (MAP_HOST | MAP_DEVICE))
        return;
    grant_release(g, m->ref, !(m->flags & MAP_READONLY));
    *m = (struct mapping){0};
}

/* host_addr @0, dev_bus_addr @8, handle @16; out: status @20. */
static int unmap_one(struct xen_vcpu *v, uint8_t *a)
{
    struct mapping *m = mapping_of(v->d->grants, ld_le32(a + 16));
    uint64_t host_addr = ld_le64(a), bus_addr = ld_le64(a + 8);
    uint32_t kinds = bus_addr ? MAP_DEVICE : 0;

    if (!m)
        return GNTST_BAD_HANDLE;
    if (bus_addr && bus_addr != m->mfn << PAGE_SHIFT_4K)
        return GNTST_GENERAL;
    if (host_addr && (m->flags & MAP_HOST)) {
        int rc = replace_entry(v, m, host_addr, 0);
        if (rc)
            return rc;
        kinds |= MAP_HOST;
    }
    mapping_drop(v->d->grants, m, kinds);
    return GNTST_OKAY;
}

/* host_addr @0, new_addr @8, handle @16; out: status @20. What new_addr maps moves to host_addr. */
static int unmap_and_replace(struct xen_vcpu *v, uint8_t *a)
{
    struct mapping *m = mapping_of(v->d->grants, ld_le32(a + 16));
    uint64_t host_addr = ld_le64(a), from, pte;

    if (!m)
        return GNTST_BAD_HANDLE;
    if (!(m->flags & MAP_HOST) || (m->flags & MAP_CONTAINS_PTE) ||
        !mm_l1_entry(v, ld_le64(a + 8), &from))
        return GNTST_GENERAL;
    pte = mem_host_ld64(frame_host(v->d, from >> PAGE_SHIFT_4K) + (from & 0xff8));
    int rc = replace_entry(v, m, host_addr, pte);
    if (rc)
        return rc;
    if (mm_write_entry(v, from, 0, false))
        return GNTST_GENERAL;
    mapping_drop(v->d->grants, m, MAP_HOST);
    return GNTST_OKAY;
}

/* One side of a copy: ref or frame @0, domid @8, offset @10. */
static int copy_side(struct xen_vcpu *v, const uint8_t *a, bool by_ref, bool write, uint64_t *mfn)
{
    uint16_t dom = ld_le16(a + 8);

    if (!is_self(v->d, dom))
        return GNTST_BAD_DOMAIN;
    if (by_ref)
        return grant_acquire(v->d->grants, v->d->domid, ld_le32(a), write, mfn);
    if (dom != DOMID_SELF)
        return GNTST_PERMISSION_DENIED;
    *mfn = ld_le64(a);
    return grant_frame_ok(v->d->grants, *mfn, write);
}

/* source @0, dest @16, len @32, flags @34 (1: source by reference, 2: dest); out: status @36. */
static int copy_one(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_domain *d = v->d;
    unsigned from_off = ld_le16(a + 10), to_off = ld_le16(a + 26), len = ld_le16(a + 32);
    bool from_ref = a[34] & 1, to_ref = a[34] & 2;
    uint64_t from, to;

    if (from_off + len > PAGE_SIZE_4K || to_off + len > PAGE_SIZE_4K)
        return GNTST_BAD_COPY_ARG;
    int rc = copy_side(v, a, from_ref, false, &from);
    if (rc)
        return rc;
    rc = copy_side(v, a + 16, to_ref, true, &to);
    if (!rc) {
        memmove(frame_host(d, to) + to_off, frame_host(d, from) + from_off, len);
        frame_written(d, to);
        if (to_ref)
            grant_release(d->grants, ld_le32(a + 16), true);
    }
    if (from_ref)
        grant_release(d->grants, ld_le32(a), false);
    return rc;
}

/* Sizes, and where the status goes (0: the call's own result). */
static const struct gop {
    uint8_t size, status;
} gops[] = {
    [GOP_MAP] = {32, 18},      [GOP_UNMAP] = {24, 20},          [GOP_SETUP_TABLE] = {24, 0},
    [GOP_COPY] = {40, 36},     [GOP_QUERY_SIZE] = {16, 0},
    [GOP_SET_VERSION] = {4, 0}, [GOP_GET_VERSION] = {8, 0},     [GOP_SWAP] = {12, 8},
    [GOP_UNMAP_AND_REPLACE] = {24, 20}, [GOP_GET_STATUS_FRAMES] = {16, 0},
    [GOP_CACHE_FLUSH] = {16, 0},
};

/* In: version; out: the one in use. */
static int64_t set_version(struct xen_vcpu *v, uint8_t *a)
{
    int rc = grant_set_version(v->d->grants, ld_le32(a));

    st_le32(a, v->d->grants->version);
    return rc;
}

/* In: nr_frames @0, dom @4, list @8; out: status @6. */
static int64_t get_status_frames(struct xen_vcpu *v, uint8_t *a)
{
    const struct xen_grants *g = v->d->grants;
    uint32_t n = ld_le32(a);
    int16_t status = GNTST_OKAY;

    if (!is_self(v->d, ld_le16(a + 4)))
        status = GNTST_BAD_DOMAIN;
    else if (g->version != 2 || n > grant_status_frames(g))
        status = GNTST_GENERAL;
    for (uint32_t i = 0; !status && i < n; i++) {
        uint8_t raw[8];
        st_le64(raw, grant_status_mfn(g, i));
        if (!xen_write(v, ld_le64(a + 8) + 8 * i, raw, 8))
            return -EFAULT;
    }
    st_le16(a + 6, (uint16_t)status);
    return 0;
}

static int64_t one(struct xen_vcpu *v, unsigned op, uint8_t *a)
{
    int status = 0;

    switch (op) {
    case GOP_MAP:
        status = map_one(v, a);
        break;
    case GOP_UNMAP:
        status = unmap_one(v, a);
        break;
    case GOP_UNMAP_AND_REPLACE:
        status = unmap_and_replace(v, a);
        break;
    case GOP_COPY:
        status = copy_one(v, a);
        break;
    case GOP_SWAP:
        status = grant_swap(v->d->grants, ld_le32(a), ld_le32(a + 4));
        break;
    case GOP_SETUP_TABLE:
        return setup_table(v, a);
    case GOP_QUERY_SIZE:
        return query_size(v, a);
    case GOP_SET_VERSION:
        return set_version(v, a);
    case GOP_GET_STATUS_FRAMES:
        return get_status_frames(v, a);
    case GOP_GET_VERSION:
        if (!is_self(v->d, ld_le16(a)))
            return -ESRCH;
        st_le32(a + 4, v->d->grants->version);
        return 0;
    case GOP_CACHE_FLUSH:
        return -EOPNOTSUPP;
    default:
        return -ENOSYS;
    }
    st_le16(a + gops[op].status, (uint16_t)status);
    return 0;
}

int64_t hc_grant_table_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint64_t at = arg[1];
    uint32_t op = (uint32_t)arg[0] & 0xffff, n = (uint32_t)arg[2];
    uint8_t a[40];

    if (op >= ARRAY_LEN(gops) || !gops[op].size)
        return -ENOSYS;
    if ((op == GOP_SETUP_TABLE || op == GOP_QUERY_SIZE) && n != 1)
        return -EINVAL;
    if ((op == GOP_SET_VERSION || op == GOP_GET_VERSION) && n > 1)
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++, at += gops[op].size) {
        if (!xen_read(v, a, at, gops[op].size))
            return -EFAULT;
        mm_lock(v);
        pthread_mutex_lock(&v->d->grants->lock);
        int64_t rc = one(v, op, a);
        pthread_mutex_unlock(&v->d->grants->lock);
        mm_unlock(v);
        if (rc)
            return rc;
        if (!xen_write(v, at, a, gops[op].size))
            return -EFAULT;
    }
    if ((op == GOP_UNMAP || op == GOP_UNMAP_AND_REPLACE) && n)
        mm_flush_vcpus(v, UINT64_MAX >> (64 - v->d->nvcpus), false, 0);
    return 0;
}
