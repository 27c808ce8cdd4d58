/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * grant: pages that the guest lets others use [XEN grant_table]. Version 1: an entry of 8 bytes
 *
 *     0 flags u16   2 domid u16   4 frame u32
 *
 * A user sets READING or WRITING with the checks in one compare-exchange, so the guest cannot end
 * the access under it. The table's frames are the hypervisor's, which the guest maps.
 *
 * Other domains are not in this process: what a guest may map or copy by its own hypercalls is what it
 * grants itself.
 */
#include "para/xen/grant.h"

#include "arch/x86/mmu.h"
#include "para/xen/domain.h"

enum {
    GTF_TYPE = 3, GTF_PERMIT = 1, GTF_TRANSFER = 2, GTF_READONLY = 4, GTF_READING = 8,
    GTF_WRITING = 16, GTF_SUB_PAGE = 0x100,
};

enum { GRANT_FRAMES = 64, ENTRY = 8, ENTRIES = GRANT_FRAMES * 512, RESERVED = 8 };

/* Status codes [XEN grant_table]. */
enum {
    GNTST_OKAY = 0, GNTST_GENERAL = -1, GNTST_BAD_DOMAIN = -2, GNTST_BAD_GNTREF = -3,
    GNTST_BAD_HANDLE = -4, GNTST_BAD_VIRT_ADDR = -5, GNTST_NO_DEVICE_SPACE = -7,
    GNTST_PERMISSION_DENIED = -8, GNTST_BAD_PAGE = -9, GNTST_BAD_COPY_ARG = -10,
    GNTST_ADDRESS_TOO_BIG = -11,
};

struct mapping {
    bool used;
    uint32_t ref, flags;
    uint64_t mfn, host_addr;
};

struct xen_grants {
    struct xen_domain *d;
    pthread_mutex_t lock;
    uint8_t *table;
    unsigned nframes;              /* that the guest has asked for */
    uint16_t readers[ENTRIES], writers[ENTRIES];
    struct mapping *map;
    uint32_t nmap;
};

uint64_t grants_frames(void)
{
    return GRANT_FRAMES;
}

struct xen_grants *grants_create(struct xen_domain *d)
{
    struct xen_grants *g = xcalloc(1, sizeof(*g));

    g->d = d;
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void grants_reset(struct xen_grants *g)
{
    g->table = frame_host(g->d, g->d->special + 1);
    memset(g->table, 0, GRANT_FRAMES * PAGE_SIZE_4K);
    memset(g->readers, 0, sizeof(g->readers));
    memset(g->writers, 0, sizeof(g->writers));
    free(g->map);
    g->map = NULL;
    g->nmap = 0;
    g->nframes = 1;
}

void grants_destroy(struct xen_grants *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    free(g->map);
    free(g);
}

void grants_seed(struct xen_domain *d, unsigned ref, uint64_t mfn, uint16_t domid)
{
    uint8_t *e = d->grants->table + ENTRY * ref;

    st_le32(e + 4, (uint32_t)mfn);
    st_le16(e + 2, domid);
    st_le16(e, GTF_PERMIT);
}

static mem_u32 *entry_word(struct xen_grants *g, uint32_t ref)
{
    return (mem_u32 *)(void *)(g->table + (size_t)ENTRY * ref);
}

/* ---- taking and giving back, by whoever it is ---- */

static int hold(struct xen_grants *g, uint16_t domid, uint32_t ref, bool write, uint64_t *mfn)
{
    if (ref >= g->nframes * 512)
        return GNTST_BAD_GNTREF;
    mem_u32 *w = entry_word(g, ref);
    uint32_t old = __atomic_load_n(w, __ATOMIC_SEQ_CST), now;
    do {
        if ((old & GTF_TYPE) != GTF_PERMIT)
            return GNTST_BAD_GNTREF;
        if (old >> 16 != domid)
            return GNTST_PERMISSION_DENIED;
        if (write && (old & GTF_READONLY))
            return GNTST_PERMISSION_DENIED;
        now = old | GTF_READING | (write ? GTF_WRITING : 0u);
    } while (!__atomic_compare_exchange_n(w, &old, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    *mfn = ld_le32(g->table + (size_t)ENTRY * ref + 4);
    return GNTST_OKAY;
}

static void clear_flags(struct xen_grants *g, uint32_t ref)
{
    uint32_t clear = (g->writers[ref] ? 0u : GTF_WRITING) |
                     (g->readers[ref] || g->writers[ref] ? 0u : GTF_READING);

    __atomic_fetch_and(entry_word(g, ref), ~clear, __ATOMIC_SEQ_CST);
}

/* The frame itself: plain memory of the guest's that may be written where that is wanted. */
static int take_frame(struct xen_grants *g, uint64_t mfn, bool write)
{
    const struct xen_domain *d = g->d;

    if (mfn >= d->max_pages || !frame_usable(d, mfn))
        return GNTST_BAD_PAGE;
    const struct frame *f = &d->frames[mfn];
    if (write && f->count && f->type != FT_WRITABLE)
        return GNTST_GENERAL;
    return GNTST_OKAY;
}

static int acquire(struct xen_grants *g, uint16_t domid, uint32_t ref, bool write, uint64_t *mfn)
{
    int rc = hold(g, domid, ref, write, mfn);

    if (rc)
        return rc;
    if (write)
        g->writers[ref]++;
    else
        g->readers[ref]++;
    rc = take_frame(g, *mfn, write);
    if (!rc)
        return 0;
    if (write)
        g->writers[ref]--;
    else
        g->readers[ref]--;
    clear_flags(g, ref);
    return rc;
}

static void release(struct xen_grants *g, uint32_t ref, bool write)
{
    uint16_t *n = write ? &g->writers[ref] : &g->readers[ref];

    if (*n)
        --*n;
    clear_flags(g, ref);
}

uint8_t *grant_map(struct xen_domain *d, uint16_t domid, uint32_t ref, bool write, uint64_t *mfn)
{
    pthread_mutex_lock(&d->grants->lock);
    int rc = acquire(d->grants, domid, ref, write, mfn);
    pthread_mutex_unlock(&d->grants->lock);
    return rc ? NULL : frame_host(d, *mfn);
}

void grant_unmap(struct xen_domain *d, uint32_t ref, bool written, uint64_t mfn)
{
    if (written)
        frame_written(d, mfn);
    pthread_mutex_lock(&d->grants->lock);
    release(d->grants, ref, written);
    pthread_mutex_unlock(&d->grants->lock);
}

/* ---- the guest's own operations ---- */

/* clang-format off */
enum {
    GOP_MAP, GOP_UNMAP, GOP_SETUP_TABLE, GOP_DUMP_TABLE, GOP_TRANSFER, GOP_COPY, GOP_QUERY_SIZE,
    GOP_UNMAP_AND_REPLACE, GOP_SET_VERSION, GOP_GET_STATUS_FRAMES, GOP_GET_VERSION,
    GOP_SWAP, GOP_CACHE_FLUSH,
};
enum { MAP_DEVICE = 1, MAP_HOST = 2, MAP_READONLY = 4, MAP_APPLICATION = 8, MAP_CONTAINS_PTE = 16 };
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
            st_le64(raw, v->d->special + 1 + i);
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

    if (!is_self(v->d, ld_le16(a + 16)))
        return GNTST_BAD_DOMAIN;
    if (!(flags & (MAP_DEVICE | MAP_HOST)) ||
        (flags & ~(uint32_t)(MAP_DEVICE | MAP_HOST | MAP_READONLY | MAP_APPLICATION |
                             MAP_CONTAINS_PTE | 0xffff0000u)))
        return GNTST_BAD_GNTREF;
    if ((flags & MAP_HOST) && !entry_of(v, host_addr, flags, &maddr))
        return GNTST_GENERAL;
    uint32_t handle = new_handle(g);
    if (handle == UINT32_MAX)
        return GNTST_NO_DEVICE_SPACE;
    int rc = acquire(g, v->d->domid, ref, write, &mfn);
    if (rc)
        return rc;
    uint64_t pte = mfn << PAGE_SHIFT_4K | PTE_P | PTE_US | PTE_A | (write ? PTE_RW | PTE_D : 0);
    if ((flags & MAP_HOST) && mm_write_entry(v, maddr, pte, false)) {
        release(g, ref, write);
        return GNTST_GENERAL;
    }
    g->map[handle] = (struct mapping){true, ref, flags, mfn, host_addr};
    st_le32(a + 20, handle);
    st_le64(a + 24, flags & MAP_DEVICE ? mfn << PAGE_SHIFT_4K : 0);
    return GNTST_OKAY;
}

/* host_addr @0, dev_bus_addr @8, handle @16; out: status @20. */
static int unmap_one(struct xen_vcpu *v, uint8_t *a, uint64_t replace)
{
    struct xen_grants *g = v->d->grants;
    uint32_t handle = ld_le32(a + 16);
    uint64_t host_addr = ld_le64(a), maddr;

    if (handle >= g->nmap || !g->map[handle].used)
        return GNTST_BAD_HANDLE;
    struct mapping *m = &g->map[handle];
    if (ld_le64(a + 8) && ld_le64(a + 8) != m->mfn << PAGE_SHIFT_4K)
        return GNTST_GENERAL;
    if (host_addr && (m->flags & MAP_HOST)) {
        if (!entry_of(v, host_addr, m->flags, &maddr))
            return GNTST_GENERAL;
        uint64_t pte = mem_host_ld64(frame_host(v->d, maddr >> PAGE_SHIFT_4K) + (maddr & 0xff8));
        if (!(pte & PTE_P) || (pte & PTE_FRAME) >> PAGE_SHIFT_4K != m->mfn)
            return GNTST_GENERAL;
        if (mm_write_entry(v, maddr, replace, false))
            return GNTST_GENERAL;
        m->flags &= ~(uint32_t)MAP_HOST;
    }
    if (ld_le64(a + 8))
        m->flags &= ~(uint32_t)MAP_DEVICE;
    if (!(m->flags & (MAP_HOST | MAP_DEVICE))) {
        release(g, m->ref, !(m->flags & MAP_READONLY));
        *m = (struct mapping){0};
    }
    return GNTST_OKAY;
}

/* One side of a copy: ref or frame @0, domid @8, offset @10. */
static int copy_side(struct xen_vcpu *v, const uint8_t *a, bool by_ref, bool write, uint64_t *mfn)
{
    uint16_t dom = ld_le16(a + 8);

    if (!is_self(v->d, dom))
        return GNTST_BAD_DOMAIN;
    if (by_ref)
        return acquire(v->d->grants, v->d->domid, ld_le32(a), write, mfn);
    if (dom != DOMID_SELF)
        return GNTST_PERMISSION_DENIED;
    *mfn = ld_le64(a);
    return take_frame(v->d->grants, *mfn, write);
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
            release(d->grants, ld_le32(a + 16), true);
    }
    if (from_ref)
        release(d->grants, ld_le32(a), false);
    return rc;
}

static int swap(struct xen_vcpu *v, uint8_t *a)
{
    struct xen_grants *g = v->d->grants;
    uint32_t x = ld_le32(a), y = ld_le32(a + 4);

    if (x >= g->nframes * 512 || y >= g->nframes * 512)
        return GNTST_BAD_GNTREF;
    if (g->readers[x] || g->writers[x] || g->readers[y] || g->writers[y])
        return GNTST_GENERAL;
    uint64_t ex, *px = (uint64_t *)(void *)entry_word(g, x), *py = (void *)entry_word(g, y);
    ex = mem_host_ld64(px);
    mem_host_st64(px, mem_host_ld64(py));
    mem_host_st64(py, ex);
    return GNTST_OKAY;
}

/* Sizes, and where the status goes (0: the call's own result). */
static const struct gop {
    uint8_t size, status;
} gops[] = {
    [GOP_MAP] = {32, 18},      [GOP_UNMAP] = {24, 20},          [GOP_SETUP_TABLE] = {24, 0},
    [GOP_COPY] = {40, 36},     [GOP_QUERY_SIZE] = {16, 0},
    [GOP_SET_VERSION] = {4, 0}, [GOP_GET_VERSION] = {8, 0},     [GOP_SWAP] = {12, 8},
    [GOP_CACHE_FLUSH] = {16, 0},
};

static int64_t one(struct xen_vcpu *v, unsigned op, uint8_t *a)
{
    int status = 0;

    switch (op) {
    case GOP_MAP:
        status = map_one(v, a);
        break;
    case GOP_UNMAP:
        status = unmap_one(v, a, 0);
        break;
    case GOP_COPY:
        status = copy_one(v, a);
        break;
    case GOP_SWAP:
        status = swap(v, a);
        break;
    case GOP_SETUP_TABLE:
        return setup_table(v, a);
    case GOP_QUERY_SIZE:
        return query_size(v, a);
    case GOP_SET_VERSION:
        return ld_le32(a) == 1 ? 0 : ld_le32(a) == 2 ? -ENOSYS : -EINVAL;
    case GOP_GET_VERSION:
        if (!is_self(v->d, ld_le16(a)))
            return -ESRCH;
        st_le32(a + 4, 1);
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
    if (op == GOP_UNMAP && n)
        mm_flush_vcpus(v, UINT64_MAX >> (64 - v->d->nvcpus), false, 0);
    return 0;
}
