/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vga: what vga_bochs.c (registers, memory) and vga_draw.c (the picture) share.
 */
#ifndef QUAD_DEV_VGA_H
#define QUAD_DEV_VGA_H

#include "core/fb.h"
#include "dev/pci/pci.h"

#define VGA_MEMORY (16u << 20)
#define VGA_WIDTH_MAX 2560u
#define VGA_HEIGHT_MAX 1600u

enum { DISPI_ID, DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH,
       DISPI_VIRT_HEIGHT, DISPI_X_OFFSET, DISPI_Y_OFFSET, DISPI_MEMORY, DISPI_REGS };
enum { DISPI_ENABLED = 1, DISPI_GETCAPS = 2, DISPI_8BIT_DAC = 0x20, DISPI_LFB = 0x40,
       DISPI_NOCLEAR = 0x80 };

struct vga_regs {
    struct pci_regs pci;
    uint8_t crtc[32], seq[8], gr[16], attr[32];
    uint8_t crtc_index, seq_index, gr_index, attr_index;
    uint8_t attr_data; /* the next write to 3c0 is data */
    uint8_t misc, feature, status1;
    uint8_t dac_mask, dac_read, dac_write, dac_sub, dac_state;
    uint8_t latch[4];
    uint8_t palette[768];
    uint8_t unused[7];
    uint16_t dispi[DISPI_REGS], dispi_index;
};

struct vga {
    struct pci_dev pci;
    struct vga_regs regs;
    struct mem_slot *slot;
    uint8_t *mem; /* planes side by side: byte n of plane p at 4 n + p; linear where chained */
    struct fb fb;
    uint32_t row[VGA_WIDTH_MAX];
    uint64_t n_updates, n_unknown;
};

/* The picture by now; with the device's lock held. */
bool vga_draw(struct vga *v);
unsigned vga_text(struct vga *v, uint8_t *text, unsigned room, unsigned *columns);

static inline bool vga_is_vbe(const struct vga *v)
{
    return v->regs.dispi[DISPI_ENABLE] & DISPI_ENABLED;
}

#endif
