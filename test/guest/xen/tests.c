/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every hypercall's operations, their errors, and what a hostile kernel would try.
 */
#include "guest.h"

static uint64_t page_a[512] PAGE_ALIGNED, page_b[512] PAGE_ALIGNED, page_c[512] PAGE_ALIGNED;
static uint64_t table_a[512] PAGE_ALIGNED, table_b[512] PAGE_ALIGNED;
static uint64_t gdt[512] PAGE_ALIGNED, grants[512] PAGE_ALIGNED;
static volatile uint64_t events;
__attribute__((used)) static volatile uint8_t *info_at = shared; /* vcpu_info */
static const uint64_t *const m2p = (const uint64_t *)0xffff800000000000;

struct mmu_update {
    uint64_t ptr, val;
};
struct mmuext {
    uint32_t cmd, pad;
    uint64_t arg1, arg2;
};
enum { PIN_L1, PIN_L2, PIN_L3, PIN_L4, UNPIN, NEW_BASE, FLUSH, INVLPG, NEW_USER = 15, CLEAR, COPY };

static int64_t ext(uint32_t cmd, uint64_t arg1)
{
    struct mmuext op = {cmd, 0, arg1, 0};
    return hc(26, &op, 1, 0, SELF);
}

static int64_t update(uint64_t ptr, uint64_t val)
{
    struct mmu_update u = {ptr, val};
    return hc(1, &u, 1, 0, SELF);
}

static uint64_t nr_pages(void)
{
    return ld(start_info, 32);
}

/* A frame that nobody has given us: behind our memory and what the hypervisor shares. */
static uint64_t foreign(void)
{
    return nr_pages() + 4000;
}

static uint64_t read_cr3(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr3, %0" : "=r"(v));
    return v;
}

/* The table at `level` (4 the root) that maps va, as a frame number. */
static uint64_t table_of(const void *va, int level)
{
    uint64_t frame = read_cr3() >> 12;

    for (int l = 4; l > level; l--)
        frame = ((const uint64_t *)(frame << 12))[(uint64_t)va >> (12 + 9 * (l - 1)) & 511] >> 12 &
                0xffffffffff;
    return frame;
}

static uint64_t entry_ptr(const void *va) /* machine address of the level-1 entry */
{
    return table_of(va, 1) << 12 | ((uint64_t)va >> 12 & 511) * 8;
}

static int store(volatile uint64_t *p, uint64_t v)
{
    return TRY("movq %1, %0", : "=m"(*p) : "r"(v) : "memory");
}

static int load(const volatile void *p)
{
    uint64_t v;
    return TRY("movq (%1), %0", : "=r"(v) : "r"(p) : "memory");
}

/* ---- the small calls ---- */

static void test_version(void)
{
    struct {
        uint32_t idx, out;
    } f = {0, 0};
    char text[1024];

    IS(hc(17, 0, 0) >> 16, 4);
    IS(hc(17, 6, &f), 0);
    CHECK((f.out & 0xa0) == 0xa0);
    f.idx = 7;
    IS(hc(17, 6, &f), EINVAL_);
    IS(hc(17, 3, text), 0);
    IS(hc(17, 3, 0xffff800000000000), EFAULT_);
    IS(hc(17, 3, 0x8000000000000000), EFAULT_);
    IS(hc(17, 99, 0), ENOSYS_);
    IS(hc(63), ENOSYS_);
    IS(hc(64), ENOSYS_);
    IS(hc(~0ull), ENOSYS_);
    uint32_t ctl[34] = {3, 0x14};
    IS(hc(36, ctl), EACCES_); /* the control interface: its version is told, nothing else */
    IS(hc(35, ctl), EACCES_);
    ctl[1] = 0x15;
    IS(hc(36, ctl), EPERM_);
    IS(hc(35, ctl), EPERM_);
    ctl[1] = 0x03000001;
    IS(hc(7, ctl), EPERM_);
    IS(hc(35, 0x8000000000000000), EFAULT_);
    IS(hc(21, 0, 2), 0);
    IS(hc(21, 0, 31), EINVAL_);
    IS(hc(21, 2, 2), ENOSYS_);
    /* through the page */
    int64_t rc;
    __asm__ volatile("call hypercall_page + 17 * 32" : "=a"(rc) : "D"(0ull), "S"(0ull) : "memory");
    IS(rc >> 16, 4);
}

static void test_memory(void)
{
    struct {
        uint32_t n, pad;
        void *buffer;
    } map = {1, 0, page_a};
    struct {
        uint64_t start, end, max;
    } m;
    struct {
        uint64_t *list, n;
        uint32_t order, flags;
        uint16_t domid;
    } r;

    IS(hc(12, 9, &map), 0);
    IS(map.n, 1);
    CHECK(page_a[0] == 0);
    IS(hc(12, 12, &m), 0);
    CHECK(m.start >= (uint64_t)m2p && m.end > m.start && m.end <= 0xffff880000000000);
    CHECK(((const uint64_t *)m.start)[5] == m2p[5] && m2p[5] == 5);
    IS(store((uint64_t *)m.start, 1), 14);
    IS(load((uint64_t *)m.start - 1), 14);
    CHECK(m2p[frame_of(page_a)] == frame_of(page_a));
    IS(store((uint64_t *)m2p, 1), 14);
    IS(last.error, 3);
    IS(load(&m2p[m.max + 4096]), 14);
    IS(last.error, 0);
    /* give a frame back, be refused its use, take it again */
    uint64_t f = nr_pages() - 1;
    r = (typeof(r)){&f, 1, 0, 0, SELF};
    IS(hc(12, 1, &r), 1);
    IS(remap(page_b, f, P_P | P_RW), EINVAL_);
    IS(hc(12, 1, &r), 0);
    CHECK(m2p[f] == ~0ull);
    IS(hc(12, 6, &r), 1);
    IS(remap(page_b, f, P_P | P_RW), 0);
    IS(store(page_b, 1), -1);
    IS(remap(page_b, frame_of(page_b), P_P | P_RW), 0);
    f = ~0ull;
    IS(hc(12, 1, &r), 0);
    f = table_of(page_b, 1); /* a table is in use */
    IS(hc(12, 1, &r), 0);
    r.domid = 7;
    IS(hc(12, 1, &r), ESRCH_);
    IS(hc(12, 63, 0), ENOSYS_);
}

/* ---- page tables ---- */

static void test_mapping(void)
{
    page_a[0] = 0x1111;
    page_b[0] = 0x2222;
    IS(remap(page_a, frame_of(page_b), P_P | P_RW | P_US | P_AD), 0);
    CHECK(*(volatile uint64_t *)page_a == 0x2222);
    IS(remap(page_a, 0, 0), 0);
    IS(load(page_a), 14);
    IS(last.error, 0);
    CHECK(last.cr2 == (uint64_t)page_a);
    IS(remap(page_a, frame_of(page_a), P_P), 0);
    IS(store(page_a, 1), 14);
    IS(last.error, 3);
    IS(remap(page_a, frame_of(page_a), P_P | P_RW), 0);
    CHECK(*(volatile uint64_t *)page_a == 0x1111);
    /* what is not ours */
    IS(remap(page_a, foreign(), P_P), EINVAL_);
    IS(remap(page_a, 1ull << 38, P_P | P_RW), EINVAL_);
    IS(hc(14, 0xffff800000000000, 0, 0), EINVAL_);
    IS(hc(14, 0x0000800000000000, 0, 0), EINVAL_);
    IS(hc(14, 0x0000700000000000, 0, 0), EINVAL_); /* no table there */
    IS(hc(14, page_a, frame_of(page_a) << 12 | 3, 3), EINVAL_);
    IS(hc(22, page_a, frame_of(page_a) << 12 | 3, 0, 5), ESRCH_);
}

static void test_update(void)
{
    struct mmu_update u[3] = {{frame_of(page_a) << 12, 77},
                              {(1ull << 50), 1},
                              {frame_of(page_a) << 12 | 8, 88}};
    uint32_t done = 99;

    page_a[0] = page_a[1] = 0;
    IS(hc(1, u, 3, &done, SELF), EINVAL_);
    IS(done, 1);
    CHECK(page_a[0] == 77 && page_a[1] == 0);
    IS(hc(1, u, 1, &done, 5), ESRCH_);
    IS(hc(1, 0x8000000000000000, 1, 0, SELF), EFAULT_);
    IS(hc(1, u, 0, &done, SELF), 0);
    IS(update(frame_of(page_a) << 12 | 4, 5), EINVAL_); /* in the middle of an entry */
    /* A and D survive where that is asked for */
    uint64_t p = entry_ptr(page_b), *e = (uint64_t *)p;
    page_b[0] = 1;
    CHECK(*e & 0x40);
    IS(update(p | 2, frame_of(page_b) << 12 | P_P | P_RW), 0);
    CHECK((*e & P_AD) == P_AD);
    IS(update(p, frame_of(page_b) << 12 | P_P | P_RW), 0);
    CHECK(!(*e & 0x40));
    /* machine to physical */
    IS(update(frame_of(page_b) << 12 | 1, 0x1234), 0);
    CHECK(m2p[frame_of(page_b)] == 0x1234);
    IS(update(frame_of(page_b) << 12 | 1, frame_of(page_b)), 0);
    IS(update(foreign() << 12 | 1, 1), EINVAL_);
}

static void test_types(void)
{
    uint64_t l1 = table_of(page_a, 1), l2 = table_of(page_a, 2), l4 = read_cr3() >> 12;

    /* a table is never writable */
    IS(remap(page_a, l1, P_P | P_RW), EINVAL_);
    IS(remap(page_a, l4, P_P | P_RW), EINVAL_);
    IS(remap(page_a, l2, P_P), 0);
    IS(store(page_a, 0), 14); /* and only level 1 is stored to by proxy */
    IS(remap(page_a, l1, P_P), 0);
    IS(hc(21, 1, 2), 0); /* without the assist not even that */
    uint64_t *e = &page_a[(uint64_t)page_b >> 12 & 511];
    IS(store(e, 0), 14);
    IS(hc(21, 0, 2), 0);
    IS(store(e, frame_of(page_c) << 12 | P_P), -1);
    IS(ext(FLUSH, 0), 0);
    page_c[0] = 0xc0c0;
    CHECK(*(volatile uint64_t *)page_b == 0xc0c0);
    IS(store(e, foreign() << 12 | P_P), 14); /* foreign frames are refused there, too */
    IS(store(e, l4 << 12 | P_P | P_RW), 14);
    IS(TRY("lock btrq $0, %0", : "+m"(*e)::"memory"), -1);
    IS(ext(FLUSH, 0), 0);
    IS(load(page_b), 14);
    IS(TRY("xchgq %1, %0", : "+m"(*e) : "r"(frame_of(page_b) << 12 | P_P | P_RW) : "memory"), -1);
    IS(store(page_b, 5), -1);
    IS(remap(page_a, frame_of(page_a), P_P | P_RW), 0);
}

static void test_pin(void)
{
    uint64_t a = frame_of(table_a), b = frame_of(table_b);

    IS(ext(PIN_L1, a), EINVAL_); /* it is mapped writable */
    IS(remap(table_a, a, P_P), 0);
    IS(ext(PIN_L1, a), 0);
    IS(ext(PIN_L1, a), EINVAL_);
    IS(ext(PIN_L2, a), EINVAL_);
    IS(remap(table_a, a, P_P | P_RW), EINVAL_);
    IS(ext(CLEAR, a), EINVAL_);
    IS(update(a << 12, frame_of(page_a) << 12 | P_P | P_RW), 0);
    IS(update(a << 12, a << 12 | P_P | P_RW), EINVAL_); /* a window onto itself */
    IS(update(a << 12 | 8, foreign() << 12 | P_P), EINVAL_);
    /* a page that a table maps writable cannot become a table */
    IS(remap(page_a, frame_of(page_a), P_P), 0);
    IS(ext(PIN_L1, frame_of(page_a)), EINVAL_);
    IS(remap(page_a, frame_of(page_a), P_P | P_RW), 0);
    /* level 2 with this level 1 in it */
    table_b[0] = a << 12 | P_P | P_RW | P_US;
    table_b[1] = a << 12 | P_P | 0x80; /* a large page */
    IS(remap(table_b, b, P_P), 0);
    IS(ext(PIN_L2, b), EINVAL_);
    IS(remap(table_b, b, P_P | P_RW), 0);
    table_b[1] = 0;
    IS(remap(table_b, b, P_P), 0);
    IS(ext(PIN_L2, b), 0);
    IS(update(b << 12 | 16, a << 12 | P_P | 0x80), EINVAL_);
    IS(update(b << 12 | 16, b << 12 | P_P | P_RW), EINVAL_); /* linear, writable */
    IS(update(b << 12 | 16, b << 12 | P_P), 0);
    IS(update(b << 12 | 16, b << 12 | P_P | P_RW), EINVAL_);
    IS(ext(UNPIN, a), 0);
    IS(remap(table_a, a, P_P | P_RW), EINVAL_); /* level 2 still needs it */
    IS(ext(UNPIN, b), 0);
    IS(ext(UNPIN, b), EINVAL_);
    IS(remap(table_a, a, P_P | P_RW), 0);
    IS(remap(table_b, b, P_P | P_RW), 0);
    IS(ext(PIN_L1, foreign()), EINVAL_);
    IS(ext(PIN_L4, ~0ull), EINVAL_);
    table_a[0] = table_b[0] = table_b[2] = 0;
}

/* A writable translation that is still cached must not outlive the frame's being plain memory. */
static void test_stale(void)
{
    uint64_t a = frame_of(table_a);

    table_a[3] = 0; /* cached now */
    IS(update(entry_ptr(table_a), a << 12 | P_P), 0); /* no flush asked for */
    IS(ext(PIN_L1, a), 0);
    IS(hc(21, 1, 2), 0);
    IS(store(&table_a[3], foreign() << 12 | 7), 14);
    IS(hc(21, 0, 2), 0);
    CHECK(table_a[3] == 0);
    IS(ext(UNPIN, a), 0);
    IS(remap(table_a, a, P_P | P_RW), 0);
}

static void test_roots(void)
{
    uint64_t l4 = read_cr3() >> 12;

    IS(ext(NEW_BASE, frame_of(page_a)), EINVAL_);
    IS(ext(NEW_BASE, nr_pages() + 9), EINVAL_);
    IS(ext(NEW_BASE, l4), 0);
    IS(update(l4 << 12 | 256 * 8, frame_of(page_a) << 12 | P_P), EINVAL_); /* not ours to set */
    IS(update(l4 << 12 | 271 * 8, 0), EINVAL_);
    IS(update(l4 << 12 | 300 * 8, l4 << 12 | P_P), 0); /* linear, to look only */
    IS(update(l4 << 12 | 300 * 8, l4 << 12 | P_P | P_RW), EINVAL_);
    IS(store((uint64_t *)(0xffff000000000000ull | 300ull << 39 | 300ull << 30 | 300ull << 21 |
                          300ull << 12),
             1),
       14);
    IS(update(l4 << 12 | 300 * 8, 0), 0);
    IS(ext(NEW_USER, l4), 0);
    IS(ext(99, 0), ENOSYS_);
    IS(ext(18, 0), -13);
    struct mmuext ops[2] = {{FLUSH, 0, 0, 0}, {UNPIN, 0, 1, 0}};
    uint32_t done = 7;
    IS(hc(26, ops, 2, &done, SELF), EINVAL_);
    IS(done, 1);
    IS(hc(26, ops, 1, &done, 9), ESRCH_);
    page_a[0] = 42;
    IS(ext(CLEAR, frame_of(page_a)), 0);
    CHECK(*(volatile uint64_t *)page_a == 0);
}

/* ---- descriptors ---- */

static void test_descriptors(void)
{
    uint64_t f = frame_of(gdt);

    gdt[1] = 0x00af9b000000ffff; /* code, DPL 0: becomes 3 */
    gdt[2] = 0x00cf93000000ffff;
    IS(hc(2, &f, 512), EINVAL_); /* writable */
    IS(remap(gdt, f, P_P), 0);
    IS(hc(2, &f, 7169), EINVAL_);
    IS(hc(2, 0x8000000000000000, 512), EFAULT_);
    IS(hc(2, &f, 512), 0);
    CHECK((gdt[1] >> 45 & 3) == 3);
    IS(remap(gdt, f, P_P | P_RW), EINVAL_);
    IS(ext(PIN_L1, f), EINVAL_);
    IS(hc(10, f << 12 | 24, 0x00cff2001000ffff), 0);
    IS(hc(10, f << 12 | 32, 0x0000ec0000100000), EINVAL_); /* a call gate */
    IS(hc(10, f << 12 | 32, 0x0000890000100067), EINVAL_); /* a task */
    IS(hc(10, f << 12 | 33, 0), EINVAL_);
    IS(hc(10, foreign() << 12, 0), EINVAL_);
    IS(hc(10, read_cr3(), 0), EINVAL_); /* a page table */
    IS(TRY("movw %w0, %%ds", ::"r"(3 * 8 + 3)), -1);
    IS(TRY("movw %w0, %%ds", ::"r"(50 * 8 + 3)), 11 + 2); /* #GP: no such descriptor */
    IS(last.error, 50 * 8);
    IS(TRY("movw %w0, %%es", ::"r"(0xfff8)), 13);
    IS(TRY("movw %w0, %%ds", ::"r"(0)), -1);
    IS(hc(2, &f, 0), 0);
    IS(remap(gdt, f, P_P | P_RW), 0);
    struct mmuext ldt = {13, 0, (uint64_t)gdt, 9000};
    IS(hc(26, &ldt, 1, 0, SELF), EINVAL_);
    IS(hc(25, 0, 0x8000000000000000), EINVAL_);
    IS(hc(25, 9, 0), EINVAL_);
    IS(hc(25, 2, 0x1000), 0);
}

/* ---- traps and privileged instructions ---- */

static void do_syscall(void) { __asm__ volatile("mov $0x1234, %%eax; syscall" ::: "rcx", "r11", "rax"); }
static void do_int_32(void) { __asm__ volatile("int $32"); }
static void do_int_13(void) { __asm__ volatile("int $13"); }
static void do_ud(void) { __asm__ volatile("ud2"); }
static void do_cli(void) { __asm__ volatile("cli"); do_syscall(); }
static void do_rdcr(void) { __asm__ volatile("mov %%cr0, %%rax" ::: "rax"); }
static void do_load(void) { __asm__ volatile("movq 0x700000000000, %%rax" ::: "rax"); }

static void test_traps(void)
{
    IS(TRY("ud2"), 6);
    IS(TRY("int3"), 3);
    CHECK(!(last.cs & 3));
    IS(TRY("int $13"), 13);
    IS(last.error, 13 * 8 + 2);
    IS(TRY("int $200"), 13);
    IS(TRY("hlt"), 13);
    IS(TRY("divl %0", ::"r"(0), "a"(1), "d"(0)), 0);
    IS(user(do_syscall), 0x1234);
    IS(user_trap, 0);
    user(do_int_32);
    IS(user_trap, 33);
    user(do_int_13);
    IS(user_trap, 14);
    IS(last.error, 13 * 8 + 2);
    user(do_ud);
    IS(user_trap, 7);
    user(do_cli);
    IS(user_trap, 14);
    user(do_rdcr);
    IS(user_trap, 14);
    user(do_load);
    IS(user_trap, 15);
    IS(last.error, 4);
}

static void test_privileged(void)
{
    uint32_t iopl = 0, a, d;

    IS(hc(33, 6, &iopl), 0);
    IS(TRY("cli"), 13);
    IS(TRY("outb %%al, $0x80", ::"a"(0)), 13);
    iopl = 1;
    IS(hc(33, 6, &iopl), 0);
    IS(TRY("cli"), -1);
    IS(TRY("inb $0x42, %%al", : "=a"(a)), -1);
    IS(a & 0xff, 0);
    user(do_cli);
    IS(user_trap, 14);
    iopl = 3;
    IS(hc(33, 6, &iopl), 0);
    user(do_cli);
    IS(user_trap, 0);
    iopl = 4;
    IS(hc(33, 6, &iopl), EINVAL_);
    IS(TRY("rdmsr", : "=a"(a), "=d"(d) : "c"(0x12345678)), 13);
    IS(TRY("rdmsr", : "=a"(a), "=d"(d) : "c"(0xc0000080)), -1);
    CHECK(a & 0x400);
    IS(TRY("wrmsr", ::"a"(0), "d"(0x80000000), "c"(0xc0000101)), 13); /* not canonical */
    IS(TRY("wrmsr", ::"a"(0), "d"(0), "c"(0x12345678)), 13);
    uint32_t b, c;
    IS(TRY("ud2; .ascii \"xen\"; cpuid", : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "0"(0x40000000), "2"(0)), -1);
    CHECK(b == 0x566e6558 && c == 0x65584d4d && d == 0x4d4d566e);
    IS(TRY("mov %0, %%cr0", ::"r"(0ull)), 13);
    IS(TRY("mov %0, %%cr3", ::"r"(frame_of(page_a) << 12)), 13);
    IS(TRY("lgdt %0", ::"m"(page_a[0])), 13);
    IS(TRY("swapgs"), 13);
    IS(hc(8, 0, 0xffff800000000000), EPERM_);
    IS(hc(8, 9, 0), EINVAL_);
    IS(hc(8, 0, page_a), 0);
    IS(hc(8, 7, 0x200ull | 2 | 0x10000 | 0xc0000), 0); /* data writes of 4 bytes at page_a */
    IS(TRY("movl $1, %0; nop", : "=m"(page_a[0])), 1);
    IS(hc(8, 7, 0), 0);
    /* the FPU is somebody else's */
    IS(hc(5, 1), 0);
    IS(TRY("fninit"), 7);
    IS(hc(5, 0), 0);
    IS(TRY("fninit"), -1);
}

/* ---- events and time ---- */

__asm__(".globl event_entry\nevent_entry:\n popq %rcx\n popq %r11\n pushq %rax\n"
        " incq events\n movq info_at, %rax\n movb $0, (%rax)\n popq %rax\n"
        " pushq $0\n pushq %rcx\n pushq %r11\n pushq %rax\n movl $23, %eax\n syscall\n");
extern char event_entry[];

static int64_t evop(uint64_t op, void *arg)
{
    return hc(32, op, arg);
}

static void test_events(void)
{
    struct {
        uint16_t dom, remote;
        uint32_t port;
    } u = {SELF, SELF, 0};
    struct {
        uint16_t dom, pad;
        uint32_t remote, local;
    } bind;
    struct {
        uint16_t type, flags;
        uint32_t pad;
        uint64_t address;
    } cb = {0, 0, 0, (uint64_t)event_entry};
    uint32_t port;

    *(volatile uint8_t *)&shared[1] = 1; /* masked */
    IS(hc(30, 0, &cb), 0);
    IS(evop(6, &u), 0);
    bind = (typeof(bind)){SELF, 0, u.port, 0};
    IS(evop(0, &bind), 0);
    bind.remote = 5000;
    IS(evop(0, &bind), EINVAL_);
    bind.dom = 3;
    IS(evop(0, &bind), ESRCH_);
    port = bind.local;
    port = u.port;
    IS(evop(4, &port), 0);
    for (int i = 0; i < 10000; i++)
        evop(4, &port);
    CHECK(events == 0);
    *(volatile uint8_t *)&shared[1] = 0;
    hc(17, 0, 0); /* a look at events */
    CHECK(events == 1);
    uint32_t bad = 0;
    IS(evop(4, &bad), EINVAL_);
    bad = 4000;
    IS(evop(4, &bad), EINVAL_);
    IS(evop(3, &bad), EINVAL_);
    bad = 0xffffffff;
    IS(evop(9, &bad), EINVAL_);
    IS(evop(3, &port), 0);
    IS(evop(3, &port), EINVAL_);
    struct {
        uint32_t virq, vcpu, port;
    } v = {0, 0, 0};
    IS(evop(1, &v), 0);
    IS(evop(1, &v), EEXIST_);
    struct {
        uint32_t virq, vcpu, port;
    } w = {99, 0, 0};
    IS(evop(1, &w), EINVAL_);
    w = (typeof(w)){0, 77, 0};
    IS(evop(1, &w), ENOENT_);
    IS(evop(99, &w), ENOSYS_);
    IS(evop(4, (void *)0x8000000000000000), EFAULT_);
    /* a timer of our own */
    struct {
        uint64_t when;
        uint32_t flags;
    } t = {1, 1};
    IS(hc(24, 7, 0), 0);
    IS(hc(24, 8, 0, &t), ETIME_);
    for (unsigned i = 0; i < 64; i++)
        ((volatile uint64_t *)(shared + 2048))[i] = 0; /* handled */
    *(volatile uint64_t *)&shared[8] = 0;
    uint64_t before = events;
    t.flags = 0;
    *(volatile uint8_t *)&shared[1] = 1; /* it may come before we wait: masked, it is found then */
    IS(hc(24, 8, 0, &t), 0);
    hc(29, 1); /* block until it comes */
    CHECK(events == before + 1);
    uint32_t *ports = &v.port;
    struct {
        uint32_t *ports, n, pad;
        uint64_t timeout;
    } p = {ports, 1, 0, 1};
    IS(hc(29, 3, &p), 0);
    p.n = 1000;
    IS(hc(29, 3, &p), EINVAL_);
    IS(hc(29, 99, 0), ENOSYS_);
}

static void test_vcpus(void)
{
    struct {
        uint64_t mfn;
        uint32_t off, pad;
    } info = {frame_of(page_c), 4090, 0};

    IS(hc(24, 3, 0), 1);
    for (uint64_t i = 1; i < 8192; i += 511)
        IS(hc(24, 3, i), ENOENT_);
    IS(hc(24, 10, 0, &info), -6);
    info.off = 64;
    info.mfn = foreign();
    IS(hc(24, 10, 0, &info), EINVAL_);
    info.mfn = frame_of(page_c);
    info_at = (volatile uint8_t *)page_c + 64;
    IS(hc(24, 10, 0, &info), 0);
    IS(hc(24, 10, 0, &info), EINVAL_);
    CHECK(ld4(page_c, 64 + 32) == 2); /* the time record went along */
    IS(hc(24, 99, 0), ENOSYS_);
}

/* ---- grants ---- */

static int16_t grant_map(uint64_t at, uint32_t flags, uint32_t ref, uint32_t *handle)
{
    struct {
        uint64_t host;
        uint32_t flags, ref;
        uint16_t dom;
        int16_t status;
        uint32_t handle;
        uint64_t bus;
    } m = {at, flags, ref, 1, 99, 0, 0};

    IS(hc(20, 0, &m, 1), 0);
    *handle = m.handle;
    return m.status;
}

static int16_t grant_unmap(uint64_t at, uint32_t handle)
{
    struct {
        uint64_t host, bus;
        uint32_t handle;
        int16_t status, pad;
    } m = {at, 0, handle, 99, 0};

    IS(hc(20, 1, &m, 1), 0);
    return m.status;
}

static void test_grants(void)
{
    uint64_t frames[1];
    struct {
        uint16_t dom, pad;
        uint32_t n;
        int16_t status, pad2;
        uint32_t pad3;
        uint64_t *list;
    } s = {SELF, 0, 1, 99, 0, 0, frames};
    uint32_t version = 3, h, h2;

    IS(hc(20, 8, &version, 1), EINVAL_);
    IS(hc(20, 2, &s, 1), 0);
    IS(s.status, 0);
    IS(remap(grants, frames[0], P_P | P_RW | P_AD), 0);
    volatile uint32_t *g = (volatile uint32_t *)grants;
    page_a[0] = 0xabcd;
    g[8 * 2 + 1] = (uint32_t)frame_of(page_a);
    g[8 * 2] = 1 << 16 | 1;
    IS(grant_map((uint64_t)page_b, 2, 8, &h), 0);
    CHECK(*(volatile uint64_t *)page_b == 0xabcd);
    CHECK((g[16] & 0x18) == 0x18); /* in use, both ways */
    IS(grant_map((uint64_t)page_b, 2, 9, &h2), -3);       /* no such grant */
    IS(grant_map((uint64_t)page_b, 2, 1 << 20, &h2), -3);
    IS(grant_map(entry_ptr(page_b) + 2, 2 | 16, 8, &h2), -1); /* in the middle of an entry */
    IS(grant_map(read_cr3(), 2 | 16, 8, &h2), -1);            /* of another level */
    IS(grant_unmap((uint64_t)page_b, 1000), -4);
    IS(grant_unmap((uint64_t)page_c, h), -1); /* not mapped there */
    IS(remap(page_a, frame_of(page_a), P_P), 0);
    IS(ext(PIN_L1, frame_of(page_a)), EINVAL_); /* still writable through the grant */
    IS(remap(page_a, frame_of(page_a), P_P | P_RW), 0);
    IS(grant_unmap((uint64_t)page_b, h), 0);
    IS(grant_unmap((uint64_t)page_b, h), -4);
    CHECK(!(g[16] & 0x18));
    IS(load(page_b), 14);
    IS(remap(page_b, frame_of(page_b), P_P | P_RW), 0);
    g[16] = 1 << 16 | 1 | 4; /* read-only */
    IS(grant_map((uint64_t)page_b, 2, 8, &h), -8);
    g[17] = (uint32_t)table_of(page_a, 1); /* a page table, for writing */
    g[16] = 1 << 16 | 1;
    IS(grant_map((uint64_t)page_b, 2, 8, &h), -1);
    struct {
        uint64_t from;
        uint16_t fdom, foff;
        uint32_t pad;
        uint64_t to;
        uint16_t tdom, toff;
        uint32_t pad2;
        uint16_t len, flags;
        int16_t status, pad3;
    } c = {frame_of(page_a), SELF, 0, 0, frame_of(page_c), SELF, 2048, 0, 8, 0, 99, 0};
    IS(hc(20, 5, &c, 1), 0);
    IS(c.status, 0);
    CHECK(page_c[256] == 0xabcd);
    c.toff = 4095;
    IS(hc(20, 5, &c, 1), 0);
    IS(c.status, -10);
    c.toff = 0;
    c.to = read_cr3() >> 12;
    IS(hc(20, 5, &c, 1), 0);
    CHECK(c.status < 0);
    c.to = foreign();
    IS(hc(20, 5, &c, 1), 0);
    IS(c.status, -9);
    IS(hc(20, 99, &c, 1), ENOSYS_);
    IS(hc(20, 2, &s, 2), EINVAL_);
}

/* ---- multicall and iret ---- */

struct call {
    uint64_t op;
    int64_t result;
    uint64_t args[6];
};

static void test_multicall(void)
{
    struct call m[4] = {{17, 5, {0}}, {60, 5, {0}}, {13, 5, {0}}, {17, 5, {99}}};

    IS(hc(13, m, 4), 0);
    IS(m[0].result >> 16, 4);
    IS(m[1].result, ENOSYS_);
    IS(m[2].result, ENOSYS_);
    IS(m[3].result, ENOSYS_);
    IS(hc(13, 0x8000000000000000, 1), EFAULT_);
    IS(hc(13, m, 0), 0);
}

static void test_iret(void)
{
    uint64_t back;

    /* to the kernel itself, with a selector of no descriptor */
    recover = (uint64_t)&&after;
    last.vector = -1;
    __asm__ volatile("movq %%rsp, %0; pushq $0xe02b; pushq %0; pushq $0x200; pushq $0x4444;"
                     "pushq $1f; pushq $0; pushq $0; pushq $0; pushq $0; movl $23, %%eax; syscall; 1:"
                     : "=&r"(back)::"rax", "rcx", "r11", "memory");
after:
    CHECK(last.vector == 13);
    recover = 0;
    /* mask and flag go together */
    __asm__ volatile("movq %%rsp, %0; pushq $0xe02b; pushq %0; pushq $0x2; pushq $0xe030;"
                     "pushq $1f; pushq $0; pushq $0; pushq $0; pushq $0; movl $23, %%eax; syscall; 1:"
                     : "=&r"(back)::"rax", "rcx", "r11", "memory");
    CHECK(page_c[8] >> 8 & 1); /* vcpu_info lies at page_c + 64: its mask */
    ((volatile uint8_t *)page_c)[65] = 0;
}

void test_main(void)
{
    test_version();
    test_memory();
    test_mapping();
    test_update();
    test_types();
    test_pin();
    test_stale();
    test_roots();
    test_descriptors();
    test_traps();
    test_privileged();
    test_events();
    test_multicall();
    test_grants();
    test_vcpus();
    test_iret();
}
