/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What small kernels of the interface rely on, and what was once a hole in the reference [XSA n]: each
 * function does what the advisory's attacker would do, and checks that nothing came of it.
 */
#include "guest.h"

static uint64_t page_a[512] PAGE_ALIGNED, page_b[512] PAGE_ALIGNED, grants[512] PAGE_ALIGNED;
static uint64_t t1[512] PAGE_ALIGNED, t2[512] PAGE_ALIGNED, t3[512] PAGE_ALIGNED,
    t4[512] PAGE_ALIGNED;
static uint64_t gdt[512] PAGE_ALIGNED;
__attribute__((used)) static uint64_t target;

/* Selectors of the test's own GDT. */
enum { SEL_CS64 = 9 * 8 + 3 };

static uint64_t read_cr3(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr3, %0" : "=r"(v));
    return v;
}

static uint64_t entry(const void *va, int level) /* machine address of va's entry at this level */
{
    uint64_t table = read_cr3() & ~0xfffull;

    for (int l = 4;; l--) {
        uint64_t at = table + ((uint64_t)va >> (12 + 9 * (l - 1)) & 511) * 8;
        if (l == level)
            return at;
        table = *(const uint64_t *)at & 0xffffffffff000;
    }
}

static int64_t update(uint64_t ptr, uint64_t val)
{
    struct {
        uint64_t ptr, val;
    } u = {ptr, val};
    return hc(1, &u, 1, 0, SELF);
}

static int64_t ext(uint32_t cmd, uint64_t arg1)
{
    struct {
        uint32_t cmd, pad;
        uint64_t arg1, arg2;
    } op = {cmd, 0, arg1, 0};
    return hc(26, &op, 1, 0, SELF);
}

static int64_t read_only(const void *va)
{
    return remap(va, frame_of(va), P_P | P_AD);
}

static int64_t writable(const void *va)
{
    return remap(va, frame_of(va), P_P | P_RW | P_AD);
}

/* ---- start of day ---- */

static void test_callbacks(void)
{
    struct {
        uint16_t type, flags;
        uint32_t pad;
        uint64_t address;
    } cb = {5, 1, 0, (uint64_t)test_main};

    IS(hc(30, 0, &cb), 0); /* SYSENTER: taken, whatever the processor has */
    cb.type = 7;
    IS(hc(30, 0, &cb), 0);
    IS(hc(30, 1, &cb), ENOSYS_);
    cb.type = 5;
    IS(hc(30, 1, &cb), EINVAL_);
    cb.type = 7;
    cb.address = 0;
    IS(hc(30, 0, &cb), 0);
}

/* A GDT as kernels of the bare machine have it: DPL 0 becomes 3, a frame shows RPL 0. */
static void test_gdt(void)
{
    uint64_t f = frame_of(gdt);

    gdt[1] = 0x00af9b000000ffff;
    gdt[2] = 0x00cf9b000000ffff;
    gdt[3] = 0x00cf93000000ffff;
    IS(read_only(gdt), 0);
    IS(hc(2, &f, 15), 0);
    IS(hc(10, f << 12 | 9 * 8, 0x00affb000000ffff), 0);
    __asm__ volatile("pushq %0; pushq $1f; lretq; 1:" ::"i"(SEL_CS64) : "memory");
    IS(TRY("ud2"), 6);
    IS(last.cs & 0xffff, SEL_CS64 & ~3);
    __asm__ volatile("pushq $0xe033; pushq $1f; lretq; 1:" ::: "memory");
}

static int64_t store_read(const char *path, char *out, unsigned size)
{
    uint8_t *ring = (uint8_t *)(ld(start_info, 56) << 12);
    uint32_t port = ld4(start_info, 64), n = 0;
    volatile uint32_t *at = (volatile uint32_t *)(ring + 2048);
    uint32_t hdr[4] = {2, 7, 0, 0}; /* READ */

    while (path[hdr[3]])
        hdr[3]++;
    hdr[3]++;
    for (unsigned i = 0; i < 16; i++)
        ring[(at[1] + i) % 1024] = ((uint8_t *)hdr)[i];
    for (unsigned i = 0; i < hdr[3]; i++)
        ring[(at[1] + 16 + i) % 1024] = (uint8_t)path[i];
    at[1] += 16 + hdr[3];
    IS(hc(32, 4, &port), 0);
    while (at[3] - at[2] < 16) { /* as a kernel without interrupts waits */
        struct {
            uint32_t *ports, n, pad;
            uint64_t timeout;
        } p = {&port, 1, 0, 0};
        volatile uint64_t *pending = (volatile uint64_t *)(shared + 2048) + port / 64;
        if (!(__atomic_fetch_and(pending, ~(1ull << port % 64), __ATOMIC_SEQ_CST) >> port % 64 & 1))
            IS(hc(29, 3, &p), 0);
    }
    for (unsigned i = 0; i < 16; i++)
        ((uint8_t *)hdr)[i] = ring[1024 + (at[2] + i) % 1024];
    for (; n < hdr[3] && n < size - 1; n++)
        out[n] = (char)ring[1024 + (at[2] + 16 + n) % 1024];
    out[n] = 0;
    at[2] += 16 + hdr[3];
    return hdr[0];
}

static void test_xenstore(void)
{
    char text[32];

    IS(store_read("domid", text, sizeof(text)), 2);
    CHECK(text[0] == '1' && !text[1]);
    IS(store_read("no/such/node", text, sizeof(text)), 16);
    CHECK(text[0] == 'E' && text[1] == 'N');
}

/* The ring of the console, by its event; the reader is done when the call returns. */
static void test_console(void)
{
    static const char text[] = "by the console's ring\n";
    uint8_t *ring = (uint8_t *)(ld(start_info, 72) << 12);
    volatile uint32_t *cons = (volatile uint32_t *)(ring + 3080), *prod = cons + 1;
    uint32_t port = ld4(start_info, 80);

    for (unsigned i = 0; text[i]; i++)
        ring[1024 + (*prod)++ % 2048] = (uint8_t)text[i];
    IS(hc(32, 4, &port), 0);
    CHECK(*cons == *prod);
}

/* ---- processor ---- */

static uint64_t cpuid0(void)
{
    uint32_t a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a;
}

static uint64_t forced0(void)
{
    uint32_t a = 0, b, c = 0, d;
    __asm__ volatile("ud2; .ascii \"xen\"; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a;
}

#define LEAVE() __asm__ volatile("syscall" ::"a"(1) : "rcx", "r11")
static void user_cpuid(void) { cpuid0(); LEAVE(); }
static void user_forced(void) { forced0(); LEAVE(); }

static void test_cpuid_faulting(void)
{
    uint32_t a, d;

    CHECK(cpuid0() >= 1 && forced0() >= 1);
    user(user_cpuid);
    IS(user_trap, 0);
    user(user_forced);
    IS(user_trap, 0);
    IS(TRY("rdmsr", : "=a"(a), "=d"(d) : "c"(0xce)), -1);
    CHECK(a >> 31);
    IS(TRY("wrmsr", ::"a"(2), "d"(0), "c"(0x140)), 13);
    IS(TRY("wrmsr", ::"a"(1), "d"(0), "c"(0x140)), -1);
    CHECK(cpuid0() >= 1 && forced0() >= 1);
    user(user_cpuid);
    IS(user_trap, 14);
    IS(last.error, 0);
    user(user_forced);
    IS(user_trap, 14);
    CHECK(*(const uint16_t *)last.rip == 0xa20f); /* the fault is CPUID's own */
    IS(TRY("wrmsr", ::"a"(0), "d"(0), "c"(0x140)), -1);
    user(user_cpuid);
    IS(user_trap, 0);
}

static void user_rdfsbase(void) { __asm__ volatile("rdfsbase %%rax" ::: "rax"); LEAVE(); }

/* What CPUID does not offer cannot be switched on. */
static void test_hidden(void)
{
    uint64_t cr4, after;

    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    CHECK(!(cr4 & 1 << 16));
    TRY("mov %0, %%cr4", ::"r"(cr4 | 1 << 16));
    __asm__ volatile("mov %%cr4, %0" : "=r"(after));
    IS(after, cr4);
    IS(TRY("rdfsbase %%rax", ::: "rax"), 6);
    user(user_rdfsbase);
    IS(user_trap, 7);
    IS(TRY("xbegin 1f; 1:", ::: "rax"), 6);
}

/* Every number may be asked for; what is not there is #GP(0). */
static void test_msrs(void)
{
    uint32_t a, d, readable = 0;

    for (uint32_t i = 0; i < 0x2000; i++)
        readable += TRY("rdmsr", : "=a"(a), "=d"(d) : "c"(i)) < 0;
    for (uint32_t i = 0xc0000000; i < 0xc0002000; i++)
        readable += TRY("rdmsr", : "=a"(a), "=d"(d) : "c"(i)) < 0;
    CHECK(readable > 3 && readable < 100);
    for (uint32_t i = 0xc0000100; i < 0xc0000103; i++) /* [XSA 193] */
        IS(TRY("wrmsr", ::"a"(0), "d"(0x80000000), "c"(i)), 13);
}

/* A trap on data: the kernel's MOV to DR7 works at once. */
static void test_debug_registers(void)
{
    uint64_t dr7 = 0x200 | 2 | 0xf0000; /* four bytes, read or written */

    __asm__ volatile("mov %0, %%dr0" ::"r"(&target));
    for (unsigned i = 0; i < 4; i++) {
        last.vector = -1;
        __asm__ volatile("movq $1f, recover; mov %0, %%dr7; movl $0, target; 1: movq $0, recover"
                         ::"r"(dr7) : "memory");
        IS(last.vector, 1);
        __asm__ volatile("mov %0, %%dr7" ::"r"(0ull));
    }
    __asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0ull));
}

static void user_movss_syscall(void)
{
    __asm__ volatile("movw target, %%ss; syscall" ::"a"(7) : "rcx", "r11");
}

/* Loads of SS hold back their own trap, and traps of what follows [XSA 260, 265]. */
static void test_movss(void)
{
    uint64_t dr7 = 0x200 | 2 | 0xf0000;

    target = 0xe02b;
    __asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" ::"r"(&target), "r"(dr7));
    last.vector = -1;
    __asm__ volatile("movq $1f, recover; movw target, %%ss; nop; 1: movq $0, recover" ::: "memory");
    IS(last.vector, 1);
    last.vector = -1;
    __asm__ volatile("movq $1f, recover; movw target, %%ss; int3; 1: movq $0, recover" ::: "memory");
    IS(last.vector, 3); /* the trap on data does not hit the handler's first instruction */
    IS(user(user_movss_syscall), 7);
    IS(user_trap, 0);
    __asm__ volatile("mov %0, %%dr7; mov %0, %%dr0" ::"r"(0ull));
}

/* RIP may become the first address that is not canonical: behind a SYSCALL at its end [XSA 7]. */
extern uint8_t edge_page[PAGE], edge_stub[];
__asm__(".pushsection .text; .align 4096; .globl edge_page, edge_stub; edge_page: .skip 4094, 0xcc;"
        "edge_stub: syscall; .popsection");

static void test_edge(void)
{
    uint64_t rc, sp;

    t1[511] = frame_of(edge_page) << 12 | P_P | P_RW | P_AD;
    t2[511] = frame_of(t1) << 12 | P_P | P_RW | P_AD;
    t3[511] = frame_of(t2) << 12 | P_P | P_RW | P_AD;
    IS(read_only(t1), 0);
    IS(read_only(t2), 0);
    IS(read_only(t3), 0);
    IS(update((read_cr3() & ~0xfffull) + 255 * 8, frame_of(t3) << 12 | P_P | P_RW | P_AD), 0);
    last.vector = -1;
    __asm__ volatile("movq $1f, recover; movq %%rsp, %%rbx; movq %3, %%rsp; jmp *%2;"
                     "1: movq %%rbx, %%rsp; movq $0, recover"
                     : "=a"(rc), "=&b"(sp)
                     : "r"(0x00007ffffffff000 + 4094), "r"(0x00007fffffffff00), "a"(17), "D"(0), "S"(0)
                     : "rcx", "r11", "memory");
    IS(rc >> 16, 4);
    IS(last.vector, 13);
    IS(last.error, 0);
    IS(last.rip, 0x0000800000000000);
    IS(update((read_cr3() & ~0xfffull) + 255 * 8, 0), 0);
    IS(writable(t1) | writable(t2) | writable(t3), 0);
    t1[511] = t2[511] = t3[511] = 0;
}

/* Which segment: #SS for what RSP and RBP address, #GP for all else, and for FS and GS. */
#define BAD(insn) TRY(insn, ::"a"(0x8000000040000000) : "rbx", "memory")
static void test_segments(void)
{
    IS(BAD("movb (%%rax), %%bl"), 13);
    IS(BAD("movb %%es:(%%rax), %%bl"), 13);
    IS(BAD("movb %%ss:(%%rax), %%bl"), 13); /* the override says nothing in 64-bit code */
    IS(BAD("movq %%rbp, %%rbx; movq %%rax, %%rbp; movb (%%rbp), %%al; 77: movq %%rbx, %%rbp;") , 12);
    IS(BAD("movq %%rbp, %%rbx; movq %%rax, %%rbp; movb %%fs:(%%rbp), %%al; 77: movq %%rbx, %%rbp;"), 13);
    IS(BAD("movq %%rbp, %%rbx; movq %%rax, %%rbp; movb %%ds:(%%rbp), %%al; 77: movq %%rbx, %%rbp;"), 12);
}

static void user_lcall(void)
{
    static const struct {
        uint32_t offset;
        uint16_t sel;
    } __attribute__((packed)) to = {0, 0x1007};
    __asm__ volatile("lcall *%0" ::"m"(to));
}

static void user_int80(void) { __asm__ volatile("int $0x80"); }
static void user_sysenter(void) { __asm__ volatile("pushf; orl $0x4000, (%rsp); popf; sysenter"); LEAVE(); }

static void test_gates(void)
{
    IS(TRY("int $0x80"), 13); /* [XSA 259] */
    IS(last.error, 0x80 * 8 + 2);
    user(user_int80);
    IS(user_trap, 14);
    IS(last.error, 0x80 * 8 + 2);
    user(user_lcall); /* no LDT, so no gate in it [XSA 298] */
    IS(user_trap, 14);
    IS(last.error, 0x1004);
    user(user_sysenter); /* [XSA 339] */
    IS(user_trap, 7);
    IS(hc(8, 0, 0xffff820080000000), EPERM_); /* a breakpoint on the hypervisor [XSA 444] */
}

/* ---- privilege level of ports ---- */

static void user_out(void) { __asm__ volatile("cli; outb %%al, $0x80" ::"a"(0)); LEAVE(); }

/* An IRET with this IOPL, to user mode. */
static void set_iopl(unsigned iopl)
{
    user_flags = 0x200 | iopl << 12;
    user(user_out);
    user_flags = 0x200;
}

static void test_iopl(void)
{
    for (uint32_t iopl = 0; iopl <= 3; iopl++) {
        IS(hc(33, 6, &iopl), 0);
        IS(TRY("cli"), iopl ? -1 : 13);
        IS(TRY("outb %%al, $0x80", ::"a"(0)), iopl ? -1 : 13);
        user(user_out);
        IS(user_trap, iopl == 3 ? 0 : 14);
    }
    IS(hc(21, 0, 4), 0); /* now the kernel's is 0, and IRET sets it */
    for (unsigned iopl = 0; iopl <= 3; iopl++) {
        set_iopl(iopl);
        IS(user_trap, iopl == 3 ? 0 : 14);
        IS(TRY("cli"), -1);
    }
    set_iopl(0);
    IS(hc(21, 1, 4), 0);
}

/* ---- page tables ---- */

static void test_tables(void)
{
    uint64_t root = read_cr3() & ~0xfffull;

    /* a window of a root onto itself, read-only and then not [XSA 182] */
    IS(remap(page_a, root >> 12, P_P | P_US | P_AD), 0);
    IS(update(root + 300 * 8, root | P_P | P_US | P_AD), 0);
    IS(update(root + 300 * 8, root | P_P | P_US | P_AD | P_RW), EINVAL_);
    IS(update(root + 300 * 8, 0), 0);
    IS(writable(page_a), 0);
    IS(hc(14, 1ull << 63, 0, 2 | 4), EINVAL_); /* [XSA 279] */
    IS(ext(19, ~0ull << 21), -95);             /* no superpages [XSA 167] */
}

struct call {
    uint64_t op;
    int64_t result;
    uint64_t args[6];
};

/* Two level-2 tables take turns in one place: an update goes where the tables are now [XSA 286]. */
static void test_turns(void)
{
    uint64_t va = 1ull << 30, l3 = entry((const void *)va, 3), flags = P_P | P_RW | P_AD;

    t3[0] = frame_of(t1) << 12 | flags; /* t3, t4: level 2; t1, t2: level 1 */
    t4[0] = frame_of(t2) << 12 | flags;
    IS(read_only(t1), 0);
    IS(read_only(t2), 0);
    IS(read_only(t3), 0);
    IS(read_only(t4), 0);
    IS(ext(1, frame_of(t3)), 0);
    IS(ext(1, frame_of(t4)), 0);
    for (unsigned i = 0; i < 15; i++) {
        struct {
            uint64_t ptr, val;
        } m[3] = {{l3, frame_of(t3) << 12 | flags}, {frame_of(t1) << 12, 0}, {frame_of(t2) << 12, 0}};
        IS(hc(1, m, 3, 0, SELF), 0);
        m[0].val = frame_of(t4) << 12 | flags;
        struct call c[3] = {{14, 0, {va, 0, 2}},
                            {1, 0, {(uint64_t)m, 1, 0, SELF}},
                            {14, 0, {va, frame_of(page_b) << 12 | flags, 2}}};
        IS(hc(13, c, 3), 0);
        CHECK(!t1[0] && t2[0]);
    }
    page_b[0] = 0x1a111e4e;
    IS(*(volatile uint64_t *)va, 0x1a111e4e);
    IS(update(l3, 0), 0);
    IS(ext(4, frame_of(t3)), 0);
    IS(ext(4, frame_of(t4)), 0);
}

/* ---- events ---- */

static void test_ports(void)
{
    uint32_t port = 32;
    struct {
        uint32_t *ports, n, pad;
        uint64_t timeout;
    } p = {&port, 1, 0, 1};
    struct {
        uint16_t dom, remote;
        uint32_t port;
    } u = {SELF, 0, 0};
    struct {
        uint64_t gfn;
        uint32_t offset, vcpu;
        uint64_t pad;
    } control = {(uint64_t)-2, 0, 0, 0};
    uint64_t array = frame_of(page_b);
    int64_t rc = 0;

    for (; port < 4096; port++) /* nobody's ports are waited for in vain [XSA 221] */
        rc |= hc(29, 3, &p);
    IS(rc, 0);
    IS(hc(29, 3, &p), EINVAL_);
    IS(hc(32, 11, &control), EINVAL_); /* [XSA 188] */
    IS(hc(32, 12, &array), ENOSYS_);
    unsigned n = 0;
    while (n < 4100 && !(rc = hc(32, 6, &u)))
        n++;
    IS(rc, ENOSPC_); /* [XSA 317] */
    CHECK(n > 3000 && n < 4096);
    for (port = u.port; n; n--, port--)
        hc(32, 3, &port);
}

/* ---- grants ---- */

struct map {
    uint64_t host;
    uint32_t flags, ref;
    uint16_t dom;
    int16_t status;
    uint32_t handle;
    uint64_t bus;
};

struct unmap { /* and of unmap_and_replace */
    uint64_t host, other;
    uint32_t handle;
    int16_t status, pad;
};

static int16_t map(struct map *m, const void *at, uint32_t flags, uint32_t ref)
{
    *m = (struct map){(uint64_t)at, flags, ref, 1, 99, 0, 0};
    IS(hc(20, 0, m, 1), 0);
    return m->status;
}

static int16_t unmap(unsigned op, const void *at, uint64_t other, uint32_t handle)
{
    struct unmap u = {(uint64_t)at, other, handle, 99, 0};

    IS(hc(20, op, &u, 1), 0);
    return u.status;
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
    volatile uint32_t *g = (volatile uint32_t *)grants;
    struct map m, m2;

    IS(hc(20, 2, &s, 1), 0);
    IS(remap(grants, frames[0], P_P | P_RW | P_AD), 0);
    g[17] = (uint32_t)frame_of(t4);
    g[16] = 1 << 16 | 1;
    g[19] = (uint32_t)frame_of(page_b);
    g[18] = 1 << 16 | 1;
    IS(writable(t4), 0);

    /* domain 0 grants nothing [XSA 316] */
    m = (struct map){(uint64_t)page_a, 2, 8, 0, 99, 0, 0};
    IS(hc(20, 0, &m, 1), 0);
    IS(m.status, -1);

    /* for the device and for the host: given back one by one [XSA 224] */
    IS(map(&m, page_a, 3, 8), 0);
    IS(unmap(1, page_a, 0, m.handle), 0);
    IS(unmap(1, 0, frame_of(t4) << 12, m.handle), 0);
    IS(ext(0, frame_of(t4)), EINVAL_);

    /* an entry's address in the middle of one [XSA 227] */
    IS(writable(page_a), 0);
    IS(map(&m, (void *)(entry(page_a, 1) + 6), 2 | 16, 8), -1);
    page_a[0] = 0x1a111e4e;

    /* an entry moved to where a grant was mapped, and its own replaced [XSA 234] */
    IS(read_only(t4), 0);
    IS(map(&m, page_a, 2, 8), 0);
    IS(map(&m2, t3, 2 | 4, 9), 0);
    IS(unmap(7, t3, (uint64_t)page_a, m2.handle), 0);
    IS(remap(page_a, frame_of(t4), P_P | P_AD), 0);
    IS(unmap(1, page_a, 0, m.handle), -1);
    IS(ext(0, frame_of(t4)), EINVAL_); /* still writable at t3 */
    IS(writable(t3), 0);
    IS(writable(page_a), 0);
    uint32_t flush[4] = {0, 0, 4096 << 16, 3};
    CHECK(hc(20, 12, flush, 1) < 0); /* [XSA 232] */
    /* the one that could not be unmapped goes with its entry as it was */
    IS(remap(page_a, frame_of(t4), P_P | P_RW | P_AD), 0);
    IS(unmap(1, page_a, 0, m.handle), 0);
    IS(writable(page_a), 0);
}

/* Version 2, whose status words have frames of their own, which must not go while mapped [XSA 255]. */
static void test_grants_v2(void)
{
    uint32_t version = 2;
    uint64_t frames[2];
    struct {
        uint32_t n;
        uint16_t dom;
        int16_t status;
        uint64_t *list;
    } s = {1, SELF, 99, frames};
    struct {
        uint16_t dom, pad;
        uint32_t version;
    } get = {SELF, 0, 0};
    struct map m;

    IS(hc(20, 8, &version, 1), 0);
    IS(hc(20, 10, &get, 1), 0);
    IS(get.version, 2);
    IS(hc(20, 9, &s, 1), 0);
    IS(s.status, 0);
    IS(remap(page_a, frames[0], P_P | P_AD), 0);
    const volatile uint16_t *status = (const volatile uint16_t *)page_a;
    volatile uint64_t *g = grants;
    CHECK((uint32_t)g[0] == 1); /* the console's, as the builder left it */
    CHECK(g[1] == ld(start_info, 72));
    g[2 * 8 + 1] = frame_of(page_b);
    g[2 * 8] = 1 << 16 | 1;
    page_b[0] = 0x1a111e4e;
    IS(map(&m, t3, 2, 8), 0);
    IS(*(volatile uint64_t *)t3, 0x1a111e4e);
    IS(status[8], 0x18);
    version = 1;
    IS(hc(20, 8, &version, 1), EBUSY_);
    IS(unmap(1, t3, 0, m.handle), 0);
    IS(status[8], 0);
    IS(writable(t3), 0);
    g[2 * 8] = 1 << 16 | 0x101; /* a part of a page */
    IS(map(&m, t3, 2, 8), -3);
    g[2 * 8] = 1 << 16 | 3; /* on to another's grant */
    IS(map(&m, t3, 2, 8), -3);
    IS(map(&m, t3, 2, 256), -3); /* half as many fit */
    version = 1;
    IS(hc(20, 8, &version, 1), EBUSY_); /* a status frame is mapped */
    IS(writable(page_a), 0);
    version = 1;
    IS(hc(20, 8, &version, 1), 0);
    CHECK(((volatile uint32_t *)grants)[1] == ld(start_info, 72));
    CHECK(!((volatile uint32_t *)grants)[16]);
}

/* ---- memory, vCPUs, multicall ---- */

static void test_exchange(void)
{
    struct {
        uint64_t in[4], out[4], done;
    } x = {{0}, {0}, 1ull << 40};
    struct {
        uint64_t *list, n;
        uint32_t order, flags;
        uint64_t domid;
    } r = {0, 1, 0, 0, SELF};

    x.in[0] = (uint64_t)page_a;
    x.in[1] = x.out[1] = (1ull << 40) + 1;
    x.in[3] = x.out[3] = SELF;
    CHECK(hc(12, 11, &x) < 0); /* [XSA 212] */
    for (; r.flags < 0x10000; r.flags += 0x100)
        hc(12, 0, &r); /* [XSA 231] */
    IS(TRY("divl %0", ::"r"(0), "a"(1), "d"(0)), 0);
}

/* A second vCPU's tables are checked as any [XSA 296]. */
static void test_initialise(void)
{
    static uint64_t context[5168 / 8];

    IS(hc(24, 0, 2, context), ENOENT_);
    IS(writable(t1) | writable(t2), 0);
    for (unsigned i = 0; i < 512; i++)
        t1[i] = t2[i] = 0;
    context[512 / 8] = 4;                        /* in its kernel */
    context[4984 / 8 + 3] = frame_of(t1) << 12; /* CR3 */
    CHECK(hc(24, 0, 1, context) < 0);            /* mapped writable */
    IS(read_only(t2), 0);
    t1[3] = frame_of(t2) << 12 | P_P;
    IS(read_only(t1), 0);
    IS(hc(24, 0, 1, context), 0);
    IS(hc(24, 0, 1, context), EEXIST_);
}

/* IRET leaves the kernel, and the multicall that it is in [XSA 213]. */
static struct call calls[2] = {{.op = 23}, {.op = 17}};
static void test_iret_in_multicall(void)
{
    uint64_t rc;

    __asm__ volatile("movq %%rsp, %%rbx; pushq $0xe02b; pushq %%rbx; pushq $0x200; pushq $0xe030;"
                     "pushq $1f; pushq $0; pushq $0; pushq $0; pushq $0xdead; syscall;"
                     "movq %%rbx, %%rsp; 1:"
                     : "=a"(rc) : "a"(13), "D"(calls), "S"(2) : "rbx", "rcx", "r11", "memory");
    IS(rc, 0xdead);
    IS(calls[1].result, 0);
}

/* "end=N" on the command line: end with this reason, 9: by a stack that takes no frame. */
static void end_as_told(void)
{
    const char *line = (const char *)start_info + 128;

    if (line[0] != 'e' || line[3] != '=')
        return;
    uint32_t reason = (uint32_t)(line[4] - '0');
    if (reason == 9)
        __asm__ volatile("movabs $0x800000000badc0de, %rsp; pushf");
    hc(29, 2, &reason);
}

void test_main(void)
{
    end_as_told();
    ext(15, read_cr3() >> 12);
    test_callbacks();
    test_gdt();
    test_console();
    test_xenstore();
    test_cpuid_faulting();
    test_hidden();
    test_msrs();
    test_debug_registers();
    test_movss();
    test_edge();
    test_segments();
    test_gates();
    test_iopl();
    test_tables();
    test_turns();
    test_ports();
    test_grants();
    test_grants_v2();
    test_exchange();
    test_initialise();
    test_iret_in_multicall();
}
