/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * x87 loads and stores: FLD FST FILD FIST FISTTP FBLD FBSTP, constants, FXCH, FCMOVcc.
 * [SDM1 8.3.3, 8.3.4]
 */
#include "arch/x86/sem_x87.h"

#include "base/endian.h"

/* ---- loads ---- */

/* Push a value that is known not to fault. */
static void push_value(struct x86_cpu *c, struct f80 v)
{
    if (unlikely(!x87_is_empty(c, 7))) {
        if (!x87_overflow(c))
            return;
        v = x87_default_nan();
    } else {
        c->s.fsw &= (uint16_t)~FSW_C1;
    }
    x87_push(c, v);
}

static struct f80 load_f80(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
    uint8_t raw[10];

    x86_ld_bytes(c, in->seg, ea, raw, sizeof(raw));
    return (struct f80){ld_le64(raw), ld_le16(raw + 8)};
}

static void fld_stack(struct x86_cpu *c, const struct x86_insn *in)
{
    struct f80 v = x87_get(c, in->src);

    x87_note(c, in);
    if (unlikely(x87_is_empty(c, in->src))) {
        if (!x87_underflow(c))
            return;
        x87_push(c, x87_default_nan());
        return;
    }
    push_value(c, v);
}

void sem_fld(struct x86_cpu *c, const struct x86_insn *in)
{
    struct float_status st = x87_status(c);
    struct f80 v;
    uint64_t ea;

    x87_enter(c);
    if (in->form == FORM_RR) {
        fld_stack(c, in);
        return;
    }
    ea = x86_ea(c, in);
    if (in->size == 4)
        v = f80_from_f32(x86_ld32(c, in->seg, ea), &st);
    else if (in->size == 8)
        v = f80_from_f64(x86_ld64(c, in->seg, ea), &st);
    else
        v = load_f80(c, in, ea);
    x87_note_mem(c, in, ea);
    if (unlikely(!x87_is_empty(c, 7)))
        push_value(c, v);
    else if (x87_commit_for(c, &st, FLOAT_IE)) /* a denormal is loaded even if DE is unmasked */
        x87_push(c, v);
}

void sem_fild(struct x86_cpu *c, const struct x86_insn *in)
{
    struct x87_operand o;

    x87_enter(c);
    o = x87_load_int(c, in);
    push_value(c, o.v);
}

/* The constants with 66 bits or more behind them, rounded as RC says [SDM2 FLD1...]: the
 * significand is rounded up if `more` and the rounding asks for it. */
struct constant {
    uint64_t mant; /* truncated */
    uint16_t exp;
    bool more; /* bits follow */
    bool above_half;
};

void sem_fld_const(struct x86_cpu *c, const struct x86_insn *in)
{
    static const struct constant table[7] = {
        {0x8000000000000000, 0x3fff, false, false}, /* 1 */
        {0xd49a784bcd1b8afe, 0x4000, true, false},  /* log2 10 */
        {0xb8aa3b295c17f0bb, 0x3fff, true, true},   /* log2 e */
        {0xc90fdaa22168c234, 0x4000, true, true},   /* pi */
        {0x9a209a84fbcff798, 0x3ffd, true, true},   /* log10 2 */
        {0xb17217f7d1cf79ab, 0x3ffe, true, true},   /* ln 2 */
        {0, 0, false, false},                       /* 0 */
    };
    const struct constant *k = &table[in->imm % 7];
    unsigned rounding = c->s.fcw >> 10 & 3;
    bool up = k->more && (rounding == ROUND_UP || (rounding == ROUND_NEAREST && k->above_half));

    x87_enter(c);
    x87_note(c, in);
    push_value(c, (struct f80){k->mant + up, k->exp});
}

/* ---- stores ---- */

/* ST(0) as an image of in->size bytes for the memory operand. */
static uint64_t float_image(const struct x86_insn *in, struct f80 v, struct float_status *st)
{
    return in->size == 4 ? f80_to_f32(v, st) : f80_to_f64(v, st);
}

static uint64_t int_image(const struct x86_insn *in, struct f80 v, unsigned rounding,
                          struct float_status *st)
{
    if (in->size == 2)
        return f80_to_i16(v, rounding, st);
    return in->size == 4 ? f80_to_i32(v, rounding, st) : f80_to_i64(v, rounding, st);
}

static void store_image(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, uint64_t v)
{
    if (in->size == 2)
        x86_st16(c, in->seg, ea, (uint16_t)v);
    else if (in->size == 4)
        x86_st32(c, in->seg, ea, (uint32_t)v);
    else
        x86_st64(c, in->seg, ea, v);
}

/* Store an image made under st, then take over what happened; v is ST(0). */
static void finish_store(struct x86_cpu *c, const struct x86_insn *in, uint64_t image,
                         const struct float_status *st, bool pop)
{
    uint64_t ea = x86_ea(c, in);
    bool stored = !(float_flags(st) & ~st->masks & ~FLOAT_PE);

    if (stored)
        store_image(c, in, ea, image);
    else
        x86_probe_w(c, in->seg, ea, in->size);
    x87_note_mem(c, in, ea);
    x87_commit_mem(c, st);
    if (stored && pop)
        x87_pop(c);
}

/* ST(0) is empty: the default NaN or integer indefinite goes out if that is masked. */
static void store_empty(struct x86_cpu *c, const struct x86_insn *in, uint64_t image, bool pop)
{
    uint64_t ea = x86_ea(c, in);

    if (c->s.fcw & FLOAT_IE)
        store_image(c, in, ea, image);
    else
        x86_probe_w(c, in->seg, ea, in->size);
    x87_note_mem(c, in, ea);
    if (x87_underflow(c) && pop)
        x87_pop(c);
}

static void store_float(struct x86_cpu *c, const struct x86_insn *in, bool pop)
{
    struct float_status st = x87_status(c);
    uint64_t image;

    if (unlikely(x87_is_empty(c, 0))) {
        store_empty(c, in, float_image(in, x87_default_nan(), &st), pop);
        return;
    }
    image = float_image(in, x87_get(c, 0), &st);
    finish_store(c, in, image, &st, pop);
}

static void store_int(struct x86_cpu *c, const struct x86_insn *in, unsigned rounding, bool pop)
{
    struct float_status st = x87_status(c);
    uint64_t image;

    x87_enter(c);
    if (unlikely(x87_is_empty(c, 0))) {
        store_empty(c, in, UINT64_C(1) << (8 * in->size - 1), pop);
        return;
    }
    image = int_image(in, x87_get(c, 0), rounding, &st);
    finish_store(c, in, image, &st, pop);
}

/* Ten bytes: the 80-bit format (no exceptions), or packed decimal. */
static void store_ten(struct x86_cpu *c, const struct x86_insn *in, const uint8_t *raw, bool store)
{
    uint64_t ea = x86_ea(c, in);

    if (store)
        x86_st_bytes(c, in->seg, ea, raw, 10);
    else
        x86_probe_w(c, in->seg, ea, 10);
    x87_note_mem(c, in, ea);
}

static void fstp80(struct x86_cpu *c, const struct x86_insn *in)
{
    bool empty = x87_is_empty(c, 0);
    struct f80 v = empty ? x87_default_nan() : x87_get(c, 0);
    uint8_t raw[10];

    st_le64(raw, v.mant);
    st_le16(raw + 8, v.se);
    store_ten(c, in, raw, !empty || c->s.fcw & FLOAT_IE);
    if (empty && !x87_underflow(c))
        return;
    if (!empty)
        c->s.fsw &= (uint16_t)~FSW_C1;
    x87_pop(c);
}

static void store_stack(struct x86_cpu *c, const struct x86_insn *in, bool pop)
{
    struct f80 v = x87_get(c, 0);

    x87_note(c, in);
    if (unlikely(x87_is_empty(c, 0) && in->opcode == 0xd9)) { /* FSTPNCE only pops */
        c->s.fsw &= (uint16_t)~FSW_C1;
        x87_pop(c);
        return;
    }
    if (unlikely(x87_is_empty(c, 0))) {
        if (!x87_underflow(c))
            return;
        v = x87_default_nan();
    } else {
        c->s.fsw &= (uint16_t)~FSW_C1;
    }
    x87_put(c, in->dst, v);
    if (pop)
        x87_pop(c);
}

void sem_fst(struct x86_cpu *c, const struct x86_insn *in)
{
    x87_enter(c);
    if (in->form == FORM_RR)
        store_stack(c, in, false);
    else
        store_float(c, in, false);
}

void sem_fstp(struct x86_cpu *c, const struct x86_insn *in)
{
    x87_enter(c);
    if (in->form == FORM_RR)
        store_stack(c, in, true);
    else if (in->size == 10)
        fstp80(c, in);
    else
        store_float(c, in, true);
}

void sem_fist(struct x86_cpu *c, const struct x86_insn *in)
{
    store_int(c, in, c->s.fcw >> 10 & 3, false);
}

void sem_fistp(struct x86_cpu *c, const struct x86_insn *in)
{
    store_int(c, in, c->s.fcw >> 10 & 3, true);
}

void sem_fisttp(struct x86_cpu *c, const struct x86_insn *in)
{
    store_int(c, in, ROUND_ZERO, true);
}

/* ---- packed decimal: 18 digits in 9 bytes, the sign in bit 7 of the tenth ---- */

void sem_fbld(struct x86_cpu *c, const struct x86_insn *in)
{
    uint64_t ea, value = 0;
    uint8_t raw[10];
    struct f80 v;

    x87_enter(c);
    ea = x86_ea(c, in);
    x86_ld_bytes(c, in->seg, ea, raw, sizeof(raw));
    x87_note_mem(c, in, ea);
    for (int i = 8; i >= 0; i--)
        value = value * 100 + (raw[i] >> 4) * 10u + (raw[i] & 15);
    v = f80_from_i64(value);
    v.se |= (uint16_t)((raw[9] & 0x80) << 8);
    push_value(c, v);
}

static void bcd_image(uint8_t *raw, uint64_t magnitude, bool sign)
{
    for (int i = 0; i < 9; i++) {
        raw[i] = (uint8_t)(magnitude % 10 | magnitude / 10 % 10 << 4);
        magnitude /= 100;
    }
    raw[9] = sign ? 0x80 : 0;
}

void sem_fbstp(struct x86_cpu *c, const struct x86_insn *in)
{
    static const uint8_t indefinite[10] = {[7] = 0xc0, [8] = 0xff, [9] = 0xff};
    const uint64_t limit = UINT64_C(999999999999999999);
    struct float_status st = x87_status(c);
    struct f80 v = x87_get(c, 0);
    bool empty = x87_is_empty(c, 0);
    uint64_t i, magnitude;
    uint8_t raw[10];

    x87_enter(c);
    i = f80_to_i64(v, st.rounding, &st);
    magnitude = i >> 63 ? -i : i;
    if (empty || magnitude > limit) {
        st.flags = FLOAT_IE;
        st.up = false;
    }
    bcd_image(raw, magnitude, v.se >> 15);
    store_ten(c, in, st.flags & FLOAT_IE ? indefinite : raw,
              !(st.flags & FLOAT_IE) || c->s.fcw & FLOAT_IE);
    if (empty ? !x87_underflow(c) : !x87_commit_mem(c, &st))
        return;
    x87_pop(c);
}

/* ---- register moves ---- */

void sem_fxch(struct x86_cpu *c, const struct x86_insn *in)
{
    unsigned i = in->src;
    struct f80 a = x87_get(c, 0), b = x87_get(c, i);
    bool a_empty = x87_is_empty(c, 0), b_empty = x87_is_empty(c, i);

    x87_enter(c);
    x87_note(c, in);
    if (unlikely(a_empty || b_empty)) {
        if (!x87_underflow(c))
            return;
        a = a_empty ? x87_default_nan() : a;
        b = b_empty ? x87_default_nan() : b;
    } else {
        c->s.fsw &= (uint16_t)~FSW_C1;
    }
    x87_put(c, 0, b);
    x87_put(c, i, a);
}

/* C1 changes by a stack fault only, as processors of AMD have it. */
void sem_fcmov(struct x86_cpu *c, const struct x86_insn *in)
{
    x87_enter(c);
    x87_note(c, in);
    if (unlikely(x87_is_empty(c, 0) || x87_is_empty(c, in->src))) {
        if (x87_underflow(c))
            x87_put(c, 0, x87_default_nan());
        return;
    }
    if (fl_cond(c, in->cc))
        x87_put(c, 0, x87_get(c, in->src));
}
