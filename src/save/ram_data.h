/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ram_data: what both forms of saved memory ask of a slot.
 */
#ifndef QUAD_SAVE_RAM_DATA_H
#define QUAD_SAVE_RAM_DATA_H

#include "base/base.h"

struct machine;
struct mem_slot;

bool ram_is_zero(const uint8_t *page);
/* The next part, at or behind `from`, that may hold something; false: none. */
bool ram_next_data(const struct mem_slot *s, uint64_t from, uint64_t *start, uint64_t *end);
struct mem_slot *ram_slot(struct machine *m, const char *name, size_t len);

#endif
