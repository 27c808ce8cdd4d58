/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Privileged behaviour, case by case: each test is a microguest whose outcome the manual tells:
 * page-fault error codes, accessed and dirty bits, double and triple faults, gates, system calls,
 * task switches, virtual-8086 mode, breakpoints, mode switches. Runs under QUAD_ENGINE (interp).
 *
 * A handler of vector v is one HLT at HANDLERS + v: RIP tells which one ran, the stack how.
 */
#include "lib/micro.h"
#include "lib/test.h"
#include "registry/registry.h"

enum {
    GDT = 0x1000, IDT = 0x2000, TSS = 0x3000, TSS_B = 0x3400, PML4 = 0x5000, PDPT = 0x6000,
    PD = 0x7000, HANDLERS = 0x8000, PT = 0x9000, CODE = 0x10000, STACK0 = 0x21000,
    STACK3 = 0x23000, STACK_IST = 0x25000, DATA = 0x30000, PAGE = 0x40000,
};

/* Selectors. */
enum {
    CODE64 = 0x08, DATA0 = 0x10, CODE32_3 = 0x18, DATA3 = 0x20, CODE64_3 = 0x28, CODE32 = 0x30,
    GATE = 0x38, DOWN = 0x48, SEL_TSS = 0x50, SEL_TSS_B = 0x60, CODE16 = 0x70, DATA16 = 0x78,
    GDT_END = 0x80,
};

struct env {
    struct x86_state s;
    struct micro_outcome o;
    bool lma;
    uint8_t mem[MICRO_MEM];
};

static struct micro *runner;
static struct env *e;

/* Guest code: assembled here, position-independent or for address 10000h. */
#define GUEST(name, mode, text)                                                              \
    __asm__(".pushsection .rodata\n.globl guest_" #name ", guest_" #name "_end\n"            \
            "guest_" #name ":\n" mode "\n" text "\nhlt\nguest_" #name "_end:\n"              \
            ".code64\n.popsection");                                                         \
    extern const uint8_t guest_##name[], guest_##name##_end[]
#define LOAD(name) memcpy(e->mem + CODE, guest_##name, (size_t)(guest_##name##_end - guest_##name))

static void put(uint64_t at, uint64_t v, unsigned n)
{
    memcpy(e->mem + at, &v, n);
}

static uint64_t got(uint64_t at, unsigned n)
{
    uint64_t v = 0;

    memcpy(&v, e->o.mem + at, n);
    return v;
}

static uint64_t descriptor(uint32_t base, uint32_t limit, unsigned attr)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attr & 0xff) << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(attr >> 8 & 15) << 52 |
           (uint64_t)(base >> 24) << 56;
}

static uint64_t gate(unsigned sel, uint32_t off, unsigned type, unsigned low)
{
    return (off & 0xffff) | (uint64_t)sel << 16 | (uint64_t)low << 32 | (uint64_t)type << 40 |
           (uint64_t)(off >> 16) << 48;
}

static void idt_set(unsigned v, unsigned sel, unsigned type, unsigned low)
{
    put(IDT + (e->lma ? 16 : 8) * v, gate(sel, HANDLERS + v, type, low), 8);
}

static void seg_set(unsigned seg, unsigned sel)
{
    uint64_t d;

    memcpy(&d, e->mem + GDT + (sel & 0xfff8), 8);
    unsigned attr = (unsigned)(d >> 40 & 0xff) | (unsigned)(d >> 44 & 0xf00);
    uint32_t limit = (uint32_t)(d & 0xffff) | (uint32_t)(d >> 32 & 0xf0000);
    e->s.seg[seg] = (struct x86_seg){
        .sel = (uint16_t)sel,
        .attr = (uint16_t)attr,
        .limit = attr & SEG_A_G ? limit << 12 | 0xfff : limit,
        .base = (uint32_t)(d >> 16 & 0xffffff) | (uint32_t)(d >> 32 & 0xff000000),
    };
}

static void tables(void)
{
    const unsigned flat = 0xfffff;

    put(GDT + CODE64, descriptor(0, flat, 0xa9b), 8);
    put(GDT + DATA0, descriptor(0, flat, 0xc93), 8);
    put(GDT + CODE32_3, descriptor(0, flat, 0xcfb), 8);
    put(GDT + DATA3, descriptor(0, flat, 0xcf3), 8);
    put(GDT + CODE64_3, descriptor(0, flat, 0xafb), 8);
    put(GDT + CODE32, descriptor(0, flat, 0xc9b), 8);
    put(GDT + DOWN, descriptor(0, 0x1f, 0xc97), 8);
    put(GDT + SEL_TSS, descriptor(TSS, 0x3ff, 0x8b), 8);
    put(GDT + SEL_TSS_B, descriptor(TSS_B, 0x67, 0x89), 8);
    put(GDT + CODE16, descriptor(CODE, 0xffff, 0x09b), 8);
    put(GDT + DATA16, descriptor(CODE, 0xffff, 0x093), 8);
    for (unsigned v = 0; v < 256; v++)
        idt_set(v, e->lma ? CODE64 : CODE32, v >= 0x20 ? 0xee : 0x8e, 0);
    memset(e->mem + HANDLERS, 0xf4, 0x400);
    memset(e->mem + CODE, 0xf4, 0x1000);
    if (e->lma) {
        put(TSS + 4, STACK0, 8);
        put(TSS + 0x24, STACK_IST, 8);
    } else {
        put(TSS + 4, STACK0, 4);
        put(TSS + 8, DATA0, 2);
    }
    put(TSS + 0x66, 0x68, 2);
    memset(e->mem + TSS + 0x68, 0xff, 0x200);
    put(PML4, PDPT | 7, 8);
    put(PDPT, PD | 7, 8);
    put(PD, PT | 7, 8);
    for (uint64_t p = 0; p < MICRO_MEM; p += 4096)
        put(PT + p / 4096 * 8, p | 7, 8);
}

/* Flat, privilege cpl, at CODE; 64-bit or 32-bit (without paging). */
static void start(bool lma, unsigned cpl)
{
    struct x86_state *s = &e->s;

    memset(e, 0, sizeof(*e));
    e->lma = lma;
    tables();
    s->cr0 = CR0_ET | CR0_NE | CR0_MP | CR0_PE | CR0_WP | (lma ? CR0_PG : 0);
    s->cr4 = lma ? CR4_PAE : 0;
    s->cr3 = lma ? PML4 : 0;
    s->efer = lma ? EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE : 0;
    s->gdtr = (struct x86_dtable){GDT, GDT_END - 1};
    s->idtr = (struct x86_dtable){IDT, lma ? 0xfff : 0x7ff};
    s->rflags = FL_1;
    s->dr[6] = 0xffff0ff0;
    s->dr[7] = 0x400;
    for (unsigned i = 0; i < 6; i++)
        seg_set(i, cpl ? DATA3 + 3 : DATA0);
    seg_set(SEG_CS, lma ? (cpl ? CODE64_3 + 3 : CODE64) : cpl ? CODE32_3 + 3 : CODE32);
    seg_set(SEG_TR, SEL_TSS);
    s->r[RSP] = cpl ? STACK3 : STACK0 - 0x800;
    s->r[X86_RIP] = CODE;
    s->star = (uint64_t)(CODE32_3 + 3) << 48 | (uint64_t)CODE64 << 32;
    s->lstar = HANDLERS + 0x200;
    s->sfmask = FL_IF | FL_TF;
}

static void start_real(void)
{
    start(false, 0);
    e->s.cr0 &= ~(uint64_t)CR0_PE;
    for (unsigned i = 0; i < 6; i++)
        e->s.seg[i] = (struct x86_seg){.sel = i == SEG_CS ? CODE >> 4 : DATA >> 4,
                                       .attr = i == SEG_CS ? 0x9b : 0x93,
                                       .limit = 0xffff,
                                       .base = i == SEG_CS ? CODE : DATA};
    e->s.idtr = (struct x86_dtable){0, 0x3ff};
    for (unsigned v = 0; v < 256; v++)
        put(4 * v, (uint64_t)(HANDLERS >> 4) << 16 | v, 4);
    e->s.r[RSP] = 0x1000;
    e->s.r[X86_RIP] = 0;
}

static void run(void)
{
    micro_run(runner, &e->s, e->mem, 1000, &e->o);
}

static void assert_vector(unsigned v)
{
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.r[X86_RIP], HANDLERS + v + 1);
}

/* ---- paging ---- */

GUEST(read, ".code64", "mov 0x40008, %eax");
GUEST(write, ".code64", "mov %eax, 0x40008");
GUEST(fetch, ".code64", "mov $0x40000, %eax\njmp *%rax");
GUEST(modify, ".code64", "lock incl 0x40008");

static void page_faults_have_the_manuals_error_codes(void **state)
{
    static const struct {
        uint64_t pte, cr4;
        unsigned cpl;
        char access; /* r w x m */
        unsigned ac, error;
        bool faults;
    } cases[] = {
        {0, 0, 0, 'r', 0, 0x00, true},
        {0, 0, 0, 'w', 0, 0x02, true},
        {0, 0, 0, 'm', 0, 0x02, true},
        {0, 0, 0, 'x', 0, 0x10, true},
        {0, 0, 3, 'r', 0, 0x04, true},
        {0, 0, 3, 'w', 0, 0x06, true},
        {0, 0, 3, 'x', 0, 0x14, true},
        {1, 0, 0, 'r', 0, 0, false},
        {1, 0, 0, 'w', 0, 0x03, true},
        {1, 0, 3, 'r', 0, 0x05, true},
        {5, 0, 3, 'r', 0, 0, false},
        {5, 0, 3, 'w', 0, 0x07, true},
        {5, 0, 3, 'm', 0, 0x07, true},
        {3, 0, 3, 'x', 0, 0x15, true},
        {7 | UINT64_C(1) << 63, 0, 0, 'x', 0, 0x11, true},
        {7 | UINT64_C(1) << 63, 0, 3, 'x', 0, 0x15, true},
        {7 | UINT64_C(1) << 63, 0, 3, 'w', 0, 0, false},
        {7 | UINT64_C(1) << 51, 0, 0, 'r', 0, 0x09, true},
        {7 | UINT64_C(1) << 51, 0, 3, 'w', 0, 0x0f, true},
        {7, CR4_SMEP, 0, 'x', 0, 0x11, true},
        {7, 0, 0, 'x', 0, 0, false},
        {7, CR4_SMAP, 0, 'r', 0, 0x01, true},
        {7, CR4_SMAP, 0, 'w', 0, 0x03, true},
        {7, CR4_SMAP, 0, 'w', FL_AC, 0, false},
        {7, CR4_SMAP, 3, 'w', 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t at = cases[i].access == 'x' ? PAGE : PAGE + 8;
        start(true, cases[i].cpl);
        put(PT + PAGE / 4096 * 8, PAGE | cases[i].pte, 8);
        e->mem[PAGE] = 0xf4;
        /* what the test itself runs on belongs to whom it serves */
        for (uint64_t p = 0; p < PAGE && cases[i].cr4; p += 4096)
            if (!cases[i].cpl || p < CODE || p == STACK0 - 4096)
                put(PT + p / 4096 * 8, p | 3, 8);
        e->s.cr4 |= cases[i].cr4;
        e->s.rflags |= cases[i].ac;
        switch (cases[i].access) {
        case 'r': LOAD(read); break;
        case 'w': LOAD(write); break;
        case 'm': LOAD(modify); break;
        default: LOAD(fetch); break;
        }
        run();
        if (!cases[i].faults) {
            /* the code's own HLT; at CPL 3 that is #GP */
            if (cases[i].cpl)
                assert_vector(EXC_GP);
            else
                assert_in_range(e->o.s.r[X86_RIP], CODE, PAGE + 1);
            continue;
        }
        assert_vector(EXC_PF);
        assert_int_equal(got(e->o.s.r[RSP], 8), cases[i].error);
        assert_int_equal(e->o.s.cr2, at);
        if (cases[i].access == 'x')
            assert_int_equal(got(e->o.s.r[RSP] + 8, 8), PAGE);
    }
}

static void accessed_and_dirty_bits_are_set(void **state)
{
    (void)state;
    start(true, 0);
    LOAD(read);
    run();
    assert_int_equal(got(PT + PAGE / 4096 * 8, 8), PAGE | 7 | 0x20);
    assert_int_equal(got(PML4, 8), PDPT | 7 | 0x20);
    start(true, 0);
    LOAD(write);
    run();
    assert_int_equal(got(PT + PAGE / 4096 * 8, 8), PAGE | 7 | 0x60);
    /* a write that faults sets nothing dirty */
    start(true, 0);
    put(PT + PAGE / 4096 * 8, PAGE | 5, 8);
    LOAD(write);
    run();
    assert_int_equal(got(PT + PAGE / 4096 * 8, 8) & 0x40, 0);
}

/* ---- faults within faults ---- */

static void a_fault_in_a_fault_is_a_double_fault(void **state)
{
    (void)state;
    start(true, 0);
    put(PT + PAGE / 4096 * 8, 0, 8);
    idt_set(EXC_PF, CODE64, 0x0e, 0); /* not present */
    LOAD(read);
    run();
    assert_vector(EXC_DF);
    assert_int_equal(got(e->o.s.r[RSP], 8), 0);
    assert_int_equal(got(e->o.s.r[RSP] + 8, 8), CODE);

    idt_set(EXC_DF, CODE64, 0x0e, 0);
    run();
    assert_int_equal(e->o.end, MICRO_SHUTDOWN);
}

GUEST(ud2, ".code64", "ud2");
GUEST(int80, ".code64", "mov $1, %eax\nint $0x80");

static void a_bad_gate_names_its_vector(void **state)
{
    (void)state;
    start(true, 3);
    idt_set(0x80, CODE64, 0x8e, 0); /* DPL 0 */
    LOAD(int80);
    run();
    assert_vector(EXC_GP);
    assert_int_equal(got(e->o.s.r[RSP], 8), 0x80 * 8 + 2);
    assert_int_equal(got(e->o.s.r[RSP] + 8, 8), CODE + 5); /* at the INT */

    start(true, 3);
    idt_set(0x80, CODE64, 0x6e, 0); /* not present */
    LOAD(int80);
    run();
    assert_vector(EXC_NP);
    assert_int_equal(got(e->o.s.r[RSP], 8), 0x80 * 8 + 2);

    start(true, 0);
    idt_set(EXC_UD, 0, 0x8e, 0); /* null selector, EXT set: the #UD is no program's */
    LOAD(ud2);
    run();
    assert_vector(EXC_GP);
    assert_int_equal(got(e->o.s.r[RSP], 8), 1);
}

/* ---- gates and system calls in long mode ---- */

static void an_interrupt_from_user_mode_switches_stacks(void **state)
{
    (void)state;
    start(true, 3);
    e->s.rflags |= FL_IF | FL_CF;
    LOAD(int80);
    run();
    assert_vector(0x80);
    uint64_t sp = e->o.s.r[RSP];
    assert_int_equal(sp, STACK0 - 40);
    assert_int_equal(got(sp, 8), CODE + 7);
    assert_int_equal(got(sp + 8, 8), CODE64_3 + 3);
    assert_int_equal(got(sp + 16, 8), FL_IF | FL_CF | FL_1);
    assert_int_equal(got(sp + 24, 8), STACK3);
    assert_int_equal(got(sp + 32, 8), DATA3 + 3);
    assert_int_equal(e->o.s.seg[SEG_CS].sel, CODE64);
    assert_int_equal(e->o.s.seg[SEG_SS].sel, 0);
    assert_int_equal(e->o.s.rflags, FL_CF | FL_1);
}

static void an_ist_gate_takes_its_stack_aligned(void **state)
{
    (void)state;
    start(true, 0);
    idt_set(0x80, CODE64, 0x8e, 1);
    put(TSS + 0x24, STACK_IST - 5, 8);
    LOAD(int80);
    run();
    assert_vector(0x80);
    assert_int_equal(e->o.s.r[RSP], STACK_IST - 16 - 40);
}

GUEST(syscall, ".code64", "stc\nsyscall\nmov $7, %ebx\nsyscall");
GUEST(kernel, ".code64", "cmp $7, %ebx\nje 1f\nmov %r11, %rdx\nmov %rcx, %rsi\nsysretq\n1:");

static void syscall_and_sysret_go_there_and_back(void **state)
{
    (void)state;
    start(true, 3);
    e->s.rflags |= FL_IF;
    LOAD(syscall);
    memcpy(e->mem + HANDLERS + 0x200, guest_kernel, (size_t)(guest_kernel_end - guest_kernel));
    run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.r[RDX], FL_IF | FL_CF | FL_1);
    assert_int_equal(e->o.s.r[RSI], CODE + 3);
    assert_int_equal(e->o.s.r[RCX], CODE + 10);
    assert_int_equal(e->o.s.seg[SEG_CS].sel, CODE64);
    assert_int_equal(e->o.s.seg[SEG_CS].attr & 0x2ff, 0x29b);
    assert_int_equal(e->o.s.seg[SEG_SS].sel, CODE64 + 8);
    assert_int_equal(e->o.s.rflags & FL_IF, 0);
    assert_int_equal(e->o.s.r[RSP], STACK3); /* nobody touched it */
}

GUEST(sysenter, ".code64", "sysenter");

static void sysenter_is_undefined_in_long_mode(void **state)
{
    (void)state;
    start(true, 0);
    e->s.sysenter_cs = CODE64;
    LOAD(sysenter);
    run();
    assert_vector(EXC_UD);
}

/* ---- single step and breakpoints ---- */

GUEST(step, ".code64", "pushfq\norl $0x100, (%rsp)\npopfq\nnop\nnop");

static void tf_traps_after_the_next_instruction(void **state)
{
    (void)state;
    start(true, 0);
    LOAD(step);
    run();
    assert_vector(EXC_DB);
    uint64_t at = CODE + (uint64_t)(guest_step_end - guest_step) - 2; /* after the first NOP */
    assert_int_equal(got(e->o.s.r[RSP], 8), at);
    assert_int_equal(got(e->o.s.r[RSP] + 16, 8) & FL_TF, FL_TF);
    assert_int_equal(e->o.s.rflags & FL_TF, 0);
    assert_int_equal(e->o.s.dr[6], 0xffff4ff0);
}

GUEST(step_ss, ".code64",
      "mov $0x10, %ecx\npushfq\norl $0x100, (%rsp)\npopfq\nmov %ecx, %ss\nnop\nnop");

static void mov_ss_holds_the_trap_back(void **state)
{
    (void)state;
    start(true, 0);
    LOAD(step_ss);
    run();
    assert_vector(EXC_DB);
    assert_int_equal(got(e->o.s.r[RSP], 8),
                     CODE + (uint64_t)(guest_step_ss_end - guest_step_ss) - 2);
}

GUEST(exec_bp, ".code64", "nop\nnop\nmov $5, %ebx");
GUEST(resume, ".code64", "incl 0x30000\ncmpl $1, 0x30000\nja 1f\norl $0x10000, 16(%rsp)\niretq\n1:");

static void rf_passes_an_instruction_breakpoint_once(void **state)
{
    (void)state;
    start(true, 0);
    LOAD(exec_bp);
    memcpy(e->mem + HANDLERS + 0x300, guest_resume, (size_t)(guest_resume_end - guest_resume));
    put(IDT + 16 * EXC_DB, gate(CODE64, HANDLERS + 0x300, 0x8e, 0), 8);
    e->s.dr[0] = CODE + 1;
    e->s.dr[7] = 0x401;
    run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.r[RBX], 5);
    assert_int_equal(got(DATA, 4), 1);
    assert_int_equal(e->o.s.dr[6] & 15, 1);
}

static void a_data_breakpoint_traps_after_the_write(void **state)
{
    (void)state;
    start(true, 0);
    LOAD(write);
    e->s.r[RAX] = 0x1234;
    e->s.dr[1] = PAGE + 8;
    e->s.dr[7] = 0x404 | 1 << 20 | 3 << 22; /* L1, write, 4 bytes */
    run();
    assert_vector(EXC_DB);
    assert_int_equal(got(e->o.s.r[RSP], 8), CODE + 7);
    assert_int_equal(e->o.s.dr[6] & 15, 2);
    assert_int_equal(got(PAGE + 8, 4), 0x1234);
    /* reads do not trip it */
    start(true, 0);
    LOAD(read);
    e->s.dr[1] = PAGE + 8;
    e->s.dr[7] = 0x404 | 1 << 20 | 3 << 22;
    run();
    assert_int_equal(e->o.s.dr[6] & 15, 0);
}

GUEST(general_detect, ".code64", "mov %dr0, %rax");

static void gd_guards_the_debug_registers(void **state)
{
    (void)state;
    start(true, 0);
    LOAD(general_detect);
    e->s.dr[7] = 0x2400;
    run();
    assert_vector(EXC_DB);
    assert_int_equal(e->o.s.dr[6], 0xffff2ff0);
    assert_int_equal(e->o.s.dr[7], 0x400);
    assert_int_equal(got(e->o.s.r[RSP], 8), CODE);
}

GUEST(misaligned, ".code64", "mov 0x30001, %eax");

static void misaligned_data_faults_for_users_who_ask(void **state)
{
    (void)state;
    start(true, 3);
    LOAD(misaligned);
    e->s.cr0 |= CR0_AM;
    e->s.rflags |= FL_AC;
    run();
    assert_vector(EXC_AC);
    assert_int_equal(got(e->o.s.r[RSP], 8), 0);
    e->s.rflags &= ~(uint64_t)FL_AC;
    run();
    assert_vector(EXC_GP); /* the HLT behind it */
}

GUEST(rep_fault, ".code64", "mov $0x30000, %esi\nmov $0x3fff0, %edi\nmov $0x100, %ecx\nrep movsb");

static void a_repeated_string_faults_where_it_is(void **state)
{
    (void)state;
    start(true, 0);
    put(PT + PAGE / 4096 * 8, 0, 8);
    LOAD(rep_fault);
    run();
    assert_vector(EXC_PF);
    assert_int_equal(e->o.s.r[RCX], 0xf0);
    assert_int_equal(e->o.s.r[RSI], DATA + 0x10);
    assert_int_equal(e->o.s.r[RDI], PAGE);
    assert_int_equal(got(e->o.s.r[RSP], 8), 2);
    assert_int_equal(got(e->o.s.r[RSP] + 8, 8), CODE + 15);
    assert_int_equal(e->o.s.cr2, PAGE);
}

/* ---- 32-bit protected mode ---- */

GUEST(call_gate, ".code32", "push $0x22\npush $0x11\nlcall $0x3b, $0\nmov $9, %ebx");
GUEST(callee, ".code32", "mov 8(%esp), %ecx\nmov 12(%esp), %edx\nmov %cs, %esi\nlret $8");

static void a_call_gate_copies_parameters_and_returns(void **state)
{
    (void)state;
    start(false, 3);
    put(GDT + GATE, gate(CODE32, HANDLERS + 0x200, 0xec, 2), 8);
    LOAD(call_gate);
    memcpy(e->mem + HANDLERS + 0x200, guest_callee, (size_t)(guest_callee_end - guest_callee));
    run();
    assert_vector(EXC_GP); /* HLT at CPL 3 */
    assert_int_equal(e->o.s.r[RBX], 9);
    assert_int_equal(e->o.s.r[RCX], 0x11);
    assert_int_equal(e->o.s.r[RDX], 0x22);
    assert_int_equal(e->o.s.r[RSI] & 0xffff, CODE32);
    assert_int_equal(got(STACK0 - 8, 4), STACK3); /* both stacks released */
}

GUEST(call_task, ".code32", "mov $3, %ebx\nlcall $0x60, $0\nmov $4, %ecx");
GUEST(task_b, ".code32", "mov $7, %edx\nstr %ax\nmov %ax, 0x30000\niret");

static void a_task_is_called_and_returns(void **state)
{
    static const unsigned segs[6] = {DATA0, CODE32, DATA0, DATA0, DATA0, DATA0};

    (void)state;
    start(false, 0);
    LOAD(call_task);
    memcpy(e->mem + HANDLERS + 0x200, guest_task_b, (size_t)(guest_task_b_end - guest_task_b));
    for (unsigned i = 0; i < 6; i++)
        put(TSS_B + 0x48 + 4 * i, segs[i], 2);
    put(TSS_B + 0x20, HANDLERS + 0x200, 4);
    put(TSS_B + 0x24, 2, 4);
    put(TSS_B + 0x38, STACK_IST, 4);
    run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.r[RBX], 3);
    assert_int_equal(e->o.s.r[RCX], 4);
    assert_int_equal(e->o.s.r[RDX], 0); /* the other task's own */
    assert_int_equal(got(DATA, 2), SEL_TSS_B);
    assert_int_equal(got(TSS_B, 2), SEL_TSS);        /* link */
    assert_int_equal(got(TSS_B + 0x30, 4), 7);       /* its EDX */
    assert_int_equal(got(TSS_B + 0x24, 4) & FL_NT, 0);
    assert_int_equal(got(GDT + SEL_TSS_B + 5, 1), 0x89); /* available again */
    assert_int_equal(got(GDT + SEL_TSS + 5, 1), 0x8b);
    assert_int_equal(e->o.s.seg[SEG_TR].sel, SEL_TSS);
    assert_int_equal(e->o.s.cr0 & CR0_TS, CR0_TS);
}

GUEST(to_vm86, ".code32",
      "pushl $0x3003\npushl $0x3002\npushl $0x3001\npushl $0x3000\npushl $0x2000\npushl $0x800\n"
      "pushl $0x23002\npushl $0x1000\npushl $0x100\niret");
GUEST(vm86, ".code16", "mov %ds, %ax\nint $0x21");

static void vm86_is_entered_by_iret_and_left_by_int(void **state)
{
    (void)state;
    start(false, 0);
    LOAD(to_vm86);
    memcpy(e->mem + CODE + 0x100, guest_vm86, (size_t)(guest_vm86_end - guest_vm86));
    run();
    assert_vector(0x21);
    uint64_t sp = e->o.s.r[RSP];
    assert_int_equal(sp, STACK0 - 36);
    assert_int_equal(got(sp, 4), 0x104);
    assert_int_equal(got(sp + 4, 4), 0x1000);
    assert_int_equal(got(sp + 8, 4), 0x23002);
    assert_int_equal(got(sp + 12, 4), 0x800);
    assert_int_equal(got(sp + 16, 4), 0x2000);
    assert_int_equal(got(sp + 20, 4), 0x3000); /* ES DS FS GS */
    assert_int_equal(got(sp + 24, 4), 0x3001);
    assert_int_equal(got(sp + 28, 4), 0x3002);
    assert_int_equal(got(sp + 32, 4), 0x3003);
    assert_int_equal(e->o.s.r[RAX] & 0xffff, 0x3001);
    assert_int_equal(e->o.s.seg[SEG_DS].sel, 0);
    assert_int_equal(e->o.s.rflags & FL_VM, 0);
    /* below IOPL 3 the INT is #GP(0) */
    uint8_t *flags = memmem(e->mem + CODE, 64, "\x68\x02\x30\x02\x00", 5);
    assert_non_null(flags);
    flags[2] = 0x00;
    run();
    assert_vector(EXC_GP);
}

GUEST(vme, ".code16",
      "sti\npushf\npop %ax\ncli\npushf\npop %bx\nint $0x21\nmov %dx, %cx\nint $0x22");
GUEST(vme_handler, ".code16", "mov $7, %dx\niret");

static void start_vm86(void)
{
    start(false, 3);
    for (unsigned i = 0; i < 6; i++)
        e->s.seg[i] = (struct x86_seg){.sel = i == SEG_CS ? CODE >> 4 : DATA >> 4,
                                       .attr = 0xf3,
                                       .limit = 0xffff,
                                       .base = i == SEG_CS ? CODE : DATA};
    e->s.rflags |= FL_VM;
    e->s.r[RSP] = 0x800;
    e->s.r[X86_RIP] = 0;
    put(TSS + 0x66, 0x68 + 32, 2);
}

static void vme_gives_vm86_its_own_interrupt_flag(void **state)
{
    (void)state;
    start_vm86();
    e->s.cr4 |= CR4_VME;
    e->mem[TSS + 0x68 + 4] = 0xfd; /* INT 21h goes to the task's own table, 22h does not */
    put(4 * 0x21, (uint64_t)0x1100 << 16, 4);
    memcpy(e->mem + 0x11000, guest_vme_handler,
           (size_t)(guest_vme_handler_end - guest_vme_handler));
    LOAD(vme);
    run();
    assert_vector(EXC_GP); /* INT 22h below IOPL 3 */
    assert_int_equal(e->o.s.r[RAX] & (FL_IF | FL_IOPL), FL_IF | FL_IOPL);
    assert_int_equal(e->o.s.r[RBX] & (FL_IF | FL_IOPL), FL_IOPL);
    assert_int_equal(e->o.s.r[RCX] & 0xffff, 7);
    assert_int_equal(got(e->o.s.r[RSP] + 12, 4) & FL_IF, 0); /* the real one was never set */
    /* without VME the first STI is #GP */
    e->s.cr4 &= ~(uint64_t)CR4_VME;
    run();
    assert_vector(EXC_GP);
    assert_int_equal(got(e->o.s.r[RSP] + 4, 4), 0);
}

GUEST(sti, ".code32", "sti\nmov $1, %ebx");

static void pvi_gives_users_a_virtual_interrupt_flag(void **state)
{
    (void)state;
    start(false, 3);
    LOAD(sti);
    e->s.cr4 |= CR4_PVI;
    run();
    assert_vector(EXC_GP);
    assert_int_equal(e->o.s.r[RBX], 1);
    assert_int_equal(got(e->o.s.r[RSP] + 12, 4) & (FL_VIF | FL_IF), FL_VIF);
    e->s.rflags |= FL_VIP;
    run();
    assert_int_equal(e->o.s.r[RBX], 0);
}

GUEST(sldt, ".code64", "mov $5, %ebx\nsldt %eax\nmov $6, %ebx");

static void umip_hides_table_registers_from_users(void **state)
{
    (void)state;
    start(true, 3);
    LOAD(sldt);
    run();
    assert_int_equal(e->o.s.r[RBX], 6);
    e->s.cr4 |= CR4_UMIP;
    run();
    assert_vector(EXC_GP);
    assert_int_equal(e->o.s.r[RBX], 5);
}

GUEST(call_gate64, ".code64", "lcall *1f(%rip)\nmov $9, %ebx\n1: .long 0\n.word 0x3b");
GUEST(callee64, ".code64", "mov %cs, %ecx\nmov 24(%rsp), %rdx\nlretq");

static void a_64_bit_call_gate_switches_stacks(void **state)
{
    (void)state;
    start(true, 3);
    put(GDT + GATE, gate(CODE64, HANDLERS + 0x200, 0xec, 0), 8);
    put(GDT + GATE + 8, 0, 8);
    LOAD(call_gate64);
    memcpy(e->mem + HANDLERS + 0x200, guest_callee64, (size_t)(guest_callee64_end - guest_callee64));
    run();
    assert_int_equal(e->o.s.r[RBX], 9);
    assert_int_equal(e->o.s.r[RCX], CODE64);
    assert_int_equal(e->o.s.r[RDX], DATA3 + 3);
}

GUEST(rights, ".code32",
      "mov $0x20, %eax\nlar %eax, %ebx\nlsl %eax, %ecx\nmov $0x48, %eax\nlsl %eax, %edx\n"
      "mov $0x30, %eax\nverw %ax\nsetz %al\nmovzx %al, %esi\nmov $0x50, %eax\nlar %eax, %edi");

static void lar_and_lsl_show_descriptors(void **state)
{
    (void)state;
    start(false, 0);
    LOAD(rights);
    run();
    assert_int_equal(e->o.s.r[RBX], 0xcff300);
    assert_int_equal(e->o.s.r[RCX], 0xffffffff);
    assert_int_equal(e->o.s.r[RDX], 0x1ffff);
    assert_int_equal(e->o.s.r[RSI], 0); /* code is never writable */
    assert_int_equal(e->o.s.r[RDI], 0x8b00);
    assert_int_equal(e->o.s.rflags & FL_ZF, FL_ZF);
}

GUEST(cx16, ".code64", "lock cmpxchg16b 0x30008");

static void cmpxchg16b_wants_alignment(void **state)
{
    (void)state;
    start(true, 0);
    LOAD(cx16);
    run();
    assert_vector(EXC_GP);
}

GUEST(nmi_iret, ".code64", "hlt");

static void an_nmi_waits_behind_mov_ss(void **state)
{
    (void)state;
    start(true, 0);
    LOAD(nmi_iret);
    e->s.nmi_pending = true;
    run();
    assert_vector(EXC_NMI);
    assert_true(e->o.s.nmi_blocked);
    assert_int_equal(got(e->o.s.r[RSP], 8), CODE);
    /* after MOV SS it waits for the next instruction */
    e->s.intr_shadow = e->s.shadow_is_mov_ss = true;
    e->mem[CODE] = 0x90;
    run();
    assert_vector(EXC_NMI);
    assert_int_equal(got(e->o.s.r[RSP], 8), CODE + 1);
}

GUEST(expand_down, ".code32",
      "mov $0x48, %eax\nmov %eax, %ds\nmov 0x20000, %ebx\nmov 0x1fffc, %ecx");

static void an_expand_down_segment_ends_at_its_limit(void **state)
{
    (void)state;
    start(false, 0);
    LOAD(expand_down);
    put(0x20000, 0x55aa, 4);
    run();
    assert_vector(EXC_GP);
    assert_int_equal(e->o.s.r[RBX], 0x55aa);
    assert_int_equal(got(e->o.s.r[RSP], 4), 0);
    assert_int_equal(e->o.s.r[RCX], 0);
}

GUEST(ports, ".code32", "in $0x40, %al\nin $0x41, %al");

static void the_io_map_lets_single_ports_through(void **state)
{
    (void)state;
    start(false, 3);
    LOAD(ports);
    e->mem[TSS + 0x68 + 8] = 0xfe; /* port 40h */
    e->s.r[RAX] = 0;
    run();
    assert_vector(EXC_GP);
    assert_int_equal(got(e->o.s.r[RSP] + 4, 4), CODE + 2);
    assert_int_equal(e->o.s.r[RAX], 0xff);
}

/* ---- modes ---- */

GUEST(real_int, ".code16", "stc\nint $0x30");

static void real_mode_takes_the_vector_table(void **state)
{
    (void)state;
    start_real();
    e->s.rflags |= FL_IF;
    LOAD(real_int);
    run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.seg[SEG_CS].sel, HANDLERS >> 4);
    assert_int_equal(e->o.s.r[X86_RIP], 0x31);
    assert_int_equal(e->o.s.r[RSP], 0x1000 - 6);
    assert_int_equal(got(DATA + 0x1000 - 6, 2), 3);
    assert_int_equal(got(DATA + 0x1000 - 4, 2), CODE >> 4);
    assert_int_equal(got(DATA + 0x1000 - 2, 2), FL_IF | FL_CF | FL_1);
    assert_int_equal(e->o.s.rflags & FL_IF, 0);
}

/* From reset's mode to 64-bit code and on to 16-bit protected and real mode again. */
GUEST(modes, ".code16",
      "mov %cr0, %eax\nor $1, %al\nmov %eax, %cr0\n"
      "ljmpl $0x30, $(1f - guest_modes + 0x10000)\n"
      ".code32\n1: mov $0x10, %eax\nmov %eax, %ds\nmov %eax, %ss\nmov $0x21000, %esp\n"
      "mov $0x20, %eax\nmov %eax, %cr4\nmov $0x5000, %eax\nmov %eax, %cr3\n"
      "mov $0xc0000080, %ecx\nrdmsr\nor $0x100, %eax\nwrmsr\nmov %eax, 0x30000\n"
      "mov %cr0, %eax\nor $0x80000000, %eax\nmov %eax, %cr0\n"
      "rdmsr\nmov %eax, 0x30004\n"
      "ljmp $0x08, $(2f - guest_modes + 0x10000)\n"
      ".code64\n2: mov $0x123456789abcdef0, %rax\nmov %rax, 0x30008\n"
      "push $0x30\nlea 3f - guest_modes + 0x10000, %rax\npush %rax\nlretq\n"
      ".code32\n3: mov %cr0, %eax\nand $0x7fffffff, %eax\nmov %eax, %cr0\n"
      "mov $0xc0000080, %ecx\nrdmsr\nmov %eax, 0x30010\n"
      "ljmp $0x70, $(4f - guest_modes)\n"
      ".code16\n4: mov $0x78, %ax\nmov %ax, %ds\nmov %cr0, %eax\nand $0xfe, %al\nmov %eax, %cr0\n"
      "ljmp $0x1000, $(5f - guest_modes)\n"
      "5: mov $0x3000, %ax\nmov %ax, %ds\nmovw $0x77, 0x14");

static void a_guest_walks_through_all_modes(void **state)
{
    (void)state;
    start_real();
    e->lma = true; /* only for the tables' sake */
    LOAD(modes);
    e->s.gdtr = (struct x86_dtable){GDT, GDT_END - 1};
    run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.seg[SEG_CS].sel, 0x1000);
    assert_int_equal(got(DATA, 4), EFER_LME);
    assert_int_equal(got(DATA + 4, 4), EFER_LME | EFER_LMA);
    assert_int_equal(got(DATA + 8, 8), UINT64_C(0x123456789abcdef0));
    assert_int_equal(got(DATA + 0x10, 4), EFER_LME);
    assert_int_equal(got(DATA + 0x14, 2), 0x77);
}

static int setup(void **state)
{
    struct error err = {0};
    const struct engine_type *engine;

    (void)state;
    if (registry_find_engine(test_engine("interp"), &engine, &err))
        return -1;
    runner = micro_create(engine);
    e = xcalloc(1, sizeof(*e));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    micro_destroy(runner);
    free(e);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_faults_have_the_manuals_error_codes),
        cmocka_unit_test(accessed_and_dirty_bits_are_set),
        cmocka_unit_test(a_fault_in_a_fault_is_a_double_fault),
        cmocka_unit_test(a_bad_gate_names_its_vector),
        cmocka_unit_test(an_interrupt_from_user_mode_switches_stacks),
        cmocka_unit_test(an_ist_gate_takes_its_stack_aligned),
        cmocka_unit_test(syscall_and_sysret_go_there_and_back),
        cmocka_unit_test(sysenter_is_undefined_in_long_mode),
        cmocka_unit_test(tf_traps_after_the_next_instruction),
        cmocka_unit_test(mov_ss_holds_the_trap_back),
        cmocka_unit_test(rf_passes_an_instruction_breakpoint_once),
        cmocka_unit_test(a_data_breakpoint_traps_after_the_write),
        cmocka_unit_test(gd_guards_the_debug_registers),
        cmocka_unit_test(misaligned_data_faults_for_users_who_ask),
        cmocka_unit_test(a_repeated_string_faults_where_it_is),
        cmocka_unit_test(a_call_gate_copies_parameters_and_returns),
        cmocka_unit_test(a_task_is_called_and_returns),
        cmocka_unit_test(vm86_is_entered_by_iret_and_left_by_int),
        cmocka_unit_test(vme_gives_vm86_its_own_interrupt_flag),
        cmocka_unit_test(pvi_gives_users_a_virtual_interrupt_flag),
        cmocka_unit_test(umip_hides_table_registers_from_users),
        cmocka_unit_test(a_64_bit_call_gate_switches_stacks),
        cmocka_unit_test(lar_and_lsl_show_descriptors),
        cmocka_unit_test(cmpxchg16b_wants_alignment),
        cmocka_unit_test(an_nmi_waits_behind_mov_ss),
        cmocka_unit_test(an_expand_down_segment_ends_at_its_limit),
        cmocka_unit_test(the_io_map_lets_single_ports_through),
        cmocka_unit_test(real_mode_takes_the_vector_table),
        cmocka_unit_test(a_guest_walks_through_all_modes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
