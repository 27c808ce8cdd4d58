/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ata: a drive as its commands know it [ACS3] [MMC5], whatever controller it hangs on.
 *
 *     ata_begin(&drive, &task, buf)     the registers of a command become an action:
 *         ATA_DONE       finished; status and error are set
 *         ATA_BUFFER     `len` bytes move between buf and the host
 *         ATA_READ/WRITE `len` bytes from `offset` of the image, in pieces through ata_io
 *         ATA_FLUSH      ata_io with BLK_FLUSH
 *         ATA_PACKET     12 bytes of packet are wanted; then atapi_begin()
 *     ata_end(&drive, &task, result)    all bytes moved, or the image failed: sets status and error
 *
 * A task is plain data: a controller keeps it in its saved record. All calls are made with the
 * controller's lock held.
 */
#ifndef QUAD_DEV_ATA_ATA_H
#define QUAD_DEV_ATA_ATA_H

#include "core/blk.h"
#include "core/dev.h"

#define ATA_CHUNK 0x10000u /* bytes of a piece; room for every answer that is no sector data */
#define ATA_SERIAL 20
#define ATA_PACKET_LEN 12
#define CD_SECTOR 2048u

enum { ATA_SR_ERR = 0x01, ATA_SR_DRQ = 0x08, ATA_SR_SEEK = 0x10, ATA_SR_FAULT = 0x20,
       ATA_SR_READY = 0x40, ATA_SR_BUSY = 0x80 };
enum { ATA_ER_ABORT = 0x04, ATA_ER_NOT_FOUND = 0x10, ATA_ER_BAD = 0x40 };
enum { ATA_IR_COMMAND = 1, ATA_IR_TO_HOST = 2 }; /* a packet command's interrupt reason, in count */

enum ata_kind { ATA_ABSENT, ATA_HARD_DISK, ATA_CDROM };
enum ata_action { ATA_DONE, ATA_BUFFER, ATA_READ, ATA_WRITE, ATA_FLUSH, ATA_PACKET };
enum ata_protocol { ATA_PIO, ATA_DMA, ATA_QUEUED };

struct ata_regs { /* of one drive; saved; no padding */
    uint64_t failed_lba;
    uint8_t sense, asc, ascq, attention; /* of a CD drive */
    uint8_t multiple, write_cache, locked;
    uint8_t failed_tag, failed_status, failed_error; /* log page 10h; status 0: nothing failed */
    uint8_t unused[6];
};
extern const struct field ata_regs_fields[];

struct ata_drive {
    enum ata_kind kind;
    bool serial_ata;
    struct blk *blk; /* borrowed; NULL: no drive, or no disc in it */
    struct ata_regs *regs;
    char serial[ATA_SERIAL + 1];
    uint64_t n_commands, n_errors, n_unknown;
};

struct ata_task { /* saved; no padding */
    uint64_t lba;    /* 28 or 48 bits, as the command reads it */
    uint64_t offset; /* bytes, of the image */
    uint32_t count;  /* the count registers, both */
    uint32_t len, done; /* bytes of the data phase */
    uint16_t features;
    uint8_t command, device, tag;
    uint8_t status, error;
    uint8_t action, protocol, to_host, fua;
    uint8_t packet[ATA_PACKET_LEN];
    uint8_t flushing, unused[4];
};
extern const struct field ata_task_fields[];

/* serial may be NULL. */
void ata_drive_init(struct ata_drive *d, struct ata_regs *regs, bool serial_ata);
void ata_drive_attach(struct ata_drive *d, struct blk *blk, bool cdrom, const char *serial);
void ata_drive_reset(struct ata_drive *d);

/* Does the command use the second set of registers (48-bit)? */
bool ata_is_48bit(uint8_t command);
void ata_begin(struct ata_drive *d, struct ata_task *t, uint8_t *buf);
void atapi_begin(struct ata_drive *d, struct ata_task *t, uint8_t *buf);
/* result: 0 or negative errno. A write through is followed by a flush: true when t goes on so. */
bool ata_end(struct ata_drive *d, struct ata_task *t, int result);
void ata_abort(struct ata_drive *d, struct ata_task *t, uint8_t error);

void ata_identify(const struct ata_drive *d, uint8_t *buf);
/* The four bytes LBA 23..0 and count that a drive shows after reset. */
uint32_t ata_signature(const struct ata_drive *d);
static inline uint8_t ata_ready_status(const struct ata_drive *d)
{
    return d->kind == ATA_HARD_DISK ? ATA_SR_READY | ATA_SR_SEEK : 0;
}

/* ---- asking the image --------------------------------------------------------------------- */

struct ata_ios { /* a controller's */
    struct dev *dev;
    pthread_mutex_t lock; /* leaf; guards what follows */
    pthread_cond_t idle;
    struct list_node finished;
    unsigned in_flight;
    bool telling; /* a thread of a back end is about to tell: it does so for all */
};

struct ata_io { /* one request; `done` is called with dev's lock held */
    struct list_node node;
    struct ata_ios *ios;
    struct blk_req req;
    struct iovec iov;
    bool open; /* submitted and not told */
    void (*done)(struct ata_io *io, int result);
};

void ata_ios_init(struct ata_ios *ios, struct dev *dev);
void ata_ios_fini(struct ata_ios *ios);
void ata_io_submit(struct ata_ios *ios, struct ata_io *io, struct blk *blk, enum blk_op op,
                   uint64_t offset, void *buf, uint32_t len);
/* With dev's lock held: wait until it is over, and do not hear of it. */
void ata_io_cancel(struct ata_io *io);
/* Until nothing is in flight and nothing was started by what ended. Lets go of dev's lock meanwhile:
 * only while no processor runs. */
void ata_ios_settle(struct ata_ios *ios);

#endif
