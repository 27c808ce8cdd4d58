/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pc_firmware: what a PC board has because firmware runs on it: its image below 4 GiB, the shadow
 * memory at 0xc0000..0xfffff with the chipset's write protection, the files that firmware reads.
 */
#ifndef QUAD_BOARD_PC_FIRMWARE_H
#define QUAD_BOARD_PC_FIRMWARE_H

#include "board/acpi.h"
#include "board/firmware.h"
#include "board/smbios.h"
#include "core/machine.h"

#define PC_SHADOWS 13 /* 0xc0000 by 16 KiB, and the 64 KiB from 0xf0000 */

struct pc_firmware {
    const struct firmware *image; /* NULL: no firmware */
    struct machine *machine;
    struct mem_slot *shadow[PC_SHADOWS];
};

int pc_firmware_memory(struct pc_firmware *f, struct machine *m, const struct firmware *image,
                       struct error *err);
/* The image and its shadow as after power-on. */
void pc_firmware_load(struct pc_firmware *f);
/* The chipset's PAM attributes of one of the shadows: bit 0 reads, bit 1 writes go to memory. */
void pc_firmware_pam(void *opaque, unsigned shadow, unsigned attributes);
/* Files: memory map, SMBIOS, ACPI, settings. serial_text: the firmware's text goes to the first serial
 * port too. */
int pc_firmware_files(struct pc_firmware *f, struct dev *fw_cfg, const struct acpi_config *acpi,
                      const struct smbios_config *smbios, bool serial_text, struct error *err);

#endif
