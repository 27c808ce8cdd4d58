/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The XSAVE area in its standard layout [SDM1 13.4], with 64-bit pointers:
 *
 *    0  FCW 2, FSW 2, FTW 1 (abridged), 0, FOP 2, FIP 8, FDP 8     24  MXCSR 4, MXCSR_MASK 4
 *   32  ST0..ST7, 16 bytes each (10 used)     160  XMM0..XMM15     512  XSTATE_BV 8, zeros 56
 *  576  upper halves of YMM0..YMM15
 *
 * The canonical state has the x87's registers by physical number, the area by place in the stack.
 * A component whose bit in XSTATE_BV is clear is in its initial state.
 */
#include "native/kvm.h"

enum { XSTATE_X87 = 1, XSTATE_SSE = 2, XSTATE_AVX = 4 };

void kvm_fpu_to(const struct x86_state *s, struct kvm_xsave *x)
{
    uint8_t *a = (uint8_t *)x->region;

    memset(a, 0, sizeof(x->region));
    st_le16(a, s->fcw);
    st_le16(a + 2, s->fsw);
    a[4] = s->ftw;
    st_le16(a + 6, s->fop);
    st_le64(a + 8, s->fip);
    st_le64(a + 16, s->fdp);
    st_le32(a + 24, s->mxcsr);
    st_le32(a + 28, 0xffff);
    for (unsigned i = 0; i < 8; i++) {
        const struct f80 *r = &s->fpr[(i + (s->fsw >> 11)) & 7];
        st_le64(a + 32 + 16 * (size_t)i, r->mant);
        st_le16(a + 40 + 16 * (size_t)i, r->se);
    }
    uint64_t high = 0;
    for (unsigned i = 0; i < 16; i++) {
        memcpy(a + 160 + 16 * (size_t)i, &s->ymm[i].q[0], 16);
        memcpy(a + 576 + 16 * (size_t)i, &s->ymm[i].q[2], 16);
        high |= s->ymm[i].q[2] | s->ymm[i].q[3];
    }
    st_le64(a + 512, XSTATE_X87 | XSTATE_SSE | (high ? XSTATE_AVX : 0));
}

static void x87_from(struct x86_state *s, const uint8_t *a)
{
    s->fcw = ld_le16(a);
    s->fsw = ld_le16(a + 2);
    s->ftw = a[4];
    s->fop = ld_le16(a + 6);
    s->fip = ld_le64(a + 8);
    s->fdp = ld_le64(a + 16);
    for (unsigned i = 0; i < 8; i++) {
        struct f80 *r = &s->fpr[(i + (s->fsw >> 11)) & 7];
        r->mant = ld_le64(a + 32 + 16 * (size_t)i);
        r->se = ld_le16(a + 40 + 16 * (size_t)i);
    }
}

static void x87_initial(struct x86_state *s)
{
    memset(s->fpr, 0, sizeof(s->fpr));
    s->fcw = 0x37f;
    s->fsw = s->fop = 0;
    s->ftw = 0;
    s->fip = s->fdp = 0;
}

void kvm_fpu_from(struct x86_state *s, const struct kvm_xsave *x)
{
    const uint8_t *a = (const uint8_t *)x->region;
    uint64_t bv = ld_le64(a + 512);

    if (bv & XSTATE_X87)
        x87_from(s, a);
    else
        x87_initial(s);
    s->fcs = s->fds = 0;
    s->mxcsr = ld_le32(a + 24);
    for (unsigned i = 0; i < 16; i++) {
        memset(&s->ymm[i], 0, sizeof(s->ymm[i]));
        if (bv & XSTATE_SSE)
            memcpy(&s->ymm[i].q[0], a + 160 + 16 * (size_t)i, 16);
        if (bv & XSTATE_AVX)
            memcpy(&s->ymm[i].q[2], a + 576 + 16 * (size_t)i, 16);
    }
}
