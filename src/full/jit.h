/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * jit: the translator: x86-64 guest code becomes x86-64 host code, mostly one to one, with guest
 * registers in host registers and memory accesses through the software TLB.
 *
 * Works on the same decoded blocks as the interpreter. A block that ran a few times is translated;
 * whatever the translator does not generate calls the interpreter's function for that operation.
 * Code outside 64-bit mode, single-stepping, shadows and bounded runs stay with the interpreter's
 * functions altogether.
 */
#ifndef QUAD_FULL_JIT_H
#define QUAD_FULL_JIT_H

#include "core/engine.h"

extern const struct engine_type jit_engine;

#endif
