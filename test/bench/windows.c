/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a guest's memory access would cost through the host's own page tables (doc/adr/0009): the
 * same loads and stores natively, through a look into a software TLB, and through a window of the host's
 * address space; and what it costs to make and to drop pages of such a window.
 *
 * Guest addresses here are those of a Linux program's upper half (bit 46 set). The window maps
 * address X at host address X - 2^46, where this process has nothing of its own.
 *
 * test-long: it measures
 * test-alone: it measures
 */
#include "lib/test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)

#define GUEST UINT64_C(0x7f1234560000) /* where the guest has its pages */
#define DOWN (UINT64_C(1) << 46)
#define PAGE UINT64_C(4096)
#define PAGES 4096u
#define ASID UINT64_C(5)

struct entry {
    uint64_t tag_r, tag_w, tag_x, addend;
    const uint8_t *flagp;
    uint64_t rest[3];
};

static struct entry tlb[2048] __attribute__((aligned(64)));
static uint8_t flags[PAGES];
static uint64_t asid = ASID, down = -DOWN, base_of_tlb, slow_ways;
static uint8_t *ram; /* the guest's memory as this process has it */
static int fd;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* r14: the address; out: r14, r15 such that [r14] or [r14 + r15] is the host's. */
#define CHECK_NONE ""
#define CHECK_TLB                                                                       \
    "rorx $6, %%r14d, %%r15d\n and $0x1ffc0, %%r15d\n add %[tlb], %%r15\n"             \
    "lea 7(%%r14), %%r13\n and $-4096, %%r13\n or %[asid], %%r13\n"                    \
    "cmp (%%r15), %%r13\n jne 9f\n add 24(%%r15), %%r14\n"
/* The whole upper half of the lower half: one comparison, no table. */
#define CHECK_RANGE                                                                     \
    "mov %%r14, %%r15\n shr $46, %%r15\n dec %%r15\n jne 9f\n mov %[down], %%r15\n"
#define CHECK_WINDOW "mov %[down], %%r15\n"
#define NOTE "mov 32(%%r15), %%r13\n cmpb $1, (%%r13)\n jne 9f\n"

#define FOUR(x) x x x x
#define LOOP(body)                                                                      \
    __asm__ volatile("1:\n" body "dec %[n]\n jnz 1b\n jmp 8f\n 9: incq %[slow]\n 8:\n"  \
                     : [p] "+r"(p), [n] "+r"(n), [slow] "+m"(slow_ways)                 \
                     : [tlb] "m"(base_of_tlb), [asid] "m"(asid), [down] "m"(down)       \
                     : "r13", "r14", "r15", "rax", "memory", "cc")

/* A pointer chase; then independent loads, each with a store, over 8 KiB. */
#define WAYS(name, check, load, store, note)                                            \
    static void chase_##name(uint64_t p, uint64_t n)                                    \
    {                                                                                   \
        LOOP(FOUR("mov %[p], %%r14\n" check "mov " load ", %[p]\n"));                   \
    }                                                                                   \
    static void copy_##name(uint64_t p, uint64_t n)                                     \
    {                                                                                   \
        LOOP(FOUR("mov %[p], %%r14\n" check "mov " load ", %%rax\n"                     \
                  "add $8, %[p]\n and $-8193, %[p]\n lea 4096(%[p]), %%r14\n" check     \
                  "mov %%rax, " store "\n" note));                                      \
    }

WAYS(native, CHECK_NONE, "(%%r14)", "(%%r14)", "")
WAYS(tlb, CHECK_TLB, "(%%r14)", "(%%r14)", NOTE)
WAYS(range, CHECK_RANGE, "(%%r14,%%r15)", "(%%r14,%%r15)", "")
WAYS(window, CHECK_WINDOW, "(%%r14,%%r15)", "(%%r14,%%r15)", "")

static uint8_t *host_of(uint64_t guest)
{
    return (uint8_t *)(uintptr_t)(guest - DOWN);
}

static void map_pages(uint64_t guest, uint64_t bytes)
{
    void *p = mmap(host_of(guest), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                   (off_t)(guest - GUEST));

    assert_ptr_equal(p, host_of(guest));
}

/* A ring of 64-byte nodes over two pages, in an order that no prefetcher follows. */
static void make_ring(uint64_t as_seen)
{
    unsigned at = 0;

    for (unsigned i = 0; i < 128; i++) {
        unsigned to = (at * 5 + 37) % 128;
        uint64_t v = as_seen + to * 64;
        memcpy(ram + at * 64, &v, sizeof(v));
        at = to;
    }
}

typedef void way(uint64_t p, uint64_t n);

static double best_ns(way *f, uint64_t p, bool chase)
{
    double best = 1e9;

    for (unsigned round = 0; round < 7; round++) {
        if (chase)
            make_ring(p);
        double t = now();
        f(p, 500000);
        t = (now() - t) / 2e6 * 1e9;
        best = t < best ? t : best;
    }
    return best;
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
    (void)sig;
    (void)context;
    uint64_t guest = ((uintptr_t)si->si_addr & ~(PAGE - 1)) + DOWN;
    if (guest - GUEST >= PAGES * PAGE)
        _exit(99);
    map_pages(guest, PAGE);
}

static double us_each(double t0, unsigned n)
{
    return (now() - t0) / n * 1e6;
}

static void accesses(void)
{
    static const struct {
        const char *name;
        way *chase, *copy;
    } t[] = {{"native", chase_native, copy_native},
             {"software TLB", chase_tlb, copy_tlb},
             {"window, range checked", chase_range, copy_range},
             {"window, unchecked", chase_window, copy_window}};
    double chase0 = 0, copy0 = 0;

    printf("%-24s %10s %8s %14s %8s\n", "access", "chase ns", "times", "load+store ns", "times");
    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        uint64_t at = i ? GUEST : (uintptr_t)ram;
        double chase = best_ns(t[i].chase, at, true), copy = best_ns(t[i].copy, at, false);
        chase0 = i ? chase0 : chase;
        copy0 = i ? copy0 : copy;
        printf("%-24s %10.2f %8.2f %14.2f %8.2f\n", t[i].name, chase, chase / chase0, copy,
               copy / copy0);
    }
    assert_int_equal(slow_ways, 0);
}

static void pages(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    unsigned n = PAGES - 16;

    sigaction(SIGSEGV, &sa, NULL);
    double t = now();
    for (unsigned i = 0; i < n; i++) /* 7: neighbours in the window are none in the file's order */
        *(volatile uint8_t *)host_of(GUEST + (16 + i * 7 % n) * PAGE) = 1;
    printf("a page mapped at its first access (signal, mmap, host's fault): %.2f us\n", us_each(t, n));
    t = now();
    for (unsigned i = 0; i < n; i++)
        mprotect(host_of(GUEST + (16 + i) * PAGE), PAGE, PROT_READ);
    printf("a page made read-only (code was found on it, dirty log): %.2f us\n", us_each(t, n));
    t = now();
    for (unsigned i = 0; i < n / 2; i++)
        mmap(host_of(GUEST + (16 + i * 2) * PAGE), PAGE, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    printf("a page dropped (INVLPG): %.2f us\n", us_each(t, n / 2));
    t = now();
    mmap(host_of(GUEST), PAGES * PAGE, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    printf("all dropped at once (flush, change of address space): %.2f us a page\n", us_each(t, n / 2));
    signal(SIGSEGV, SIG_DFL);
}

static void windows(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("bmi2"))
        skip();
    fd = memfd_create("ram", 0);
    assert_int_equal(ftruncate(fd, (off_t)(PAGES * PAGE)), 0);
    ram = mmap(NULL, 2 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(ram, MAP_FAILED);
    ram = (uint8_t *)ALIGN_UP((uintptr_t)ram, PAGES * PAGE);
    assert_ptr_equal(ram, mmap(ram, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
    memset(ram, 0, PAGES * PAGE); /* the guest has touched it: not what is measured */
    base_of_tlb = (uintptr_t)tlb;
    memset(flags, 1, sizeof(flags));
    for (unsigned i = 0; i < 16; i++) {
        uint64_t page = GUEST + i * PAGE;
        tlb[page >> 12 & 2047] =
            (struct entry){page | ASID, page | ASID, 0, (uintptr_t)ram - GUEST, &flags[i], {0}};
    }
    void *p = mmap(host_of(GUEST), PAGES * PAGE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != host_of(GUEST))
        skip(); /* something of this process lies there */
    map_pages(GUEST, 16 * PAGE);
    accesses();
    pages();
}

#else

static void windows(void **state)
{
    (void)state;
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
