/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Integer operations against the host's processor: the same bytes, registers, flags and memory
 * through the decoder and the operation's function, and through the processor itself. Compared are
 * registers, memory, divide errors and all flags but those in the line's `undef`.
 */
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "arch/x86/flags.h"
#include "arch/x86/insn.h"
#include "arch/x86/tlb.h"
#include "lib/test.h"

#define MEM UINT64_C(0x10000)
#define MEM_SIZE 8192u

enum { NO_FAULT = -1 };

struct regs {
    uint64_t r[16], flags;
};

enum {
    K_BYTE = 1,    /* 8-bit operands */
    K_IMM8 = 2,    /* immediate byte */
    K_IMMZ = 4,    /* immediate of the operand size, at most 4 bytes */
    K_VEX = 8,     /* VEX, vvvv random */
    K_NOMEM = 16,  /* register forms only */
    K_NOMODRM = 32,
    K_DQ = 64,     /* 32 and 64 bits only */
    K_ONLYMEM = 128,
    K_BITS = 256,  /* register bit offset: kept small, so that it stays in the memory */
    K_DIV = 512,   /* make quotients that fit likely */
    K_VEX_ND = 1024, /* VEX.vvvv is no operand */
    K_BY32 = 2048, /* CRC32: F2 */
};

#define NF_SZAP (FL_SF | FL_ZF | FL_AF | FL_PF)
#define ALL FL_ARITH

struct form {
    const char *name;
    uint8_t map, prefix, opcode;
    int8_t digit;
    unsigned kind;
    uint64_t undef;
};

#define ARITH8(n, op, d)                                                                      \
    {n " Eb,Gb", 1, 0, op, -1, K_BYTE, 0}, {n " Ev,Gv", 1, 0, op + 1, -1, 0, 0},              \
        {n " Gb,Eb", 1, 0, op + 2, -1, K_BYTE, 0}, {n " Gv,Ev", 1, 0, op + 3, -1, 0, 0},      \
        {n " AL,Ib", 1, 0, op + 4, -1, K_NOMODRM | K_IMM8 | K_BYTE, 0},                       \
        {n " rAX,Iz", 1, 0, op + 5, -1, K_NOMODRM | K_IMMZ, 0},                               \
        {n " Eb,Ib", 1, 0, 0x80, d, K_BYTE | K_IMM8, 0}, {n " Ev,Iz", 1, 0, 0x81, d, K_IMMZ, 0}, \
        {n " Ev,sIb", 1, 0, 0x83, d, K_IMM8, 0}
#define SHIFT(n, d, u)                                                                     \
    {n " Eb,Ib", 1, 0, 0xc0, d, K_BYTE | K_IMM8, u}, {n " Ev,Ib", 1, 0, 0xc1, d, K_IMM8, u}, \
        {n " Eb,1", 1, 0, 0xd0, d, K_BYTE, u}, {n " Ev,1", 1, 0, 0xd1, d, 0, u},           \
        {n " Eb,CL", 1, 0, 0xd2, d, K_BYTE, u}, {n " Ev,CL", 1, 0, 0xd3, d, 0, u}
#define CC16(n, op, k)                                                                        \
    {n, 2, 0, op, -1, k, 0}, {n, 2, 0, op + 1, -1, k, 0}, {n, 2, 0, op + 2, -1, k, 0},        \
        {n, 2, 0, op + 3, -1, k, 0}, {n, 2, 0, op + 4, -1, k, 0}, {n, 2, 0, op + 5, -1, k, 0}, \
        {n, 2, 0, op + 6, -1, k, 0}, {n, 2, 0, op + 7, -1, k, 0}, {n, 2, 0, op + 8, -1, k, 0}, \
        {n, 2, 0, op + 9, -1, k, 0}, {n, 2, 0, op + 10, -1, k, 0},                            \
        {n, 2, 0, op + 11, -1, k, 0}, {n, 2, 0, op + 12, -1, k, 0},                           \
        {n, 2, 0, op + 13, -1, k, 0}, {n, 2, 0, op + 14, -1, k, 0}, {n, 2, 0, op + 15, -1, k, 0}

static const struct form forms[] = {
    ARITH8("add", 0x00, 0), ARITH8("or", 0x08, 1), ARITH8("adc", 0x10, 2), ARITH8("sbb", 0x18, 3),
    ARITH8("and", 0x20, 4), ARITH8("sub", 0x28, 5), ARITH8("xor", 0x30, 6), ARITH8("cmp", 0x38, 7),
    {"test Eb,Gb", 1, 0, 0x84, -1, K_BYTE, 0}, {"test Ev,Gv", 1, 0, 0x85, -1, 0, 0},
    {"test Eb,Ib", 1, 0, 0xf6, 0, K_BYTE | K_IMM8, 0}, {"test Ev,Iz", 1, 0, 0xf7, 0, K_IMMZ, 0},
    {"not Eb", 1, 0, 0xf6, 2, K_BYTE, 0}, {"not Ev", 1, 0, 0xf7, 2, 0, 0},
    {"neg Eb", 1, 0, 0xf6, 3, K_BYTE, 0}, {"neg Ev", 1, 0, 0xf7, 3, 0, 0},
    {"inc Eb", 1, 0, 0xfe, 0, K_BYTE, 0}, {"inc Ev", 1, 0, 0xff, 0, 0, 0},
    {"dec Eb", 1, 0, 0xfe, 1, K_BYTE, 0}, {"dec Ev", 1, 0, 0xff, 1, 0, 0},
    {"mul Eb", 1, 0, 0xf6, 4, K_BYTE, NF_SZAP}, {"mul Ev", 1, 0, 0xf7, 4, 0, NF_SZAP},
    {"imul Eb", 1, 0, 0xf6, 5, K_BYTE, NF_SZAP}, {"imul Ev", 1, 0, 0xf7, 5, 0, NF_SZAP},
    {"div Eb", 1, 0, 0xf6, 6, K_BYTE | K_DIV, ALL}, {"div Ev", 1, 0, 0xf7, 6, K_DIV, ALL},
    {"idiv Eb", 1, 0, 0xf6, 7, K_BYTE | K_DIV, ALL}, {"idiv Ev", 1, 0, 0xf7, 7, K_DIV, ALL},
    {"imul Gv,Ev", 2, 0, 0xaf, -1, 0, NF_SZAP}, {"imul Gv,Ev,Iz", 1, 0, 0x69, -1, K_IMMZ, NF_SZAP},
    {"imul Gv,Ev,sIb", 1, 0, 0x6b, -1, K_IMM8, NF_SZAP},
    {"mov Eb,Gb", 1, 0, 0x88, -1, K_BYTE, 0}, {"mov Ev,Gv", 1, 0, 0x89, -1, 0, 0},
    {"mov Gb,Eb", 1, 0, 0x8a, -1, K_BYTE, 0}, {"mov Gv,Ev", 1, 0, 0x8b, -1, 0, 0},
    {"mov Eb,Ib", 1, 0, 0xc6, 0, K_BYTE | K_IMM8, 0}, {"mov Ev,Iz", 1, 0, 0xc7, 0, K_IMMZ, 0},
    {"movsxd", 1, 0, 0x63, -1, 0, 0},
    {"xchg Eb,Gb", 1, 0, 0x86, -1, K_BYTE, 0}, {"xchg Ev,Gv", 1, 0, 0x87, -1, 0, 0},
    {"movzx Gv,Eb", 2, 0, 0xb6, -1, 0, 0}, {"movzx Gv,Ew", 2, 0, 0xb7, -1, 0, 0},
    {"movsx Gv,Eb", 2, 0, 0xbe, -1, 0, 0}, {"movsx Gv,Ew", 2, 0, 0xbf, -1, 0, 0},
    {"lea", 1, 0, 0x8d, -1, K_ONLYMEM, 0},
    {"cbw", 1, 0, 0x98, -1, K_NOMODRM, 0}, {"cwd", 1, 0, 0x99, -1, K_NOMODRM, 0},
    {"lahf", 1, 0, 0x9f, -1, K_NOMODRM, 0}, {"sahf", 1, 0, 0x9e, -1, K_NOMODRM, 0},
    {"clc", 1, 0, 0xf8, -1, K_NOMODRM, 0}, {"stc", 1, 0, 0xf9, -1, K_NOMODRM, 0},
    {"cmc", 1, 0, 0xf5, -1, K_NOMODRM, 0},
    {"xadd Eb,Gb", 2, 0, 0xc0, -1, K_BYTE, 0}, {"xadd Ev,Gv", 2, 0, 0xc1, -1, 0, 0},
    {"cmpxchg Eb,Gb", 2, 0, 0xb0, -1, K_BYTE, 0}, {"cmpxchg Ev,Gv", 2, 0, 0xb1, -1, 0, 0},
    {"cmpxchg8b/16b", 2, 0, 0xc7, 1, K_ONLYMEM | K_DQ, 0},
    {"bswap", 2, 0, 0xc8, -1, K_NOMODRM | K_DQ, 0}, {"bswap", 2, 0, 0xcb, -1, K_NOMODRM | K_DQ, 0},
    {"movbe Gv,M", 3, 0, 0xf0, -1, K_ONLYMEM, 0}, {"movbe M,Gv", 3, 0, 0xf1, -1, K_ONLYMEM, 0},
    SHIFT("rol", 0, 0), SHIFT("ror", 1, 0), SHIFT("rcl", 2, 0), SHIFT("rcr", 3, 0),
    SHIFT("shl", 4, FL_AF), SHIFT("shr", 5, FL_AF), SHIFT("sar", 7, FL_AF),
    {"shld Ib", 2, 0, 0xa4, -1, K_IMM8, FL_AF}, {"shld CL", 2, 0, 0xa5, -1, 0, FL_AF},
    {"shrd Ib", 2, 0, 0xac, -1, K_IMM8, FL_AF}, {"shrd CL", 2, 0, 0xad, -1, 0, FL_AF},
    {"bt", 2, 0, 0xa3, -1, K_BITS, 0}, {"bts", 2, 0, 0xab, -1, K_BITS, 0},
    {"btr", 2, 0, 0xb3, -1, K_BITS, 0}, {"btc", 2, 0, 0xbb, -1, K_BITS, 0},
    {"bt Ib", 2, 0, 0xba, 4, K_IMM8, 0}, {"bts Ib", 2, 0, 0xba, 5, K_IMM8, 0},
    {"btr Ib", 2, 0, 0xba, 6, K_IMM8, 0}, {"btc Ib", 2, 0, 0xba, 7, K_IMM8, 0},
    {"bsf", 2, 0, 0xbc, -1, 0, ALL & ~FL_ZF}, {"bsr", 2, 0, 0xbd, -1, 0, ALL & ~FL_ZF},
    {"tzcnt", 2, 0xf3, 0xbc, -1, 0, ALL & ~(FL_ZF | FL_CF)},
    {"lzcnt", 2, 0xf3, 0xbd, -1, 0, ALL & ~(FL_ZF | FL_CF)},
    {"popcnt", 2, 0xf3, 0xb8, -1, 0, 0},
    {"adcx", 3, 0x66, 0xf6, -1, K_DQ, 0}, {"adox", 3, 0xf3, 0xf6, -1, K_DQ, 0},
    {"crc32 Eb", 3, 0xf2, 0xf0, -1, K_BYTE | K_DQ, 0}, {"crc32 Ev", 3, 0xf2, 0xf1, -1, K_BY32, 0},
    {"andn", 3, 0, 0xf2, -1, K_VEX | K_DQ, FL_AF | FL_PF},
    {"bextr", 3, 0, 0xf7, -1, K_VEX | K_DQ, FL_AF | FL_PF | FL_SF},
    {"bzhi", 3, 0, 0xf5, -1, K_VEX | K_DQ, FL_AF | FL_PF},
    {"blsr", 3, 0, 0xf3, 1, K_VEX | K_DQ, FL_AF | FL_PF},
    {"blsmsk", 3, 0, 0xf3, 2, K_VEX | K_DQ, FL_AF | FL_PF},
    {"blsi", 3, 0, 0xf3, 3, K_VEX | K_DQ, FL_AF | FL_PF},
    {"mulx", 3, 0xf2, 0xf6, -1, K_VEX | K_DQ, 0}, {"pdep", 3, 0xf2, 0xf5, -1, K_VEX | K_DQ, 0},
    {"pext", 3, 0xf3, 0xf5, -1, K_VEX | K_DQ, 0}, {"sarx", 3, 0xf3, 0xf7, -1, K_VEX | K_DQ, 0},
    {"shlx", 3, 0x66, 0xf7, -1, K_VEX | K_DQ, 0}, {"shrx", 3, 0xf2, 0xf7, -1, K_VEX | K_DQ, 0},
    {"rorx", 4, 0xf2, 0xf0, -1, K_VEX | K_VEX_ND | K_DQ | K_IMM8, 0},
    CC16("setcc", 0x90, K_BYTE), CC16("cmovcc", 0x40, 0),
};

/* Registers that a case may use; RSI is the base of memory operands. */
static const uint8_t pool[] = {RAX, RCX, RDX, RBX, RDI, R8, R9, R10, R11};

static uint8_t *code_page;

/* ---- our side: 64-bit code, the memory in the software TLB, no page tables ---- */

struct machine_of_one {
    struct x86_cpu cpu;
    struct x86_tlbe tlbs[X86_TLB_CTXS][X86_TLB_SIZE];
    uint8_t flag;
    uint8_t mem[MEM_SIZE] __attribute__((aligned(4096)));
};

static struct machine_of_one *machine_create(void)
{
    struct machine_of_one *m = aligned_alloc(4096, ALIGN_UP(sizeof(*m), (size_t)4096));

    assert_non_null(m);
    memset(m, 0, sizeof(*m));
    m->flag = PAGE_DIRTY;
    m->cpu.tlbs = m->tlbs;
    m->cpu.tlb = m->tlbs[TLB_SUPER_AC];
    m->cpu.asid = m->cpu.asids[TLB_SUPER] = m->cpu.asids[TLB_SUPER_AC] = m->cpu.asids[TLB_USER] = 1;
    for (uint64_t lin = MEM; lin < MEM + MEM_SIZE; lin += 4096)
        *x86_tlbe(m->cpu.tlb, lin) = (struct x86_tlbe){
            .tag_r = lin | 1,
            .tag_w = lin | 1,
            .addend = (uintptr_t)m->mem - MEM,
            .flagp = &m->flag,
            .gpa = lin,
        };
    m->cpu.mode = MODE_CODE64 | MODE_PROT | MODE_LMA;
    m->cpu.stack_mask = m->cpu.ip_mask = UINT64_MAX;
    m->cpu.s.cr0 = CR0_PE;
    m->cpu.s.efer = EFER_LME | EFER_LMA;
    return m;
}

static int our_run(struct x86_cpu *c, const struct x86_insn *in)
{
    if (setjmp(c->unwind))
        return c->fault.vector;
    c->cur = in;
    in->fn(c, in);
    return NO_FAULT;
}

/* ---- the host's side ---- */

static sigjmp_buf on_fault;

static void fault(int sig)
{
    siglongjmp(on_fault, sig);
}

__attribute__((noinline)) static void host_call(struct regs *r, const void *code)
{
    __asm__ volatile("sub $256, %%rsp\n\t"
                     "push %%rbp\n\t"
                     "mov %0, %%r15\n\t"
                     "mov %1, %%r14\n\t"
                     "pushq 128(%%r15)\n\t"
                     "popfq\n\t"
                     "mov 0(%%r15), %%rax\n\t"
                     "mov 8(%%r15), %%rcx\n\t"
                     "mov 16(%%r15), %%rdx\n\t"
                     "mov 24(%%r15), %%rbx\n\t"
                     "mov 48(%%r15), %%rsi\n\t"
                     "mov 56(%%r15), %%rdi\n\t"
                     "mov 64(%%r15), %%r8\n\t"
                     "mov 72(%%r15), %%r9\n\t"
                     "mov 80(%%r15), %%r10\n\t"
                     "mov 88(%%r15), %%r11\n\t"
                     "call *%%r14\n\t"
                     "mov %%rax, 0(%%r15)\n\t"
                     "mov %%rcx, 8(%%r15)\n\t"
                     "mov %%rdx, 16(%%r15)\n\t"
                     "mov %%rbx, 24(%%r15)\n\t"
                     "mov %%rsi, 48(%%r15)\n\t"
                     "mov %%rdi, 56(%%r15)\n\t"
                     "mov %%r8, 64(%%r15)\n\t"
                     "mov %%r9, 72(%%r15)\n\t"
                     "mov %%r10, 80(%%r15)\n\t"
                     "mov %%r11, 88(%%r15)\n\t"
                     "pushfq\n\t"
                     "popq 128(%%r15)\n\t"
                     "cld\n\t"
                     "pop %%rbp\n\t"
                     "add $256, %%rsp"
                     :
                     : "r"(r), "r"(code)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r14",
                       "r15", "memory", "cc");
}

static int host_run(struct regs *r)
{
    int sig = sigsetjmp(on_fault, 1);

    if (sig)
        return sig == SIGFPE ? EXC_DE : sig == SIGILL ? EXC_UD : EXC_GP;
    host_call(r, code_page);
    return NO_FAULT;
}

/* ---- cases ---- */

static uint64_t operand(uint64_t *rng)
{
    uint64_t v = test_random(rng), k = test_random(rng);

    switch (k % 8) {
    case 0: return v & 0xff;
    case 1: return (uint64_t)(int64_t)(int8_t)v;
    case 2: return UINT64_C(1) << (v & 63);
    case 3: return (UINT64_C(1) << (v & 63)) - 1;
    case 4: return (uint64_t)(int64_t)(int32_t)v;
    case 5: return v & 1 ? UINT64_C(0x8000000080008080) : 0;
    default: return v;
    }
}

struct bytes {
    uint8_t b[16];
    unsigned n;
};

static void emit(struct bytes *o, uint64_t v, unsigned n)
{
    for (; n; n--, v >>= 8)
        o->b[o->n++] = (uint8_t)v;
}

static void emit_vex(struct bytes *o, const struct form *f, unsigned reg, unsigned rm, bool w,
                     unsigned vvvv)
{
    unsigned pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix == 0xf2 ? 3 : 0;

    emit(o, 0xc4, 1);
    emit(o, (reg & 8 ? 0 : 0x80u) | 0x40u | (rm & 8 ? 0 : 0x20u) | (f->map == 3 ? 2u : 3u), 1);
    emit(o, (w ? 0x80u : 0) | (~vvvv & 15) << 3 | pp, 1);
}

/* Encode one case; false: this size is not one of the form. */
static struct bytes encode(const struct form *f, uint64_t *rng)
{
    struct bytes o = {.n = 0};
    uint64_t k = test_random(rng);
    unsigned reg = f->digit >= 0 ? (unsigned)f->digit : pool[k % sizeof(pool)];
    bool mem = !(f->kind & (K_NOMEM | K_NOMODRM)) && ((k >> 8 & 3) == 0 || (f->kind & K_ONLYMEM));
    unsigned rm = mem ? RSI : pool[(k >> 10) % sizeof(pool)];
    unsigned vvvv = pool[(k >> 20) % sizeof(pool)];
    unsigned size = f->kind & K_BYTE ? 1 : (f->kind & K_DQ) || (k >> 30 & 1) ? 4 : 2;
    bool w = (k >> 31 & 1) && (size != 1 || f->map == 3);

    if (f->kind & K_NOMODRM)
        rm = reg = 0;
    if (w)
        size = size == 1 ? 1 : 8;
    if (f->kind & K_VEX_ND)
        vvvv = 0;
    if (f->kind & K_VEX) {
        emit_vex(&o, f, reg, rm, w, vvvv);
    } else {
        if (size == 2)
            emit(&o, 0x66, 1);
        if (f->prefix)
            emit(&o, f->prefix, 1);
        unsigned rex = (w ? 8u : 0) | (reg & 8 ? 4u : 0) | (rm & 8 ? 1u : 0);
        if (f->kind & K_BYTE) {
            /* without REX the numbers 4 to 7 are AH CH DH BH: no RSI RDI there */
            if (rex || (k >> 32 & 1) || reg == RDI || (!mem && rm == RDI && f->digit < 0))
                rex |= 0x40;
            else if ((k >> 33 & 1) && f->digit < 0 && f->map < 3)
                reg = (reg & 3) + 4;
        }
        if (rex || w)
            emit(&o, 0x40 | rex, 1);
        if (f->map > 1)
            emit(&o, 0x0f, 1);
        if (f->map > 2)
            emit(&o, f->map == 3 ? 0x38 : 0x3a, 1);
    }
    emit(&o, f->opcode, 1);
    if (!(f->kind & K_NOMODRM)) {
        emit(&o, (mem ? 0x80u : 0xc0u) | (reg & 7) << 3 | (rm & 7), 1);
        if (mem)
            emit(&o, (k >> 40 & 0xff) * 16, 4);
    }
    if (f->kind & K_IMM8)
        emit(&o, k >> 50, 1);
    if (f->kind & K_IMMZ)
        emit(&o, test_random(rng), size == 2 ? 2 : 4);
    return o;
}

static void report(const struct form *f, const struct bytes *o, const struct regs *before,
                   const struct regs *host, const struct regs *ours, int hv, int ov)
{
    char hex[64] = "";

    for (unsigned i = 0; i < o->n; i++)
        snprintf(hex + 3 * i, 4, "%02x ", o->b[i]);
    print_error("%s: %s: fault host %d ours %d\n", f->name, hex, hv, ov);
    for (unsigned i = 0; i < 16; i++)
        if (before->r[i] || host->r[i] != ours->r[i])
            print_error("  r%-2u %016" PRIx64 " host %016" PRIx64 " ours %016" PRIx64 "%s\n", i,
                        before->r[i], host->r[i], ours->r[i],
                        host->r[i] == ours->r[i] ? "" : " <--");
    print_error("  fl  %08" PRIx64 " host %08" PRIx64 " ours %08" PRIx64 "\n", before->flags,
                host->flags & FL_ARITH, ours->flags & FL_ARITH);
}

/* One case; false when the two differ. */
static bool one_case(struct machine_of_one *m, const struct form *f, uint64_t *rng)
{
    struct bytes o = encode(f, rng);
    struct regs before = {.flags = 0x202 | (test_random(rng) & FL_ARITH)}, host, ours;
    struct x86_cpu *c = &m->cpu;
    uint8_t *guest_mem = m->mem, *host_mem = (uint8_t *)(uintptr_t)MEM;
    struct x86_insn in;

    for (unsigned i = 0; i < sizeof(pool); i++)
        before.r[pool[i]] = operand(rng);
    if (f->kind & K_BITS)
        for (unsigned i = 0; i < sizeof(pool); i++)
            before.r[pool[i]] = (uint64_t)(int64_t)(int16_t)before.r[pool[i]] / 2;
    if ((f->kind & K_DIV) && test_random(rng) % 4)
        before.r[RDX] = f->digit == 7 && before.r[RAX] >> 63 ? UINT64_MAX : before.r[RDX] & 3;
    before.r[RSI] = MEM + ((f->kind & K_BITS) ? 2048 : 0);
    for (unsigned i = 0; i < MEM_SIZE; i += 8) {
        uint64_t v = operand(rng);
        memcpy(guest_mem + i, &v, 8);
    }
    if (test_random(rng) & 1) { /* let comparisons hit */
        uint64_t pair[2] = {before.r[RAX], before.r[RDX]};
        for (unsigned i = 0; i < MEM_SIZE; i += 16)
            memcpy(guest_mem + i, pair, 16);
    }
    memcpy(host_mem, guest_mem, MEM_SIZE);

    memcpy(code_page, o.b, o.n);
    code_page[o.n] = 0xc3;
    host = before;
    int hv = host_run(&host);

    memcpy(c->s.r, before.r, sizeof(before.r));
    c->s.r[X86_RIP] = 0x1000;
    c->s.rflags = before.flags;
    fl_load(c, before.flags);
    if (x86_decode(&in, code_page, 15, c->mode) != X86_DECODE_OK || in.len != o.n) {
        print_error("%s: not decoded\n", f->name);
        return false;
    }
    uint64_t undef = f->undef;
    unsigned count = (in.src2 == X86_IMM ? (unsigned)in.imm : (unsigned)before.r[RCX]) & 31;
    if ((in.op == X86_OP_shld || in.op == X86_OP_shrd) && in.size == 2 && count >= 16)
        undef |= count > 16 ? ALL : FL_OF;
    int ov = our_run(c, &in);
    memcpy(ours.r, c->s.r, sizeof(ours.r));
    ours.flags = fl_arith(c);
    bool same = hv == ov;
    if (same && hv == NO_FAULT)
        same = !memcmp(host.r, ours.r, sizeof(host.r)) &&
               !((host.flags ^ ours.flags) & FL_ARITH & ~undef) &&
               !memcmp(host_mem, guest_mem, MEM_SIZE);
    if (!same)
        report(f, &o, &before, &host, &ours, hv, ov);
    return same;
}

static void integer_operations_match_the_host(void **state)
{
        uint64_t rng = test_seed();
    struct sigaction sa = {.sa_handler = fault, .sa_flags = SA_NODEFER};
    unsigned cases = test_long() ? 10000 : 300, bad = 0;

    /* after cmocka has set up its own */
    sigaction(SIGFPE, &sa, NULL);
    sigaction(SIGILL, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        for (unsigned n = 0; n < cases; n++) {
            if (one_case(*state, &forms[i], &rng))
                continue;
            bad++;
            break;
        }
    }
    if (bad)
        fail_msg("%u of %zu forms differ", bad, ARRAY_LEN(forms));
}

static int setup(void **state)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

    if (mmap((void *)(uintptr_t)MEM, MEM_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) ==
        MAP_FAILED)
        test_skip("no memory to be had at %#" PRIx64, MEM);
    code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0);
    if (code_page == MAP_FAILED)
        test_skip("no memory to be had that can be written and run");
    /* CPUID by hand: clang 14 knows no "adx" [SDM2 CPUID, leaf 7: EBX bits 8 and 19] */
    unsigned a, b = 0, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & BIT32(8)) || !(b & BIT32(19)))
        test_skip("the host's processor lacks BMI2 or ADX");
    *state = machine_create();
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integer_operations_match_the_host, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
