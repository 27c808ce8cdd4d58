/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The host side: a signal frame of our own making holds all registers of the case with TF set;
 * rt_sigreturn loads it, the processor runs one instruction and traps, and the kernel hands us
 * all registers in the frame of the SIGTRAP (or of the signal that stands for its exception).
 *
 * Most 64-bit instructions go a way that is many times faster: host_direct() loads all registers
 * from the page CONTEXT, jumps to the instruction, and the jump behind it comes back to code that
 * stores them there. Exceptions arrive as signals there too.
 */
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "diff.h"
#include "lib/test.h"

extern const uint32_t host_mxcsr;
uint64_t host_save_rsp, host_fs_base, host_fs_seen, host_gs_seen;
uint16_t host_sel_seen[4]; /* DS ES FS GS */
const uint32_t host_mxcsr = 0x1f80;
void host_enter(void *uc);
void host_template(void);
void host_handler(int sig, siginfo_t *info, void *uc);
void host_on_signal(int sig, siginfo_t *info, void *uc);

/* The handler first undoes what C code cannot live with: AC, FS, GS. */
__asm__(".text\n"
        ".globl host_enter\n"
        "host_enter:\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  mov %rsp, host_save_rsp(%rip)\n"
        "  mov %rdi, %rsp\n"
        "  mov $15, %eax\n"
        "  syscall\n"
        ".globl host_handler\n"
        "host_handler:\n"
        "  pushfq\n"
        "  andq $~0x44000, (%rsp)\n"
        "  popfq\n"
        "  rdfsbase %rax\n"
        "  mov %rax, host_fs_seen(%rip)\n"
        "  rdgsbase %rax\n"
        "  mov %rax, host_gs_seen(%rip)\n"
        "  mov %ds, host_sel_seen(%rip)\n"
        "  mov %es, 2+host_sel_seen(%rip)\n"
        "  mov %fs, 4+host_sel_seen(%rip)\n"
        "  mov %gs, 6+host_sel_seen(%rip)\n"
        "  xor %eax, %eax\n"
        "  mov %eax, %ds\n"
        "  mov %eax, %es\n"
        "  mov %eax, %fs\n"
        "  mov %eax, %gs\n"
        "  mov host_fs_base(%rip), %rcx\n"
        "  wrfsbase %rcx\n"
        "  wrgsbase %rax\n"
        "  call host_on_signal\n"
        "  mov host_save_rsp(%rip), %rsp\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n");

/* Offsets in the CONTEXT page. */
#define C_GPR "0x70000000"
#define C_FLAGS "0x70000080"
#define C_RIP "0x70000088"
#define C_SAVE "0x70001000" /* XSAVE area */
#define C_STACK "0x70002ff0"
#define CONTEXT UINT64_C(0x70000000)

/* All registers from CONTEXT, and back; absolute addresses need no register. */
__asm__(".text\n"
        ".globl host_direct\n"
        "host_direct:\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  mov %rsp, host_save_rsp(%rip)\n"
        "  mov $7, %eax; xor %edx, %edx\n"
        "  xrstor64 " C_SAVE "\n"
        "  mov $" C_STACK ", %esp\n"
        "  pushq " C_FLAGS "\n"
        "  popfq\n"
        "  mov " C_GPR "+0, %rax; mov " C_GPR "+8, %rcx; mov " C_GPR "+16, %rdx\n"
        "  mov " C_GPR "+24, %rbx; mov " C_GPR "+32, %rsp; mov " C_GPR "+40, %rbp\n"
        "  mov " C_GPR "+48, %rsi; mov " C_GPR "+56, %rdi; mov " C_GPR "+64, %r8\n"
        "  mov " C_GPR "+72, %r9; mov " C_GPR "+80, %r10; mov " C_GPR "+88, %r11\n"
        "  mov " C_GPR "+96, %r12; mov " C_GPR "+104, %r13; mov " C_GPR "+112, %r14\n"
        "  mov " C_GPR "+120, %r15\n"
        "  jmp *" C_RIP "\n"
        ".globl host_direct_back\n"
        "host_direct_back:\n"
        "  mov %rsp, " C_GPR "+32\n"
        "  mov $" C_STACK ", %esp\n"
        "  pushfq\n"
        "  popq " C_FLAGS "\n"
        "  mov %rax, " C_GPR "+0; mov %rcx, " C_GPR "+8; mov %rdx, " C_GPR "+16\n"
        "  mov %rbx, " C_GPR "+24; mov %rbp, " C_GPR "+40; mov %rsi, " C_GPR "+48\n"
        "  mov %rdi, " C_GPR "+56; mov %r8, " C_GPR "+64; mov %r9, " C_GPR "+72\n"
        "  mov %r10, " C_GPR "+80; mov %r11, " C_GPR "+88; mov %r12, " C_GPR "+96\n"
        "  mov %r13, " C_GPR "+104; mov %r14, " C_GPR "+112; mov %r15, " C_GPR "+120\n"
        "  cld\n"
        "  mov $7, %eax; xor %edx, %edx\n"
        "  xsave64 " C_SAVE "\n"
        "  mov host_save_rsp(%rip), %rsp\n"
        "  fninit\n"
        "  ldmxcsr host_mxcsr(%rip)\n"
        "  vzeroupper\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n");
void host_direct(void);
void host_direct_back(void);

/* The frame's XSAVE area, standard format [SDM1 13.4]. */
struct xsave {
    uint16_t fcw, fsw;
    uint8_t ftw, zero;
    uint16_t fop;
    uint64_t fip, fdp;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t st[8][16];
    uint8_t xmm[16][16];
    uint8_t pad[48];
    uint8_t sw[48]; /* the kernel's */
    uint64_t xstate_bv, xcomp_bv, reserved[6];
    uint8_t ymm_hi[16][16];
};

static ucontext_t frame;
static struct xsave *frame_fp;
static size_t frame_fp_size;
static bool armed;
static struct regs *result;
static uint8_t *alias; /* writable view of the DATA pages */

static const int gregs[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                              REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15};

static void fp_load(struct xsave *x, const struct regs *r)
{
    unsigned top = r->fsw >> 11 & 7;

    x->fcw = r->fcw;
    x->fsw = r->fsw;
    x->ftw = r->ftw;
    x->fop = 0;
    x->fip = x->fdp = 0;
    x->mxcsr = r->mxcsr;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(x->st[i], &r->fpr[(top + i) & 7].mant, 8);
        memcpy(x->st[i] + 8, &r->fpr[(top + i) & 7].se, 2);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(x->xmm[i], r->ymm[i].b, 16);
        memcpy(x->ymm_hi[i], r->ymm[i].b + 16, 16);
    }
    x->xstate_bv = 7;
}

static void fp_store(const struct xsave *x, struct regs *r)
{
    bool has_x87 = x->xstate_bv & 1, has_sse = x->xstate_bv & 2, has_avx = x->xstate_bv & 4;
    unsigned top;

    r->fcw = has_x87 ? x->fcw : 0x37f;
    r->fsw = has_x87 ? x->fsw : 0;
    r->ftw = has_x87 ? x->ftw : 0;
    r->mxcsr = x->mxcsr;
    top = r->fsw >> 11 & 7;
    for (unsigned i = 0; i < 8; i++) {
        struct f80 *f = &r->fpr[(top + i) & 7];

        *f = (struct f80){0};
        if (has_x87) {
            memcpy(&f->mant, x->st[i], 8);
            memcpy(&f->se, x->st[i] + 8, 2);
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        memset(&r->ymm[i], 0, 32);
        if (has_sse)
            memcpy(r->ymm[i].b, x->xmm[i], 16);
        if (has_avx)
            memcpy(r->ymm[i].b + 16, x->ymm_hi[i], 16);
    }
}

static void store(struct regs *r, const ucontext_t *uc)
{
    const greg_t *g = uc->uc_mcontext.gregs;

    for (unsigned i = 0; i < 16; i++)
        r->r[i] = (uint64_t)g[gregs[i]];
    r->rip = (uint64_t)g[REG_RIP];
    r->rflags = (uint64_t)g[REG_EFL];
    r->fs_base = host_fs_seen;
    r->gs_base = host_gs_seen;
    r->sel[SEG_CS] = (uint16_t)g[REG_CSGSFS];
    r->sel[SEG_SS] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 48);
    r->sel[SEG_DS] = host_sel_seen[0];
    r->sel[SEG_ES] = host_sel_seen[1];
    r->sel[SEG_FS] = host_sel_seen[2];
    r->sel[SEG_GS] = host_sel_seen[3];
    fp_store((const struct xsave *)uc->uc_mcontext.fpregs, r);
    r->vector = (int)g[REG_TRAPNO];
    r->error = (uint32_t)g[REG_ERR];
    r->cr2 = (uint64_t)g[REG_CR2];
}

/* On the alternate stack, in a sane environment again. */
void host_on_signal(int sig, siginfo_t *info, void *ucv)
{
    ucontext_t *uc = ucv;

    if (!armed) { /* the first one gives the template; any other is a crash of the tester */
        if (frame_fp || sig != SIGUSR1) {
            signal(sig, SIG_DFL);
            signal(SIGSEGV, SIG_DFL);
            fprintf(stderr, "signal %d outside a case at %p, rip %#llx\n", sig, info->si_addr,
                    uc->uc_mcontext.gregs[REG_RIP]);
            raise(sig);
            _exit(1);
        }
        struct xsave *x = (struct xsave *)uc->uc_mcontext.fpregs;
        uint32_t size;

        memcpy(&frame, uc, sizeof frame);
        memcpy(&size, x->sw + 4, 4); /* extended_size */
        frame_fp_size = ALIGN_UP((size_t)size + 64, (size_t)64);
        frame_fp = aligned_alloc(64, frame_fp_size);
        memcpy(frame_fp, x, size);
        frame.uc_mcontext.fpregs = (void *)frame_fp;
        return;
    }
    armed = false;
    store(result, uc);
}

static void load(const struct regs *r, bool code64)
{
    greg_t *g = frame.uc_mcontext.gregs;

    for (unsigned i = 0; i < 16; i++)
        g[gregs[i]] = (greg_t)r->r[i];
    g[REG_RIP] = (greg_t)r->rip;
    g[REG_EFL] = (greg_t)r->rflags;
    g[REG_CSGSFS] = (greg_t)((uint64_t)0x2b << 48 | (code64 ? 0x33 : 0x23));
    fp_load(frame_fp, r);
}

/* Data segment registers: sigreturn leaves them alone. 64-bit cases run with the process' own
 * (null), compatibility-mode ones with flat data. */
static void load_segments(const struct regs *r)
{
    __asm__ volatile("mov %0, %%ds" : : "r"((uint32_t)r->sel[SEG_DS]));
    __asm__ volatile("mov %0, %%es" : : "r"((uint32_t)r->sel[SEG_ES]));
}

/* One run; the result in *out, RIP unchanged while a repeated string instruction is under way. */
static void step(const struct regs *in, struct regs *out)
{
    load(in, in->sel[SEG_CS] == 0x33);
    result = out;
    load_segments(in);
    armed = true;
    host_enter(&frame);
}

/* Does the instruction neither leave its place nor touch what our own code stands on? */
static bool is_plain(const struct test_case *t)
{
    switch (t->in.op) {
    case X86_OP_pushf: case X86_OP_popf: case X86_OP_wrfsbase: case X86_OP_wrgsbase:
    case X86_OP_mov_to_seg: case X86_OP_pop_seg: case X86_OP_lfs: case X86_OP_lgs: case X86_OP_lss:
        return false;
    }
    return !(t->in.flags & (IN_BRANCH | IN_ENDBLOCK)) && t->regs.sel[SEG_CS] == 0x33 &&
           !(t->regs.rflags & FL_AC);
}

/* Faults take the handler's way out, which ends as host_direct() does. */
static void run_direct(const struct test_case *t, struct regs *out)
{
    uint8_t *code = (uint8_t *)(uintptr_t)(CODE + t->code_at);
    uint8_t *ctx = (uint8_t *)(uintptr_t)CONTEXT;
    struct xsave *x = (struct xsave *)(void *)(ctx + 0x1000);
    uint64_t flags = t->regs.rflags & ~(uint64_t)FL_TF, rip = CODE + t->code_at, back;

    memcpy(code, t->bytes, t->len);
    memcpy(code + t->len, "\xff\x24\x25", 3); /* jmp *CONTEXT+90h */
    memcpy(code + t->len + 3, &(uint32_t){(uint32_t)CONTEXT + 0x90}, 4);
    memcpy(ctx, t->regs.r, 128);
    memcpy(ctx + 0x80, &flags, 8);
    memcpy(ctx + 0x88, &rip, 8);
    back = (uint64_t)(uintptr_t)host_direct_back;
    memcpy(ctx + 0x90, &back, 8);
    fp_load(x, &t->regs);
    x->xcomp_bv = 0;
    result = out;
    *out = t->regs;
    out->vector = NO_FAULT;
    armed = true;
    host_direct();
    if (armed) { /* no signal */
        armed = false;
        memcpy(out->r, ctx, 128);
        memcpy(&out->rflags, ctx + 0x80, 8);
        out->rip = rip + t->len;
        fp_store(x, out);
        out->error = 0;
    }
    out->rflags |= FL_TF; /* as the case has it */
    memset(code, 0xcc, t->len + 7);
}

void host_run(const struct test_case *t, struct regs *out)
{
    if (is_plain(t)) {
        run_direct(t, out);
        if (out->vector != EXC_PF)
            out->cr2 = 0;
        return;
    }
    uint8_t *code = (uint8_t *)(uintptr_t)(CODE + t->code_at);
    struct regs in = t->regs;
    bool ss_load = t->in.flags & IN_ENDBLOCK &&
                   (t->in.op == X86_OP_mov_to_seg || t->in.op == X86_OP_pop_seg ||
                    t->in.op == X86_OP_lss);

    memcpy(code, t->bytes, t->len);
    if (ss_load)
        code[t->len] = 0x90; /* the trap comes one instruction later */
    for (unsigned i = 0; i < 1000; i++) {
        step(&in, out);
        if (out->vector != EXC_DB || out->rip != in.rip || !(t->in.flags & (IN_REP | IN_REPNE)))
            break;
        in = *out;
    }
    memset(code, 0xcc, t->len + 1);
    if (out->vector == EXC_DB) {
        out->vector = NO_FAULT;
        if (ss_load && out->rip == in.rip + t->len + 1)
            out->rip--;
    }
    if (out->vector == NO_FAULT || out->vector != EXC_PF)
        out->cr2 = 0;
}

uint8_t *host_page(uint64_t lin)
{
    uint64_t off = lin - DATA;

    if (off < DATA_RW)
        return alias + off;
    if (lin - DATA_RO < 4096)
        return alias + DATA_RW + (lin - DATA_RO);
    return NULL;
}

static void map(uint64_t at, size_t size, int prot, int fd, off_t off)
{
    void *p = mmap((void *)(uintptr_t)at, size, prot,
                   MAP_FIXED_NOREPLACE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd, off);

    if (p != (void *)(uintptr_t)at)
        test_skip("address %#" PRIx64 " is taken", at);
}

void host_init(void)
{
    static uint8_t altstack[1 << 16] __attribute__((aligned(64)));
    stack_t ss = {.ss_sp = altstack, .ss_size = sizeof altstack};
    struct sigaction sa = {.sa_sigaction = host_handler,
                           .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    static const int sigs[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGUSR1};
    int fd = memfd_create("diff", 0);
    unsigned a, b, c, d;

    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1))
        test_skip("the processor has no FSGSBASE");
    if (fd < 0 || ftruncate(fd, DATA_ALL))
        test_skip("no memfd");
    map(CODE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, -1, 0);
    memset((void *)(uintptr_t)CODE, 0xcc, CODE_SIZE);
    map(DATA, DATA_RW, PROT_READ | PROT_WRITE, fd, 0);
    map(DATA_RO, 4096, PROT_READ, fd, DATA_RW);
    (void)*(volatile uint8_t *)(uintptr_t)DATA_RO; /* present, so that errors say so */
    map(CONTEXT, 3 * 4096, PROT_READ | PROT_WRITE, -1, 0);
    alias = mmap(NULL, DATA_ALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    __asm__ volatile("rdfsbase %0" : "=r"(host_fs_base));
    sigaltstack(&ss, NULL);
    for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
        sigaction(sigs[i], &sa, NULL);
    host_template();
}

/* SIGUSR1 leaves through the way that a case does. */
void host_template(void)
{
    __asm__ volatile("push %%rbx; push %%rbp; lea 1f(%%rip), %%rax; push %%rax\n"
                     "push %%rbx; push %%rbp; push %%r12; push %%r13; push %%r14; push %%r15\n"
                     "mov %%rsp, host_save_rsp(%%rip)\n"
                     "mov $39, %%eax; syscall; mov %%eax, %%edi; mov $10, %%esi\n"
                     "mov $62, %%eax; syscall\n"
                     "2: jmp 2b\n"
                     "1: pop %%rbp; pop %%rbx\n"
                     :
                     :
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "memory", "cc");
}

void host_regs(struct regs *r)
{
    memset(r, 0, sizeof *r);
    r->fs_base = host_fs_base;
    r->sel[SEG_CS] = 0x33;
    r->sel[SEG_SS] = 0x2b;
}

/* CPUID [SDM2]: leaf, sub-leaf, register (0..3 = EAX..EDX), bit. */
static const struct {
    uint8_t feature;
    uint32_t leaf, sub;
    uint8_t reg, bit;
} cpuid_bits[] = {
    {FT_MMX, 1, 0, 3, 23}, {FT_SSE, 1, 0, 3, 25}, {FT_SSE2, 1, 0, 3, 26}, {FT_SSE3, 1, 0, 2, 0},
    {FT_SSSE3, 1, 0, 2, 9}, {FT_SSE41, 1, 0, 2, 19}, {FT_SSE42, 1, 0, 2, 20}, {FT_AES, 1, 0, 2, 25},
    {FT_PCLMUL, 1, 0, 2, 1}, {FT_SHA, 7, 0, 1, 29}, {FT_AVX, 1, 0, 2, 28}, {FT_AVX2, 7, 0, 1, 5},
    {FT_FMA, 1, 0, 2, 12}, {FT_F16C, 1, 0, 2, 29}, {FT_BMI1, 7, 0, 1, 3}, {FT_BMI2, 7, 0, 1, 8},
    {FT_ADX, 7, 0, 1, 19}, {FT_MOVBE, 1, 0, 2, 22}, {FT_POPCNT, 1, 0, 2, 23},
    {FT_LZCNT, 0x80000001, 0, 2, 5}, {FT_CX16, 1, 0, 2, 13}, {FT_RDRAND, 1, 0, 2, 30},
    {FT_RDSEED, 7, 0, 1, 18}, {FT_FSGSBASE, 7, 0, 1, 0}, {FT_XSAVE, 1, 0, 2, 27},
    {FT_XSAVEOPT, 0xd, 1, 0, 0}, {FT_XSAVEC, 0xd, 1, 0, 1}, {FT_XSAVES, 0xd, 1, 0, 3},
    {FT_INVPCID, 7, 0, 1, 10}, {FT_RDPID, 7, 0, 2, 22}, {FT_CLFLUSHOPT, 7, 0, 1, 23},
    {FT_CLWB, 7, 0, 1, 24}, {FT_SMAP, 7, 0, 1, 20}, {FT_MONITOR, 1, 0, 2, 3},
    {FT_RDTSCP, 0x80000001, 0, 3, 27}, {FT_PREFETCHW, 0x80000001, 0, 2, 8},
};

bool host_has(enum x86_feature f)
{
    for (size_t i = 0; i < ARRAY_LEN(cpuid_bits); i++) {
        unsigned r[4];

        if (cpuid_bits[i].feature != f)
            continue;
        if (!__get_cpuid_count(cpuid_bits[i].leaf, cpuid_bits[i].sub, &r[0], &r[1], &r[2], &r[3]))
            return false;
        return r[cpuid_bits[i].reg] >> cpuid_bits[i].bit & 1;
    }
    return true;
}
