/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acpi_files: the ACPI tables as firmware wants them: two files and a script that says where they
 * go, which fields in them are addresses and which bytes are checksums [FWCFG].
 */
#ifndef QUAD_BOARD_ACPI_FILES_H
#define QUAD_BOARD_ACPI_FILES_H

#include "board/acpi.h"

struct dev;

/* Puts etc/acpi/rsdp, etc/acpi/tables and etc/table-loader into a fw_cfg device. */
int acpi_files_put(struct dev *fw_cfg, const struct acpi_config *c, struct error *err);

#endif
