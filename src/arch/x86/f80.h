/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * f80: the x87 80-bit value as bits: explicit integer bit in mant bit 63; se = sign and exponent
 * [SDM1 4.2.2].
 */
#ifndef QUAD_ARCH_X86_F80_H
#define QUAD_ARCH_X86_F80_H

#include "base/base.h"

struct f80 {
    uint64_t mant;
    uint16_t se;
};

#endif
