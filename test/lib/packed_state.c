/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The size of a processor's state without padding: what its tables must cover. The header is seen
 * here with every struct packed, and nowhere else.
 */
#include "lib/packed_state.h"

#include "base/base.h"

#pragma pack(push, 1)
#undef __attribute__
#define __attribute__(x)
#include "arch/x86/state.h"
#undef __attribute__
#pragma pack(pop)

const size_t packed_x86_state_size = sizeof(struct x86_state);
