/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mem: the guest-physical memory map: RAM and ROM slots, one byte of flags and one code
 * generation a 4-KiB page.
 *
 * Slots are memfd-backed and mapped shared, so that a helper process can be handed the same pages.
 * The slot list changes only while all vCPUs are stopped (or before they run); look-ups need no
 * lock. Page flags are atomic bytes.
 *
 * Rules for whoever writes guest memory (devices, loaders, engines):
 *   store first, then look at the flag byte; if it is not exactly PAGE_DIRTY call
 *   mem_page_written(). mem_write() does it all; mem_write_begin/end bracket writes by others
 *   (readv, io_uring). Whoever decodes code from a page sets PAGE_CODE with mem_mark_code() *before*
 *   reading the bytes and remembers the page's generation; a differing generation later means that
 *   the bytes may have changed. mem_mark_code() makes the order hold against writers on other
 *   threads (membarrier).
 */
#ifndef QUAD_CORE_MEM_H
#define QUAD_CORE_MEM_H

#include <pthread.h>

#include "base/base.h"
#include "base/endian.h"

enum {
    PAGE_DIRTY = 1, /* written since the last fetch of the dirty log */
    PAGE_CODE = 2,  /* somebody holds code decoded from it */
    PAGE_WATCH = 4, /* a persona wants to know of writes */
};

#define PAGE_SHIFT_4K 12
#define PAGE_SIZE_4K UINT64_C(4096)

enum { SLOT_RAM, SLOT_ROM };

struct mem_slot {
    const char *name; /* "ram.low", "bios" ... stable: part of the save format */
    uint64_t gpa, size;
    int kind;
    uint8_t *hva;
    int fd;            /* memfd, owned; -1 when anonymous */
    volatile uint8_t *flags; /* a byte a page */
    uint32_t *gen;           /* code generation a page; grows when code on it may have changed */
    bool mapped;             /* in the map (a ROM may be switched off) */
};

#define MEM_SLOTS_MAX 32

struct mem {
    struct mem_slot *slots[MEM_SLOTS_MAX]; /* all, also unmapped ones */
    size_t nslots;
    struct mem_slot *map[MEM_SLOTS_MAX]; /* mapped ones by ascending gpa, not overlapping */
    size_t nmap;
    uint64_t generation; /* grows when the map changes: engines drop cached translations */
    /* Called (any thread) when code may have changed on a page; NULL where no engine wants it. */
    void (*touched)(void *opaque, struct mem_slot *slot, uint64_t offset, uint64_t len);
    void *touched_opaque;
};

void mem_init(struct mem *mem);
void mem_fini(struct mem *mem);

/* Create a slot (size: multiple of 4 KiB) and map it at gpa. Errors: ENOMEM (with the remedy),
 * EEXIST on overlap. The slot lives until mem_fini(). */
int mem_add(struct mem *mem, const char *name, int kind, uint64_t gpa, uint64_t size,
            struct mem_slot **out, struct error *err);
/* All vCPUs stopped. */
void mem_unmap(struct mem *mem, struct mem_slot *slot);
int mem_remap(struct mem *mem, struct mem_slot *slot, uint64_t gpa, struct error *err);

struct mem_slot *mem_find_slow(const struct mem *mem, uint64_t gpa);

/* The slot that holds gpa, or NULL (device window or nothing). */
static inline struct mem_slot *mem_find(const struct mem *mem, uint64_t gpa)
{
    struct mem_slot *s = mem->nmap ? mem->map[0] : NULL;

    if (likely(s && gpa - s->gpa < s->size))
        return s;
    return mem_find_slow(mem, gpa);
}

/* Host address of [gpa, gpa+len) when it lies in one slot, else NULL. Reading only: writers use
 * mem_write() or begin/end. */
void *mem_ptr(const struct mem *mem, uint64_t gpa, uint64_t len);

/* DMA and loaders: RAM and ROM for reads, RAM for writes. False when a part is not there; the
 * parts that are there are still transferred (what a bus does), absent ones read as all ones. */
bool mem_read(const struct mem *mem, uint64_t gpa, void *buf, uint64_t len);
bool mem_write(struct mem *mem, uint64_t gpa, const void *buf, uint64_t len);
/* Loaders: also into ROM slots. */
bool mem_load(struct mem *mem, uint64_t gpa, const void *buf, uint64_t len);

/* Bracket a write by somebody else: begin returns the host pointer or NULL; end records it. */
void *mem_write_begin(struct mem *mem, uint64_t gpa, uint64_t len);
void mem_write_end(struct mem *mem, uint64_t gpa, uint64_t len);

/* The contents are not needed any more: the whole pages of [gpa, gpa+len) go back to the host and read
 * as zeroes until they are written again. False: a part is no RAM, or the host cannot. */
bool mem_discard(struct mem *mem, uint64_t gpa, uint64_t len);

/* The page at slot offset was stored to and its flag byte was not PAGE_DIRTY. */
void mem_page_written(struct mem *mem, struct mem_slot *slot, uint64_t offset);

/* The slot whose flags hold p, and of which of its pages. */
struct mem_slot *mem_slot_of_flags(const struct mem *mem, const volatile uint8_t *p, size_t *page);

/* Code is about to be decoded from the page at slot offset; returns its generation. */
uint32_t mem_mark_code(struct mem *mem, struct mem_slot *slot, uint64_t offset);

/* Dirty log: copy (bit a page, little-endian 64-bit words) and clear. */
void mem_dirty_fetch(struct mem *mem, struct mem_slot *slot, uint64_t *bitmap);

/* One ordering point against all threads of the process (membarrier, or its slow substitute). */
void mem_barrier_all(void);

/* Host accesses in guest (little-endian) byte order with x86's memory order: loads acquire, stores
 * release, single-copy atomic when naturally aligned. */
#define MEM_HOST(bits)                                                                  \
    static inline uint##bits##_t mem_host_ld##bits(const void *p)                       \
    {                                                                                   \
        uint##bits##_t v;                                                               \
        if (MEM_HOST_ANY_ALIGN || !((uintptr_t)p & (bits / 8 - 1))) {                   \
            v = __atomic_load_n((const mem_u##bits *)p, __ATOMIC_ACQUIRE);              \
        } else {                                                                        \
            memcpy(&v, p, sizeof(v));                                                   \
            __atomic_thread_fence(__ATOMIC_ACQUIRE);                                    \
        }                                                                               \
        return v;                                                                       \
    }                                                                                   \
    static inline void mem_host_st##bits(void *p, uint##bits##_t v)                     \
    {                                                                                   \
        if (MEM_HOST_ANY_ALIGN || !((uintptr_t)p & (bits / 8 - 1))) {                   \
            __atomic_store_n((mem_u##bits *)p, v, __ATOMIC_RELEASE);                    \
        } else {                                                                        \
            __atomic_thread_fence(__ATOMIC_RELEASE);                                    \
            memcpy(p, &v, sizeof(v));                                                   \
        }                                                                               \
    }

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define MEM_HOST_ANY_ALIGN 1 /* an unaligned MOV is as good as any */
#else
#define MEM_HOST_ANY_ALIGN 0
#endif
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian hosts need byte swaps here");

typedef uint8_t mem_u8 __attribute__((may_alias));
typedef uint16_t mem_u16 __attribute__((may_alias));
typedef uint32_t mem_u32 __attribute__((may_alias));
typedef uint64_t mem_u64 __attribute__((may_alias));

MEM_HOST(8)
MEM_HOST(16)
MEM_HOST(32)
MEM_HOST(64)

#undef MEM_HOST

#endif
