/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acpi_cpus: the processors in the DSDT, and what brings and takes them while the system runs.
 */
#ifndef QUAD_BOARD_ACPI_CPUS_H
#define QUAD_BOARD_ACPI_CPUS_H

#include "board/acpi.h"
#include "board/aml.h"

/* Within \_SB. */
void acpi_put_cpus(struct aml *a, const struct acpi_config *c);
/* At the root: the handler of the event. Nothing without hot-plug. */
void acpi_put_cpu_event(struct aml *a, const struct acpi_config *c);

#endif
