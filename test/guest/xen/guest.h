/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guest: what our own guests of the Xen PV interface stand on: entry, hypercalls, traps, a checklist
 * on the console. Everything is mapped one to one from 0 (no VIRT_BASE note).
 */
#ifndef TEST_GUEST_XEN_GUEST_H
#define TEST_GUEST_XEN_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096
#define P_P 1ull
#define P_RW 2ull
#define P_US 4ull
#define P_AD 0x60ull
#define PAGE_ALIGNED __attribute__((aligned(PAGE)))
enum { ENOENT_ = -2, ESRCH_ = -3, EINVAL_ = -22, EPERM_ = -1, EFAULT_ = -14, ENOSYS_ = -38, ETIME_ = -62,
       EEXIST_ = -17, EBUSY_ = -16, EACCES_ = -13, ENOSPC_ = -28 };
#define SELF 0x7ff0

/* As bare SYSCALL, and through the page. */
static inline int64_t hc5(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    register uint64_t r10 __asm__("r10") = d, r8 __asm__("r8") = e;
    int64_t rc;

    __asm__ volatile("syscall" : "=a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8) : "a"(nr)
                     : "rcx", "r11", "memory");
    return rc;
}
#define hc(nr, ...) HC_(nr, ##__VA_ARGS__, 0, 0, 0, 0, 0)
#define HC_(nr, a, b, c, d, e, ...) \
    hc5(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e))

struct trap {
    int vector; /* -1: none came */
    uint64_t error, rip, cs, flags, cr2;
};
extern volatile struct trap last;
extern volatile uint64_t recover; /* where to go on after a trap; 0: it is an error */

/* Run one instruction that may trap; evaluates to the vector or -1. */
#define TRY(insn, ...)                                                         \
    ({                                                                         \
        last.vector = -1;                                                      \
        __asm__ volatile("movq $77f, recover\n\t" insn "\n77:\n\tmovq $0, recover" \
                         __VA_ARGS__);                                         \
        last.vector;                                                           \
    })

void say(const char *text);
void check_(const char *file, int line, const char *what, bool ok, int64_t got);
#define CHECK(cond) check_(__FILE__, __LINE__, #cond, cond, 0)
#define IS(call, want)                                              \
    do {                                                            \
        int64_t got_ = (int64_t)(call);                             \
        check_(__FILE__, __LINE__, #call " == " #want, got_ == (want), got_); \
    } while (0)

extern uint8_t *start_info;
extern uint8_t shared[PAGE];
static inline uint64_t ld(const void *p, size_t off) { return *(const uint64_t *)((const char *)p + off); }
static inline uint32_t ld4(const void *p, size_t off) { return *(const uint32_t *)((const char *)p + off); }

/* Map the page at va as mfn with flags (0: not at all). */
static inline int64_t remap(const void *va, uint64_t mfn, uint64_t flags)
{
    return hc(14, va, flags ? mfn << 12 | flags : 0, 2);
}
static inline uint64_t frame_of(const void *va) { return (uint64_t)va >> 12; }

/* Run fn in user mode until it makes a system call; returns its RAX then. A trap ends it, too. */
uint64_t user(void (*fn)(void));
extern uint64_t user_trap; /* vector + 1 that ended it, 0: the system call */
extern uint64_t user_flags; /* RFLAGS that it begins with */

void test_main(void);

#endif
