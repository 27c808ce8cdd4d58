/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an instruction does to the general registers and to the flags, as far as the generator wants to
 * know it ahead: for flags that can be made again, for looks into the TLB that serve several accesses.
 */
#include "full/jit/x86_x86_64/gen.h"

/* Vector and x87 operations that write a general register. */
static uint32_t simd_writes(const struct x86_insn *in)
{
    switch (in->op) {
    case X86_OP_fnstsw:
        return 1u << RAX;
    case X86_OP_pcmpestri: case X86_OP_pcmpistri:
        return 1u << RCX;
    case X86_OP_movd_st: case X86_OP_movmskps: case X86_OP_movmskpd: case X86_OP_pmovmskb:
    case X86_OP_extractps: case X86_OP_pextrb: case X86_OP_pextrw: case X86_OP_pextrd:
    case X86_OP_pextrq: case X86_OP_cvtss2si: case X86_OP_cvtsd2si: case X86_OP_cvttss2si:
    case X86_OP_cvttsd2si:
        return in->form == FORM_MR || in->dst > 15 ? 0 : 1u << in->dst;
    default:
        return 0;
    }
}

uint32_t gen_writes(const struct x86_insn *in)
{
    uint32_t dst = in->form == FORM_MR ? 0 : in->dst < 16 ? 1u << in->dst : 1u << (in->dst & 3);

    switch (in->op) {
    case X86_OP_add: case X86_OP_or: case X86_OP_and: case X86_OP_sub: case X86_OP_xor:
    case X86_OP_adc: case X86_OP_sbb: case X86_OP_inc: case X86_OP_dec: case X86_OP_neg:
    case X86_OP_not: case X86_OP_mov: case X86_OP_movzx8: case X86_OP_movzx16:
    case X86_OP_movsx8: case X86_OP_movsx16: case X86_OP_movsxd: case X86_OP_lea:
    case X86_OP_cmov: case X86_OP_setcc: case X86_OP_bswap: case X86_OP_imul: case X86_OP_imul3:
    case X86_OP_rol: case X86_OP_ror: case X86_OP_rcl: case X86_OP_rcr: case X86_OP_shl:
    case X86_OP_shr: case X86_OP_sar: case X86_OP_shld: case X86_OP_shrd: case X86_OP_bt:
    case X86_OP_bts: case X86_OP_btr: case X86_OP_btc: case X86_OP_bsf: case X86_OP_bsr:
    case X86_OP_tzcnt: case X86_OP_lzcnt: case X86_OP_popcnt: case X86_OP_andn:
    case X86_OP_rorx: case X86_OP_sarx: case X86_OP_shlx: case X86_OP_shrx: case X86_OP_movbe:
    case X86_OP_movnti:
        return dst;
    case X86_OP_cmp: case X86_OP_test: case X86_OP_nop: case X86_OP_prefetch: case X86_OP_jcc:
    case X86_OP_jmp_near: case X86_OP_cli: case X86_OP_sti:
        return 0;
    case X86_OP_cbw:
        return 1u << RAX;
    case X86_OP_cwd:
        return 1u << RDX;
    case X86_OP_mul: case X86_OP_imul1: case X86_OP_div: case X86_OP_idiv:
        return 1u << RAX | 1u << RDX;
    case X86_OP_push: case X86_OP_call_near: case X86_OP_ret_near:
        return 1u << RSP;
    case X86_OP_pop:
        return dst | 1u << RSP;
    case X86_OP_leave:
        return 1u << RSP | 1u << RBP;
    default:
        return in->op >= X86_OP_fadd ? simd_writes(in) : UINT32_MAX;
    }
}

bool gen_overwrites_flags(const struct x86_insn *in)
{
    switch (in->op) {
    case X86_OP_add: case X86_OP_or: case X86_OP_and: case X86_OP_sub: case X86_OP_xor:
    case X86_OP_cmp: case X86_OP_test: case X86_OP_neg:
        return true;
    default:
        return false;
    }
}
