/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * debugcon: a port that takes characters: 0x402 (firmware's debug output) or 0xe9 (port e9 hack).
 * Reads give 0xe9, which is how software finds it.
 */
#ifndef QUAD_DEV_DEBUGCON_H
#define QUAD_DEV_DEBUGCON_H

#include "core/dev.h"

struct chr;

extern const struct dev_type debugcon_type;

enum { DEBUGCON_WIN_PORT }; /* 1 byte */

/* chr: borrowed, may be NULL. */
void debugcon_configure(struct dev *dev, struct chr *chr);

#endif
