/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/mem.h"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool membarrier_works;

void mem_init(struct mem *mem)
{
    *mem = (struct mem){0};
    membarrier_works =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

static void slot_free(struct mem_slot *s)
{
    size_t pages = s->size / PAGE_SIZE_4K;

    if (s->hva)
        munmap(s->hva, s->size);
    if (s->flags)
        munmap((void *)(uintptr_t)s->flags, pages);
    if (s->gen)
        munmap(s->gen, pages * sizeof(*s->gen));
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

void mem_fini(struct mem *mem)
{
    for (size_t i = 0; i < mem->nslots; i++)
        slot_free(mem->slots[i]);
    *mem = (struct mem){0};
}

/* Insert into the sorted map; errors leave it as it was. */
static int map_insert(struct mem *mem, struct mem_slot *slot, struct error *err)
{
    size_t at = 0;

    for (size_t i = 0; i < mem->nmap; i++) {
        const struct mem_slot *o = mem->map[i];
        if (slot->gpa < o->gpa + o->size && o->gpa < slot->gpa + slot->size)
            return fail(err, EEXIST, "memory: %s at %#" PRIx64 " overlaps %s", slot->name,
                        slot->gpa, o->name);
        if (o->gpa < slot->gpa)
            at = i + 1;
    }
    memmove(&mem->map[at + 1], &mem->map[at], (mem->nmap - at) * sizeof(mem->map[0]));
    mem->map[at] = slot;
    mem->nmap++;
    mem->generation++;
    slot->mapped = true;
    return 0;
}

int mem_add(struct mem *mem, const char *name, int kind, uint64_t gpa, uint64_t size,
            struct mem_slot **out, struct error *err)
{
    size_t pages = size / PAGE_SIZE_4K;

    if (mem->nslots == MEM_SLOTS_MAX)
        return fail(err, ENOSPC, "memory: more than %d slots", MEM_SLOTS_MAX);
    if (!size || size % PAGE_SIZE_4K || gpa % PAGE_SIZE_4K || gpa + size < gpa)
        return fail(err, EINVAL, "memory: %s: bad size %#" PRIx64, name, size);
    struct mem_slot *s = xcalloc(1, sizeof(*s));
    *s = (struct mem_slot){.name = name, .gpa = gpa, .size = size, .kind = kind, .fd = -1};
    s->fd = memfd_create(name, MFD_CLOEXEC);
    if (s->fd < 0 || ftruncate(s->fd, (off_t)size) < 0) {
        int code = errno;
        slot_free(s);
        return fail_errno(err, code, "memory: cannot create %s of %" PRIu64 " MiB", name,
                          size >> 20);
    }
    void *hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, s->fd, 0);
    void *flags = mmap(NULL, pages, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void *gen = mmap(NULL, pages * sizeof(*s->gen), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    s->hva = hva == MAP_FAILED ? NULL : hva;
    s->flags = flags == MAP_FAILED ? NULL : flags;
    s->gen = gen == MAP_FAILED ? NULL : gen;
    if (!s->hva || !s->flags || !s->gen) {
        slot_free(s);
        return fail(err, ENOMEM,
                    "memory: the host gives no %" PRIu64 " MiB for %s; try: a smaller --memory",
                    size >> 20, name);
    }
    madvise(s->hva, size, MADV_DONTDUMP);
    int rc = map_insert(mem, s, err);
    if (rc) {
        slot_free(s);
        return rc;
    }
    mem->slots[mem->nslots++] = s;
    if (out)
        *out = s;
    return 0;
}

void mem_unmap(struct mem *mem, struct mem_slot *slot)
{
    for (size_t i = 0; i < mem->nmap; i++)
        if (mem->map[i] == slot) {
            mem->nmap--;
            memmove(&mem->map[i], &mem->map[i + 1], (mem->nmap - i) * sizeof(mem->map[0]));
            mem->map[mem->nmap] = NULL;
            mem->generation++;
            slot->mapped = false;
            return;
        }
}

int mem_remap(struct mem *mem, struct mem_slot *slot, uint64_t gpa, struct error *err)
{
    uint64_t old = slot->gpa;
    bool was = slot->mapped;

    mem_unmap(mem, slot);
    slot->gpa = gpa;
    int rc = map_insert(mem, slot, err);
    if (rc) {
        struct error ignored;
        slot->gpa = old;
        if (was && map_insert(mem, slot, &ignored))
            abort(); /* it was there a moment ago */
    }
    return rc;
}

struct mem_slot *mem_find_slow(const struct mem *mem, uint64_t gpa)
{
    for (size_t i = 0; i < mem->nmap; i++)
        if (gpa - mem->map[i]->gpa < mem->map[i]->size)
            return mem->map[i];
    return NULL;
}

void *mem_ptr(const struct mem *mem, uint64_t gpa, uint64_t len)
{
    const struct mem_slot *s = mem_find(mem, gpa);

    if (!s || len > s->size - (gpa - s->gpa))
        return NULL;
    return s->hva + (gpa - s->gpa);
}

/* Bytes from gpa to the end of its slot, or, outside any slot, to the next one; at most len. */
static uint64_t span(const struct mem *mem, uint64_t gpa, uint64_t len, struct mem_slot **slot)
{
    *slot = mem_find(mem, gpa);
    if (*slot)
        return MIN(len, (*slot)->size - (gpa - (*slot)->gpa));
    for (size_t i = 0; i < mem->nmap; i++)
        if (mem->map[i]->gpa > gpa)
            return MIN(len, mem->map[i]->gpa - gpa);
    return len;
}

bool mem_read(const struct mem *mem, uint64_t gpa, void *buf, uint64_t len)
{
    bool whole = true;
    uint8_t *to = buf;

    while (len) {
        struct mem_slot *s;
        uint64_t n = span(mem, gpa, len, &s);
        if (s)
            memcpy(to, s->hva + (gpa - s->gpa), n);
        else
            memset(to, 0xff, n);
        whole = whole && s;
        gpa += n;
        to += n;
        len -= n;
    }
    return whole;
}

static void note_range(struct mem *mem, struct mem_slot *s, uint64_t off, uint64_t len)
{
    for (uint64_t p = ALIGN_DOWN(off, PAGE_SIZE_4K); p < off + len; p += PAGE_SIZE_4K)
        if (s->flags[p / PAGE_SIZE_4K] != PAGE_DIRTY)
            mem_page_written(mem, s, p);
}

static bool write_kind(struct mem *mem, uint64_t gpa, const void *buf, uint64_t len, bool rom)
{
    bool whole = true;
    const uint8_t *from = buf;

    while (len) {
        struct mem_slot *s;
        uint64_t n = span(mem, gpa, len, &s);
        bool ok = s && (rom || s->kind == SLOT_RAM);
        if (ok) {
            memcpy(s->hva + (gpa - s->gpa), from, n);
            note_range(mem, s, gpa - s->gpa, n);
        }
        whole = whole && ok;
        gpa += n;
        from += n;
        len -= n;
    }
    return whole;
}

bool mem_write(struct mem *mem, uint64_t gpa, const void *buf, uint64_t len)
{
    return write_kind(mem, gpa, buf, len, false);
}

bool mem_load(struct mem *mem, uint64_t gpa, const void *buf, uint64_t len)
{
    return write_kind(mem, gpa, buf, len, true);
}

void *mem_write_begin(struct mem *mem, uint64_t gpa, uint64_t len)
{
    const struct mem_slot *s = mem_find(mem, gpa);

    if (!s || s->kind != SLOT_RAM)
        return NULL;
    return mem_ptr(mem, gpa, len);
}

void mem_write_end(struct mem *mem, uint64_t gpa, uint64_t len)
{
    struct mem_slot *s = mem_find(mem, gpa);

    if (s && len)
        note_range(mem, s, gpa - s->gpa, len);
}

bool mem_discard(struct mem *mem, uint64_t gpa, uint64_t len)
{
    struct mem_slot *s = mem_find(mem, gpa);
    uint64_t at = s ? ALIGN_UP(gpa - s->gpa, PAGE_SIZE_4K) : 0;

    if (!s || s->kind != SLOT_RAM || len > s->size - (gpa - s->gpa))
        return false;
    uint64_t end = ALIGN_DOWN(gpa - s->gpa + len, PAGE_SIZE_4K);
    if (end <= at)
        return true;
    if (s->fd >= 0 ? fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
                               (off_t)(end - at))
                   : madvise(s->hva + at, end - at, MADV_DONTNEED))
        return false;
    note_range(mem, s, at, end - at);
    return true;
}

/* Changes of code on a page: after so many its flag stays set, but for one change in so many. */
#define CHANGES_FEW 8
#define CHANGES_KEPT 64

void mem_page_written(struct mem *mem, struct mem_slot *slot, uint64_t offset)
{
    size_t page = offset / PAGE_SIZE_4K;
    uint8_t old = __atomic_fetch_or(&slot->flags[page], PAGE_DIRTY, __ATOMIC_SEQ_CST);

    if (!(old & PAGE_CODE))
        return;
    /* The generation first: whoever finds the flag clear then finds the new generation. And again
     * behind it, for whoever found the flag still set. A page whose code has changed often keeps its
     * flag for a while: setting it is dear. */
    uint32_t gen = __atomic_add_fetch(&slot->gen[page], 1, __ATOMIC_SEQ_CST);
    if (gen < CHANGES_FEW || gen % CHANGES_KEPT == 0) {
        __atomic_fetch_and(&slot->flags[page], (uint8_t)~PAGE_CODE, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&slot->gen[page], 1, __ATOMIC_SEQ_CST);
    }
    if (mem->touched)
        mem->touched(mem->touched_opaque, slot, offset & ~(PAGE_SIZE_4K - 1), PAGE_SIZE_4K);
}

struct mem_slot *mem_slot_of_flags(const struct mem *mem, const volatile uint8_t *p, size_t *page)
{
    struct mem_slot *slot = NULL;

    for (size_t i = 0; i < mem->nslots && !slot; i++) {
        *page = (size_t)((uintptr_t)p - (uintptr_t)mem->slots[i]->flags);
        if (*page < mem->slots[i]->size / PAGE_SIZE_4K)
            slot = mem->slots[i];
    }
    return slot;
}

uint32_t mem_mark_code(struct mem *mem, struct mem_slot *slot, uint64_t offset)
{
    size_t page = offset / PAGE_SIZE_4K;

    (void)mem;
    if (!(slot->flags[page] & PAGE_CODE)) {
        __atomic_fetch_or(&slot->flags[page], PAGE_CODE, __ATOMIC_SEQ_CST);
        mem_barrier_all();
    }
    return __atomic_load_n(&slot->gen[page], __ATOMIC_ACQUIRE);
}

void mem_dirty_fetch(struct mem *mem, struct mem_slot *slot, uint64_t *bitmap)
{
    size_t pages = slot->size / PAGE_SIZE_4K;

    (void)mem;
    for (size_t p = 0; p < pages; p++) {
        uint8_t old = slot->flags[p];
        if (!(p & 63))
            bitmap[p / 64] = 0;
        if (old & PAGE_DIRTY) {
            __atomic_fetch_and(&slot->flags[p], (uint8_t)~PAGE_DIRTY, __ATOMIC_SEQ_CST);
            bitmap[p / 64] |= UINT64_C(1) << (p & 63);
        }
    }
    /* Writers that saw the bit still set have stored before this returns. */
    mem_barrier_all();
}

void mem_barrier_all(void)
{
    if (membarrier_works)
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    else {
        /* mprotect of a private page interrupts every thread of the process to flush its TLB,
         * which is the same ordering point. */
        static uint8_t *page;
        uint8_t *p = __atomic_load_n(&page, __ATOMIC_ACQUIRE);
        if (!p) {
            p = mmap(NULL, PAGE_SIZE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                     0);
            if (p == MAP_FAILED)
                return;
            __atomic_store_n(&page, p, __ATOMIC_RELEASE);
        }
        mprotect(p, PAGE_SIZE_4K, PROT_READ | PROT_WRITE);
        *(volatile uint8_t *)p = 1;
        mprotect(p, PAGE_SIZE_4K, PROT_READ);
    }
}
