/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * inventory: prints the registry's lists.
 */
#ifndef QUAD_GUEST_INVENTORY_H
#define QUAD_GUEST_INVENTORY_H

#include <stdbool.h>
#include <stdio.h>

extern const char inventory_kinds[]; /* "engines, boards, ..." */

/* One kind, or all (NULL); false: there is no such kind. */
bool inventory_print(const char *kind, FILE *out);

#endif
