/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * build: a domain at the start of its day: kernel, tables and pages as the interface promises them
 * [XEN xen, "start of day"]. From page 0 up:
 *
 *     (hole)  kernel  [initrd]  [p2m list]  start_info  xenstore ring  console ring  page tables
 *     boot stack  at least 512 KiB, to a multiple of 4 MiB
 *
 * is mapped from VIRT_BASE on. A kernel that can do with it finds its initrd, by page number, and its
 * p2m list, at the address that it names, behind all that.
 */
#include "board/loader.h"
#include "para/xen/domain.h"
#include "para/xen/notes.h"
#include "para/xen/xenstore.h"

struct layout {
    struct xen_domain *d;
    struct loader *l;
    struct xen_notes n;
    uint64_t free;    /* next free page */
    uint64_t initrd, p2m, p2m_tables, np2m, start_info, store, console, tables, ntables, stack;
    uint64_t map_end; /* of the initial map, in pages from virt_base */
    uint64_t next_table, last_table;
};

static uint64_t pages(uint64_t bytes)
{
    return (bytes + PAGE_SIZE_4K - 1) >> PAGE_SHIFT_4K;
}

static uint64_t take(struct layout *b, uint64_t n)
{
    uint64_t at = b->free;

    b->free += n;
    return at;
}

static uint64_t va_of(const struct layout *b, uint64_t pfn)
{
    return b->n.virt_base + (pfn << PAGE_SHIFT_4K);
}

/* How many tables map [start, end): one page of level 4, and what the range touches below. */
static uint64_t tables_for(uint64_t start, uint64_t end)
{
    uint64_t n = 0;

    for (unsigned shift = 21; shift <= 39; shift += 9)
        n += (((end - 1) & 0xffffffffffff) >> shift) - ((start & 0xffffffffffff) >> shift) + 1;
    return n;
}

static int place(struct layout *b, struct error *err)
{
    struct xen_domain *d = b->d;
    const struct blob *initrd = b->l->nmodules ? &b->l->module[0].blob : NULL;
    uint64_t p2m_bytes = 8 * d->nr_pages;

    if (b->l->elf.start < b->n.paddr_offset)
        return fail(err, EINVAL, "its segments lie below their own offset");
    b->free = pages(b->l->elf.end - b->n.paddr_offset);
    if (initrd && !b->n.mod_start_pfn)
        b->initrd = take(b, pages(initrd->size));
    if (!b->n.has_init_p2m) {
        b->np2m = pages(p2m_bytes);
        b->p2m = take(b, b->np2m);
    }
    b->start_info = take(b, 1);
    b->store = take(b, 1);
    b->console = take(b, 1);
    b->tables = b->free;
    /* The tables map themselves. */
    for (b->ntables = 1;; b->ntables++) {
        uint64_t end = (b->tables + b->ntables + 1) << PAGE_SHIFT_4K; /* and the stack */
        end = ALIGN_UP(b->n.virt_base + end + (512 << 10), UINT64_C(4) << 20);
        b->map_end = (end - b->n.virt_base) >> PAGE_SHIFT_4K;
        if (b->ntables >= 1 + tables_for(b->n.virt_base, end))
            break;
    }
    take(b, b->ntables);
    b->stack = take(b, 1);
    b->free = b->map_end;
    if (initrd && b->n.mod_start_pfn)
        b->initrd = take(b, pages(initrd->size));
    if (b->n.has_init_p2m) {
        uint64_t end = b->n.init_p2m + p2m_bytes;
        b->np2m = pages(p2m_bytes);
        b->p2m = take(b, b->np2m);
        b->p2m_tables = b->free;
        take(b, tables_for(b->n.init_p2m, end));
    }
    if (b->free > d->nr_pages)
        return fail(err, ENOMEM, "it needs %" PRIu64 " MiB to start; try: a larger --memory",
                    (b->free >> 8) + 1);
    return 0;
}

/* ---- page tables ---- */

static uint64_t *entry(struct layout *b, uint64_t table, uint64_t index)
{
    return (uint64_t *)(void *)(frame_host(b->d, table) + 8 * index);
}

static void map(struct layout *b, uint64_t va, uint64_t mfn, uint64_t flags)
{
    uint64_t table = b->tables;

    for (unsigned shift = 39; shift > 12; shift -= 9) {
        uint64_t *e = entry(b, table, va >> shift & 511);
        if (!(*e & PTE_P)) {
            *e = b->next_table << PAGE_SHIFT_4K | PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D;
            memset(frame_host(b->d, b->next_table++), 0, PAGE_SIZE_4K);
        }
        table = (*e & PTE_FRAME) >> PAGE_SHIFT_4K;
    }
    *entry(b, table, va >> 12 & 511) = mfn << PAGE_SHIFT_4K | flags;
}

static void put_tables(struct layout *b)
{
    memset(frame_host(b->d, b->tables), 0, PAGE_SIZE_4K);
    b->next_table = b->tables + 1;
    for (uint64_t pfn = 0; pfn < b->map_end; pfn++) {
        bool table = pfn - b->tables < b->ntables;
        map(b, va_of(b, pfn), pfn, PTE_P | PTE_A | PTE_US | (table ? 0 : PTE_RW));
    }
    if (!b->n.has_init_p2m)
        return;
    b->next_table = b->p2m_tables;
    for (uint64_t i = 0; i < b->np2m; i++)
        map(b, b->n.init_p2m + (i << PAGE_SHIFT_4K), b->p2m + i, PTE_P | PTE_A | PTE_US | PTE_RW);
}

/* ---- contents ---- */

static int put_kernel(struct layout *b, struct error *err)
{
    struct elf e = b->l->elf;

    for (unsigned i = 0; i < e.nload; i++)
        e.load[i].paddr -= b->n.paddr_offset;
    int rc = elf_load(&e, &b->d->m->mem, err);
    if (rc || !b->n.has_hypercall_page)
        return rc;
    uint64_t pfn = (b->n.hypercall_page - b->n.virt_base) >> PAGE_SHIFT_4K;
    if (pfn >= b->map_end)
        return fail(err, EINVAL, "its page for hypercalls lies outside of it");
    hypercall_page_fill(frame_host(b->d, pfn));
    return 0;
}

static void put_p2m(struct layout *b)
{
    uint8_t *list = frame_host(b->d, b->p2m);

    memset(list, 0xff, b->np2m << PAGE_SHIFT_4K);
    for (uint64_t i = 0; i < b->d->nr_pages; i++)
        st_le64(list + 8 * i, i);
}

static void put_start_info(struct layout *b, uint32_t store_port, uint32_t console_port)
{
    struct xen_domain *d = b->d;
    uint8_t *si = frame_host(d, b->start_info);

    memset(si, 0, PAGE_SIZE_4K);
    memcpy(si, "xen-3.0-x86_64", 15);
    st_le64(si + START_NR_PAGES, d->nr_pages);
    st_le64(si + START_SHARED_INFO, d->special << PAGE_SHIFT_4K);
    st_le32(si + START_FLAGS, b->initrd && b->n.mod_start_pfn ? SIF_MOD_START_PFN : 0);
    st_le64(si + START_STORE_MFN, b->store);
    st_le32(si + START_STORE_EVTCHN, store_port);
    st_le64(si + START_CONSOLE_MFN, b->console);
    st_le32(si + START_CONSOLE_EVTCHN, console_port);
    st_le64(si + START_PT_BASE, va_of(b, b->tables));
    st_le64(si + START_NR_PT_FRAMES, b->ntables);
    st_le64(si + START_MFN_LIST, b->n.has_init_p2m ? b->n.init_p2m : va_of(b, b->p2m));
    if (b->initrd) {
        st_le64(si + START_MOD_START, b->n.mod_start_pfn ? b->initrd : va_of(b, b->initrd));
        st_le64(si + START_MOD_LEN, b->l->module[0].blob.size);
    }
    strncpy((char *)si + START_CMDLINE, b->l->cmdline, START_CMDLINE_MAX - 1);
    if (b->n.has_init_p2m) {
        st_le64(si + START_FIRST_P2M_PFN, b->p2m);
        st_le64(si + START_NR_P2M_FRAMES, b->free - b->p2m);
    }
}

static void put_pages(struct layout *b)
{
    struct xen_domain *d = b->d;

    memset(frame_host(d, b->store), 0, PAGE_SIZE_4K);
    memset(frame_host(d, b->console), 0, PAGE_SIZE_4K);
    memset(frame_host(d, b->stack), 0, PAGE_SIZE_4K);
    if (b->initrd)
        memcpy(frame_host(d, b->initrd), b->l->module[0].blob.data, b->l->module[0].blob.size);
    put_p2m(b);
    uint32_t store_port = xs_attach(d, b->store);
    uint32_t port = console_port(d);
    console_reset(d->console, b->console, port);
    grants_seed(d, 0, b->console, 0);
    grants_seed(d, 1, b->store, 0);
    put_start_info(b, store_port, port);
}

/* ---- the first vCPU ---- */

static int put_vcpu(struct layout *b, struct error *err)
{
    struct xen_vcpu *v = b->d->vcpu[0];
    struct x86_cpu *c = v->c;

    c->s.r[X86_RIP] = b->n.entry;
    c->s.r[RSP] = va_of(b, b->stack + 1);
    c->s.r[RSI] = va_of(b, b->start_info);
    v->kernel_ss = SEL_RING3_DS;
    v->kernel_sp = c->s.r[RSP];
    mm_lock(v);
    int rc = frame_get_type(v, b->tables, FT_L4);
    if (!rc) {
        b->d->frames[b->tables].pinned = true;
        rc = mm_set_base(v, b->tables, false);
    }
    mm_unlock(v);
    v->initialised = v->up = true;
    return rc ? fail(err, EINVAL, "its first page tables do not hold (%d)", rc) : 0;
}

int domain_build(struct xen_domain *d, struct loader *l, struct error *err)
{
    struct layout b = {.d = d, .l = l};
    int rc = loader_find_elf(l, err);

    if (!rc)
        rc = xen_notes_read(&b.n, &l->elf, err);
    if (!rc && strlen(l->cmdline) >= START_CMDLINE_MAX)
        rc = fail(err, E2BIG, "the command line has %zu characters, %d fit", strlen(l->cmdline),
                  START_CMDLINE_MAX - 1);
    if (!rc)
        rc = place(&b, err);
    if (!rc)
        rc = put_kernel(&b, err);
    if (rc)
        return rc;
    put_pages(&b);
    put_tables(&b);
    mem_write_end(&d->m->mem, 0, d->nr_pages << PAGE_SHIFT_4K);
    return put_vcpu(&b, err);
}

/* Stub n at 32 * n: PUSH RCX; PUSH R11; MOV EAX, n; SYSCALL; POP R11; POP RCX; RET. IRET has its own,
 * which leaves RCX, R11, RAX on the stack. */
void hypercall_page_fill(uint8_t *page)
{
    static const uint8_t tail[] = {0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};

    memset(page, 0xcc, PAGE_SIZE_4K);
    for (unsigned n = 0; n < PAGE_SIZE_4K / 32; n++) {
        uint8_t *p = page + 32 * n;
        *p++ = 0x51;
        *p++ = 0x41;
        *p++ = 0x53;
        if (n == HC_iret)
            *p++ = 0x50;
        *p++ = 0xb8;
        st_le32(p, n);
        memcpy(p + 4, tail, n == HC_iret ? 2 : sizeof(tail));
    }
}
