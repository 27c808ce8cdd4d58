/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "full/jit/x86_x86_64/gen.h"

bool gen_simd(struct gen *g)
{
    (void)g;
    return false;
}
