/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fw_cfg: firmware configuration: named read-only files that firmware and kernels ask for.
 *
 * The board maps WIN_PORTS at 0x510 and WIN_DMA at 0x514, and adds its files before the machine
 * runs. Signature, revision and the directory are made here.
 */
#ifndef QUAD_DEV_FW_CFG_H
#define QUAD_DEV_FW_CFG_H

#include "core/dev.h"

extern const struct dev_type fw_cfg_type;

enum { FW_CFG_WIN_PORTS, FW_CFG_WIN_DMA }; /* 2 and 8 bytes */

/* Well-known keys [FWCFG]. */
enum {
    FW_CFG_KEY_SIGNATURE = 0x00,
    FW_CFG_KEY_ID = 0x01,
    FW_CFG_KEY_RAM_SIZE = 0x03,
    FW_CFG_KEY_NB_CPUS = 0x05,
    FW_CFG_KEY_KERNEL_ADDR = 0x07,
    FW_CFG_KEY_KERNEL_SIZE = 0x08,
    FW_CFG_KEY_INITRD_ADDR = 0x0a,
    FW_CFG_KEY_INITRD_SIZE = 0x0b,
    FW_CFG_KEY_BOOT_MENU = 0x0e,
    FW_CFG_KEY_MAX_CPUS = 0x0f,
    FW_CFG_KEY_KERNEL_DATA = 0x11,
    FW_CFG_KEY_INITRD_DATA = 0x12,
    FW_CFG_KEY_CMDLINE_ADDR = 0x13,
    FW_CFG_KEY_CMDLINE_SIZE = 0x14,
    FW_CFG_KEY_CMDLINE_DATA = 0x15,
    FW_CFG_KEY_SETUP_ADDR = 0x16,
    FW_CFG_KEY_SETUP_SIZE = 0x17,
    FW_CFG_KEY_SETUP_DATA = 0x18,
    FW_CFG_KEY_FILE_DIR = 0x19,
    FW_CFG_KEY_FILE_FIRST = 0x20,
    FW_CFG_KEY_ARCH_E820 = 0x8003,
    FW_CFG_KEY_ARCH_IRQ0_OVERRIDE = 0x8002,
};

/* `fn` is called, without the device's lock, before a file whose name begins with `prefix` is read from
 * its start: it may replace that file by one of the same size. One such prefix. */
void fw_cfg_on_read(struct dev *dev, const char *prefix, void (*fn)(void *opaque), void *opaque);

#define FW_CFG_NAME_MAX 55 /* letters of a file name */

/* The data is copied. Setting a key or a name again replaces it. EINVAL: bad key or name. */
int fw_cfg_add_item(struct dev *dev, uint16_t key, const void *data, size_t len,
                    struct error *err);
int fw_cfg_add_file(struct dev *dev, const char *name, const void *data, size_t len,
                    struct error *err);

#endif
