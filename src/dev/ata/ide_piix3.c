/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ide_piix3: IDE controller of the PIIX3 [PIIX3 2.3] [ATA6 7] [BMIDE].
 *
 *   command block  0 data (16, 32)  1 error / features  2 count  3..5 LBA  6 device
 *                  7 status / command          control block  0 alternate status / control
 *   bus master, each channel 8 bytes:  0 command  2 status  4 PRD table (32)
 *   PRD: address 32, bytes 16 (0: 64 KiB), bit 63 the last one
 *
 *            command          data           all data moved
 *   IDLE --------------> BUSY ------> DATA ------------------> BUSY ... IDLE
 *                          | DMA                     ^
 *                          v      start bit          | piece by piece
 *                        WAIT_DMA ------------------ BUSY
 *
 * PIO asks for each 512 bytes (READ MULTIPLE: that many sectors; packets: the byte count limit) with
 * an interrupt of its own. Writing a register reaches both drives of a channel, as on the cable.
 *
 * Not modelled: timing registers (stored), overlapped and queued commands, 8-bit PIO, diagnostics of
 * one drive by the other.
 */
#include "dev/ata/ide_piix3.h"

#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"
#include "dev/ata/ata.h"
#include "dev/pci/pci.h"

#define CHANNELS 2

enum { R_DATA, R_ERROR, R_COUNT, R_LBA0, R_LBA1, R_LBA2, R_DEVICE, R_STATUS };
enum { DEVICE_1 = 0x10, CONTROL_NIEN = 2, CONTROL_SRST = 4, CONTROL_HOB = 0x80 };
enum { BM_START = 1, BM_TO_MEMORY = 8, BMS_ACTIVE = 1, BMS_ERROR = 2, BMS_IRQ = 4,
       BMS_CAPABLE = 0x60 };
enum { IDLE, DATA, PACKET_IN, WAIT_DMA, BUSY };

struct unit_regs { /* a drive's registers; with the ones written before, for 48 bits */
    struct ata_regs drive;
    uint8_t features, count, lba[3], status, error, device;
    uint8_t old_features, old_count, old_lba[3];
    uint8_t unused[3];
};

struct channel_regs {
    struct unit_regs unit[2];
    struct ata_task task; /* of the selected drive */
    uint32_t pos, filled; /* in buf */
    uint32_t block_end;   /* PIO: DRQ falls there */
    uint32_t prd, prd_left; /* DMA: next entry, bytes left of the current buffer */
    uint32_t prd_addr;
    uint32_t bm_table, unused;
    uint8_t bm_command, bm_status;
    uint8_t control, state, selected, irq, prd_last;
    uint8_t running; /* drive of the task */
    uint8_t buf[ATA_CHUNK];
};

struct ide_regs {
    struct pci_regs pci;
    struct channel_regs channel[CHANNELS];
};

struct channel {
    struct ide *ide;
    struct channel_regs *r;
    struct ata_drive drive[2];
    struct ata_io io;
    unsigned n;
};

struct ide {
    struct pci_dev pci;
    struct ide_regs regs;
    struct channel channel[CHANNELS];
    struct ata_ios ios;
    uint64_t n_commands, n_errors, n_bad_dma;
};

static const struct field unit_fields[] = {
    FIELD_SUB(struct unit_regs, drive, ata_regs_fields),
    FIELD(struct unit_regs, features),
    FIELD(struct unit_regs, count),
    FIELD_BYTES(struct unit_regs, lba),
    FIELD(struct unit_regs, status),
    FIELD(struct unit_regs, error),
    FIELD(struct unit_regs, device),
    FIELD(struct unit_regs, old_features),
    FIELD(struct unit_regs, old_count),
    FIELD_BYTES(struct unit_regs, old_lba),
    FIELD_BYTES(struct unit_regs, unused),
    FIELD_END,
};
static const struct field channel_fields[] = {
    FIELD_SUBS(struct channel_regs, unit, unit_fields),
    FIELD_SUB(struct channel_regs, task, ata_task_fields),
    FIELD(struct channel_regs, pos),
    FIELD(struct channel_regs, filled),
    FIELD(struct channel_regs, block_end),
    FIELD(struct channel_regs, prd),
    FIELD(struct channel_regs, prd_left),
    FIELD(struct channel_regs, prd_addr),
    FIELD(struct channel_regs, bm_table),
    FIELD(struct channel_regs, unused),
    FIELD(struct channel_regs, bm_command),
    FIELD(struct channel_regs, bm_status),
    FIELD(struct channel_regs, control),
    FIELD(struct channel_regs, state),
    FIELD(struct channel_regs, selected),
    FIELD(struct channel_regs, irq),
    FIELD(struct channel_regs, prd_last),
    FIELD(struct channel_regs, running),
    FIELD_BYTES(struct channel_regs, buf),
    FIELD_END,
};
static const struct field ide_fields[] = {
    FIELD_SUB(struct ide_regs, pci, pci_fields),
    FIELD_SUBS(struct ide_regs, channel, channel_fields),
    FIELD_END,
};
static const struct state ide_state = {"ide_piix3", 1, sizeof(struct ide_regs), ide_fields};

static struct ide *ide_of(struct dev *dev)
{
    return container_of(dev, struct ide, pci.dev);
}

static struct ata_drive *drive_of(struct channel *c)
{
    return &c->drive[c->r->running];
}

static struct unit_regs *unit_of(struct channel *c)
{
    return &c->r->unit[c->r->running];
}

/* ---- interrupts and ends ------------------------------------------------------------------ */

static void irq_update(struct channel *c)
{
    irq_set(&c->ide->pci.dev.lines[c->n], c->r->irq && !(c->r->control & CONTROL_NIEN));
}

static void irq_raise(struct channel *c)
{
    c->r->irq = 1;
    c->r->bm_status |= BMS_IRQ;
    irq_update(c);
}

static void show_task(struct channel *c)
{
    struct unit_regs *u = unit_of(c);
    const struct ata_task *t = &c->r->task;

    u->status = t->status;
    u->error = t->error;
    u->count = (uint8_t)t->count;
    u->old_count = (uint8_t)(t->count >> 8);
    for (unsigned i = 0; i < 3; i++) {
        u->lba[i] = (uint8_t)(t->lba >> 8 * i);
        u->old_lba[i] = (uint8_t)(t->lba >> (24 + 8 * i));
    }
}

static void finish(struct channel *c)
{
    c->r->state = IDLE;
    c->ide->n_errors += c->r->task.status & ATA_SR_ERR;
    c->r->bm_status &= (uint8_t)~BMS_ACTIVE;
    show_task(c);
    irq_raise(c);
}

static void io_done(struct ata_io *io, int result);

static void ask(struct channel *c, enum blk_op op)
{
    struct ata_task *t = &c->r->task;
    bool flush = op == BLK_FLUSH;

    c->r->state = BUSY;
    c->io.done = io_done;
    ata_io_submit(&c->ide->ios, &c->io, drive_of(c)->blk, op, flush ? 0 : t->offset + t->done,
                  flush ? NULL : c->r->buf, flush ? 0 : c->r->filled);
}

/* ---- PIO ---------------------------------------------------------------------------------- */

/* Bytes that one DRQ moves. */
static uint32_t block_size(struct channel *c)
{
    const struct ata_task *t = &c->r->task;
    const struct unit_regs *u = unit_of(c);
    uint32_t limit;

    switch (t->command) {
    case 0xa0:
        limit = u->lba[1] | (uint32_t)u->lba[2] << 8;
        if (limit < 2 || limit == 0xffff)
            limit = 0xfffe;
        return limit & ~1u;
    case 0x29:
    case 0x39:
    case 0xc4:
    case 0xc5:
    case 0xce: return u->drive.multiple * BLK_SECTOR;
    default: return BLK_SECTOR;
    }
}

/* Ask for the next block of the piece in buf. */
static void pio_block(struct channel *c, bool interrupt)
{
    struct channel_regs *r = c->r;
    struct unit_regs *u = unit_of(c);
    uint32_t n = MIN(r->filled - r->pos, MAX(block_size(c), 2u));

    r->block_end = r->pos + n;
    r->state = DATA;
    u->status = ATA_SR_READY | ATA_SR_SEEK | ATA_SR_DRQ;
    if (r->task.command == 0xa0) {
        r->task.count = u->count = ATA_IR_TO_HOST;
        u->lba[1] = (uint8_t)n; /* packet commands say how much */
        u->lba[2] = (uint8_t)(n >> 8);
        r->task.lba = (r->task.lba & 0xff) | (uint64_t)n << 8;
    }
    if (interrupt)
        irq_raise(c);
}

/* The next piece of a task: from the image into buf, or room for what the host will send. */
static void next_piece(struct channel *c)
{
    struct channel_regs *r = c->r;
    struct ata_task *t = &r->task;

    r->pos = 0;
    r->filled = MIN(t->len - t->done, ATA_CHUNK);
    if (t->action == ATA_READ)
        ask(c, BLK_READ);
    else if (t->action == ATA_WRITE)
        pio_block(c, t->done > 0);
}

/* A piece has passed, to the host or into buf. */
static void piece_passed(struct channel *c)
{
    struct channel_regs *r = c->r;
    struct ata_task *t = &r->task;

    if (t->action == ATA_WRITE) {
        unit_of(c)->status = ATA_SR_BUSY;
        ask(c, BLK_WRITE);
        return;
    }
    t->done += r->filled;
    if (t->done < t->len) {
        unit_of(c)->status = ATA_SR_BUSY;
        next_piece(c);
        return;
    }
    ata_end(drive_of(c), t, 0);
    if (t->command == 0xa0) { /* a packet command's end has an interrupt of its own */
        finish(c);
        return;
    }
    r->state = IDLE;
    show_task(c);
}

static void pio_moved(struct channel *c)
{
    struct channel_regs *r = c->r;

    if (r->pos < r->block_end)
        return;
    if (r->pos < r->filled)
        pio_block(c, true);
    else
        piece_passed(c);
}

static void packet_moved(struct channel *c);

static uint64_t data_read(struct channel *c, unsigned size)
{
    struct channel_regs *r = c->r;
    uint64_t v = 0;

    if (r->state != DATA || !r->task.to_host || r->selected != r->running)
        return 0;
    for (unsigned i = 0; i < size && r->pos < r->block_end; i++)
        v |= (uint64_t)r->buf[r->pos++] << 8 * i;
    pio_moved(c);
    return v;
}

static void data_write(struct channel *c, unsigned size, uint64_t v)
{
    struct channel_regs *r = c->r;

    if (r->selected != r->running)
        return;
    if (r->state == PACKET_IN) {
        for (unsigned i = 0; i < size && r->pos < ATA_PACKET_LEN; i++)
            r->task.packet[r->pos++] = (uint8_t)(v >> 8 * i);
        if (r->pos == ATA_PACKET_LEN)
            packet_moved(c);
        return;
    }
    if (r->state != DATA || r->task.to_host)
        return;
    for (unsigned i = 0; i < size && r->pos < r->block_end; i++)
        r->buf[r->pos++] = (uint8_t)(v >> 8 * i);
    pio_moved(c);
}

/* ---- DMA ---------------------------------------------------------------------------------- */

static bool next_prd(struct channel *c)
{
    struct channel_regs *r = c->r;
    uint8_t prd[8];

    if (r->prd_last || !mem_read(dev_mem(&c->ide->pci.dev), (uint64_t)r->bm_table + 8ull * r->prd,
                                 prd, sizeof(prd)))
        return false;
    r->prd++;
    r->prd_addr = ld_le32(prd) & ~1u;
    r->prd_left = ld_le16(prd + 4) & 0xfffe;
    if (!r->prd_left)
        r->prd_left = 0x10000;
    r->prd_last = prd[7] >> 7;
    return r->prd < 8192; /* a table is 64 KiB at most */
}

/* Move the piece in buf; false: the table is at its end, or no memory. */
static bool dma_move(struct channel *c, uint32_t len)
{
    struct channel_regs *r = c->r;
    struct mem *mem = dev_mem(&c->ide->pci.dev);

    for (uint32_t at = 0; at < len;) {
        if (!r->prd_left && !next_prd(c))
            return false;
        uint32_t n = MIN(r->prd_left, len - at);
        bool ok = r->task.to_host ? mem_write(mem, r->prd_addr, r->buf + at, n)
                                  : mem_read(mem, r->prd_addr, r->buf + at, n);
        if (!ok)
            return false;
        at += n;
        r->prd_addr += n;
        r->prd_left -= n;
    }
    return true;
}

static void dma_failed(struct channel *c)
{
    c->ide->n_bad_dma++;
    c->r->bm_status |= BMS_ERROR;
    ata_abort(drive_of(c), &c->r->task, ATA_ER_ABORT);
    finish(c);
}

static void dma_piece(struct channel *c)
{
    struct channel_regs *r = c->r;
    struct ata_task *t = &r->task;

    r->filled = MIN(t->len - t->done, ATA_CHUNK);
    if (t->action == ATA_READ) {
        ask(c, BLK_READ);
    } else if (!dma_move(c, r->filled)) {
        dma_failed(c);
    } else if (t->action == ATA_WRITE) {
        ask(c, BLK_WRITE);
    } else { /* a short answer */
        ata_end(drive_of(c), t, 0);
        finish(c);
    }
}

/* Both the drive and the bus master are ready. */
static void dma_go(struct channel *c)
{
    struct channel_regs *r = c->r;

    if (r->state != WAIT_DMA || !(r->bm_command & BM_START) || !pci_bus_master(&c->ide->pci))
        return;
    r->state = BUSY;
    dma_piece(c);
}

static void io_done(struct ata_io *io, int result)
{
    struct channel *c = container_of(io, struct channel, io);
    struct channel_regs *r = c->r;
    struct ata_task *t = &r->task;
    bool dma = t->protocol == ATA_DMA;

    if (!result && t->action == ATA_READ && !dma) {
        pio_block(c, true);
        return;
    }
    if (!result && t->action == ATA_READ && !dma_move(c, r->filled)) {
        dma_failed(c);
        return;
    }
    if (!result && t->action != ATA_FLUSH) {
        t->done += r->filled;
        if (t->done < t->len) {
            if (dma)
                dma_piece(c);
            else
                next_piece(c);
            return;
        }
    }
    if (ata_end(drive_of(c), t, result))
        ask(c, BLK_FLUSH);
    else
        finish(c);
}

/* ---- commands ----------------------------------------------------------------------------- */

static void start(struct channel *c)
{
    struct channel_regs *r = c->r;
    struct ata_task *t = &r->task;

    r->pos = 0;
    switch (t->action) {
    case ATA_DONE: finish(c); return;
    case ATA_FLUSH:
        unit_of(c)->status = ATA_SR_BUSY;
        ask(c, BLK_FLUSH);
        return;
    case ATA_PACKET:
        r->state = PACKET_IN;
        unit_of(c)->count = ATA_IR_COMMAND;
        unit_of(c)->status = ATA_SR_READY | ATA_SR_DRQ;
        return;
    default: break;
    }
    if (t->protocol == ATA_DMA) {
        r->state = WAIT_DMA;
        unit_of(c)->status = ATA_SR_READY | ATA_SR_SEEK | ATA_SR_DRQ;
        dma_go(c);
        return;
    }
    unit_of(c)->status = ATA_SR_BUSY;
    if (t->action == ATA_BUFFER) {
        r->filled = t->len;
        pio_block(c, true);
    } else {
        next_piece(c);
    }
}

static void packet_moved(struct channel *c)
{
    atapi_begin(drive_of(c), &c->r->task, c->r->buf);
    start(c);
}

static void command(struct channel *c, uint8_t v)
{
    struct channel_regs *r = c->r;
    struct unit_regs *u = &r->unit[r->selected];
    struct ata_drive *d = &c->drive[r->selected];

    r->irq = 0;
    irq_update(c);
    if (d->kind == ATA_ABSENT || (r->state == BUSY && v != 0x08) || c->io.open)
        return;
    r->running = r->selected;
    r->task = (struct ata_task){.command = v, .device = u->device, .features = u->features};
    r->task.count = u->count;
    r->task.lba = u->lba[0] | (uint64_t)u->lba[1] << 8 | (uint64_t)u->lba[2] << 16;
    if (ata_is_48bit(v)) {
        r->task.count |= (uint32_t)u->old_count << 8;
        r->task.features |= (uint16_t)(u->old_features << 8);
        r->task.lba |= (uint64_t)u->old_lba[0] << 24 | (uint64_t)u->old_lba[1] << 32 |
                       (uint64_t)u->old_lba[2] << 40;
    }
    c->ide->n_commands++;
    ata_begin(d, &r->task, r->buf);
    start(c);
}

static void signature(struct channel *c, unsigned n)
{
    struct unit_regs *u = &c->r->unit[n];
    const struct ata_drive *d = &c->drive[n];
    uint32_t s = ata_signature(d);

    u->count = (uint8_t)s;
    for (unsigned i = 0; i < 3; i++)
        u->lba[i] = (uint8_t)(s >> (8 + 8 * i));
    u->device = 0;
    u->error = 1;
    u->status = ata_ready_status(d);
}

/* What is on its way is waited for; the task is forgotten. */
static void channel_stop(struct channel *c)
{
    ata_io_cancel(&c->io);
    c->r->state = IDLE;
    c->r->bm_command &= (uint8_t)~BM_START;
    c->r->bm_status &= (uint8_t)~BMS_ACTIVE;
}

static void control_write(struct channel *c, uint8_t v)
{
    uint8_t old = c->r->control;

    c->r->control = v & (CONTROL_NIEN | CONTROL_SRST | CONTROL_HOB);
    if ((v & CONTROL_SRST) && !(old & CONTROL_SRST)) {
        channel_stop(c);
        for (unsigned i = 0; i < 2; i++)
            c->r->unit[i].status = ATA_SR_BUSY;
    } else if (!(v & CONTROL_SRST) && (old & CONTROL_SRST)) {
        for (unsigned i = 0; i < 2; i++) {
            ata_drive_reset(&c->drive[i]);
            signature(c, i);
        }
        c->r->selected = 0;
        c->r->irq = 0;
    }
    irq_update(c);
}

/* ---- registers ---------------------------------------------------------------------------- */

static uint8_t register_read(struct channel *c, unsigned reg)
{
    struct channel_regs *r = c->r;
    const struct unit_regs *u = &r->unit[r->selected];
    bool hob = r->control & CONTROL_HOB;

    if (c->drive[r->selected].kind == ATA_ABSENT)
        return 0;
    switch (reg) {
    case R_ERROR: return hob ? 0 : u->error;
    case R_COUNT: return hob ? u->old_count : u->count;
    case R_LBA0:
    case R_LBA1:
    case R_LBA2: return hob ? u->old_lba[reg - R_LBA0] : u->lba[reg - R_LBA0];
    case R_DEVICE: return u->device | 0xa0;
    case R_STATUS:
        r->irq = 0;
        irq_update(c);
        return u->status;
    default: return 0;
    }
}

static void unit_write(struct unit_regs *u, unsigned reg, uint8_t v)
{
    switch (reg) {
    case R_ERROR:
        u->old_features = u->features;
        u->features = v;
        break;
    case R_COUNT:
        u->old_count = u->count;
        u->count = v;
        break;
    case R_LBA0:
    case R_LBA1:
    case R_LBA2:
        u->old_lba[reg - R_LBA0] = u->lba[reg - R_LBA0];
        u->lba[reg - R_LBA0] = v;
        break;
    case R_DEVICE: u->device = v; break;
    default: break;
    }
}

static void register_write(struct channel *c, unsigned reg, uint8_t v)
{
    c->r->control &= (uint8_t)~CONTROL_HOB;
    if (reg == R_STATUS) {
        command(c, v);
        return;
    }
    if (reg == R_DEVICE)
        c->r->selected = v & DEVICE_1 ? 1 : 0;
    /* A busy drive does not look at its registers. */
    for (unsigned i = 0; i < 2; i++)
        if (!(c->r->unit[i].status & ATA_SR_BUSY))
            unit_write(&c->r->unit[i], reg, v);
}

static uint64_t command_read(struct channel *c, uint64_t off, unsigned size)
{
    uint64_t v = 0;

    if (off == R_DATA && size > 1)
        return c->drive[c->r->selected].kind == ATA_ABSENT ? 0 : data_read(c, size);
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)register_read(c, (unsigned)off + i) << 8 * i;
    return v;
}

static void command_write(struct channel *c, uint64_t off, unsigned size, uint64_t v)
{
    if (off == R_DATA && size > 1) {
        data_write(c, size, v);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        register_write(c, (unsigned)off + i, (uint8_t)(v >> 8 * i));
}

/* Both channels' windows, as the bus calls them. */
#define CHANNEL_OPS(n)                                                                          \
    static uint64_t command##n##_read(struct dev *dev, uint64_t off, unsigned size)             \
    {                                                                                           \
        return command_read(&ide_of(dev)->channel[n], off, size);                               \
    }                                                                                           \
    static void command##n##_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)    \
    {                                                                                           \
        command_write(&ide_of(dev)->channel[n], off, size, v);                                  \
    }                                                                                           \
    static uint64_t control##n##_read(struct dev *dev, uint64_t off, unsigned size)             \
    {                                                                                           \
        const struct channel *c = &ide_of(dev)->channel[n];                                     \
        (void)off;                                                                              \
        (void)size;                                                                             \
        return c->drive[c->r->selected].kind == ATA_ABSENT                                      \
                   ? 0                                                                          \
                   : c->r->unit[c->r->selected].status;                                         \
    }                                                                                           \
    static void control##n##_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)    \
    {                                                                                           \
        (void)off;                                                                              \
        (void)size;                                                                             \
        control_write(&ide_of(dev)->channel[n], (uint8_t)v);                                    \
    }                                                                                           \
    static const struct window_ops command##n##_ops = {command##n##_read, command##n##_write, 1, 4}; \
    static const struct window_ops control##n##_ops = {control##n##_read, control##n##_write, 1, 1};

CHANNEL_OPS(0)
CHANNEL_OPS(1)

static uint8_t bm_byte(const struct channel_regs *r, unsigned reg)
{
    switch (reg) {
    case 0: return r->bm_command;
    case 2: return r->bm_status;
    case 4:
    case 5:
    case 6:
    case 7: return (uint8_t)(r->bm_table >> 8 * (reg - 4));
    default: return 0;
    }
}

static void bm_byte_write(struct channel *c, unsigned reg, uint8_t v)
{
    struct channel_regs *r = c->r;

    switch (reg) {
    case 0: {
        bool starts = (v & BM_START) && !(r->bm_command & BM_START);
        bool stops = !(v & BM_START) && (r->bm_command & BM_START);
        if (stops && r->state == BUSY && r->task.protocol == ATA_DMA)
            channel_stop(c);
        r->bm_command = v & (BM_START | BM_TO_MEMORY);
        if (stops)
            r->bm_status &= (uint8_t)~BMS_ACTIVE;
        if (starts) {
            r->bm_status |= BMS_ACTIVE;
            r->prd = r->prd_left = r->prd_last = 0;
            dma_go(c);
        }
        break;
    }
    case 2:
        r->bm_status = (uint8_t)((r->bm_status & ~(v & (BMS_ERROR | BMS_IRQ)) & ~BMS_CAPABLE) |
                                 (v & BMS_CAPABLE));
        break;
    case 4:
    case 5:
    case 6:
    case 7: {
        unsigned shift = 8 * (reg - 4);
        r->bm_table = ((r->bm_table & ~(0xffu << shift)) | (uint32_t)v << shift) & ~3u;
        break;
    }
    default: break;
    }
}

static uint64_t bm_read(struct dev *dev, uint64_t off, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)bm_byte(&ide_of(dev)->regs.channel[off >> 3 & 1], (unsigned)(off + i) & 7)
             << 8 * i;
    return v;
}

static void bm_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        bm_byte_write(&ide_of(dev)->channel[off >> 3 & 1], (unsigned)(off + i) & 7,
                      (uint8_t)(v >> 8 * i));
}

/* ---- the device --------------------------------------------------------------------------- */

void ide_piix3_attach(struct dev *dev, unsigned drive, struct blk *blk, bool cdrom,
                      const char *serial)
{
    struct channel *c = &ide_of(dev)->channel[drive >> 1 & 1];

    ata_drive_attach(&c->drive[drive & 1], blk, cdrom, serial);
    c->r->bm_status |= BMS_CAPABLE;
}

static void ide_reset(struct dev *dev)
{
    struct ide *ide = ide_of(dev);

    for (unsigned n = 0; n < CHANNELS; n++) {
        struct channel *c = &ide->channel[n];
        channel_stop(c);
        memset(c->r, 0, sizeof(*c->r));
        for (unsigned i = 0; i < 2; i++) {
            ata_drive_reset(&c->drive[i]);
            signature(c, i);
        }
        irq_update(c);
    }
    pci_reset(&ide->pci);
}

/* A record from outside: positions must lie where they may. */
static void channel_check(struct channel *c)
{
    struct channel_regs *r = c->r;

    r->selected &= 1;
    r->running &= 1;
    r->filled = MIN(r->filled, ATA_CHUNK);
    r->block_end = MIN(r->block_end, r->filled);
    r->pos = MIN(r->pos, r->state == PACKET_IN ? (uint32_t)ATA_PACKET_LEN - 1 : r->block_end);
    const struct ata_drive *d = drive_of(c);
    const struct ata_task *t = &r->task;
    bool image = t->action == ATA_READ || t->action == ATA_WRITE;
    uint64_t size = d->blk ? d->blk->size : 0;
    if (r->state > WAIT_DMA || t->done > t->len || t->action > ATA_PACKET ||
        (image && (t->offset > size || t->len > size - t->offset || t->len % BLK_SECTOR ||
                   t->done % BLK_SECTOR || t->offset % BLK_SECTOR)) ||
        (!image && t->len > ATA_CHUNK) || d->kind == ATA_ABSENT ||
        (t->action == ATA_WRITE && (t->to_host || d->blk->readonly)) ||
        (r->state == DATA && r->pos == r->block_end))
        r->state = IDLE;
    for (unsigned i = 0; i < 2; i++)
        if (r->unit[i].drive.multiple > 16)
            r->unit[i].drive.multiple = 16;
    irq_update(c);
}

static void ide_loaded(struct dev *dev)
{
    struct ide *ide = ide_of(dev);

    pci_loaded(&ide->pci);
    for (unsigned n = 0; n < CHANNELS; n++)
        channel_check(&ide->channel[n]);
}

/* Transfers that need nothing of the guest end first. */
static void ide_presave(struct dev *dev)
{
    ata_ios_settle(&ide_of(dev)->ios);
}

static int ide_init(struct dev *dev, struct error *err)
{
    static const struct pci_id id = {.vendor = 0x8086,
                                     .device = 0x7010,
                                     .subsystem_vendor = 0x1af4,
                                     .subsystem = 0x1100,
                                     .class_code = 0x010180};
    struct ide *ide = ide_of(dev);

    (void)err;
    ata_ios_init(&ide->ios, dev);
    pci_init(&ide->pci, &ide->regs.pci, &id);
    pci_bar(&ide->pci, 4, PCI_BAR_IO, &dev->windows[IDE_PIIX3_WIN_BUS_MASTER]);
    st_le32(ide->pci.reset_config + 0x40, 0x80008000); /* both channels decoded, as by firmware */
    st_le32(ide->pci.wmask + 0x40, 0xf3fff3ff);
    ide->pci.wmask[0x44] = 0xff;
    for (unsigned n = 0; n < CHANNELS; n++) {
        struct channel *c = &ide->channel[n];
        *c = (struct channel){.ide = ide, .r = &ide->regs.channel[n], .n = n};
        for (unsigned i = 0; i < 2; i++)
            ata_drive_init(&c->drive[i], &c->r->unit[i].drive, false);
    }
    return 0;
}

static void ide_fini(struct dev *dev)
{
    struct ide *ide = ide_of(dev);

    for (unsigned n = 0; n < CHANNELS; n++)
        for (unsigned i = 0; i < 2; i++)
            blk_drain(ide->channel[n].drive[i].blk);
    pthread_mutex_lock(&dev->lock);
    for (unsigned n = 0; n < CHANNELS; n++)
        channel_stop(&ide->channel[n]);
    pthread_mutex_unlock(&dev->lock);
    ata_ios_fini(&ide->ios);
    pci_fini(&ide->pci);
}

static const struct window_ops bm_ops = {bm_read, bm_write, 1, 4};
static const struct dev_window_desc ide_windows[] = {
    {"command0", 8, &command0_ops}, {"control0", 1, &control0_ops}, {"command1", 8, &command1_ops},
    {"control1", 1, &control1_ops}, {"bus-master", 16, &bm_ops},    {0},
};
static const char *const ide_lines[] = {"irq0", "irq1", NULL};
static const struct dev_counter ide_counters[] = {
    {"commands", offsetof(struct ide, n_commands)},
    {"errors", offsetof(struct ide, n_errors)},
    {"bad_dma", offsetof(struct ide, n_bad_dma)},
    {0},
};

const struct dev_type ide_piix3_type = {
    .name = "ide_piix3",
    .help = "IDE controller of the PIIX3",
    .size = sizeof(struct ide),
    .regs = offsetof(struct ide, regs),
    .state = &ide_state,
    .windows = ide_windows,
    .lines = ide_lines,
    .counters = ide_counters,
    .init = ide_init,
    .fini = ide_fini,
    .reset = ide_reset,
    .loaded = ide_loaded,
    .presave = ide_presave,
};
