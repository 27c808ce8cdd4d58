/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * i6300esb: PCI watchdog timer. When its second stage ends: machine_event(EV_WATCHDOG).
 * Add it to a bus with pci_add(); no lines, no fixed windows.
 */
#ifndef QUAD_DEV_I6300ESB_H
#define QUAD_DEV_I6300ESB_H

#include "core/dev.h"

extern const struct dev_type i6300esb_type;

#endif
