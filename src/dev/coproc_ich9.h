/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * coproc_ich9: how a PC without CR0.NE hears of x87 errors: FERR# raises IRQ 13; a write to port F0
 * takes it back and tells the processor to go on in spite of the error (IGNNE#) until FERR# falls.
 */
#ifndef QUAD_DEV_COPROC_ICH9_H
#define QUAD_DEV_COPROC_ICH9_H

#include "core/dev.h"

extern const struct dev_type coproc_ich9_type;

enum { COPROC_ICH9_WIN_PORT }; /* 1 byte: F0h */
enum { COPROC_ICH9_LINE_IRQ, COPROC_ICH9_LINE_IGNNE };

/* FERR# of the processor. */
struct irq coproc_ich9_ferr(struct dev *dev);

#endif
