/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vga_draw: the picture of a VGA: text with the characters' shapes from plane 2, 4 planes, 4 colours
 * as the CGA had them, 256 colours, and the linear modes of the Bochs extensions [VGA 2].
 */
#include "base/endian.h"
#include "dev/vga.h"

static uint32_t colour(const struct vga *v, unsigned index)
{
    const uint8_t *p = v->regs.palette + 3 * (index & v->regs.dac_mask & 0xff);
    bool wide = vga_is_vbe(v) && (v->regs.dispi[DISPI_ENABLE] & DISPI_8BIT_DAC);
    unsigned shift = wide ? 0 : 2;

    return (uint32_t)(p[0] << shift & 0xff) << 16 | (uint32_t)(p[1] << shift & 0xff) << 8 |
           (uint32_t)(p[2] << shift & 0xff);
}

/* A colour of 4 bits through the attribute controller's palette. */
static uint32_t attribute_colour(const struct vga *v, unsigned n)
{
    const uint8_t *a = v->regs.attr;
    unsigned i = a[n & 15] & 0x3f;

    if (a[0x10] & 0x80)
        i = (i & 0x0f) | (a[0x14] & 3u) << 4;
    return colour(v, i | (a[0x14] & 0x0cu) << 4);
}

static uint8_t vram(const struct vga *v, uint32_t at)
{
    return v->mem[at & (VGA_MEMORY - 1)];
}

/* New size of the picture; true: it is another one. */
static bool set_size(struct vga *v, unsigned w, unsigned h)
{
    w = MAX(1u, MIN(w, VGA_WIDTH_MAX));
    h = MAX(1u, MIN(h, VGA_HEIGHT_MAX));
    if (v->fb.width == w && v->fb.height == h)
        return false;
    memset(v->fb.pixels, 0, (size_t)w * h * 4);
    v->fb.width = w;
    v->fb.height = h;
    v->fb.dirty_from = 0;
    v->fb.dirty_to = h;
    return true;
}

/* The row that was drawn into v->row. */
static void put_row(struct vga *v, unsigned y)
{
    uint32_t *to = v->fb.pixels + (size_t)y * v->fb.width;

    if (!memcmp(to, v->row, v->fb.width * 4ul))
        return;
    memcpy(to, v->row, v->fb.width * 4ul);
    v->fb.dirty_from = MIN(v->fb.dirty_from, y);
    v->fb.dirty_to = MAX(v->fb.dirty_to, y + 1);
}

/* ---- geometry ----------------------------------------------------------------------------- */

static unsigned crtc_start(const struct vga *v)
{
    return (unsigned)v->regs.crtc[0x0c] << 8 | v->regs.crtc[0x0d];
}

static unsigned lines(const struct vga *v)
{
    const uint8_t *c = v->regs.crtc;

    return (c[0x12] | (c[7] & 2u) << 7 | (c[7] & 0x40u) << 3) + 1;
}

static unsigned columns_of(const struct vga *v)
{
    return v->regs.crtc[1] + 1u;
}

static unsigned cell_height(const struct vga *v)
{
    return (v->regs.crtc[9] & 31u) + 1;
}

static unsigned row_bytes(const struct vga *v)
{
    return v->regs.crtc[0x13] * 8u;
}

static bool is_graphics(const struct vga *v)
{
    return v->regs.gr[6] & 1;
}

/* ---- text --------------------------------------------------------------------------------- */

/* Where the shapes of characters with attribute bit 3 clear and set begin, in plane 2. */
static uint32_t font_at(const struct vga *v, bool second)
{
    unsigned s = v->regs.seq[3];
    unsigned n = second ? (s >> 2 & 3) | (s >> 3 & 4) : (s & 3) | (s >> 2 & 4);

    return ((n & 3) * 2 + (n >> 2)) * 8192;
}

static void text_row(struct vga *v, unsigned y, unsigned cols, unsigned height, bool cursor_row,
                     unsigned cursor_col, uint32_t at)
{
    unsigned line = y % height, dots = v->regs.seq[1] & 1 ? 8 : 9;
    bool in_cursor = cursor_row && !(v->regs.crtc[0x0a] & 0x20) &&
                     line >= (v->regs.crtc[0x0a] & 31u) && line <= (v->regs.crtc[0x0b] & 31u);
    uint32_t *to = v->row;

    for (unsigned x = 0; x < cols; x++, at += 4) {
        uint8_t c = vram(v, at), a = vram(v, at + 1);
        uint8_t shape = vram(v, (font_at(v, a & 8) + c * 32u + line) * 4 + 2);
        uint32_t fore = attribute_colour(v, a & 15), back = attribute_colour(v, a >> 4);
        if (v->regs.attr[0x10] & 8) /* bit 7 blinks: shown steady */
            back = attribute_colour(v, a >> 4 & 7);
        if (in_cursor && x == cursor_col)
            shape = 0xff;
        for (unsigned i = 0; i < 8; i++)
            *to++ = shape >> (7 - i) & 1 ? fore : back;
        if (dots == 9) {
            bool line9 = (v->regs.attr[0x10] & 4) && (c & 0xe0) == 0xc0;
            *to++ = line9 && (shape & 1) ? fore : back;
        }
    }
}

static void draw_text(struct vga *v)
{
    unsigned cols = columns_of(v), height = cell_height(v), dots = v->regs.seq[1] & 1 ? 8 : 9;
    unsigned rows = lines(v) / height;
    unsigned start = crtc_start(v);
    unsigned cursor = (unsigned)v->regs.crtc[0x0e] << 8 | v->regs.crtc[0x0f];

    cols = MIN(cols, VGA_WIDTH_MAX / dots);
    set_size(v, cols * dots, rows * height);
    for (unsigned y = 0; y < v->fb.height; y++) {
        uint32_t at = start * 4 + y / height * row_bytes(v);
        uint32_t here = at / 4;
        bool cursor_row = cursor >= here && cursor < here + cols;
        text_row(v, y, cols, height, cursor_row, cursor - here, at);
        put_row(v, y);
    }
}

unsigned vga_text(struct vga *v, uint8_t *text, unsigned room, unsigned *columns)
{
    unsigned cols = columns_of(v), rows = lines(v) / cell_height(v);

    if (is_graphics(v) || vga_is_vbe(v) || !cols)
        return 0;
    rows = MIN(rows, room / cols);
    for (unsigned y = 0; y < rows; y++)
        for (unsigned x = 0; x < cols; x++)
            text[y * cols + x] = vram(v, crtc_start(v) * 4 + y * row_bytes(v) + x * 4);
    *columns = cols;
    return rows;
}

/* ---- graphics ----------------------------------------------------------------------------- */

static void planar_row(struct vga *v, uint32_t at, unsigned width)
{
    for (unsigned x = 0; x < width; x++) {
        const unsigned bit = 7 - (x & 7);
        uint32_t cell = at + x / 8 * 4;
        unsigned n = 0;
        for (unsigned p = 0; p < 4; p++)
            n |= (unsigned)(vram(v, cell + p) >> bit & 1) << p;
        v->row[x] = attribute_colour(v, n & v->regs.attr[0x12]);
    }
}

/* Two bits a pixel, bytes in planes 0 and 1 by turns. */
static void cga_row(struct vga *v, uint32_t at, unsigned width)
{
    for (unsigned x = 0; x < width; x++) {
        uint8_t b = vram(v, at + x / 8 * 4 + (x >> 2 & 1));
        v->row[x] = attribute_colour(v, b >> (6 - 2 * (x & 3)) & 3);
    }
}

static void draw_graphics(struct vga *v)
{
    const uint8_t *c = v->regs.crtc;
    unsigned mode = v->regs.gr[5] >> 5 & 3, h = lines(v);
    unsigned repeat = ((c[9] & 0x80) ? 2 : 1) * cell_height(v);
    unsigned width = columns_of(v) * 8, half = 1;

    if (mode >= 2)
        width /= 2; /* a pixel takes two clocks */
    else if (v->regs.seq[1] & 8)
        half = 1;
    width = MIN(width, VGA_WIDTH_MAX);
    set_size(v, width, h);
    for (unsigned y = 0; y < v->fb.height; y++) {
        unsigned line = y / repeat;
        uint32_t at = crtc_start(v) * 4 + line * row_bytes(v);
        if (!(c[0x17] & 1)) /* CGA: odd rows 8 KiB further */
            at = crtc_start(v) * 4 + (line / half >> 1) * row_bytes(v) + (line & 1) * 0x2000 * 4;
        if (mode >= 2)
            for (unsigned x = 0; x < width; x++)
                v->row[x] = colour(v, vram(v, at + x));
        else if (mode == 1)
            cga_row(v, at, width);
        else
            planar_row(v, at, width);
        put_row(v, y);
    }
}

static uint32_t vbe_pixel(const struct vga *v, uint32_t at, unsigned bpp)
{
    unsigned p;

    switch (bpp) {
    case 8: return colour(v, vram(v, at));
    case 15:
        p = vram(v, at) | (unsigned)vram(v, at + 1) << 8;
        return (p >> 10 & 31) << 19 | (p >> 5 & 31) << 11 | (p & 31) << 3;
    case 16:
        p = vram(v, at) | (unsigned)vram(v, at + 1) << 8;
        return (p >> 11 & 31) << 19 | (p >> 5 & 63) << 10 | (p & 31) << 3;
    default:
        return vram(v, at) | (uint32_t)vram(v, at + 1) << 8 | (uint32_t)vram(v, at + 2) << 16;
    }
}

static void draw_vbe(struct vga *v)
{
    const uint16_t *d = v->regs.dispi;
    unsigned bpp = d[DISPI_BPP], bytes = (bpp + 7) / 8;
    uint32_t pitch = d[DISPI_VIRT_WIDTH] * bytes;

    set_size(v, d[DISPI_XRES], d[DISPI_YRES]);
    for (unsigned y = 0; y < v->fb.height; y++) {
        uint32_t at = (d[DISPI_Y_OFFSET] + y) * pitch + d[DISPI_X_OFFSET] * bytes;
        if (bpp == 4) {
            planar_row(v, (d[DISPI_Y_OFFSET] + y) * (d[DISPI_VIRT_WIDTH] / 2u), v->fb.width);
        } else if (bpp == 32 && at + v->fb.width * 4 <= VGA_MEMORY) {
            for (unsigned x = 0; x < v->fb.width; x++)
                v->row[x] = ld_le32(v->mem + at + 4 * (size_t)x) & 0xffffff;
        } else {
            for (unsigned x = 0; x < v->fb.width; x++)
                v->row[x] = vbe_pixel(v, at + x * bytes, bpp);
        }
        put_row(v, y);
    }
}

/* The screen is blank while the attribute controller's palette is being changed. */
static void draw_blank(struct vga *v)
{
    memset(v->row, 0, sizeof(v->row));
    for (unsigned y = 0; y < v->fb.height; y++)
        put_row(v, y);
}

bool vga_draw(struct vga *v)
{
    v->n_updates++;
    v->fb.dirty_from = UINT32_MAX;
    v->fb.dirty_to = 0;
    if (vga_is_vbe(v))
        draw_vbe(v);
    else if (!(v->regs.attr_index & 0x20) || (v->regs.seq[1] & 0x20))
        draw_blank(v);
    else if (is_graphics(v))
        draw_graphics(v);
    else
        draw_text(v);
    return v->fb.dirty_from < v->fb.dirty_to;
}
