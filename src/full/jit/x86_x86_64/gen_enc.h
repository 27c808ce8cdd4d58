/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gen_enc: a guest instruction's raw encoding, taken apart so that it can be written again with
 * other registers or another memory operand.
 */
#ifndef QUAD_FULL_JIT_X86_X86_64_GEN_ENC_H
#define QUAD_FULL_JIT_X86_X86_64_GEN_ENC_H

#include "arch/x86/optab.h"
#include "full/jit/x86_x86_64/gen.h"

struct enc {
    uint8_t prefix; /* mandatory: 66, F2, F3 or 0 */
    uint8_t map;    /* 1: 0F, 2: 0F38, 3: 0F3A */
    uint8_t opcode;
    uint8_t rm, vvvv; /* registers as encoded; rm: where ModRM names one */
    bool w, l, vex;
};

/* The instruction g->in, of map 0F and up; false: cannot be read. */
bool enc_parse(const struct gen *g, struct enc *e);
/* Written again with these in ModRM.reg, VEX.vvvv and ModRM.rm; an immediate is the caller's. */
void enc_put(struct gen *g, const struct enc *e, unsigned reg, unsigned vvvv, struct rm rm);

/* Can the host run an instruction of this feature? */
bool enc_host_has(enum x86_feature f);

#endif
