/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ata: commands of a hard disk [ACS3 7], and what both kinds of drive share.
 *
 * Not modelled: sectors other than 512 bytes, cylinder-head-sector beyond the default geometry,
 * power states (they are stored nowhere and answered "active"), SMART, security, TRIM, host protected
 * area, streaming, log pages but 10h (queued error), DMA modes (any is as fast as the image).
 */
#include "dev/ata/ata.h"

#include <stdio.h>

#include "base/endian.h"
#include "base/trace.h"
#include "dev/ata/atapi.h"

#define SECTOR BLK_SECTOR
#define HEADS 16u
#define TRACK 63u /* sectors */
#define LBA28_MAX UINT32_C(0x0fffffff)
#define MULTIPLE_MAX 16u
#define QUEUE 32u
#define LBA_BIT 0x40 /* of the device register */

const struct field ata_regs_fields[] = {
    FIELD(struct ata_regs, failed_lba),    FIELD(struct ata_regs, sense),
    FIELD(struct ata_regs, asc),           FIELD(struct ata_regs, ascq),
    FIELD(struct ata_regs, attention),     FIELD(struct ata_regs, multiple),
    FIELD(struct ata_regs, write_cache),   FIELD(struct ata_regs, locked),
    FIELD(struct ata_regs, failed_tag),    FIELD(struct ata_regs, failed_status),
    FIELD(struct ata_regs, failed_error),  FIELD_BYTES(struct ata_regs, unused),
    FIELD_END,
};
const struct field ata_task_fields[] = {
    FIELD(struct ata_task, lba),      FIELD(struct ata_task, offset),
    FIELD(struct ata_task, count),    FIELD(struct ata_task, len),
    FIELD(struct ata_task, done),     FIELD(struct ata_task, features),
    FIELD(struct ata_task, command),  FIELD(struct ata_task, device),
    FIELD(struct ata_task, tag),      FIELD(struct ata_task, status),
    FIELD(struct ata_task, error),    FIELD(struct ata_task, action),
    FIELD(struct ata_task, protocol), FIELD(struct ata_task, to_host),
    FIELD(struct ata_task, fua),      FIELD_BYTES(struct ata_task, packet),
    FIELD(struct ata_task, flushing), FIELD_BYTES(struct ata_task, unused),
    FIELD_END,
};

void ata_drive_init(struct ata_drive *d, struct ata_regs *regs, bool serial_ata)
{
    *d = (struct ata_drive){.regs = regs, .serial_ata = serial_ata};
}

void ata_drive_attach(struct ata_drive *d, struct blk *blk, bool cdrom, const char *serial)
{
    d->kind = cdrom ? ATA_CDROM : ATA_HARD_DISK;
    d->blk = blk;
    snprintf(d->serial, sizeof(d->serial), "%s", serial ? serial : cdrom ? "QUADCD1" : "QUADHD1");
    ata_drive_reset(d);
}

void ata_drive_reset(struct ata_drive *d)
{
    *d->regs = (struct ata_regs){.multiple = MULTIPLE_MAX, .write_cache = 1};
    if (d->kind == ATA_CDROM)
        d->regs->attention = 1;
}

uint32_t ata_signature(const struct ata_drive *d)
{
    return d->kind == ATA_CDROM ? 0xeb140101 : 0x00000101;
}

/* ---- identify ----------------------------------------------------------------------------- */

static void put_text(uint8_t *to, const char *text, size_t len)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < len; i++)
        to[i ^ 1] = (uint8_t)(i < n ? text[i] : ' '); /* the first letter is a word's upper half */
}

static void put_common(const struct ata_drive *d, uint8_t *b)
{
    put_text(b + 20, d->serial, ATA_SERIAL);
    put_text(b + 46, "1", 8);
    put_text(b + 54, d->kind == ATA_CDROM ? "QUADRIVIUM CD-ROM" : "QUADRIVIUM DISK", 40);
    st_le16(b + 98, 0x0f00);  /* LBA, DMA, IORDY */
    st_le16(b + 106, 0x0006); /* words 64..70 and 88 are valid */
    st_le16(b + 126, 0x0007); /* multiword DMA 0..2 */
    st_le16(b + 128, 0x0003); /* PIO 3, 4 */
    for (unsigned w = 65; w <= 68; w++)
        st_le16(b + 2 * (size_t)w, 120); /* cycle times, ns */
    st_le16(b + 160, 0x01f0); /* ATA-4 to ATA8-ACS */
    st_le16(b + 176, 0x203f); /* Ultra DMA 0..5, 5 chosen */
    if (d->serial_ata)
        st_le16(b + 152, 0x0006); /* 1.5 and 3 Gbit/s */
    else
        st_le16(b + 186, 0x6001); /* 80-wire cable, device 0 passed its test */
}

static void identify_disk(const struct ata_drive *d, uint8_t *b)
{
    uint64_t sectors = d->blk->size / SECTOR;
    uint64_t cylinders = MIN(sectors / (HEADS * TRACK), UINT64_C(16383));
    uint32_t lba28 = (uint32_t)MIN(sectors, (uint64_t)LBA28_MAX);

    st_le16(b, 0x0040);
    st_le16(b + 2, (uint16_t)cylinders);
    st_le16(b + 6, HEADS);
    st_le16(b + 12, TRACK);
    st_le16(b + 94, 0x8000 | MULTIPLE_MAX);
    st_le16(b + 100, 0x4000);
    st_le16(b + 106, 0x0007);
    st_le16(b + 108, (uint16_t)cylinders);
    st_le16(b + 110, HEADS);
    st_le16(b + 112, TRACK);
    st_le32(b + 114, (uint32_t)cylinders * HEADS * TRACK);
    if (d->regs->multiple)
        st_le16(b + 118, 0x0100 | d->regs->multiple);
    st_le32(b + 120, lba28);
    if (d->serial_ata) {
        st_le16(b + 150, QUEUE - 1);
        st_le16(b + 152, 0x0106); /* and queued commands */
    }
    uint16_t cache = d->regs->write_cache ? 1 << 5 : 0;
    st_le16(b + 164, 1 << 14 | 1 << 5);
    st_le16(b + 166, 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10); /* flush, 48 bits */
    st_le16(b + 168, 1 << 14 | 1 << 6);                      /* write through */
    st_le16(b + 170, (uint16_t)(1 << 14 | cache));
    st_le16(b + 172, 1 << 13 | 1 << 12 | 1 << 10);
    st_le16(b + 174, 1 << 14 | 1 << 6);
    st_le64(b + 200, sectors);
    st_le16(b + 434, 1); /* does not rotate */
}

void ata_identify(const struct ata_drive *d, uint8_t *b)
{
    uint8_t sum = 0;

    memset(b, 0, SECTOR);
    put_common(d, b);
    if (d->kind == ATA_CDROM) {
        st_le16(b, 0x85c0); /* packets of 12 bytes, CD, removable */
        st_le16(b + 164, 1 << 14 | 1 << 9 | 1 << 4);
        st_le16(b + 166, 1 << 14);
        st_le16(b + 168, 1 << 14);
        st_le16(b + 170, 1 << 14 | 1 << 9 | 1 << 4);
        st_le16(b + 174, 1 << 14);
    } else {
        identify_disk(d, b);
    }
    b[510] = 0xa5; /* integrity word */
    for (unsigned i = 0; i < 511; i++)
        sum = (uint8_t)(sum + b[i]);
    b[511] = (uint8_t)-sum;
}

/* ---- ends --------------------------------------------------------------------------------- */

static void done(const struct ata_drive *d, struct ata_task *t)
{
    t->action = ATA_DONE;
    t->status = d->kind == ATA_CDROM ? ATA_SR_READY : ATA_SR_READY | ATA_SR_SEEK;
    t->error = 0;
}

void ata_abort(struct ata_drive *d, struct ata_task *t, uint8_t error)
{
    done(d, t);
    t->status |= ATA_SR_ERR;
    t->error = error;
    d->n_errors++;
    TRACE(ata_error, "command=%#x lba=%#" PRIx64 " error=%#x", t->command, t->lba, error);
    if (t->protocol == ATA_QUEUED) {
        d->regs->failed_tag = t->tag;
        d->regs->failed_status = t->status;
        d->regs->failed_error = error;
        d->regs->failed_lba = t->lba;
    }
}

bool ata_end(struct ata_drive *d, struct ata_task *t, int result)
{
    if (result) {
        if (d->kind == ATA_CDROM)
            atapi_fail(d, t, SENSE_MEDIUM_ERROR, 0x11, 0); /* unrecovered read error */
        else
            ata_abort(d, t, t->to_host ? ATA_ER_BAD : ATA_ER_ABORT);
        return false;
    }
    if (t->action == ATA_WRITE && (t->fua || !d->regs->write_cache) && !t->flushing) {
        t->flushing = 1;
        t->action = ATA_FLUSH;
        return true;
    }
    done(d, t);
    if (d->kind == ATA_CDROM)
        t->count = ATA_IR_COMMAND | ATA_IR_TO_HOST;
    return false;
}

/* ---- commands ----------------------------------------------------------------------------- */

enum {
    C_NOP = 0x00,
    C_DEVICE_RESET = 0x08,
    C_READ_EXT = 0x24,
    C_READ_DMA_EXT = 0x25,
    C_NATIVE_MAX_EXT = 0x27,
    C_READ_MULTIPLE_EXT = 0x29,
    C_READ_LOG_EXT = 0x2f,
    C_WRITE_EXT = 0x34,
    C_WRITE_DMA_EXT = 0x35,
    C_WRITE_MULTIPLE_EXT = 0x39,
    C_WRITE_DMA_FUA_EXT = 0x3d,
    C_VERIFY_EXT = 0x42,
    C_READ_QUEUED = 0x60,
    C_WRITE_QUEUED = 0x61,
    C_DIAGNOSE = 0x90,
    C_PACKET = 0xa0,
    C_IDENTIFY_PACKET = 0xa1,
    C_WRITE_MULTIPLE_FUA_EXT = 0xce,
    C_FLUSH = 0xe7,
    C_FLUSH_EXT = 0xea,
    C_IDENTIFY = 0xec,
    C_SET_FEATURES = 0xef,
    C_NATIVE_MAX = 0xf8,
};
enum { M_48 = 1, M_WRITE = 2, M_DMA = 4, M_QUEUED = 8, M_MULTIPLE = 16, M_FUA = 32, M_VERIFY = 64 };

/* Commands that move sectors. */
static const struct transfer {
    uint8_t command, mode;
} transfers[] = {
    {0x20, 0},
    {0x21, 0},
    {C_READ_EXT, M_48},
    {C_READ_DMA_EXT, M_48 | M_DMA},
    {C_READ_MULTIPLE_EXT, M_48 | M_MULTIPLE},
    {0x30, M_WRITE},
    {0x31, M_WRITE},
    {C_WRITE_EXT, M_WRITE | M_48},
    {C_WRITE_DMA_EXT, M_WRITE | M_48 | M_DMA},
    {C_WRITE_MULTIPLE_EXT, M_WRITE | M_48 | M_MULTIPLE},
    {C_WRITE_DMA_FUA_EXT, M_WRITE | M_48 | M_DMA | M_FUA},
    {0x40, M_VERIFY},
    {0x41, M_VERIFY},
    {C_VERIFY_EXT, M_VERIFY | M_48},
    {C_READ_QUEUED, M_48 | M_DMA | M_QUEUED},
    {C_WRITE_QUEUED, M_WRITE | M_48 | M_DMA | M_QUEUED},
    {0xc4, M_MULTIPLE},
    {0xc5, M_WRITE | M_MULTIPLE},
    {0xc8, M_DMA},
    {0xc9, M_DMA},
    {0xca, M_WRITE | M_DMA},
    {0xcb, M_WRITE | M_DMA},
    {C_WRITE_MULTIPLE_FUA_EXT, M_WRITE | M_48 | M_MULTIPLE | M_FUA},
};

static const struct transfer *transfer_of(uint8_t command)
{
    for (size_t i = 0; i < ARRAY_LEN(transfers); i++)
        if (transfers[i].command == command)
            return &transfers[i];
    return NULL;
}

bool ata_is_48bit(uint8_t command)
{
    const struct transfer *x = transfer_of(command);

    return x ? x->mode & M_48
             : command == C_FLUSH_EXT || command == C_NATIVE_MAX_EXT ||
                   command == C_READ_LOG_EXT;
}

/* The sector that a 28-bit command names: by number, or by cylinder, head and sector. */
static uint64_t sector_of(const struct ata_task *t, bool wide)
{
    uint64_t v = t->lba;

    if (wide)
        return v;
    if (t->device & LBA_BIT)
        return (v & 0xffffff) | (uint64_t)(t->device & 15) << 24;
    uint64_t cylinder = v >> 8 & 0xffff, head = t->device & 15, sector = v & 0xff;
    return sector ? (cylinder * HEADS + head) * TRACK + sector - 1 : UINT64_MAX;
}

static void begin_transfer(struct ata_drive *d, struct ata_task *t, unsigned mode)
{
    bool wide = mode & M_48, queued = mode & M_QUEUED;
    uint64_t sector = sector_of(t, wide), all = d->blk->size / SECTOR;
    uint32_t n = queued ? t->features : wide ? t->count & 0xffff : t->count & 0xff;

    if (!n)
        n = wide ? 65536 : 256;
    t->protocol = queued ? ATA_QUEUED : mode & M_DMA ? ATA_DMA : ATA_PIO;
    t->tag = queued ? (uint8_t)(t->count >> 3 & 31) : 0;
    t->fua = (mode & M_FUA) || (queued && (t->device & 0x80));
    if ((queued && !d->serial_ata) || ((mode & M_MULTIPLE) && !d->regs->multiple) ||
        ((mode & M_WRITE) && d->blk->readonly)) {
        ata_abort(d, t, ATA_ER_ABORT);
        return;
    }
    if (sector >= all || n > all - sector) {
        ata_abort(d, t, ATA_ER_NOT_FOUND);
        return;
    }
    if (mode & M_VERIFY) {
        done(d, t);
        return;
    }
    t->offset = sector * SECTOR;
    t->len = n * SECTOR;
    t->to_host = !(mode & M_WRITE);
    t->action = mode & M_WRITE ? ATA_WRITE : ATA_READ;
}

static void answer(struct ata_task *t, uint32_t len)
{
    t->action = ATA_BUFFER;
    t->to_host = 1;
    t->len = len;
}

/* Page 10h: the queued command that failed [ACS3 9.12]. */
static void read_log(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    struct ata_regs *r = d->regs;
    uint8_t sum = 0;

    if ((t->lba & 0xff) != 0x10 || (t->count & 0xffff) != 1) {
        ata_abort(d, t, ATA_ER_ABORT);
        return;
    }
    memset(b, 0, SECTOR);
    b[0] = r->failed_status ? r->failed_tag : 0x80;
    b[2] = r->failed_status;
    b[3] = r->failed_error;
    for (unsigned i = 0; i < 3; i++) {
        b[4 + i] = (uint8_t)(r->failed_lba >> 8 * i);
        b[8 + i] = (uint8_t)(r->failed_lba >> (24 + 8 * i));
    }
    for (unsigned i = 0; i < 511; i++)
        sum = (uint8_t)(sum + b[i]);
    b[511] = (uint8_t)-sum;
    r->failed_status = 0;
    answer(t, SECTOR);
}

static void set_features(struct ata_drive *d, struct ata_task *t)
{
    switch (t->features & 0xff) {
    case 0x02: d->regs->write_cache = 1; break;
    case 0x82: d->regs->write_cache = 0; break;
    case 0x03: /* transfer mode: all are the same */
    case 0x55: /* read ahead */
    case 0xaa:
    case 0x66: /* settings after reset */
    case 0xcc: break;
    default: ata_abort(d, t, ATA_ER_ABORT); return;
    }
    done(d, t);
}

static void native_max(const struct ata_drive *d, struct ata_task *t, bool wide)
{
    uint64_t last = d->blk->size / SECTOR - 1;

    done(d, t);
    if (wide) {
        t->lba = last;
        return;
    }
    last = MIN(last, (uint64_t)LBA28_MAX - 1);
    t->lba = last & 0xffffff;
    t->device = (uint8_t)((t->device & 0xf0) | last >> 24);
}

static void begin_disk(struct ata_drive *d, struct ata_task *t, uint8_t *buf)
{
    const struct transfer *x = transfer_of(t->command);

    if (x) {
        begin_transfer(d, t, x->mode);
        return;
    }
    switch (t->command) {
    case C_IDENTIFY:
        ata_identify(d, buf);
        answer(t, SECTOR);
        break;
    case C_FLUSH:
    case C_FLUSH_EXT: t->action = ATA_FLUSH; break;
    case C_READ_LOG_EXT: read_log(d, t, buf); break;
    case C_NATIVE_MAX: native_max(d, t, false); break;
    case C_NATIVE_MAX_EXT: native_max(d, t, true); break;
    case 0xc6: /* set multiple: a power of two */
        if ((t->count & 0xff) > MULTIPLE_MAX || (t->count & (t->count - 1) & 0xff)) {
            ata_abort(d, t, ATA_ER_ABORT);
            break;
        }
        d->regs->multiple = (uint8_t)t->count;
        done(d, t);
        break;
    case 0x91: /* geometry */
    case 0x70: /* seek */ done(d, t); break;
    default:
        if ((t->command & 0xf0) == 0x10) { /* recalibrate */
            done(d, t);
            break;
        }
        d->n_unknown += t->command != C_PACKET && t->command != C_IDENTIFY_PACKET;
        ata_abort(d, t, ATA_ER_ABORT);
    }
}

static void begin_cdrom(struct ata_drive *d, struct ata_task *t, uint8_t *buf)
{
    switch (t->command) {
    case C_IDENTIFY_PACKET:
        ata_identify(d, buf);
        answer(t, SECTOR);
        break;
    case C_PACKET:
        t->protocol = t->features & 1 ? ATA_DMA : ATA_PIO;
        t->action = ATA_PACKET;
        break;
    case C_FLUSH: done(d, t); break;
    case C_DEVICE_RESET:
        ata_drive_reset(d);
        done(d, t);
        t->status = 0;
        t->error = 1;
        t->count = 1;
        t->lba = 0xeb1401;
        break;
    case C_IDENTIFY: /* refused, with the signature of a packet device */
    case 0x20:
        ata_abort(d, t, ATA_ER_ABORT);
        t->count = 1;
        t->lba = 0xeb1401;
        break;
    default:
        d->n_unknown++;
        ata_abort(d, t, ATA_ER_ABORT);
    }
}

void ata_begin(struct ata_drive *d, struct ata_task *t, uint8_t *buf)
{
    d->n_commands++;
    t->len = t->done = 0;
    t->to_host = t->fua = t->flushing = 0;
    t->protocol = ATA_PIO;
    TRACE(ata_command, "command=%#x lba=%#" PRIx64 " count=%#x features=%#x", t->command, t->lba,
          t->count, t->features);
    switch (t->command) {
    case C_SET_FEATURES: set_features(d, t); return;
    case C_DIAGNOSE:
        done(d, t);
        t->error = 1; /* passed */
        t->count = 1;
        t->lba = ata_signature(d) >> 8;
        t->device = 0;
        return;
    case 0xe0: /* power: standby, idle, sleep; check says active */
    case 0xe1:
    case 0xe2:
    case 0xe3:
    case 0xe5:
    case 0xe6:
        done(d, t);
        if (t->command == 0xe5)
            t->count = 0xff;
        return;
    default: break;
    }
    if (d->kind == ATA_CDROM)
        begin_cdrom(d, t, buf);
    else
        begin_disk(d, t, buf);
}
