/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a translator does once for several: accesses near each other, through the same registers, in
 * loops that go round without leaving what was translated. Random guests of that shape: their
 * accesses lie about page ends, their pages are absent, read-only, of the supervisor, code; registers
 * of the addresses are written in between in every way; page tables and code change under them, faults
 * are mended and the instruction is run again, or end the guest. Every engine of ours, unbounded,
 * against the interpreter, and where A and D bits play no part the interpreter against KVM.
 *
 * QUAD_CASE: one case's seed.
 */
#include <pthread.h>
#include <stdio.h>

#include "core/machine.h"
#include "lib/isa.h"
#include "registry/registry.h"

enum {
    WINDOW = 0x40000, PAGES = 16, FRAMES = 0x80000, FAULT = 0xa000, TRAP = 0xa200, /* notes: 0xb000 */
    MEND_OR = 0xb800, MEND_AND = 0xb808, BUDGET = 30000,
};

/* #PF: note RIP, CR2 and the error code; the ninth ends the guest, others mend the entry. */
__asm__(".pushsection .rodata\n"
        "fault_code:\n"
        "push %rax\npush %rcx\n"
        "mov 0xb7f8, %ecx\n"
        "inc %ecx\nmov %ecx, 0xb7f8\n"
        "cmp $9, %ecx\njae 1f\n"
        "shl $5, %ecx\n"
        "mov 16(%rsp), %rax\nmov %rax, 0xb000(%rcx)\n"
        "mov 24(%rsp), %rax\nmov %rax, 0xb008(%rcx)\n"
        "mov %cr2, %rax\nmov %rax, 0xb010(%rcx)\n"
        "shr $12, %eax\nand $0x1ff, %eax\n"
        "mov 0x9000(,%rax,8), %rcx\n"
        "or 0xb800, %rcx\nand 0xb808, %rcx\nmov %rcx, 0x9000(,%rax,8)\n"
        "mov %cr2, %rax\ninvlpg (%rax)\n"
        "pop %rcx\npop %rax\nadd $8, %rsp\niretq\n"
        "1: pop %rcx\npop %rax\nhlt\n"
        "fault_code_end:\n"
        /* #DB: count, go on */
        "trap_code:\n"
        "incq 0xb7f0\n"
        "cmpq $400, 0xb7f0\nja 1f\n"
        "iretq\n"
        "1: hlt\n"
        "trap_code_end:\n.popsection");
extern const uint8_t fault_code[], fault_code_end[], trap_code[], trap_code_end[];

struct gen {
    uint64_t rng;
    uint8_t *p;         /* code goes here */
    unsigned base, index, scale, counter;
    int32_t disp;       /* about which displacements lie */
    unsigned patch[8], npatch; /* places of immediates that stores may change */
    bool host, user, smap;
    unsigned alias;     /* page of the window that is the code's, too; PAGES: none */
};

static uint64_t rnd(struct gen *g, uint64_t n)
{
    return test_random(&g->rng) % n;
}

static bool one_in(struct gen *g, unsigned n)
{
    return rnd(g, n) == 0;
}

static void code(struct gen *g, uint64_t v, unsigned n)
{
    memcpy(g->p, &v, n);
    g->p += n;
}

/* ------------------------------------------------------------------------------------- encoding */

/* opcode: one byte, or 0x0fXX, 0x0f38XX; prefix: 0, 66, f2, f3. */
static void opcode(struct gen *g, unsigned prefix, unsigned rex, unsigned op)
{
    if (prefix)
        code(g, prefix, 1);
    if (rex)
        code(g, 0x40 | rex, 1);
    if (op > 0xffff)
        code(g, op >> 16, 1);
    if (op > 0xff)
        code(g, op >> 8 & 0xff, 1);
    code(g, op & 0xff, 1);
}

/* reg and [base + index << scale + disp]; base 16: none, base 17: RIP; index 16: none. */
static void at(struct gen *g, unsigned prefix, bool wide, unsigned op, unsigned reg, unsigned base,
               unsigned index, unsigned scale, int32_t disp)
{
    unsigned rex = (wide ? 8 : 0) | (reg & 8 ? 4 : 0) | (index < 16 && index & 8 ? 2 : 0) |
                   (base < 16 && base & 8 ? 1 : 0);

    opcode(g, prefix, rex, op);
    reg = (reg & 7) << 3;
    if (base == 17) {
        code(g, 5 | reg, 1);
    } else if (base == 16 || index < 16 || (base & 7) == RSP) {
        code(g, (base == 16 ? 0x04 : 0x84) | reg, 1);
        code(g, scale << 6 | (index < 16 ? index & 7 : 4) << 3 | (base == 16 ? 5 : base & 7), 1);
    } else {
        code(g, 0x80 | reg | (base & 7), 1);
    }
    code(g, (uint32_t)disp, 4);
}

static void reg_reg(struct gen *g, unsigned prefix, bool wide, unsigned op, unsigned reg, unsigned rm)
{
    opcode(g, prefix, (wide ? 8u : 0) | (reg & 8 ? 4 : 0) | (rm & 8 ? 1 : 0), op);
    code(g, 0xc0 | (reg & 7) << 3 | (rm & 7), 1);
}

/* VEX.LZ.0F38, W1: reg, vvvv, rm. */
static void vex38(struct gen *g, unsigned pp, unsigned op, unsigned reg, unsigned v, unsigned rm)
{
    code(g, 0xc4, 1);
    code(g, (reg & 8 ? 0 : 0x80) | 0x40 | (rm & 8 ? 0 : 0x20) | 2, 1);
    code(g, 0x80 | (~v & 15) << 3 | pp, 1);
    code(g, op, 1);
    code(g, 0xc0 | (reg & 7) << 3 | (rm & 7), 1);
}

static void mov_imm(struct gen *g, unsigned reg, uint64_t v)
{
    opcode(g, 0, 8 | (reg & 8 ? 1 : 0), 0xb8 | (reg & 7));
    code(g, v, 8);
}

/* -------------------------------------------------------------------------------------- guests */

static uint64_t address(struct gen *g)
{
    uint64_t at = WINDOW + 4096 * (1 + rnd(g, PAGES - 2));

    return rnd(g, 4) ? at + rnd(g, 64) - 32 : at + rnd(g, 4096);
}

/* Any but the counter and RSP. */
static unsigned some_reg(struct gen *g)
{
    unsigned r = (unsigned)rnd(g, 16);

    return r == RSP || r == g->counter ? RAX : r;
}

static int32_t some_disp(struct gen *g)
{
    return g->disp + (int32_t)rnd(g, 12) * 8 - 32 + (one_in(g, 4) ? (int32_t)rnd(g, 8) : 0);
}

/* An operand of the case's registers, mostly. */
static void operand(struct gen *g, unsigned prefix, bool wide, unsigned op, unsigned reg)
{
    static const uint8_t segs[] = {0x64, 0x65, 0x3e, 0x67};
    unsigned k = (unsigned)rnd(g, 24);

    if (one_in(g, 16))
        code(g, segs[rnd(g, 4)], 1);
    if (k == 0)
        at(g, prefix, wide, op, reg, some_reg(g), 16, 0, some_disp(g) - g->disp);
    else if (k == 1)
        at(g, prefix, wide, op, reg, 16, 16, 0, (int32_t)address(g));
    else if (k == 2)
        at(g, prefix, wide, op, reg, RSP, 16, 0, (int32_t)rnd(g, 8) * 8 - 32);
    else if (k == 3)
        at(g, prefix, wide, op, reg, 17, 16, 0, (int32_t)(WINDOW + 0x1000 - CODE + (int)rnd(g, 64) * 8 - 256));
    else
        at(g, prefix, wide, op, reg, g->base, g->index, g->scale, some_disp(g));
}

static void access_one(struct gen *g)
{
    static const struct {
        uint8_t prefix;
        bool wide;
        unsigned op;
    } ops[] = {
        {0, true, 0x8b}, {0, true, 0x89}, {0, true, 0x89}, {0, false, 0x8b}, {0, false, 0x89},
        {0, false, 0x88}, {0, false, 0x8a}, {0x66, false, 0x89}, {0x66, false, 0x8b},
        {0, true, 0x01}, {0, true, 0x03}, {0, true, 0x39}, {0, true, 0x3b}, {0, true, 0x85},
        {0, true, 0x29}, {0, true, 0x13}, {0, true, 0x11}, {0, true, 0x0fb6}, {0, true, 0x0fbf},
        {0, false, 0x0f94}, {0, true, 0x63}, {0, true, 0x87}, {0, true, 0x0fc1}, {0, true, 0x0fb1},
        {0, false, 0x0f10}, {0, false, 0x0f11}, {0x66, false, 0x0f6e}, {0x66, true, 0x0f7e},
        {0, false, 0xd9}, {0, false, 0x0f45}, {0, true, 0x0f45}, {0, true, 0x0fab}, {0, false, 0xff},
        {0xf3, true, 0x0fb8}, {0, true, 0x0f38f0}, {0, true, 0x0f38f1}, {0, true, 0x0fc3},
    };
    size_t k = rnd(g, ARRAY_LEN(ops));
    unsigned op = ops[k].op, reg = some_reg(g);

    if (op == 0xff || op == 0x0f94)
        reg = (unsigned)rnd(g, 2); /* INC, DEC */
    if (op == 0xd9)
        reg = one_in(g, 2) ? 0 : 3; /* FLD, FSTP */
    operand(g, ops[k].prefix, ops[k].wide, op, reg);
}

static void add_imm(struct gen *g, unsigned reg, int v)
{
    reg_reg(g, 0, true, 0x83, one_in(g, 2) ? 0 : 5, reg);
    code(g, (uint8_t)v, 1);
}

/* Something that writes r: the case's base, mostly. */
static void writer(struct gen *g)
{
    unsigned r = one_in(g, 4) ? some_reg(g) : g->base < 16 ? g->base : some_reg(g), o = some_reg(g);
    unsigned k = (unsigned)rnd(g, 40), low = r & 3;
    if (one_in(g, 3) && (g->base == RAX || g->base == RDX))
        k = 10; /* what writes them unnamed */

    if (r == RSP) {
        add_imm(g, r, one_in(g, 2) ? 8 : -8);
        return;
    }
    if (r == g->counter)
        return;
    switch (k) {
    case 0: case 1: case 2:
        add_imm(g, r, (int)rnd(g, 64) - 32);
        return;
    case 3: reg_reg(g, 0, true, 0xff, (unsigned)rnd(g, 2), r); return;
    case 4: at(g, 0, true, 0x8d, r, r, 16, 0, (int32_t)rnd(g, 96) - 48); return;
    case 5: at(g, 0, one_in(g, 2), 0x8d, r, o, 16, 0, 8); break;
    case 6: reg_reg(g, 0, true, 0x87, r, o); break;
    case 7: reg_reg(g, 0, true, 0x0fc1, r, o); break;
    case 8: reg_reg(g, 0, true, 0x0fb1, o, r); break;
    case 9: reg_reg(g, 0, true, 0x0f40 | (unsigned)rnd(g, 16), r, o); break;
    case 10: reg_reg(g, 0, true, 0xf7, 4 + (unsigned)rnd(g, 2), o); break; /* MUL, IMUL */
    case 11: vex38(g, 3, 0xf6, r, o, some_reg(g)); break; /* MULX */
    case 12: vex38(g, 0, 0xf2, r, o, r); break; /* ANDN */
    case 13: vex38(g, 0, 0xf3, 1 + (unsigned)rnd(g, 3), r, o); break; /* BLSR, BLSMSK, BLSI */
    case 14: vex38(g, (unsigned)rnd(g, 4), 0xf7, r, o, r); break; /* BEXTR, SHLX... */
    case 15: vex38(g, 2 + (unsigned)rnd(g, 2), 0xf5, r, r, o); break; /* PEXT, PDEP */
    case 16: /* low byte, high byte, low word */
        if (g->base < 4)
            low = g->base;
        code(g, 0xb0 | low, 1), code(g, rnd(g, 256), 1);
        return;
    case 17: case 18:
        if (g->base < 4)
            low = g->base;
        code(g, 0xb4 | low, 1), code(g, rnd(g, 256), 1);
        return;
    case 19:
        opcode(g, 0x66, r & 8 ? 1 : 0, 0xb8 | (r & 7)), code(g, rnd(g, 0x10000), 2);
        return;
    case 20: /* SETcc, high or low */
        opcode(g, 0, 0, 0x0f90 | (unsigned)rnd(g, 16)), code(g, 0xc0 | rnd(g, 2) << 2 | (r & 3), 1);
        return;
    case 21: opcode(g, 0, r & 8 ? 1 : 0, 0x50 | (r & 7)), opcode(g, 0, o & 8 ? 1 : 0, 0x58 | (o & 7)); break;
    case 22: opcode(g, 0, o & 8 ? 1 : 0, 0x50 | (o & 7)), opcode(g, 0, r & 8 ? 1 : 0, 0x58 | (r & 7)); break;
    case 23: code(g, 0xaa + rnd(g, 2) * 2, 1); break; /* STOSB, LODSB */
    case 24: code(g, 0xa548, 2); break;
    case 25: code(g, 0xad48, 2); break; /* LODSQ */
    case 26: at(g, 0, true, 0x8b, r, r, 16, 0, some_disp(g) & ~7); break; /* through itself */
    case 27: case 28: operand(g, 0, true, 0x8b, r); break;
    case 29: code(g, 0xc9, 1); break; /* LEAVE, ENTER */
    case 30: code(g, 0x000010c8, 4); break;
    case 31: opcode(g, 0, 8 | (r & 8 ? 1 : 0), 0x0fc8 | (r & 7)); break;
    case 32: reg_reg(g, 0x66, true, 0x0f7e, (unsigned)rnd(g, 8), r); break; /* MOVQ r, xmm */
    case 33: reg_reg(g, 0x66, false, 0x0fd7, r, (unsigned)rnd(g, 8)); break;
    case 34: reg_reg(g, 0xf2, true, 0x0f2c, r, 1); break; /* CVTTSD2SI */
    case 35: reg_reg(g, 0, true, 0xd3, 4 + (unsigned)rnd(g, 4), r); break;
    case 36: reg_reg(g, 0, true, 0x0fa5, o, r); break; /* SHLD by CL */
    case 37: reg_reg(g, 0xf2, true, 0x0f38f1, r, o); break; /* CRC32 */
    case 38: code(g, 0xa20f, 2), g->host = false; break;
    default: reg_reg(g, 0, false, 0x89, o, r); break;
    }
    if (k != 10 && rnd(g, 4))
        mov_imm(g, r, address(g));
    if (k == 29 || k == 30)
        mov_imm(g, RSP, address(g) & ~UINT64_C(7));
    if ((k == 10 || k == 11 || k == 38 || k >= 23) && g->base < 16 && g->base != g->counter && rnd(g, 4))
        mov_imm(g, g->base, address(g));
}

/* Skip what may come next: dependent on flags. */
static uint8_t *skip_ahead(struct gen *g)
{
    code(g, 0x70 | rnd(g, 16), 1);
    code(g, 0, 1);
    return g->p;
}

static void system_one(struct gen *g)
{
    unsigned page = (unsigned)rnd(g, PAGES), i = WINDOW / 4096 + page;
    uint64_t flags = (uint64_t[]){7, 7, 3, 5, 1, 0}[rnd(g, 6)] | 0x60;
    uint8_t *s;

    if (g->user)
        return;
    switch (rnd(g, 5)) {
    case 0: case 1: /* another frame or other rights */
        s = skip_ahead(g);
        code(g, 0x2504c748, 4); /* MOV qword [entry], imm32 */
        code(g, PT + i * 8, 4);
        code(g, (FRAMES + rnd(g, PAGES) * 4096) | flags, 4);
        code(g, 0x3c010f, 3), code(g, 0x25, 1), code(g, WINDOW + page * 4096, 4);
        s[-1] = (uint8_t)(g->p - s);
        break;
    case 2: /* INVLPG alone */
        code(g, 0x3c010f, 3), code(g, 0x25, 1), code(g, WINDOW + page * 4096, 4);
        break;
    case 3: /* MOV from and to CR3 */
        code(g, 0xd8200f, 3), code(g, 0xd8220f, 3);
        if (g->base == RAX)
            mov_imm(g, RAX, address(g));
        break;
    default:
        if (g->smap)
            code(g, one_in(g, 2) ? 0xca010f : 0xcb010f, 3);
    }
}

/* A store to an instruction's immediate, here or through the alias. */
static void change_code(struct gen *g)
{
    if (!g->npatch)
        return;
    uint32_t to = g->patch[rnd(g, g->npatch)];
    if (g->alias < PAGES && one_in(g, 2))
        to = to - CODE + WINDOW + g->alias * 4096;
    unsigned reg = some_reg(g);
    at(g, 0, false, 0x88, reg < 4 ? reg : RCX, 16, 16, 0, (int32_t)to);
}

static void insn(struct gen *g)
{
    switch (rnd(g, 24)) {
    case 0: case 1: case 2: case 3: writer(g); break;
    case 4: system_one(g); break;
    case 5:
        if (one_in(g, 3))
            change_code(g);
        break;
    case 6:
        code(g, 0xb8, 1);
        if (g->npatch < ARRAY_LEN(g->patch))
            g->patch[g->npatch++] = CODE + (unsigned)(g->p - (e->mem + CODE));
        code(g, rnd(g, UINT32_MAX), 4);
        if (g->base == RAX)
            mov_imm(g, RAX, address(g));
        break;
    case 7:
        if (one_in(g, 8)) { /* PUSHF; OR dword [RSP], TF; POPF */
            code(g, 0x9c, 1), code(g, 0x240c81, 3);
            code(g, one_in(g, 2) ? 0x100 : 1, 4), code(g, 0x9d, 1);
        }
        break;
    case 8: { /* a short call */
        code(g, 0xe8, 1), code(g, 0, 4);
        code(g, 0x08c48348, 4);
        break;
    }
    default: access_one(g); break;
    }
}

static void loop_of(struct gen *g)
{
    uint8_t *begin = g->p, *s = NULL;
    unsigned n = 3 + (unsigned)rnd(g, 16), left = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!s && one_in(g, 6))
            s = skip_ahead(g), left = 1 + (unsigned)rnd(g, 3);
        insn(g);
        if (s && --left == 0) {
            if (g->p - s < 128)
                s[-1] = (uint8_t)(g->p - s);
            s = NULL;
        }
    }
    if (s && g->p - s < 128)
        s[-1] = (uint8_t)(g->p - s);
    reg_reg(g, 0, true, 0xff, 1, g->counter);
    code(g, 0x850f, 2);
    code(g, (uint32_t)(begin - g->p - 4), 4);
}

/* ------------------------------------------------------------------------------- the whole case */

static void tables(struct gen *g)
{
    bool mend = rnd(g, 3), marked = g->host = one_in(g, 2);

    for (unsigned v = 0; v < 32; v++)
        isa_put(IDT + 16 * v, isa_gate(CODE64, HANDLERS + v, 0x8e, 1), 8);
    if (mend)
        isa_put(IDT + 16 * EXC_PF, isa_gate(CODE64, FAULT, 0x8e, 1), 8);
    isa_put(IDT + 16, isa_gate(CODE64, TRAP, 0x8e, 1), 8);
    memcpy(e->mem + FAULT, fault_code, (size_t)(fault_code_end - fault_code));
    memcpy(e->mem + TRAP, trap_code, (size_t)(trap_code_end - trap_code));
    isa_put(MEND_OR, g->smap ? 0x63 : 0x67, 8);
    isa_put(MEND_AND, g->smap ? ~UINT64_C(4) : UINT64_MAX, 8);
    for (unsigned p = 0; p < MICRO_MEM / 4096; p++)
        isa_put(PT + 8 * p, (uint64_t)p * 4096 | (g->user ? 7 : 3) | (marked ? 0x60 : 0), 8);
    g->alias = one_in(g, 2) ? (unsigned)rnd(g, PAGES) : PAGES;
    for (unsigned p = 0; p < PAGES; p++) {
        uint64_t frame = FRAMES + rnd(g, PAGES) * 4096;
        uint64_t flags = rnd(g, 3) ? (g->smap ? 3 : 7) : (uint64_t[]){7, 3, 5, 1, 0}[rnd(g, 5)];
        if (p == g->alias)
            frame = CODE;
        isa_put(PT + WINDOW / 4096 * 8 + 8 * p, frame | flags | (marked ? 0x60 : 0), 8);
    }
    /* the same again at the end of the lower half and at the end of all */
    const unsigned upper[] = {PML4, PML4 + 255 * 8, PML4 + 511 * 8};
    for (unsigned i = 0; i < ARRAY_LEN(upper); i++)
        isa_put(upper[i], PDPT | 0x27, 8);
    for (unsigned i = 0; i < 512; i += 511) {
        isa_put(PDPT + i * 8, PD | 0x27, 8);
        isa_put(PD + i * 8, PT | 0x27, 8);
    }
    for (uint64_t i = 0; i < PAGES * 4096; i += 8)
        isa_put(FRAMES + i, address(g) & ~UINT64_C(7), 8);
}

static void build(struct gen *g, uint64_t seed)
{
    static const uint64_t borders[] = {0, UINT64_C(1) << 47};

    *g = (struct gen){.rng = seed | 1};
    for (unsigned i = 0; i < 8; i++)
        test_random(&g->rng);
    g->user = one_in(g, 3);
    g->smap = !g->user && one_in(g, 4);
    isa_start(true, g->user ? 3 : 0);
    tables(g);
    struct x86_state *s = &e->s;
    if (one_in(g, 2))
        s->cr0 &= ~(uint64_t)CR0_WP;
    s->cr4 |= CR4_OSFXSR | CR4_FSGSBASE | (g->smap ? CR4_SMAP : 0);
    s->mxcsr = 0x1f80;
    s->fcw = 0x37f;
    g->counter = (unsigned[]){R8, R15, R14, RCX}[rnd(g, 4)];
    do
        g->base = (unsigned)rnd(g, 17);
    while (g->base == g->counter);
    g->index = g->base < 16 && one_in(g, 4) ? some_reg(g) : 16;
    g->disp = (int32_t[]){0, 0, 0x40, -0x80, 0x1000, -0x1000}[rnd(g, 6)];
    for (unsigned i = 0; i < 16; i++)
        s->r[i] = address(g);
    s->r[RSP] = address(g) & ~UINT64_C(7);
    if (g->base == 16) {
        g->disp = (int32_t)address(g);
    } else if (one_in(g, 12)) {
        s->r[g->base] = borders[rnd(g, 2)] + rnd(g, 64) - 32;
        g->host = false; /* memory of the tables themselves: what is cached there is not ours to say */
    } else {
        s->r[g->base] -= (uint64_t)(int64_t)g->disp;
    }
    if (g->index < 16 && rnd(g, 8)) {
        g->scale = (unsigned)rnd(g, 4);
        s->r[g->index] = rnd(g, 32);
    }
    s->r[g->counter] = 3 + rnd(g, 30);
    s->seg[SEG_FS].base = rnd(g, 64);
    s->seg[SEG_GS].base = one_in(g, 2) ? 0x1000 : UINT64_MAX - rnd(g, 64);
    s->rflags |= test_random(&g->rng) & (FL_ARITH | (one_in(g, 8) ? FL_TF : 0));
    if (one_in(g, 16)) {
        s->dr[0] = address(g);
        s->dr[7] |= 1 | (one_in(g, 2) ? 1 : 3) << 16;
    }
    g->p = e->mem + CODE + (one_in(g, 8) ? 4096 - 20 - rnd(g, 60) : 0);
    s->r[X86_RIP] = (uint64_t)(g->p - e->mem);
    loop_of(g);
    if (one_in(g, 2)) {
        mov_imm(g, g->counter, 3 + rnd(g, 8));
        loop_of(g);
    }
    code(g, 0xf4, 1);
}

static void describe(const struct gen *g, uint64_t seed, const char *who, const char *diff,
                     const struct micro_outcome *a, const struct micro_outcome *b)
{
    char x[300], y[300];

    micro_show(a, x, sizeof(x));
    micro_show(b, y, sizeof(y));
    print_error("QUAD_CASE=%#" PRIx64 " base %u index %u counter %u%s%s, %s: %s\n  %s\n  %s\n", seed,
                g->base, g->index, g->counter, g->user ? " user" : "", g->smap ? " smap" : "", who,
                diff, x, y);
    const char *dump = getenv("QUAD_DUMP");
    FILE *f = dump ? fopen(dump, "w") : NULL;
    if (f) {
        fwrite(e->mem + CODE, 1, 0x2000, f);
        fclose(f);
    }
}

static unsigned cases(void)
{
    return getenv("QUAD_CASES") ? (unsigned)atoi(getenv("QUAD_CASES")) : test_long() ? 100000 : 2000;
}

typedef void against_fn(struct micro *ref, const struct gen *g, uint64_t seed, void *other, unsigned *bad);

static void run_cases(against_fn *against, void *other)
{
    const struct engine_type *interp;
    struct error err = {0};
    const char *only = getenv("QUAD_CASE");
    struct gen g;
    unsigned bad = 0;
    uint64_t rng = test_seed();

    assert_int_equal(registry_find_engine("interp", &interp, &err), 0);
    struct micro *ref = micro_create(interp);
    e = xcalloc(1, sizeof(*e));
    for (unsigned i = 0; i < cases() && bad < 10; i++) {
        uint64_t seed = only ? strtoull(only, NULL, 0) : test_random(&rng);
        build(&g, seed);
        against(ref, &g, seed, other, &bad);
        if (only)
            break;
    }
    free(e);
    micro_destroy(ref);
    if (bad)
        fail_msg("%u cases differ", bad);
}

static enum micro_end last_end;
static struct micro_outcome last; /* of the engine */

static void against_engine(struct micro *ref, const struct gen *g, uint64_t seed, void *other, unsigned *bad)
{
    struct micro_outcome x, y;
    char diff[200];

    micro_run(ref, &e->s, e->mem, BUDGET, &x);
    last_end = x.end;
    if (x.end == MICRO_BUDGET)
        return; /* it would never end */
    micro_run(other, &e->s, e->mem, UINT64_MAX, &y);
    last = y;
    micro_compare(&x, &y, diff, sizeof(diff));
    if (diff[0]) {
        describe(g, seed, "interp and the engine", diff, &x, &y);
        ++*bad;
    }
}

static void against_host(struct micro *ref, const struct gen *g, uint64_t seed, void *other, unsigned *bad)
{
    struct micro_outcome x, y;
    char diff[200];

    if (!g->host)
        return;
    micro_run(ref, &e->s, e->mem, BUDGET, &x);
    if (x.end == MICRO_BUDGET)
        return;
    micro_kvm_run(other, &e->s, e->mem, &y);
    micro_compare(&x, &y, diff, sizeof(diff));
    if (diff[0] && y.end != MICRO_ERROR) {
        describe(g, seed, "interp and host", diff, &x, &y);
        ++*bad;
    }
}

/* Requests from another thread, all the time: they are seen between two rounds of a loop. Then the
 * dirty log is fetched, too, so that stores have to mark their pages again. */
struct pest {
    struct vcpu *v;
    bool stop;
};

static void *pest(void *arg)
{
    struct pest *p = arg;

    while (!__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) {
        vcpu_request(p->v, REQ_STOP);
        sched_yield();
    }
    return NULL;
}

static uint64_t dirty[MICRO_LOG_WORDS];

static void against_pestered(struct micro *ref, const struct gen *g, uint64_t seed, void *other,
                             unsigned *bad)
{
    memset(dirty, 0, sizeof(dirty));
    against_engine(ref, g, seed, other, bad);
    if (last_end == MICRO_BUDGET)
        return;
    for (unsigned p = 0; p < MICRO_MEM / 4096; p++)
        if (!(dirty[p / 64] >> (p & 63) & 1) &&
            memcmp(last.mem + p * 4096, e->mem + p * 4096, 4096)) {
            print_error("QUAD_CASE=%#" PRIx64 ": page %#x was written, not logged\n", seed, p);
            ++*bad;
        }
}

/* What there is to be tested did happen. */
static void assert_twins(const struct vcpu *v)
{
    struct engine *engine = &v->machine->engine;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (strcmp(engine->type->name, "jit") || getenv("QUAD_CASE"))
        return;
    engine->type->dump(engine, "stats", f);
    fclose(f);
    print_message("%.*s\n", (int)strcspn(text, "\n"), text);
    const char *twins = strstr(text, " twins ");
    assert_non_null(twins);
    assert_true(strtoul(twins + 7, NULL, 10) > 0);
    free(text);
}

static void all_engines(bool pestered)
{
    for (size_t i = 0; registry_engines[i]; i++) {
        const struct engine_type *type = registry_engines[i];
        struct engine_caps caps;
        struct error err;
        pthread_t thread;
        if (strcmp(type->way, "full") || type->probe(&caps, &err) || !strcmp(type->name, "interp"))
            continue;
        struct micro *m = micro_create_free(type);
        struct pest p = {.v = micro_vcpu(m)};
        if (pestered) {
            micro_log(m, dirty);
            assert_int_equal(pthread_create(&thread, NULL, pest, &p), 0);
        }
        run_cases(pestered ? against_pestered : against_engine, m);
        if (pestered) {
            __atomic_store_n(&p.stop, true, __ATOMIC_RELEASE);
            pthread_join(thread, NULL);
        }
        assert_twins(p.v);
        micro_destroy(m);
    }
}

static void engines_agree(void **state)
{
    (void)state;
    all_engines(false);
}

static void engines_agree_under_requests(void **state)
{
    (void)state;
    all_engines(true);
}

static void interpreter_agrees_with_the_host(void **state)
{
    const char *why = "";
    struct micro_kvm *k = micro_kvm_create(&why);

    (void)state;
    if (!k) {
        print_message("not compared with the host: %s\n", why);
        return;
    }
    run_cases(against_host, k);
    micro_kvm_destroy(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engines_agree),
        cmocka_unit_test(engines_agree_under_requests),
        cmocka_unit_test(interpreter_agrees_with_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
