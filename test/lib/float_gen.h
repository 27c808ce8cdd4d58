/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * float_gen: floating-point operands that meet the corners: zeros, infinities, NaNs of both kinds,
 * denormals, powers of two and their neighbours, halves, exponents near those of another operand.
 */
#ifndef QUAD_TEST_LIB_FLOAT_GEN_H
#define QUAD_TEST_LIB_FLOAT_GEN_H

#include "arch/x86/f80.h"
#include "base/base.h"

uint16_t gen_f16(uint64_t *rng);
uint32_t gen_f32(uint64_t *rng);
uint64_t gen_f64(uint64_t *rng);
struct f80 gen_f80(uint64_t *rng);
uint64_t gen_int(uint64_t *rng); /* all magnitudes, both signs */

/* A second operand: sometimes a, -a, a's neighbour, or of an exponent near a's. */
uint32_t gen_f32_near(uint64_t *rng, uint32_t a);
uint64_t gen_f64_near(uint64_t *rng, uint64_t a);
struct f80 gen_f80_near(uint64_t *rng, struct f80 a);

#endif
