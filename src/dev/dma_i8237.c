/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dma_i8237: two DMA controllers and their page registers [8237A] [ICH9 13.2].
 *
 *   low  0x00..0x07 address, count of channels 0..3 (low byte, high byte by flip-flop)
 *        0x08 status / command  0x09 request  0x0a one mask  0x0b mode  0x0c clear flip-flop
 *        0x0d temporary / master clear  0x0e clear masks  0x0f all masks
 *   high the same for channels 4..7, two ports apart
 *
 * Software finds and programs it; no device on this board asks for a transfer.
 *
 * Not modelled: transfers of any kind (memory to memory too), auto-initialisation, verification.
 */
#include "dev/dma_i8237.h"

struct dma_chip {
    uint16_t base_addr[4], base_count[4]; /* as written */
    uint16_t addr[4], count[4];           /* current: the same while nothing is transferred */
    uint8_t mode[4];
    uint8_t command, request, mask, flip_flop;
};

struct dma_regs {
    struct dma_chip chip[2];
    uint8_t page[16];
};

struct dma {
    struct dev dev;
    struct dma_regs regs;
    uint64_t n_requests;
};

static const struct field chip_fields[] = {
    FIELD_ARRAY(struct dma_chip, base_addr), FIELD_ARRAY(struct dma_chip, base_count),
    FIELD_ARRAY(struct dma_chip, addr),      FIELD_ARRAY(struct dma_chip, count),
    FIELD_BYTES(struct dma_chip, mode),      FIELD(struct dma_chip, command),
    FIELD(struct dma_chip, request),         FIELD(struct dma_chip, mask),
    FIELD(struct dma_chip, flip_flop),       FIELD_END,
};
static const struct field dma_fields[] = {
    FIELD_SUBS(struct dma_regs, chip, chip_fields),
    FIELD_BYTES(struct dma_regs, page),
    FIELD_END,
};
static const struct state dma_state = {"dma_i8237", 1, sizeof(struct dma_regs), dma_fields};

static void chip_clear(struct dma_chip *c)
{
    c->command = c->request = c->flip_flop = 0;
    c->mask = 0x0f;
}

static void put_half(uint16_t *reg, bool high, uint8_t v)
{
    *reg = (uint16_t)(high ? (*reg & 0x00ff) | v << 8 : (*reg & 0xff00) | v);
}

static void chip_write(struct dma *d, struct dma_chip *c, unsigned reg, uint8_t v)
{
    unsigned ch = v & 3;

    switch (reg) {
    case 0x8: c->command = v; break;
    case 0x9:
        c->request = (uint8_t)((c->request & ~(1u << ch)) | (v >> 2 & 1u) << ch);
        d->n_requests += v >> 2 & 1;
        break;
    case 0xa: c->mask = (uint8_t)((c->mask & ~(1u << ch)) | (v >> 2 & 1u) << ch); break;
    case 0xb: c->mode[ch] = v & 0xfc; break;
    case 0xc: c->flip_flop = 0; break;
    case 0xd: chip_clear(c); break;
    case 0xe: c->mask = 0; break;
    case 0xf: c->mask = v & 0x0f; break;
    default: { /* address and count: current and base together */
        uint16_t *base = reg & 1 ? c->base_count : c->base_addr;
        uint16_t *now = reg & 1 ? c->count : c->addr;
        put_half(&base[reg >> 1], c->flip_flop, v);
        now[reg >> 1] = base[reg >> 1];
        c->flip_flop ^= 1;
    }
    }
}

static uint8_t chip_read(struct dma_chip *c, unsigned reg)
{
    if (reg == 0x8)
        return (uint8_t)(c->request << 4); /* no channel has reached its end */
    if (reg == 0xf)
        return c->mask | 0xf0;
    if (reg > 7)
        return 0;
    uint16_t v = (reg & 1 ? c->count : c->addr)[reg >> 1];
    uint8_t half = (uint8_t)(v >> (c->flip_flop ? 8 : 0));
    c->flip_flop ^= 1;
    return half;
}

static uint64_t low_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)size;
    return chip_read(&container_of(dev, struct dma, dev)->regs.chip[0], (unsigned)off);
}

static void low_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct dma *d = container_of(dev, struct dma, dev);

    (void)size;
    chip_write(d, &d->regs.chip[0], (unsigned)off, (uint8_t)v);
}

static uint64_t high_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)size;
    return chip_read(&container_of(dev, struct dma, dev)->regs.chip[1], (unsigned)off >> 1);
}

static void high_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct dma *d = container_of(dev, struct dma, dev);

    (void)size;
    chip_write(d, &d->regs.chip[1], (unsigned)off >> 1, (uint8_t)v);
}

static uint64_t page_read(struct dev *dev, uint64_t off, unsigned size)
{
    (void)size;
    return container_of(dev, struct dma, dev)->regs.page[off + 1];
}

static void page_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    (void)size;
    container_of(dev, struct dma, dev)->regs.page[off + 1] = (uint8_t)v;
}

static void dma_reset(struct dev *dev)
{
    struct dma *d = container_of(dev, struct dma, dev);

    d->regs = (struct dma_regs){0};
    chip_clear(&d->regs.chip[0]);
    chip_clear(&d->regs.chip[1]);
}

static const struct window_ops low_ops = {low_read, low_write, 1, 1};
static const struct window_ops high_ops = {high_read, high_write, 1, 1};
static const struct window_ops page_ops = {page_read, page_write, 1, 1};
static const struct dev_window_desc dma_windows[] = {
    {"low", 16, &low_ops},
    {"high", 32, &high_ops},
    {"pages", 15, &page_ops},
    {0},
};
static const struct dev_counter dma_counters[] = {
    {"requests", offsetof(struct dma, n_requests)},
    {0},
};

const struct dev_type dma_i8237_type = {
    .name = "dma_i8237",
    .help = "8237A DMA controllers, registers only",
    .size = sizeof(struct dma),
    .regs = offsetof(struct dma, regs),
    .state = &dma_state,
    .windows = dma_windows,
    .counters = dma_counters,
    .reset = dma_reset,
};
