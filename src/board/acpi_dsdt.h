/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acpi_dsdt: the AML of the PC boards' DSDT, without the table header.
 */
#ifndef QUAD_BOARD_ACPI_DSDT_H
#define QUAD_BOARD_ACPI_DSDT_H

#include "board/acpi.h"

/* False: does not fit. */
bool acpi_dsdt(const struct acpi_config *c, uint8_t *buf, size_t size, size_t *len);

#endif
