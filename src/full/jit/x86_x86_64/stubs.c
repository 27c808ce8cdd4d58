/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stubs: the generated code around all blocks: entry, exits, calls into C.
 */
#include "full/jit/x86_x86_64/gen.h"

static void spill(struct as *a)
{
    for (unsigned n = 0; n < 16; n++)
        if (host_of(n) >= 0)
            as_store(a, 8, GS(OFF_R(n)), (unsigned)host_of(n));
}

static void fill(struct as *a)
{
    for (unsigned n = 0; n < 16; n++)
        if (host_of(n) >= 0)
            as_load(a, 8, (unsigned)host_of(n), GS(OFF_R(n)));
}

/* ----------------------------------------------------------------------------- vector registers
 *
 * The guest's vector registers and its MXCSR are in their host namesakes from the first vector
 * instruction of native code on, over all blocks, until something written in C runs: JIT_VEC_OUT in
 * JIT_SIMD says that they are in the record. */

static void vec_move(struct as *a, bool wide, bool load)
{
    for (unsigned n = 0; n < 16; n++) {
        as_8(a, 0x65);
        if (wide) { /* VEX.256.0F */
            as_8(a, 0xc5);
            as_8(a, (n & 8 ? 0 : 0x80) | 0x7c);
        } else {
            if (n & 8)
                as_8(a, 0x44);
            as_8(a, 0x0f);
        }
        as_8(a, load ? 0x10 : 0x11); /* movups */
        as_modrm(a, n, GS(OFF(s.ymm) + 32 * (int32_t)n));
    }
}

static void mxcsr(struct as *a, bool load, int32_t off)
{
    as_op(a, 0, 4, 0x0fae, load ? 2 : 3, GS(off), false);
}

static void vec_flag(struct as *a, unsigned n, unsigned v)
{
    as_op(a, 0, 1, 0x80, n, GS(OFF_SCRATCH(JIT_SIMD)), false);
    as_8(a, v & 0xff);
}

/* Loses the host's flags. */
static void vec_out(struct as *a)
{
    bool wide = __builtin_cpu_supports("avx");

    as_op(a, 0, 1, 0xf6, 0, GS(OFF_SCRATCH(JIT_SIMD)), false); /* test */
    as_8(a, JIT_VEC_OUT);
    uint8_t *done = as_jump(a, 5);
    mxcsr(a, false, OFF(s.mxcsr));
    mxcsr(a, true, OFF_SCRATCH(JIT_HOST_MXCSR));
    vec_move(a, wide, false);
    if (wide) { /* vzeroupper: C code is compiled for SSE */
        as_8(a, 0xc5);
        as_8(a, 0xf8);
        as_8(a, 0x77);
    }
    vec_flag(a, 1, JIT_VEC_OUT); /* or */
    as_patch(done, a->p);
}

/* Called by blocks; loses the host's flags only. */
static void stub_vec_in(struct as *a)
{
    vec_move(a, __builtin_cpu_supports("avx"), true);
    mxcsr(a, true, OFF(s.mxcsr));
    vec_flag(a, 4, ~(unsigned)JIT_VEC_OUT); /* and */
    as_8(a, 0xc3);
}

/* The guest's registers into the record and the host's own MXCSR back. Loses the host's flags. */
static void to_c(struct as *a)
{
    spill(a);
    vec_out(a);
}

static void from_c(struct as *a)
{
    fill(a);
}

static const uint8_t callee_saved[] = {H_RBX, H_RBP, H_R12, H_R13, H_R14, H_R15};

static void push(struct as *a, unsigned r)
{
    if (r & 8)
        as_8(a, 0x41);
    as_8(a, 0x50 | (r & 7));
}

static void pop(struct as *a, unsigned r)
{
    if (r & 8)
        as_8(a, 0x41);
    as_8(a, 0x58 | (r & 7));
}

static void c_stack(struct as *a)
{
    as_load(a, 8, H_RSP, GS(OFF_SCRATCH(JIT_HOST_SP)));
}

/* Back to the C caller of enter(), state already in the record. */
static void leave(struct as *a)
{
    c_stack(a);
    as_alu_imm(a, 8, 0, R(H_RSP), 8);
    for (unsigned i = ARRAY_LEN(callee_saved); i-- > 0;)
        pop(a, callee_saved[i]);
    as_8(a, 0xc3);
}

/* On the C stack; afterwards RSP is that of native code, `pushed` bytes deep. */
static void call_c(struct as *a, struct x86_cpu *c, uintptr_t fn, unsigned pushed)
{
    c_stack(a);
    as_mov_imm(a, H_RDI, (uintptr_t)c);
    as_mov(a, 8, H_RSI, ENTRY);
    as_mov(a, 8, H_RDX, ADDR);
    as_mov_imm(a, H_RAX, fn);
    as_8(a, 0xff); /* call rax */
    as_8(a, 0xd0);
    as_mov_imm(a, H_RSP, (uintptr_t)c - pushed);
}

/* Called by blocks with ENTRY, ADDR as arguments 2 and 3: run fn; back into the block, or, when
 * it returns 1, out. */
static void stub_call(struct as *a, struct x86_cpu *c, uintptr_t fn, const uint8_t *exit_spilled)
{
    to_c(a);
    call_c(a, c, fn, 8);
    as_alu(a, 4, 0x84, H_RAX, R(H_RAX)); /* test */
    uint8_t *out = as_jump(a, 5);
    from_c(a);
    as_8(a, 0xc3);
    as_patch(out, a->p);
    as_jump_to(a, JMP, exit_spilled);
}

/* The same for one that always comes back. */
static void stub_call_back(struct as *a, struct x86_cpu *c, uintptr_t fn)
{
    to_c(a);
    call_c(a, c, fn, 8);
    from_c(a);
    as_8(a, 0xc3);
}

/* A link to another page that is not, or under another tag: ENTRY says where it is, ADDR is the
 * target's offset from the running page. Now and then also one that is found has to be linked. */
static void stub_lookup_far(struct as *a, const uint8_t *exit_spilled_link)
{
    uint8_t *miss[2];

    as_store(a, 8, GS(OFF_SCRATCH(JIT_LINK)), ENTRY);
    as_alu(a, 8, 0x02, ADDR, GS(OFF_R(X86_RIP)));
    as_op(a, 0, 4, 0xff, 1, GS(OFF_SCRATCH(JIT_RELINK)), false); /* dec */
    uint8_t *relink = as_jump(a, 8);                              /* js */
    gen_jump_place(a, miss);
    gen_jump_enter(a);
    as_patch(relink, a->p);
    as_patch(miss[0], a->p);
    as_patch(miss[1], a->p);
    as_store(a, 8, GS(OFF_R(X86_RIP)), ADDR);
    as_jump_to(a, JMP, exit_spilled_link);
}

int jit_backend_init(struct jit_vcpu *jv, struct error *err)
{
    struct code_cache *cc = &jv->code;
    struct as as = {.p = cc->rw, .limit = cc->rw + cc->size}, *a = &as;
    const uint8_t *exit_spilled, *exit;

    _Static_assert(sizeof(struct jump) == 32, "the look-up stub shifts by 5");
    _Static_assert(sizeof(struct x86_tlbe) == 64, "the TLB check shifts by 12 - 6");
    jv->cpu->scratch[JIT_HOST_MXCSR] = 0x1f80;
    jv->cpu->scratch[JIT_JUMPS] = (uintptr_t)jv->jumps;

    jv->enter = (void (*)(const void *))(uintptr_t)(a->p + cc->to_rx);
    for (unsigned i = 0; i < ARRAY_LEN(callee_saved); i++)
        push(a, callee_saved[i]);
    as_alu_imm(a, 8, 5, R(H_RSP), 8);
    as_store(a, 8, GS(OFF_SCRATCH(JIT_HOST_SP)), H_RSP);
    as_mov(a, 8, ENTRY, H_RDI);
    as_mov_imm(a, H_RSP, (uintptr_t)jv->cpu);
    from_c(a);
    as_op(a, 0, 4, 0xff, 4, R(ENTRY), false); /* jmp */

    /* A place to link in ENTRY, its target's offset from the running page in ADDR. */
    const uint8_t *exit_link = a->p;
    as_store(a, 8, GS(OFF_SCRATCH(JIT_LINK)), ENTRY);
    as_alu(a, 8, 0x00, ADDR, GS(OFF_R(X86_RIP))); /* add [RIP], ADDR */
    const uint8_t *exit_far = a->p;
    to_c(a);
    leave(a);
    exit = a->p; /* nothing to link */
    to_c(a);
    exit_spilled = a->p;
    as_alu(a, 4, 0x32, ENTRY, R(ENTRY));
    as_store(a, 8, GS(OFF_SCRATCH(JIT_LINK)), ENTRY);
    leave(a);

    const uint8_t *helper = a->p;
    stub_call(a, jv->cpu, (uintptr_t)jit_helper, exit_spilled);
    const uint8_t *helper_last = a->p;
    to_c(a);
    call_c(a, jv->cpu, (uintptr_t)jit_helper_last, 0);
    as_alu(a, 8, 0x84, H_RAX, R(H_RAX)); /* test */
    as_jump_to(a, 4, exit_spilled);
    as_mov(a, 8, ENTRY, H_RAX);
    from_c(a);
    as_op(a, 0, 4, 0xff, 4, R(ENTRY), false); /* jmp */
    const uint8_t *note = a->p;
    stub_call(a, jv->cpu, (uintptr_t)jit_note, exit_spilled);
    const uint8_t *tsc = a->p;
    stub_call(a, jv->cpu, (uintptr_t)jit_tsc, exit_spilled);
    const uint8_t *x87_in = a->p;
    stub_call(a, jv->cpu, (uintptr_t)jit_x87_in, exit_spilled);
    const uint8_t *fill_tlb = a->p;
    stub_call_back(a, jv->cpu, (uintptr_t)jit_fill);
    const uint8_t *lookup_far = a->p;
    stub_lookup_far(a, exit_far);
    const uint8_t *vec_in = a->p;
    stub_vec_in(a);

    jv->exit = exit + cc->to_rx;
    jv->exit_link = exit_link + cc->to_rx;
    jv->exit_spilled = exit_spilled + cc->to_rx;
    jv->helper = helper + cc->to_rx;
    jv->helper_last = helper_last + cc->to_rx;
    jv->note = note + cc->to_rx;
    jv->lookup_far = lookup_far + cc->to_rx;
    jv->vec_in = vec_in + cc->to_rx;
    jv->tsc = tsc + cc->to_rx;
    jv->fill = fill_tlb + cc->to_rx;
    jv->x87_in = x87_in + cc->to_rx;
    cc->used = cc->base_used = ALIGN_UP((size_t)(a->p - cc->rw), (size_t)64);
    cc->cold_used = cc->cold_base = cc->size / 5 * 3;
    if (a->full)
        return fail(err, ENOMEM, "jit: code cache too small");
    return 0;
}
