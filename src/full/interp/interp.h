/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * interp: the reference engine: decodes guest code once into blocks of instruction records and
 * calls one C function per instruction. Portable; works on the canonical state itself.
 */
#ifndef QUAD_FULL_INTERP_INTERP_H
#define QUAD_FULL_INTERP_INTERP_H

#include "core/engine.h"

extern const struct engine_type interp_engine;

#endif
