/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vars: the file with a guest's UEFI variables: made from what the firmware's package delivers, read
 * when the guest is made, written by its flash chip.
 */
#ifndef QUAD_GUEST_VARS_H
#define QUAD_GUEST_VARS_H

#include "base/base.h"

struct blk;
struct firmware;

/* fw->vars becomes what is in the file; *out is where changes go. elsewhere: another process writes it,
 * and it is only looked at until disks_take. */
int vars_open(struct blk **out, struct firmware *fw, const char *path, bool elsewhere,
              struct error *err);

#endif
