/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * grant: pages that the guest lets others use [XEN grant_table]. Two forms of the table, the guest's
 * choice:
 *
 *     1   0 flags u16   2 domid u16   4 frame u32
 *     2   0 flags u16   2 domid u16   8 frame u64      and a table of status words, u16 a grant
 *
 * A user sets READING or WRITING (in the flags or the status word) such that the guest cannot end the
 * access under it. The tables' frames are the hypervisor's, which the guest maps. Of version 2 whole
 * pages only: parts of pages and grants that lead on to another domain's are refused.
 */
#include "para/xen/grant.h"

#include "para/xen/domain.h"

enum {
    GTF_TYPE = 3, GTF_PERMIT = 1, GTF_READONLY = 4, GTF_READING = 8, GTF_WRITING = 16,
    GTF_SUB_PAGE = 0x100,
};

uint64_t grants_frames(void)
{
    return GRANT_FRAMES + GRANT_STATUS_FRAMES;
}

uint64_t grant_table_mfn(const struct xen_grants *g, unsigned frame)
{
    return g->d->special + 1 + frame;
}

uint64_t grant_status_mfn(const struct xen_grants *g, unsigned frame)
{
    return g->d->special + 1 + GRANT_FRAMES + frame;
}

static unsigned entry_size(const struct xen_grants *g)
{
    return g->version == 2 ? 16 : 8;
}

static unsigned entries(const struct xen_grants *g)
{
    return g->nframes * (unsigned)PAGE_SIZE_4K / entry_size(g);
}

unsigned grant_status_frames(const struct xen_grants *g)
{
    return (entries(g) * 2 + (unsigned)PAGE_SIZE_4K - 1) / (unsigned)PAGE_SIZE_4K;
}

bool grant_ref_ok(const struct xen_grants *g, uint32_t ref)
{
    return ref < entries(g);
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
    g->table = frame_host(g->d, grant_table_mfn(g, 0));
    g->status = frame_host(g->d, grant_status_mfn(g, 0));
    memset(g->table, 0, grants_frames() * PAGE_SIZE_4K);
    memset(g->readers, 0, sizeof(g->readers));
    memset(g->writers, 0, sizeof(g->writers));
    free(g->map);
    g->map = NULL;
    g->nmap = 0;
    g->version = 1;
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

/* ---- entries ---- */

static uint8_t *entry(const struct xen_grants *g, uint32_t ref)
{
    return g->table + (size_t)entry_size(g) * ref;
}

static mem_u32 *flags_word(const struct xen_grants *g, uint32_t ref)
{
    return (mem_u32 *)(void *)entry(g, ref);
}

static uint64_t entry_frame(const struct xen_grants *g, uint32_t ref)
{
    return g->version == 2 ? mem_host_ld64(entry(g, ref) + 8) : ld_le32(entry(g, ref) + 4);
}

static void put_entry(const struct xen_grants *g, uint32_t ref, uint32_t word, uint64_t mfn)
{
    if (g->version == 2)
        st_le64(entry(g, ref) + 8, mfn);
    else
        st_le32(entry(g, ref) + 4, (uint32_t)mfn);
    st_le32(entry(g, ref), word);
}

void grants_seed(struct xen_domain *d, unsigned ref, uint64_t mfn, uint16_t domid)
{
    put_entry(d->grants, ref, (uint32_t)domid << 16 | GTF_PERMIT, mfn);
}

/* The reserved entries go over into the other form, all others are gone. */
int grant_set_version(struct xen_grants *g, uint32_t version)
{
    uint32_t word[GRANTS_RESERVED];
    uint64_t mfn[GRANTS_RESERVED];

    if (version != 1 && version != 2)
        return -EINVAL;
    if (version == g->version)
        return 0;
    for (uint32_t ref = 0; ref < entries(g); ref++)
        if (g->readers[ref] || g->writers[ref])
            if (ref >= GRANTS_RESERVED)
                return -EBUSY;
    for (unsigned i = 0; i < GRANT_STATUS_FRAMES; i++)
        if (g->d->frames[grant_status_mfn(g, i)].count)
            return -EBUSY;
    for (uint32_t i = 0; i < GRANTS_RESERVED; i++) {
        word[i] = *flags_word(g, i);
        mfn[i] = entry_frame(g, i);
    }
    memset(g->table, 0, grants_frames() * PAGE_SIZE_4K);
    g->version = version;
    for (uint32_t i = 0; i < GRANTS_RESERVED; i++)
        put_entry(g, i, word[i], mfn[i]);
    return 0;
}

int grant_swap(struct xen_grants *g, uint32_t x, uint32_t y)
{
    uint8_t was[16];

    if (!grant_ref_ok(g, x) || !grant_ref_ok(g, y))
        return GNTST_BAD_GNTREF;
    if (g->readers[x] || g->writers[x] || g->readers[y] || g->writers[y])
        return GNTST_GENERAL;
    memcpy(was, entry(g, x), entry_size(g));
    memmove(entry(g, x), entry(g, y), entry_size(g));
    memcpy(entry(g, y), was, entry_size(g));
    return GNTST_OKAY;
}

/* ---- taking and giving back, by whoever it is ---- */

static int word_allows(const struct xen_grants *g, uint32_t word, uint16_t domid, bool write)
{
    if ((word & GTF_TYPE) != GTF_PERMIT || (g->version == 2 && (word & GTF_SUB_PAGE)))
        return GNTST_BAD_GNTREF;
    if (word >> 16 != domid || (write && (word & GTF_READONLY)))
        return GNTST_PERMISSION_DENIED;
    return GNTST_OKAY;
}

static int hold_v1(struct xen_grants *g, uint16_t domid, uint32_t ref, bool write)
{
    mem_u32 *w = flags_word(g, ref);
    uint32_t old = __atomic_load_n(w, __ATOMIC_SEQ_CST), now;

    do {
        int rc = word_allows(g, old, domid, write);
        if (rc)
            return rc;
        now = old | GTF_READING | (write ? GTF_WRITING : 0u);
    } while (!__atomic_compare_exchange_n(w, &old, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return GNTST_OKAY;
}

static mem_u16 *status_word(const struct xen_grants *g, uint32_t ref)
{
    return (mem_u16 *)(void *)(g->status + 2 * (size_t)ref);
}

static void clear_flags(struct xen_grants *g, uint32_t ref)
{
    uint32_t clear = (g->writers[ref] ? 0u : GTF_WRITING) |
                     (g->readers[ref] || g->writers[ref] ? 0u : GTF_READING);

    if (g->version == 2)
        __atomic_fetch_and(status_word(g, ref), (uint16_t)~clear, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(flags_word(g, ref), ~clear, __ATOMIC_SEQ_CST);
}

/* Say first that it is in use, then look: the guest ends an access the other way round. */
static int hold_v2(struct xen_grants *g, uint16_t domid, uint32_t ref, bool write)
{
    __atomic_fetch_or(status_word(g, ref), (uint16_t)(GTF_READING | (write ? GTF_WRITING : 0)),
                      __ATOMIC_SEQ_CST);
    int rc = word_allows(g, __atomic_load_n(flags_word(g, ref), __ATOMIC_SEQ_CST), domid, write);
    if (rc)
        clear_flags(g, ref);
    return rc;
}

int grant_frame_ok(const struct xen_grants *g, uint64_t mfn, bool write)
{
    const struct xen_domain *d = g->d;

    if (mfn >= d->max_pages || !frame_usable(d, mfn))
        return GNTST_BAD_PAGE;
    const struct frame *f = &d->frames[mfn];
    if (write && f->count && f->type != FT_WRITABLE)
        return GNTST_GENERAL;
    return GNTST_OKAY;
}

void grant_release(struct xen_grants *g, uint32_t ref, bool write)
{
    uint16_t *n = write ? &g->writers[ref] : &g->readers[ref];

    if (*n)
        --*n;
    clear_flags(g, ref);
}

int grant_acquire(struct xen_grants *g, uint16_t domid, uint32_t ref, bool write, uint64_t *mfn)
{
    if (!grant_ref_ok(g, ref))
        return GNTST_BAD_GNTREF;
    int rc = g->version == 2 ? hold_v2(g, domid, ref, write) : hold_v1(g, domid, ref, write);
    if (rc)
        return rc;
    ++*(write ? &g->writers[ref] : &g->readers[ref]);
    *mfn = entry_frame(g, ref);
    rc = grant_frame_ok(g, *mfn, write);
    if (rc)
        grant_release(g, ref, write);
    return rc;
}

uint8_t *grant_map(struct xen_domain *d, uint16_t domid, uint32_t ref, bool write, uint64_t *mfn)
{
    pthread_mutex_lock(&d->grants->lock);
    int rc = grant_acquire(d->grants, domid, ref, write, mfn);
    pthread_mutex_unlock(&d->grants->lock);
    return rc ? NULL : frame_host(d, *mfn);
}

void grant_unmap(struct xen_domain *d, uint32_t ref, bool written, uint64_t mfn)
{
    if (written)
        frame_written(d, mfn);
    pthread_mutex_lock(&d->grants->lock);
    grant_release(d->grants, ref, written);
    pthread_mutex_unlock(&d->grants->lock);
}

/* ---- saving ---- */

void grants_mark_written(struct xen_grants *g)
{
    for (uint32_t ref = 0; ref < entries(g); ref++)
        if (g->writers[ref] && !grant_frame_ok(g, entry_frame(g, ref), false))
            frame_written(g->d, entry_frame(g, ref));
}

int grants_load(struct xen_grants *g, uint32_t version, uint32_t nframes)
{
    if ((version != 1 && version != 2) || !nframes || nframes > GRANT_FRAMES)
        return -EINVAL;
    g->version = version;
    g->nframes = nframes;
    return 0;
}

/* The entry says already that it is in use; its page table was counted as any. */
int grants_load_mapping(struct xen_grants *g, uint32_t handle, uint32_t ref, uint32_t flags,
                        uint64_t mfn, uint64_t host_addr)
{
    bool write = !(flags & GNTMAP_READONLY);

    if (!grant_ref_ok(g, ref) || grant_frame_ok(g, mfn, write))
        return -EINVAL;
    while (handle >= g->nmap) {
        uint32_t n = g->nmap ? 2 * g->nmap : 64;
        struct mapping *more = realloc(g->map, n * sizeof(*more));
        if (!more)
            abort();
        memset(more + g->nmap, 0, (n - g->nmap) * sizeof(*more));
        g->map = more;
        g->nmap = n;
    }
    g->map[handle] = (struct mapping){true, ref, flags, mfn, host_addr};
    ++*(write ? &g->writers[ref] : &g->readers[ref]);
    return 0;
}
