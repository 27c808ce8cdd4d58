/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * atapi: packet commands of a CD drive with one data track [MMC5 6] [SPC3 6].
 *
 * Numbers in packets are big-endian. After a failed command the error register holds the sense key
 * in its upper half, and REQUEST SENSE tells the rest.
 *
 * Not modelled: writing, audio, subchannels but for their header, changing the disc while the guest
 * runs (a disc is there from the start, and eject is refused while locked, else forgotten), DVD
 * structures, several sessions.
 */
#include "dev/ata/atapi.h"

#include "base/endian.h"
#include "base/trace.h"

enum {
    TEST_UNIT_READY = 0x00,
    REQUEST_SENSE = 0x03,
    INQUIRY = 0x12,
    START_STOP = 0x1b,
    PREVENT_REMOVAL = 0x1e,
    READ_CAPACITY = 0x25,
    READ_10 = 0x28,
    SEEK_10 = 0x2b,
    READ_SUBCHANNEL = 0x42,
    READ_TOC = 0x43,
    GET_CONFIGURATION = 0x46,
    GET_EVENT = 0x4a,
    READ_DISC_INFORMATION = 0x51,
    MODE_SENSE_10 = 0x5a,
    READ_12 = 0xa8,
    SET_SPEED = 0xbb,
    MECHANISM_STATUS = 0xbd,
    READ_CD = 0xbe,
};
enum { ASC_BAD_COMMAND = 0x20, ASC_BAD_ADDRESS = 0x21, ASC_BAD_FIELD = 0x24,
       ASC_MEDIUM_CHANGED = 0x28, ASC_NO_SAVING = 0x39, ASC_NO_MEDIUM = 0x3a,
       ASC_REMOVAL_PREVENTED = 0x53 };

void atapi_fail(struct ata_drive *d, struct ata_task *t, uint8_t key, uint8_t asc, uint8_t ascq)
{
    struct ata_regs *r = d->regs;

    ata_abort(d, t, (uint8_t)(key << 4 | ATA_ER_ABORT));
    t->count = ATA_IR_COMMAND | ATA_IR_TO_HOST;
    r->sense = key;
    r->asc = asc;
    r->ascq = ascq;
    TRACE(atapi_fail, "packet=%#x key=%u asc=%#x", t->packet[0], key, asc);
}

static void done(struct ata_drive *d, struct ata_task *t)
{
    ata_end(d, t, 0);
}

/* At most what the packet has room for. */
static void answer(struct ata_drive *d, struct ata_task *t, uint32_t len, uint32_t room)
{
    t->len = MIN(len, room);
    if (!t->len) {
        done(d, t);
        return;
    }
    t->action = ATA_BUFFER;
    t->to_host = 1;
}

static uint32_t blocks(const struct ata_drive *d)
{
    uint64_t n = d->blk ? d->blk->size / CD_SECTOR : 0;

    return (uint32_t)MIN(n, (uint64_t)UINT32_MAX);
}

static void request_sense(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    struct ata_regs *r = d->regs;

    memset(b, 0, 18);
    if (r->attention && !r->sense) {
        r->sense = SENSE_UNIT_ATTENTION;
        r->asc = ASC_MEDIUM_CHANGED;
        r->attention = 0;
    }
    b[0] = 0x70;
    b[2] = r->sense;
    b[7] = 10;
    b[12] = r->asc;
    b[13] = r->ascq;
    r->sense = r->asc = r->ascq = 0;
    answer(d, t, 18, t->packet[4]);
}

static void inquiry(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    if (t->packet[1] & 1) { /* vital product data */
        atapi_fail(d, t, SENSE_ILLEGAL_REQUEST, ASC_BAD_FIELD, 0);
        return;
    }
    memset(b, 0, 36);
    b[0] = 5; /* CD or DVD */
    b[1] = 0x80;
    b[3] = 0x21; /* ATAPI */
    b[4] = 31;
    memcpy(b + 8, "QUAD    QUADRIVIUM CDROM1   ", 28);
    answer(d, t, 36, ld_be16(t->packet + 3));
}

static void read_blocks(struct ata_drive *d, struct ata_task *t, uint32_t lba, uint32_t n)
{
    if (lba > blocks(d) || n > blocks(d) - lba || n > UINT32_MAX / CD_SECTOR) {
        atapi_fail(d, t, SENSE_ILLEGAL_REQUEST, ASC_BAD_ADDRESS, 0);
        return;
    }
    if (!n) {
        done(d, t);
        return;
    }
    t->offset = (uint64_t)lba * CD_SECTOR;
    t->len = n * CD_SECTOR;
    t->to_host = 1;
    t->action = ATA_READ;
}

/* READ CD: user data of a mode 1 sector is all there is. */
static void read_cd(struct ata_drive *d, struct ata_task *t)
{
    const uint8_t *p = t->packet;
    uint32_t n = (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];

    if ((p[9] & 0xf8) == 0)
        done(d, t);
    else if ((p[9] & 0xf8) == 0x10)
        read_blocks(d, t, ld_be32(p + 2), n);
    else
        atapi_fail(d, t, SENSE_ILLEGAL_REQUEST, ASC_BAD_FIELD, 0);
}

/* An address as minutes, seconds and frames where asked for. */
static void put_address(uint8_t *b, uint32_t lba, bool msf)
{
    if (!msf) {
        st_be32(b, lba);
        return;
    }
    lba += 150;
    b[0] = 0;
    b[1] = (uint8_t)(lba / 4500);
    b[2] = (uint8_t)(lba / 75 % 60);
    b[3] = (uint8_t)(lba % 75);
}

static void read_toc(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    bool msf = t->packet[1] & 2;
    unsigned format = t->packet[2] & 15 ? t->packet[2] & 15 : t->packet[9] >> 6;
    unsigned track = t->packet[6];
    uint32_t len = 4;

    memset(b, 0, 64);
    b[2] = b[3] = 1; /* first and last track or session */
    if (format == 1) {
        b[5] = 0x14;
        b[6] = 1;
        put_address(b + 8, 0, msf);
        len = 12;
    } else if (format == 0 && (track <= 1 || track == 0xaa)) {
        if (track <= 1) {
            b[len + 1] = 0x14; /* a data track */
            b[len + 2] = 1;
            put_address(b + len + 4, 0, msf);
            len += 8;
        }
        b[len + 1] = 0x16;
        b[len + 2] = 0xaa; /* lead-out */
        put_address(b + len + 4, blocks(d), msf);
        len += 8;
    } else {
        atapi_fail(d, t, SENSE_ILLEGAL_REQUEST, ASC_BAD_FIELD, 0);
        return;
    }
    st_be16(b, (uint16_t)(len - 2));
    answer(d, t, len, ld_be16(t->packet + 7));
}

/* Features: profile list, core, removable medium, CD read [MMC5 5.3]. */
static void get_configuration(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    static const uint8_t features[] = {
        0, 0, 3, 4, 0, 8, 1, 0,             /* profiles: CD-ROM, current */
        0, 1, 7, 8, 0, 0, 0, 2, 0, 0, 0, 0, /* core, on ATAPI */
        0, 3, 3, 4, 0x29, 0, 0, 0,          /* removable: tray, eject, lock */
        0, 0x1e, 3, 4, 0, 0, 0, 0,          /* CD read */
    };

    memset(b, 0, 8);
    st_be32(b, 4 + sizeof(features));
    st_be16(b + 6, 8);
    memcpy(b + 8, features, sizeof(features));
    answer(d, t, 8 + sizeof(features), ld_be16(t->packet + 7));
}

/* Page 2Ah, capabilities [MMC5 annex]; others are refused. */
static void mode_sense(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    unsigned page = t->packet[2] & 0x3f;

    if (t->packet[2] >> 6 == 3) {
        atapi_fail(d, t, SENSE_ILLEGAL_REQUEST, ASC_NO_SAVING, 0);
        return;
    }
    memset(b, 0, 64);
    uint32_t len = 8;
    if (page == 0x01 || page == 0x3f) { /* error recovery */
        b[len] = 0x01;
        b[len + 1] = 6;
        b[len + 3] = 5; /* tries */
        len += 8;
    }
    if (page == 0x2a || page == 0x3f) {
        b[len] = 0x2a;
        b[len + 1] = 0x12;
        b[len + 2] = 0x03; /* reads CD-R and CD-RW */
        b[len + 4] = 0x71; /* mode 2, multi-session */
        b[len + 6] = d->regs->locked ? 0x2b : 0x29; /* tray, eject, lock */
        st_be16(b + len + 8, 4234); /* KB/s: 24 x */
        st_be16(b + len + 12, 512); /* KiB of buffer */
        st_be16(b + len + 14, 4234);
        len += 20;
    }
    if (len == 8) {
        atapi_fail(d, t, SENSE_ILLEGAL_REQUEST, ASC_BAD_FIELD, 0);
        return;
    }
    st_be16(b, (uint16_t)(len - 2));
    b[2] = 0x01; /* a data disc of 120 mm */
    answer(d, t, len, ld_be16(t->packet + 7));
}

static void get_event(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    if (!(t->packet[1] & 1)) { /* only when asked at once */
        atapi_fail(d, t, SENSE_ILLEGAL_REQUEST, ASC_BAD_FIELD, 0);
        return;
    }
    memset(b, 0, 8);
    b[3] = 0x10; /* media events are supported */
    if (t->packet[4] & 0x10) {
        b[2] = 4;
        b[5] = d->blk ? 2 : 0; /* no event; a disc is there */
        st_be16(b, 6);
    } else {
        b[2] = 0x80;
        st_be16(b, 2);
    }
    answer(d, t, ld_be16(b) + 2u, ld_be16(t->packet + 7));
}

static void disc_information(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    memset(b, 0, 34);
    st_be16(b, 32);
    b[2] = 0x0e; /* complete, last session complete */
    b[3] = b[4] = b[5] = b[6] = 1;
    memset(b + 16, 0xff, 8);
    answer(d, t, 34, ld_be16(t->packet + 7));
}

static void start_stop(struct ata_drive *d, struct ata_task *t)
{
    if ((t->packet[4] & 3) == 2 && d->regs->locked)
        atapi_fail(d, t, SENSE_NOT_READY, ASC_REMOVAL_PREVENTED, 2);
    else
        done(d, t);
}

/* Commands that want a disc in the drive, of which the host has been told. */
static bool needs_disc(uint8_t command)
{
    switch (command) {
    case TEST_UNIT_READY:
    case READ_CAPACITY:
    case READ_10:
    case READ_12:
    case READ_CD:
    case READ_TOC:
    case READ_SUBCHANNEL:
    case READ_DISC_INFORMATION:
    case SEEK_10: return true;
    default: return false;
    }
}

static bool disc_ready(struct ata_drive *d, struct ata_task *t)
{
    struct ata_regs *r = d->regs;

    if (!d->blk) {
        atapi_fail(d, t, SENSE_NOT_READY, ASC_NO_MEDIUM, 0);
        return false;
    }
    if (r->attention) {
        r->attention = 0;
        atapi_fail(d, t, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED, 0);
        return false;
    }
    return true;
}

static void run(struct ata_drive *d, struct ata_task *t, uint8_t *b)
{
    const uint8_t *p = t->packet;

    switch (p[0]) {
    case REQUEST_SENSE: request_sense(d, t, b); return;
    case INQUIRY: inquiry(d, t, b); return;
    case READ_CAPACITY:
        st_be32(b, blocks(d) - 1);
        st_be32(b + 4, CD_SECTOR);
        answer(d, t, 8, 8);
        return;
    case READ_10: read_blocks(d, t, ld_be32(p + 2), ld_be16(p + 7)); return;
    case READ_12: read_blocks(d, t, ld_be32(p + 2), ld_be32(p + 6)); return;
    case READ_CD: read_cd(d, t); return;
    case READ_TOC: read_toc(d, t, b); return;
    case READ_SUBCHANNEL:
        memset(b, 0, 4);
        b[1] = 0x15; /* no audio status */
        answer(d, t, 4, ld_be16(p + 7));
        return;
    case GET_CONFIGURATION: get_configuration(d, t, b); return;
    case GET_EVENT: get_event(d, t, b); return;
    case READ_DISC_INFORMATION: disc_information(d, t, b); return;
    case MODE_SENSE_10: mode_sense(d, t, b); return;
    case MECHANISM_STATUS:
        memset(b, 0, 8);
        b[5] = 1;
        answer(d, t, 8, ld_be16(p + 8));
        return;
    case START_STOP: start_stop(d, t); return;
    case PREVENT_REMOVAL: d->regs->locked = p[4] & 1; break;
    case SEEK_10:
    case SET_SPEED:
    case TEST_UNIT_READY: break;
    default:
        d->n_unknown++;
        atapi_fail(d, t, SENSE_ILLEGAL_REQUEST, ASC_BAD_COMMAND, 0);
        return;
    }
    done(d, t);
}

void atapi_begin(struct ata_drive *d, struct ata_task *t, uint8_t *buf)
{
    struct ata_regs *r = d->regs;

    t->action = ATA_DONE;
    t->len = t->done = 0;
    TRACE(atapi_command, "packet=%#x lba=%#x", t->packet[0], ld_be32(t->packet + 2));
    if (needs_disc(t->packet[0]) && !disc_ready(d, t))
        return;
    if (t->packet[0] != REQUEST_SENSE)
        r->sense = r->asc = r->ascq = 0;
    run(d, t, buf);
}
