/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vga_bochs: VGA with the Bochs VBE extensions [VGA] [VBE-DISPI].
 *
 *   3c0 attribute controller (index, data by turns)   3c2 miscellaneous   3c4 sequencer
 *   3c6..3c9 colours   3ce graphics controller   3b4 or 3d4 CRT controller   3ba or 3da status 1
 *   1ce index, 1cf data of the extensions: size, depth, enable, bank, offsets
 *   BAR 0 the memory, linear   BAR 2: 400 ports 3c0.. 500 the extensions, 16 bits each
 *
 * Memory at a0000: in planes (write modes 0..3, read modes 0 and 1), odd/even, chained, or a bank of
 * the linear memory while an extended mode is on.
 *
 * Not modelled: timing (a status read toggles retrace), blinking, panning, split screen, overscan,
 * the CRT controller's interrupt, EDID, the ROM's own BAR (firmware gets it as a file).
 */
#include "dev/vga_bochs.h"

#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"
#include "dev/vga.h"

#define MEMORY_AT UINT64_C(0xfe00000000) /* where no map reaches: the slot is never mapped there */

enum { S1_DISPLAY_OFF = 1, S1_RETRACE = 8 };

static const struct field vga_fields[] = {
    FIELD_SUB(struct vga_regs, pci, pci_fields),
    FIELD_BYTES(struct vga_regs, crtc),
    FIELD_BYTES(struct vga_regs, seq),
    FIELD_BYTES(struct vga_regs, gr),
    FIELD_BYTES(struct vga_regs, attr),
    FIELD(struct vga_regs, crtc_index),
    FIELD(struct vga_regs, seq_index),
    FIELD(struct vga_regs, gr_index),
    FIELD(struct vga_regs, attr_index),
    FIELD(struct vga_regs, attr_data),
    FIELD(struct vga_regs, misc),
    FIELD(struct vga_regs, feature),
    FIELD(struct vga_regs, status1),
    FIELD(struct vga_regs, dac_mask),
    FIELD(struct vga_regs, dac_read),
    FIELD(struct vga_regs, dac_write),
    FIELD(struct vga_regs, dac_sub),
    FIELD(struct vga_regs, dac_state),
    FIELD_BYTES(struct vga_regs, latch),
    FIELD_BYTES(struct vga_regs, palette),
    FIELD_BYTES(struct vga_regs, unused),
    FIELD_ARRAY(struct vga_regs, dispi),
    FIELD(struct vga_regs, dispi_index),
    FIELD_END,
};
static const struct state vga_state = {"vga_bochs", 1, sizeof(struct vga_regs), vga_fields};

static struct vga *vga_of(struct dev *dev)
{
    return container_of(dev, struct vga, pci.dev);
}

/* ---- registers ---------------------------------------------------------------------------- */

static void attr_write(struct vga_regs *r, uint8_t v)
{
    if (!r->attr_data)
        r->attr_index = v & 0x3f;
    else if ((r->attr_index & 31) < 0x15)
        r->attr[r->attr_index & 31] = v;
    r->attr_data ^= 1;
}

static void dac_write(struct vga *v, uint8_t value)
{
    struct vga_regs *r = &v->regs;

    r->palette[3 * r->dac_write + r->dac_sub] = value;
    if (++r->dac_sub == 3) {
        r->dac_sub = 0;
        r->dac_write++;
    }
}

static uint8_t dac_read(struct vga_regs *r)
{
    uint8_t v = r->palette[3 * r->dac_read + r->dac_sub];

    if (++r->dac_sub == 3) {
        r->dac_sub = 0;
        r->dac_read++;
    }
    return v;
}

/* The first seven CRTC registers are locked by bit 7 of register 11h, but for line compare's bit. */
static void crtc_write(struct vga_regs *r, uint8_t v)
{
    unsigned n = r->crtc_index & 31;

    if (n <= 7 && (r->crtc[0x11] & 0x80)) {
        if (n == 7)
            r->crtc[7] = (r->crtc[7] & ~0x10u & 0xff) | (v & 0x10);
        return;
    }
    r->crtc[n] = v;
}

/* 3b0..3df; the monochrome addresses are those of the colour ones while bit 0 of 3c2 is clear. */
static bool is_crtc(const struct vga_regs *r, unsigned port)
{
    return (port & 0x3f0) == (r->misc & 1 ? 0x3d0 : 0x3b0);
}

static uint8_t port_read(struct vga *v, unsigned port)
{
    struct vga_regs *r = &v->regs;

    if ((port & 0x3f0) != 0x3c0) {
        if (!is_crtc(r, port))
            return 0xff;
        switch (port & 15) {
        case 4: return r->crtc_index;
        case 5: return r->crtc[r->crtc_index & 31];
        case 10:
            r->attr_data = 0;
            r->status1 ^= S1_RETRACE | S1_DISPLAY_OFF;
            return r->status1;
        default: return 0xff;
        }
    }
    switch (port & 15) {
    case 0: return r->attr_data ? 0 : r->attr_index;
    case 1: return r->attr[r->attr_index & 31];
    case 2: return 0;
    case 4: return r->seq_index;
    case 5: return r->seq[r->seq_index & 7];
    case 6: return r->dac_mask;
    case 7: return r->dac_state;
    case 8: return r->dac_write;
    case 9: return dac_read(r);
    case 10: return r->feature;
    case 12: return r->misc;
    case 14: return r->gr_index;
    case 15: return r->gr[r->gr_index & 15];
    default: return 0xff;
    }
}

static void port_write(struct vga *v, unsigned port, uint8_t value)
{
    struct vga_regs *r = &v->regs;

    if ((port & 0x3f0) != 0x3c0) {
        if (!is_crtc(r, port))
            return;
        if ((port & 15) == 4)
            r->crtc_index = value & 31;
        else if ((port & 15) == 5)
            crtc_write(r, value);
        else if ((port & 15) == 10)
            r->feature = value & 0x10;
        return;
    }
    switch (port & 15) {
    case 0:
    case 1: attr_write(r, value); break;
    case 2: r->misc = value & 0xef; break;
    case 4: r->seq_index = value & 7; break;
    case 5: r->seq[r->seq_index & 7] = value; break;
    case 6: r->dac_mask = value; break;
    case 7:
        r->dac_read = value;
        r->dac_sub = 0;
        r->dac_state = 3;
        break;
    case 8:
        r->dac_write = value;
        r->dac_sub = 0;
        r->dac_state = 0;
        break;
    case 9: dac_write(v, value); break;
    case 14: r->gr_index = value & 15; break;
    case 15: r->gr[r->gr_index & 15] = value; break;
    default: break;
    }
}

/* Stored to memory at an offset: whoever copies the guest wants to know. */
static void touch(struct vga *v, uint32_t at)
{
    if (v->slot->flags[at / PAGE_SIZE_4K] != PAGE_DIRTY)
        mem_page_written(dev_mem(&v->pci.dev), v->slot, ALIGN_DOWN(at, (uint32_t)PAGE_SIZE_4K));
}

static void touch_all(struct vga *v)
{
    for (uint32_t at = 0; at < VGA_MEMORY; at += PAGE_SIZE_4K)
        touch(v, at);
}

/* ---- Bochs extensions --------------------------------------------------------------------- */

static uint16_t dispi_read(const struct vga *v, unsigned n)
{
    const uint16_t *d = v->regs.dispi;

    if (n >= DISPI_REGS)
        return 0;
    if (n == DISPI_MEMORY)
        return VGA_MEMORY >> 16;
    if (d[DISPI_ENABLE] & DISPI_GETCAPS) {
        if (n == DISPI_XRES)
            return VGA_WIDTH_MAX;
        if (n == DISPI_YRES)
            return VGA_HEIGHT_MAX;
        if (n == DISPI_BPP)
            return 32;
    }
    return d[n];
}

/* What is on screen lies in memory, whatever was asked for. */
static void dispi_check(struct vga *v)
{
    uint16_t *d = v->regs.dispi;
    unsigned bpp = d[DISPI_BPP];

    if (bpp != 4 && bpp != 8 && bpp != 15 && bpp != 16 && bpp != 24)
        bpp = 32;
    d[DISPI_BPP] = (uint16_t)bpp;
    d[DISPI_XRES] = (uint16_t)(MAX(8u, MIN(d[DISPI_XRES], VGA_WIDTH_MAX)) & ~7u);
    d[DISPI_YRES] = (uint16_t)MAX(1u, MIN(d[DISPI_YRES], VGA_HEIGHT_MAX));
    d[DISPI_VIRT_WIDTH] = (uint16_t)MAX(d[DISPI_VIRT_WIDTH], d[DISPI_XRES]);
    unsigned pitch = bpp == 4 ? d[DISPI_VIRT_WIDTH] / 2u : d[DISPI_VIRT_WIDTH] * ((bpp + 7) / 8);
    unsigned rows = MIN(VGA_MEMORY / pitch, 0xffffu);
    d[DISPI_VIRT_HEIGHT] = (uint16_t)rows;
    if (d[DISPI_YRES] > rows)
        d[DISPI_YRES] = (uint16_t)rows;
    if (d[DISPI_X_OFFSET] + d[DISPI_XRES] > d[DISPI_VIRT_WIDTH])
        d[DISPI_X_OFFSET] = (uint16_t)(d[DISPI_VIRT_WIDTH] - d[DISPI_XRES]);
    if (d[DISPI_Y_OFFSET] + d[DISPI_YRES] > rows)
        d[DISPI_Y_OFFSET] = (uint16_t)(rows - d[DISPI_YRES]);
}

static void dispi_write(struct vga *v, unsigned n, uint16_t value)
{
    uint16_t *d = v->regs.dispi;

    TRACE(vga_dispi, "register=%u value=%#x", n, value);
    switch (n) {
    case DISPI_ID:
        if (value >= 0xb0c0 && value <= 0xb0c5)
            d[n] = value;
        return;
    case DISPI_ENABLE: {
        bool on = (value & DISPI_ENABLED) && !vga_is_vbe(v);
        d[n] = value & (DISPI_ENABLED | DISPI_GETCAPS | DISPI_8BIT_DAC | DISPI_LFB | DISPI_NOCLEAR);
        if (!on)
            return;
        d[DISPI_VIRT_WIDTH] = d[DISPI_XRES];
        d[DISPI_X_OFFSET] = d[DISPI_Y_OFFSET] = d[DISPI_BANK] = 0;
        dispi_check(v);
        if (!(value & DISPI_NOCLEAR)) {
            memset(v->mem, 0, VGA_MEMORY);
            touch_all(v);
        }
        return;
    }
    case DISPI_BANK: d[n] = value % (VGA_MEMORY >> 16); return;
    case DISPI_XRES:
    case DISPI_YRES:
    case DISPI_BPP:
        if (vga_is_vbe(v))
            return;
        d[n] = value;
        return;
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET:
        d[n] = value;
        if (vga_is_vbe(v))
            dispi_check(v);
        return;
    default: v->n_unknown++;
    }
}

/* ---- memory at a0000 ---------------------------------------------------------------------- */

/* The offset into the adapter's 64 or 32 KiB behind an address; false: not decoded. */
static bool decode(const struct vga *v, uint64_t off, uint32_t *at)
{
    switch (v->regs.gr[6] >> 2 & 3) {
    case 0: *at = (uint32_t)off; return true;
    case 1: *at = (uint32_t)off; return off < 0x10000;
    case 2: *at = (uint32_t)(off - 0x10000) & 0x7fff; return off >= 0x10000 && off < 0x18000;
    default: *at = (uint32_t)(off - 0x18000) & 0x7fff; return off >= 0x18000;
    }
}

static bool is_linear(const struct vga *v)
{
    return vga_is_vbe(v) && v->regs.dispi[DISPI_BPP] > 4;
}

static uint32_t banked(const struct vga *v, uint64_t off)
{
    return (((uint32_t)v->regs.dispi[DISPI_BANK] << 16) + (uint32_t)off) & (VGA_MEMORY - 1);
}

static uint8_t mem_read8(struct vga *v, uint64_t off)
{
    struct vga_regs *r = &v->regs;
    uint32_t at;

    if (is_linear(v))
        return v->mem[banked(v, off)];
    if (!decode(v, off, &at))
        return 0xff;
    if (r->seq[4] & 8) /* chained: the address's low bits are the plane */
        return v->mem[at];
    unsigned plane = r->gr[4] & 3;
    if (r->gr[5] & 0x10) { /* odd and even */
        plane = (plane & 2) | (at & 1);
        at >>= 1;
    }
    const uint8_t *p = v->mem + 4 * (size_t)at;
    memcpy(r->latch, p, 4);
    if (!(r->gr[5] & 8))
        return p[plane];
    uint8_t differs = 0;
    for (unsigned i = 0; i < 4; i++)
        if (r->gr[7] >> i & 1)
            differs |= (uint8_t)(p[i] ^ (r->gr[2] >> i & 1 ? 0xff : 0));
    return (uint8_t)~differs;
}

static uint8_t alu(const struct vga_regs *r, uint8_t v, uint8_t latch)
{
    switch (r->gr[3] >> 3 & 3) {
    case 1: return v & latch;
    case 2: return v | latch;
    case 3: return v ^ latch;
    default: return v;
    }
}

static uint8_t mix(uint8_t v, uint8_t latch, uint8_t mask)
{
    return (uint8_t)((v & mask) | (latch & ~mask));
}

static uint8_t plane_value(const struct vga_regs *r, unsigned p, uint8_t v)
{
    unsigned turn = r->gr[3] & 7;
    uint8_t turned = (uint8_t)(v >> turn | v << ((8 - turn) & 7));
    uint8_t set = r->gr[0] >> p & 1 ? 0xff : 0, mask = r->gr[8];

    switch (r->gr[5] & 3) {
    case 0:
        return mix(alu(r, r->gr[1] >> p & 1 ? set : turned, r->latch[p]), r->latch[p], mask);
    case 1: return r->latch[p];
    case 2: return mix(alu(r, v >> p & 1 ? 0xff : 0, r->latch[p]), r->latch[p], mask);
    default: return mix(set, r->latch[p], mask & turned);
    }
}

static void mem_write8(struct vga *v, uint64_t off, uint8_t value)
{
    struct vga_regs *r = &v->regs;
    uint32_t at;
    uint8_t planes = r->seq[2] & 15;

    if (is_linear(v)) {
        v->mem[banked(v, off)] = value;
        touch(v, banked(v, off));
        return;
    }
    if (!decode(v, off, &at))
        return;
    if (r->seq[4] & 8) {
        if (planes >> (at & 3) & 1)
            v->mem[at] = value;
        touch(v, at);
        return;
    }
    if (!(r->seq[4] & 4)) { /* even addresses planes 0 and 2, odd ones 1 and 3 */
        planes &= at & 1 ? 0x0a : 0x05;
        at >>= 1;
    }
    uint8_t *p = v->mem + 4 * (size_t)at;
    for (unsigned i = 0; i < 4; i++)
        if (planes >> i & 1)
            p[i] = plane_value(r, i, value);
    touch(v, 4 * at);
}

/* ---- windows ------------------------------------------------------------------------------ */

static uint64_t legacy_read(struct dev *dev, uint64_t off, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)mem_read8(vga_of(dev), off + i) << 8 * i;
    return v;
}

static void legacy_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        mem_write8(vga_of(dev), off + i, (uint8_t)(v >> 8 * i));
}

static uint64_t ports_read(struct dev *dev, uint64_t off, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)port_read(vga_of(dev), 0x3b0 + (unsigned)off + i) << 8 * i;
    return v;
}

static void ports_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        port_write(vga_of(dev), 0x3b0 + (unsigned)off + i, (uint8_t)(v >> 8 * i));
}

/* 1ce index, 1cf data, also at 1d0: 16 bits each, at odd addresses too. */
static uint64_t dispi_port_read(struct dev *dev, uint64_t off, unsigned size)
{
    const struct vga *v = vga_of(dev);
    uint16_t value = off ? dispi_read(v, v->regs.dispi_index) : v->regs.dispi_index;

    return size == 1 ? value & 0xff : value;
}

static void dispi_port_write(struct dev *dev, uint64_t off, unsigned size, uint64_t value)
{
    struct vga *v = vga_of(dev);

    (void)size;
    if (off)
        dispi_write(v, v->regs.dispi_index, (uint16_t)value);
    else
        v->regs.dispi_index = (uint16_t)value;
}

static uint64_t mmio_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct vga *v = vga_of(dev);

    if (off >= 0x400 && off < 0x420)
        return ports_read(dev, off - 0x400 + 0x10, MIN(size, 2u));
    if (off >= 0x500 && off < 0x516)
        return dispi_read(v, (unsigned)(off - 0x500) / 2);
    return 0;
}

static void mmio_write(struct dev *dev, uint64_t off, unsigned size, uint64_t value)
{
    struct vga *v = vga_of(dev);

    if (off >= 0x400 && off < 0x420)
        ports_write(dev, off - 0x400 + 0x10, MIN(size, 2u), value);
    else if (off >= 0x500 && off < 0x516)
        dispi_write(v, (unsigned)(off - 0x500) / 2, (uint16_t)value);
}

static uint64_t linear_read(struct dev *dev, uint64_t off, unsigned size)
{
    const uint8_t *p = vga_of(dev)->mem + off;

    switch (size) {
    case 1: return *p;
    case 2: return ld_le16(p);
    case 4: return ld_le32(p);
    default: return ld_le64(p);
    }
}

static void linear_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct vga *vga = vga_of(dev);
    uint8_t *p = vga->mem + off;

    switch (size) {
    case 1: *p = (uint8_t)v; break;
    case 2: st_le16(p, (uint16_t)v); break;
    case 4: st_le32(p, (uint32_t)v); break;
    default: st_le64(p, v);
    }
    touch(vga, (uint32_t)off);
    touch(vga, (uint32_t)off + size - 1);
}

/* ---- the screen --------------------------------------------------------------------------- */

static bool vga_update(struct fb *fb)
{
    struct vga *v = container_of(fb, struct vga, fb);

    pthread_mutex_lock(&v->pci.dev.lock);
    bool changed = vga_draw(v);
    pthread_mutex_unlock(&v->pci.dev.lock);
    return changed;
}

static unsigned vga_fb_text(struct fb *fb, uint8_t *text, unsigned room, unsigned *columns)
{
    struct vga *v = container_of(fb, struct vga, fb);

    pthread_mutex_lock(&v->pci.dev.lock);
    unsigned rows = vga_text(v, text, room, columns);
    pthread_mutex_unlock(&v->pci.dev.lock);
    return rows;
}

struct fb *vga_bochs_fb(struct dev *dev)
{
    return &vga_of(dev)->fb;
}

/* ---- the device --------------------------------------------------------------------------- */

static void vga_reset(struct dev *dev)
{
    struct vga *v = vga_of(dev);
    struct vga_regs *r = &v->regs;

    pci_reset(&v->pci);
    memset((uint8_t *)r + sizeof(r->pci), 0, sizeof(*r) - sizeof(r->pci));
    r->dispi[DISPI_ID] = 0xb0c5;
    r->dispi[DISPI_XRES] = 640;
    r->dispi[DISPI_YRES] = 480;
    r->dispi[DISPI_BPP] = 32;
    r->dac_mask = 0xff;
    memset(v->mem, 0, VGA_MEMORY);
    touch_all(v);
}

static void vga_loaded(struct dev *dev)
{
    struct vga *v = vga_of(dev);

    pci_loaded(&v->pci);
    v->regs.dac_sub %= 3;
    v->regs.dispi[DISPI_BANK] %= VGA_MEMORY >> 16;
    dispi_check(v);
}

static int vga_init(struct dev *dev, struct error *err)
{
    static const struct fb_ops fb_ops = {.update = vga_update, .text = vga_fb_text};
    static const struct pci_id id = {.vendor = 0x1234,
                                     .device = 0x1111,
                                     .subsystem_vendor = 0x1af4,
                                     .subsystem = 0x1100,
                                     .class_code = 0x030000,
                                     .revision = 2};
    struct vga *v = vga_of(dev);
    struct mem *mem = dev_mem(dev);
    int rc = mem_add(mem, "vga", SLOT_RAM, MEMORY_AT, VGA_MEMORY, &v->slot, err);

    pthread_mutex_init(&v->fb.lock, NULL);
    pci_init(&v->pci, &v->regs.pci, &id);
    if (rc)
        return rc;
    mem_unmap(mem, v->slot); /* reached through the windows */
    v->mem = v->slot->hva;
    v->fb.ops = &fb_ops;
    v->fb.pixels = xcalloc((size_t)VGA_WIDTH_MAX * VGA_HEIGHT_MAX, 4);
    v->fb.width = 640;
    v->fb.height = 400;
    pci_bar(&v->pci, 0, PCI_BAR_MEM32 | PCI_BAR_PREFETCH, &dev->windows[VGA_BOCHS_WIN_FB]);
    pci_bar(&v->pci, 2, PCI_BAR_MEM32, &dev->windows[VGA_BOCHS_WIN_MMIO]);
    return 0;
}

static void vga_fini(struct dev *dev)
{
    struct vga *v = vga_of(dev);

    pci_fini(&v->pci);
    free(v->fb.pixels);
    pthread_mutex_destroy(&v->fb.lock);
}

static const struct window_ops linear_ops = {linear_read, linear_write, 1, 8};
static const struct window_ops mmio_ops = {mmio_read, mmio_write, 1, 4};
static const struct window_ops ports_ops = {ports_read, ports_write, 1, 2};
static const struct window_ops dispi_ops = {dispi_port_read, dispi_port_write, 1, 2};
static const struct window_ops legacy_ops = {legacy_read, legacy_write, 1, 8};
static const struct dev_window_desc vga_windows[] = {
    {"framebuffer", VGA_MEMORY, &linear_ops}, {"mmio", 0x1000, &mmio_ops},
    {"ports", 0x30, &ports_ops},              {"dispi", 4, &dispi_ops},
    {"legacy", 0x20000, &legacy_ops},         {0},
};
static const struct dev_counter vga_counters[] = {
    {"updates", offsetof(struct vga, n_updates)},
    {"unknown", offsetof(struct vga, n_unknown)},
    {0},
};

const struct dev_type vga_bochs_type = {
    .name = "vga_bochs",
    .help = "VGA with the Bochs VBE extensions",
    .size = sizeof(struct vga),
    .regs = offsetof(struct vga, regs),
    .state = &vga_state,
    .windows = vga_windows,
    .counters = vga_counters,
    .init = vga_init,
    .fini = vga_fini,
    .reset = vga_reset,
    .loaded = vga_loaded,
};
