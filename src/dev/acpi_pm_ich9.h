/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acpi_pm_ich9: ACPI power management registers of the ICH9, PM timer, APM command port.
 *
 * The board (or ich9_lpc) maps WIN_PM at PMBASE, the board maps WIN_APM at 0xb2 and wires LINE_SCI
 * (level, active high) to IRQ 9. FADT: PM1a_EVT at +0x00 (4 bytes), PM1a_CNT at +0x04 (2), PM_TMR
 * at +0x08 (4), GPE0 at +0x20 (16 bytes), SMI_CMD 0xb2 with ACPI_PM_ICH9_ENABLE/DISABLE.
 */
#ifndef QUAD_DEV_ACPI_PM_ICH9_H
#define QUAD_DEV_ACPI_PM_ICH9_H

#include "core/dev.h"

extern const struct dev_type acpi_pm_ich9_type;

enum { ACPI_PM_ICH9_WIN_PM, ACPI_PM_ICH9_WIN_APM }; /* 128 and 2 bytes */
enum { ACPI_PM_ICH9_LINE_SCI };

#define ACPI_PM_ICH9_ENABLE 0x02  /* FADT ACPI_ENABLE, to SMI_CMD */
#define ACPI_PM_ICH9_DISABLE 0x03 /* FADT ACPI_DISABLE */
#define ACPI_PM_ICH9_GPE0_LEN 16

/* SLP_TYP values for the \_Sx objects. */
enum { ACPI_PM_ICH9_S0 = 0, ACPI_PM_ICH9_S3 = 5, ACPI_PM_ICH9_S4 = 6, ACPI_PM_ICH9_S5 = 7 };

/* sci_en_at_reset: direct boot has no firmware that could switch ACPI on. smi_locked: firmware finds
 * SMIs set up already, since there is no system management mode for it to set up. */
void acpi_pm_ich9_configure(struct dev *dev, bool sci_en_at_reset, bool smi_locked);

/* Any thread. */
void acpi_pm_ich9_power_button(struct dev *dev);
void acpi_pm_ich9_sleep_button(struct dev *dev);
void acpi_pm_ich9_gpe(struct dev *dev, unsigned n); /* general-purpose event 0..63 happened */
void acpi_pm_ich9_wake(struct dev *dev); /* the machine leaves S3: WAK_STS */

#endif
