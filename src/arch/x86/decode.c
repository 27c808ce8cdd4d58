/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * decode: instruction bytes to struct x86_insn, in one pass over the tables of optab_*.c.
 *
 *   [prefixes] [REX] opcode, 0F opcode, 0F 38 opcode, 0F 3A opcode   [ModRM [SIB] [disp]] [imm]
 *   [segment, 67] VEX2 | VEX3 opcode                                  [ModRM [SIB] [disp]] [imm]
 *
 * Where AMD and Intel differ the decoder is AMD's (the models' vendor): 66 before a near branch in
 * 64-bit code selects 16 bits [APM3 "near branches"]; far pointers are m16:16 and m16:32 only.
 */
#include "arch/x86/decode.h"

#include "arch/x86/cpu.h"
#include "base/bits.h"

enum { MAX_LEN = 15 };

/* What a byte is before the opcode. */
enum { PX_NONE, PX_SEG, PX_OPSIZE, PX_ADSIZE, PX_LOCK, PX_REPNE, PX_REP, PX_REX };

static const uint8_t prefix_class[256] = {
    [0x26] = PX_SEG, [0x2e] = PX_SEG, [0x36] = PX_SEG, [0x3e] = PX_SEG, [0x64] = PX_SEG,
    [0x65] = PX_SEG, [0x66] = PX_OPSIZE, [0x67] = PX_ADSIZE, [0xf0] = PX_LOCK, [0xf2] = PX_REPNE,
    [0xf3] = PX_REP, [0x40 ... 0x4f] = PX_REX,
};

/* The decoder's state: what has been read, and where it is up to. */
struct dec {
    const uint8_t *b;
    unsigned n, pos;
    uint32_t mode;
    bool code64, vex, is_long, is_short;
    bool opsize, lock;
    uint8_t rex; /* W 8, R 4, X 2, B 1; of VEX too */
    uint8_t rep; /* 0, F2, F3 */
    uint8_t pp; /* 0, 66, F3, F2: 0..3 */
    uint8_t vvvv;
    uint8_t opcode;
    bool vexl, vexw;
    bool has_modrm;
    uint8_t modrm;
    int segovr; /* -1: none that counts */
    uint8_t osz;
};

/* The next byte; 0 with is_short or is_long set where there is none. */
static uint8_t next8(struct dec *d)
{
    if (d->pos < d->n)
        return d->b[d->pos++];
    if (d->n >= MAX_LEN)
        d->is_long = true;
    else
        d->is_short = true;
    return 0;
}

static uint64_t next_le(struct dec *d, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)next8(d) << (8 * i);
    return v;
}

static uint64_t next_signed(struct dec *d, unsigned size)
{
    return sign_extend(next_le(d, size), size * 8);
}

static uint8_t modrm(struct dec *d)
{
    if (!d->has_modrm) {
        d->has_modrm = true;
        d->modrm = next8(d);
    }
    return d->modrm;
}

static bool is_reg(struct dec *d) { return modrm(d) >= 0xc0; }

/* ------------------------------------------------------------------------------- prefixes */

/* 26 2E 36 3E 64 65 */
static int seg_of_prefix(uint8_t b) { return b >= 0x64 ? b - 0x60 : (b >> 3) & 3; }

/* Eats the prefixes; returns the first byte of the opcode. */
static uint8_t prefixes(struct dec *d, struct x86_insn *in)
{
    for (;;) {
        uint8_t b = next8(d);

        switch (prefix_class[b]) {
        case PX_SEG:
            if (!d->code64 || b >= 0x64)
                d->segovr = seg_of_prefix(b);
            break;
        case PX_OPSIZE: d->opsize = true; break;
        case PX_ADSIZE: in->flags |= IN_ADSIZE; break;
        case PX_LOCK: d->lock = true; break;
        case PX_REPNE: d->rep = 0xf2; break;
        case PX_REP: d->rep = 0xf3; break;
        case PX_REX:
            if (d->code64) {
                d->rex = b;
                continue;
            }
            return b;
        default: return b;
        }
        d->rex = 0; /* a REX counts directly before the opcode only */
    }
}

/* C4, C5 begin a VEX prefix in 64-bit code, and in protected mode where LES, LDS would have a
 * register operand [SDM2 2.3.5]. */
static bool is_vex(const struct dec *d)
{
    if (d->code64)
        return true;
    return (d->mode & MODE_PROT) && d->pos < d->n && d->b[d->pos] >= 0xc0;
}

/* The map of a VEX prefix, NULL where there is none. first: C4 or C5. */
static const struct x86_entry *vex(struct dec *d, uint8_t first)
{
    uint8_t b1 = next8(d), b2, map = 1;

    if (d->opsize || d->rep || d->lock || d->rex)
        return NULL;
    d->vex = true;
    if (first == 0xc4) {
        map = b1 & 0x1f;
        b2 = next8(d);
        d->rex = (~b1 >> 5) & 7;
        d->vexw = b2 >> 7;
    } else {
        b2 = b1;
        d->rex = (~b1 >> 5) & 4;
    }
    if (!d->code64)
        d->rex = 0;
    else if (d->vexw)
        d->rex |= 8;
    d->vvvv = (~b2 >> 3) & 15;
    d->vexl = (b2 >> 2) & 1;
    d->pp = b2 & 3;
    d->opcode = next8(d);
    switch (map) {
    case 1: return x86_map_0f;
    case 2: return x86_map_0f38;
    case 3: return x86_map_0f3a;
    }
    return NULL;
}

/* Reads up to the last opcode byte; NULL: no such map. */
static const struct x86_entry *opcode(struct dec *d, struct x86_insn *in)
{
    const struct x86_entry *map;
    uint8_t b = prefixes(d, in);

    d->pp = d->rep == 0xf3 ? 2 : d->rep == 0xf2 ? 3 : d->opsize;
    if ((b & 0xfe) == 0xc4 && is_vex(d)) {
        map = vex(d, b);
        return map ? map + d->opcode * 4 + d->pp : NULL;
    }
    d->opcode = b;
    if (b != 0x0f)
        return x86_map1 + b;
    map = x86_map_0f;
    d->opcode = next8(d);
    if (d->opcode == 0x38 || d->opcode == 0x3a) {
        map = d->opcode == 0x38 ? x86_map_0f38 : x86_map_0f3a;
        d->opcode = next8(d);
    }
    return map + d->opcode * 4 + d->pp;
}

/* Follows sub-entries down to an operation; NULL: none. */
static const struct x86_entry *resolve(struct dec *d, const struct x86_entry *e)
{
    for (;;) {
        switch ((enum x86_entry_kind)e->kind) {
        case EK_NONE: return NULL;
        case EK_OP: return e;
        case EK_REG: e = e->sub + ((modrm(d) >> 3) & 7); break;
        case EK_MOD: e = e->sub + is_reg(d); break;
        case EK_RM: e = e->sub + (modrm(d) & 7); break;
        case EK_PP: e = e->sub + d->pp; break;
        case EK_W: e = e->sub + (d->vex ? d->vexw : d->rex >> 3 & 1); break;
        case EK_W64:
            if (d->vex && d->vexw && !d->code64) /* VPINSRQ, VPEXTRQ [APM4] */
                return NULL;
            e = e->sub + (d->rex >> 3 & 1);
            break;
        case EK_L: e = e->sub + d->vexl; break;
        case EK_VEX: e = e->sub + d->vex; break;
        case EK_O64: e = e->sub + d->code64; break;
        case EK_NOP: e = e->sub + (d->rex & 1 ? 0 : d->rep == 0xf3 ? 2 : 1); break;
        case EK_X87: e = e->sub + (is_reg(d) ? 8 + (d->modrm & 0x3f) : (d->modrm >> 3 & 7)); break;
        }
    }
}

/* ------------------------------------------------------------------------------ validity */

static bool is_allowed(const struct dec *d, uint64_t attr)
{
    if (d->code64 ? attr & A_I64 : attr & A_O64)
        return false;
    if ((attr & A_PROT) && !(d->mode & MODE_PROT))
        return false;
    if (!d->vex)
        return !(attr & A_VEXONLY);
    if (!(attr & (A_VEX | A_VEXONLY)))
        return false;
    if ((attr & A_L0 && d->vexl) || (attr & A_L1 && !d->vexl))
        return false;
    return !(attr & A_W0 && d->vexw) && !(attr & A_W1 && !d->vexw);
}

static uint8_t operand_size(const struct dec *d, uint64_t attr)
{
    if (d->code64) {
        if (d->rex & 8 || attr & A_F64)
            return 8;
        if (d->vex)
            return 4;
        if (d->opsize)
            return 2;
        return attr & (A_D64 | A_NEAR) ? 8 : 4;
    }
    if (d->vex)
        return 4;
    return !(d->mode & MODE_CODE32) == !d->opsize ? 2 : 4;
}

unsigned x86_opd_bytes(const struct x86_insn *in, unsigned size, bool is_mem, uint32_t mode)
{
    unsigned x = in->flags & IN_L256 ? 32 : 16;

    switch ((enum x86_opd_size)size) {
    case OS_NONE: case OS_env: return 0;
    case OS_b: return 1;
    case OS_w: return 2;
    case OS_d: return 4;
    case OS_q: return 8;
    case OS_dq: return 16;
    case OS_qq: return 32;
    case OS_t: return 10;
    case OS_v: return in->size;
    case OS_z: return MIN(in->size, 4);
    case OS_y: return in->flags & IN_W ? 8 : 4;
    case OS_n: return mode & MODE_CODE64 ? 8 : 4;
    case OS_p: return in->size + 2;
    case OS_s: return mode & MODE_CODE64 ? 10 : 6;
    case OS_a: return 2 * in->size;
    case OS_x: return x;
    case OS_h: return x / 2;
    case OS_qr: return x / 4;
    case OS_ei: return x / 8;
    case OS_du: return x == 16 ? 8 : 32;
    case OS_vw: return is_mem ? 2 : in->size;
    case OS_bd: return is_mem ? 1 : 4;
    case OS_wd: return is_mem ? 2 : 4;
    }
    return 0;
}

/* in->size of an operation whose size-giving operand is o. */
static uint8_t size_of(const struct dec *d, const struct x86_opd *o)
{
    switch ((enum x86_opd_size)o->size) {
    case OS_b: return 1;
    case OS_w: return 2;
    case OS_d: return 4;
    case OS_q: return 8;
    case OS_dq: return 16;
    case OS_t: return 10;
    case OS_z: case OS_p: case OS_a: case OS_env: return MIN(d->osz, 4);
    case OS_y: return d->rex & 8 ? 8 : 4;
    case OS_n: return d->code64 ? 8 : 4;
    case OS_s: return d->code64 ? 8 : d->osz;
    case OS_vw: return is_reg((struct dec *)d) ? d->osz : 2;
    default: return d->osz;
    }
}

/* ------------------------------------------------------------------------ memory operand */

/* 16-bit addressing [SDM2 table 2-1]. */
static const struct {
    uint8_t base, index, seg;
} ea16[8] = {
    {RBX, RSI, SEG_DS}, {RBX, RDI, SEG_DS}, {RBP, RSI, SEG_SS}, {RBP, RDI, SEG_SS},
    {RSI, X86_ZERO, SEG_DS}, {RDI, X86_ZERO, SEG_DS}, {RBP, X86_ZERO, SEG_SS},
    {RBX, X86_ZERO, SEG_DS},
};

static void address16(struct dec *d, struct x86_insn *in)
{
    unsigned mod = d->modrm >> 6, rm = d->modrm & 7;

    in->base = ea16[rm].base;
    in->index = ea16[rm].index;
    in->seg = ea16[rm].seg;
    if (mod == 0 && rm == 6) {
        in->base = X86_ZERO;
        in->seg = SEG_DS;
        in->disp = (int16_t)next_le(d, 2);
    } else if (mod) {
        in->disp = mod == 1 ? (int8_t)next8(d) : (int16_t)next_le(d, 2);
    }
}

/* SIB; returns whether a 32-bit displacement replaces the base. */
static bool sib(struct dec *d, struct x86_insn *in)
{
    uint8_t s = next8(d);

    in->scale = s >> 6;
    in->base = (s & 7) | (d->rex & 1) << 3;
    in->index = ((s >> 3) & 7) | (d->rex & 2) << 2;
    in->count = in->index; /* VSIB: no register is special */
    if (in->index == RSP)
        in->index = X86_ZERO;
    return (s & 7) == 5 && d->modrm < 0x40;
}

static void address(struct dec *d, struct x86_insn *in)
{
    unsigned mod = d->modrm >> 6, rm = d->modrm & 7;
    bool no_base;

    if (in->asize == 2) {
        address16(d, in);
    } else {
        if (rm == 4) {
            no_base = sib(d, in);
        } else {
            no_base = rm == 5 && mod == 0;
            in->base = rm | (d->rex & 1) << 3;
        }
        if (no_base)
            in->base = rm == 5 && d->code64 ? X86_RIP : X86_ZERO;
        if (no_base || mod == 2)
            in->disp = (int32_t)next_le(d, 4);
        else if (mod == 1)
            in->disp = (int8_t)next8(d);
        in->seg = in->base == RSP || in->base == RBP ? SEG_SS : SEG_DS;
    }
}

static void segment(const struct dec *d, struct x86_insn *in, unsigned deflt)
{
    in->seg = deflt;
    if (d->segovr >= 0) {
        in->seg = d->segovr;
        in->flags |= IN_SEGOVR;
    }
}

/* The ModRM memory operand. */
static void memory(struct dec *d, struct x86_insn *in)
{
    address(d, in);
    segment(d, in, in->seg);
}

/* ------------------------------------------------------------------------------ operands */

/* Number of an 8-bit register as insn.h has it. */
static uint8_t reg8(const struct dec *d, unsigned r)
{
    return r >= 4 && r < 8 && !(d->rex & 0x40) && !d->vex ? X86_HIGH8 | (r - 4) : r;
}

static uint8_t gpr(const struct dec *d, const struct x86_opd *o, unsigned r)
{
    return o->size == OS_b ? reg8(d, r) : r;
}

/* Where a register operand goes. */
struct places {
    bool has_src, has_src2, is_ud;
};

static void immediate(struct dec *d, struct x86_insn *in, const struct x86_opd *o, unsigned i)
{
    unsigned size = o->size == OS_b ? 1 : o->size == OS_w ? 2 : o->size == OS_z ? MIN(d->osz, 4) : d->osz;
    uint64_t v;

    if (o->kind == OK_ONE)
        v = 1;
    else if (o->kind == OK_SI || size > 2 || o->size == OS_z)
        v = next_signed(d, size);
    else
        v = next_le(d, size);
    if (i == 1 && in->op == X86_OP_enter)
        in->imm |= v << 16;
    else
        in->imm = v;
}

static void branch(struct dec *d, struct x86_insn *in, const struct x86_opd *o)
{
    in->imm = next_signed(d, o->size == OS_b ? 1 : MIN(d->osz, 4));
}

static void far_pointer(struct dec *d, struct x86_insn *in)
{
    in->imm = next_le(d, MIN(d->osz, 4));
    in->disp = (int32_t)next_le(d, 2);
}

static void put(struct x86_insn *in, struct places *pl, uint64_t attr, unsigned i,
                const struct x86_opd *o, uint8_t v)
{
    if (i == 0 && !(attr & A_SRC)) {
        in->dst = v;
    } else if (i && (o->kind == OK_H || o->kind == OK_B)) {
        in->src2 = v;
        pl->has_src2 = true;
    } else if (!pl->has_src) {
        in->src = v;
        pl->has_src = true;
    } else if (attr & A_SHIFTD) {
        in->src2 = v;
        pl->has_src2 = true;
    }
}

static void put_mem(struct dec *d, struct x86_insn *in, struct places *pl, uint64_t attr, unsigned i)
{
    in->form = i == 0 && !(attr & A_SRC) ? FORM_MR : FORM_RM;
    if (in->form == FORM_RM)
        pl->has_src = true;
    if (d->has_modrm)
        memory(d, in);
}

/* One operand. */
static void operand(struct dec *d, struct x86_insn *in, struct places *pl, uint64_t attr, unsigned i,
                    const struct x86_opd *o)
{
    unsigned r = ((d->modrm >> 3) & 7) | (d->rex & 4) << 1;
    unsigned b = (d->modrm & 7) | (d->rex & 1) << 3;

    switch ((enum x86_opd_kind)o->kind) {
    case OK_NONE: break;
    case OK_E:
        if (is_reg(d))
            put(in, pl, attr, i, o, gpr(d, o, b));
        else
            put_mem(d, in, pl, attr, i);
        break;
    case OK_W:
        if (is_reg(d))
            put(in, pl, attr, i, o, b);
        else
            put_mem(d, in, pl, attr, i);
        break;
    case OK_Q:
        if (is_reg(d))
            put(in, pl, attr, i, o, b & 7);
        else
            put_mem(d, in, pl, attr, i);
        break;
    case OK_M:
        if (is_reg(d))
            pl->is_ud = true;
        else
            put_mem(d, in, pl, attr, i);
        break;
    case OK_VM:
        if (is_reg(d) || (d->modrm & 7) != 4 || in->asize == 2)
            pl->is_ud = true;
        else
            put_mem(d, in, pl, attr, i);
        in->index = X86_ZERO;
        break;
    case OK_R: /* MOV CR and DR ignore ModRM.mod */
        if (!is_reg(d) && in->op != X86_OP_mov_cr_ld && in->op != X86_OP_mov_cr_st &&
            in->op != X86_OP_mov_dr_ld && in->op != X86_OP_mov_dr_st)
            pl->is_ud = true;
        put(in, pl, attr, i, o, b);
        break;
    case OK_U:
        pl->is_ud |= !is_reg(d);
        put(in, pl, attr, i, o, b);
        break;
    case OK_N:
        pl->is_ud |= !is_reg(d);
        put(in, pl, attr, i, o, b & 7);
        break;
    case OK_G: put(in, pl, attr, i, o, gpr(d, o, r)); break;
    case OK_V: put(in, pl, attr, i, o, r); break;
    case OK_P: put(in, pl, attr, i, o, r & 7); break;
    case OK_Z: put(in, pl, attr, i, o, gpr(d, o, (d->opcode & 7) | (d->rex & 1) << 3)); break;
    case OK_B:
    case OK_H:
        if (d->vex)
            put(in, pl, attr, i, o, d->code64 ? d->vvvv : d->vvvv & 7);
        break;
    case OK_FIX:
    case OK_SEG: put(in, pl, attr, i, o, o->num); break;
    case OK_S:
        put(in, pl, attr, i, o, r & 7);
        in->reg = r & 7;
        pl->is_ud |= (r & 7) > SEG_GS || (in->op == X86_OP_mov_to_seg && (r & 7) == SEG_CS);
        break;
    case OK_C:
        put(in, pl, attr, i, o, r);
        pl->is_ud |= !(r == 0 || (r >= 2 && r <= 4) || r == 8);
        break;
    case OK_D:
        put(in, pl, attr, i, o, r);
        pl->is_ud |= r > 7;
        break;
    case OK_L:
        in->imm = next8(d);
        if (!d->code64)
            in->imm &= 0x7f;
        break;
    case OK_ONE:
    case OK_I:
    case OK_SI:
        put(in, pl, attr, i, o, X86_IMM);
        immediate(d, in, o, i);
        break;
    case OK_J: branch(d, in, o); break;
    case OK_AP: far_pointer(d, in); break;
    case OK_O:
        in->imm = next_le(d, in->asize);
        put_mem(d, in, pl, attr, i);
        break;
    case OK_X:
    case OK_Y: break;
    case OK_ST: put(in, pl, attr, i, o, 0); break;
    case OK_STI: put(in, pl, attr, i, o, d->modrm & 7); break;
    }
}

static bool kind_is_vector(unsigned k) { return k == OK_V || k == OK_W || k == OK_U || k == OK_H; }
static bool kind_is_mmx(unsigned k) { return k == OK_P || k == OK_Q || k == OK_N; }

/* in->size, IN_MMX, IN_L256. */
static void sizes(struct dec *d, struct x86_insn *in, const struct x86_entry *e)
{
    bool vector = false, mmx = false, mem = false;
    const struct x86_opd *by = NULL;

    for (unsigned i = 0; i < 4 && e->o[i]; i++) {
        const struct x86_opd *o = &x86_opds[e->o[i]];

        vector |= kind_is_vector(o->kind);
        mmx |= kind_is_mmx(o->kind);
        mem |= o->kind == OK_ST || o->kind == OK_STI;
        if (!by && o->size != OS_NONE && o->kind != OK_I && i >= !!(e->attr & A_SIZE1))
            by = o;
    }
    if (d->vex && d->vexl && !(e->attr & A_LIG) && vector)
        in->flags |= IN_L256;
    if (vector)
        in->size = in->flags & IN_L256 ? 32 : 16;
    else if (mmx)
        in->size = 8;
    else if (by && !(e->attr & (A_NEAR | A_D64))) /* those go by what is pushed or popped */
        in->size = size_of(d, by);
    else
        in->size = mem ? 10 : d->osz;
    if (mmx && !vector)
        in->flags |= IN_MMX;
}

/* VEX.vvvv must be 1111b where it names nothing [SDM2 2.3.5.6]; gathers need three different
 * registers. */
static bool is_vex_ok(const struct dec *d, const struct x86_insn *in, const struct x86_entry *e)
{
    bool used = false;

    if (!d->vex)
        return true;
    for (unsigned i = 0; i < 4; i++) {
        unsigned k = x86_opds[e->o[i]].kind;

        used |= k == OK_H || k == OK_B;
        if (k == OK_VM &&
            (in->dst == in->src2 || in->dst == in->count || in->src2 == in->count))
            return false;
    }
    return used || !d->vvvv;
}

/* Shifts of a vector by an immediate: VEX has the destination in vvvv. */
static void fix_vector_shift(const struct dec *d, struct x86_insn *in)
{
    uint8_t rm = (d->modrm & 7) | (d->rex & 1) << 3;

    in->src = X86_IMM;
    in->src2 = rm;
    if (!d->vex)
        in->dst = rm;
}

static void fix_special(const struct dec *d, struct x86_insn *in)
{
    static const uint8_t fcmov_cc[4] = {2, 4, 6, 10};

    switch (in->op) {
    case X86_OP_fcmov: in->cc = fcmov_cc[(d->modrm >> 3) & 3] | (d->opcode & 1); break;
    case X86_OP_fld_const: in->imm = d->modrm & 7; break;
    case X86_OP_mov_to_seg:
        if (in->reg == SEG_SS)
            in->flags |= IN_ENDBLOCK;
        break;
    case X86_OP_push_seg:
        in->reg = in->src;
        break;
    case X86_OP_pop_seg:
        in->reg = in->dst;
        break;
    }
}

/* Everything behind the opcode. */
static bool operands(struct dec *d, struct x86_insn *in, const struct x86_entry *e)
{
    struct places pl = {0};

    in->op = e->op;
    in->cc = d->opcode & 15;
    d->osz = operand_size(d, e->attr);
    if (d->has_modrm)
        in->reg = ((d->modrm >> 3) & 7) | (d->rex & 4) << 1;
    segment(d, in, SEG_DS);
    for (unsigned i = 0; i < 4 && e->o[i]; i++)
        operand(d, in, &pl, e->attr, i, &x86_opds[e->o[i]]);
    if (!pl.has_src2)
        in->src2 = in->dst;
    if (x86_opds[e->o[0]].kind == OK_H)
        fix_vector_shift(d, in);
    sizes(d, in, e);
    fix_special(d, in);
    return !pl.is_ud && is_vex_ok(d, in, e);
}

static bool needs_modrm(const struct x86_entry *e)
{
    static const uint64_t kinds = BIT64(OK_E) | BIT64(OK_G) | BIT64(OK_M) | BIT64(OK_R) |
                                  BIT64(OK_S) | BIT64(OK_C) | BIT64(OK_D) | BIT64(OK_V) |
                                  BIT64(OK_W) | BIT64(OK_U) | BIT64(OK_P) | BIT64(OK_Q) |
                                  BIT64(OK_N) | BIT64(OK_VM) | BIT64(OK_STI);

    return kinds >> x86_opds[e->o[0]].kind & 1 || kinds >> x86_opds[e->o[1]].kind & 1;
}

static uint16_t flags_of(const struct dec *d, const struct x86_entry *e)
{
    unsigned f = 0;

    f |= d->lock ? IN_LOCK : 0;
    f |= d->rex & 8 ? IN_W : 0;
    f |= !d->vex && d->rex ? IN_REX : 0;
    f |= d->opsize ? IN_OPSIZE : 0;
    f |= d->vex ? IN_VEX : 0;
    f |= d->rep == 0xf3 || (d->vex && d->pp == 2) ? IN_F3 : 0;
    f |= d->rep == 0xf2 || (d->vex && d->pp == 3) ? IN_F2 : 0;
    if (e->attr & A_STRING)
        f |= d->rep == 0xf3 ? IN_REP : d->rep == 0xf2 ? IN_REPNE : 0;
    f |= e->attr & A_BRANCH ? IN_BRANCH : 0;
    f |= e->attr & A_END ? IN_ENDBLOCK : 0;
    return f;
}

static uint8_t address_size(const struct dec *d, const struct x86_insn *in)
{
    if (d->code64)
        return in->flags & IN_ADSIZE ? 4 : 8;
    return !(d->mode & MODE_CODE32) == !(in->flags & IN_ADSIZE) ? 2 : 4;
}

/* The function for form and size. */
static x86_sem_fn *choose(const struct x86_insn *in)
{
    unsigned size = in->size <= 8 && is_pow2(in->size) ? (unsigned)__builtin_ctz(in->size) : 0;

    return x86_ops[in->op].fn[in->form][size];
}

static int no_instruction(struct dec *d, struct x86_insn *in)
{
    in->fn = sem_ud;
    in->op = X86_OP_ud2;
    in->flags = IN_ENDBLOCK | IN_BRANCH;
    in->opcode = d->opcode;
    in->modrm = d->modrm;
    in->form = FORM_RR;
    in->len = d->pos;
    return X86_DECODE_UD;
}

static int out_of_bytes(const struct dec *d, struct x86_insn *in)
{
    if (!d->is_long)
        return X86_DECODE_SHORT;
    in->fn = sem_too_long;
    in->op = X86_OP_ud2;
    in->flags = IN_ENDBLOCK | IN_BRANCH;
    in->len = MAX_LEN;
    return X86_DECODE_LONG;
}

int x86_decode_entry(struct x86_insn *in, const uint8_t *bytes, size_t avail, uint32_t mode,
                     const struct x86_entry **entry)
{
    struct dec d = {.b = bytes, .n = MIN(avail, (size_t)MAX_LEN), .mode = mode, .segovr = -1,
                    .code64 = mode & MODE_CODE64};
    const struct x86_entry *e;

    *entry = NULL;
    *in = (struct x86_insn){.base = X86_ZERO, .index = X86_ZERO, .seg = SEG_DS};
    e = opcode(&d, in);
    if (e)
        e = resolve(&d, e);
    if (e && needs_modrm(e))
        modrm(&d);
    if (d.is_short || d.is_long)
        return out_of_bytes(&d, in);
    if (!e || !is_allowed(&d, e->attr))
        return no_instruction(&d, in);

    in->asize = address_size(&d, in);
    in->flags |= flags_of(&d, e);
    if (!operands(&d, in, e)) {
        if (d.is_short || d.is_long)
            return out_of_bytes(&d, in);
        return no_instruction(&d, in);
    }
    if (d.is_short || d.is_long)
        return out_of_bytes(&d, in);
    if (d.lock && !(e->attr & A_LOCK && in->form == FORM_MR))
        return no_instruction(&d, in);
    in->opcode = d.opcode;
    in->modrm = d.modrm;
    in->len = d.pos;
    in->fn = choose(in);
    *entry = e;
    return X86_DECODE_OK;
}

int x86_decode(struct x86_insn *in, const uint8_t *bytes, size_t avail, uint32_t mode)
{
    const struct x86_entry *e;

    return x86_decode_entry(in, bytes, avail, mode, &e);
}

static int decode_lacking(struct x86_insn *in)
{
    switch (in->op) {
    case X86_OP_tzcnt: in->op = X86_OP_bsf; break;
    case X86_OP_lzcnt: in->op = X86_OP_bsr; break;
    default: {
        struct dec d = {.opcode = in->opcode, .modrm = in->modrm, .pos = in->len};
        return no_instruction(&d, in);
    }
    }
    in->flags &= (uint16_t)~IN_F3;
    in->fn = choose(in);
    return X86_DECODE_OK;
}

int x86_decode_for(struct x86_insn *in, const uint8_t *bytes, size_t avail, uint32_t mode,
                   uint64_t features)
{
    const struct x86_entry *e;
    int rc = x86_decode_entry(in, bytes, avail, mode, &e);

    if (rc || features >> x86_insn_feature(in, e) & 1)
        return rc;
    return decode_lacking(in);
}

enum x86_feature x86_insn_feature(const struct x86_insn *in, const struct x86_entry *e)
{
    enum x86_feature f = A_FEAT(e->attr);

    if (!(in->flags & IN_VEX))
        return f;
    if (in->flags & IN_L256 && e->attr & A_X2)
        return FT_AVX2;
    return e->attr & A_VEX ? FT_AVX : f;
}
