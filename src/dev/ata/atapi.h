/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * atapi: a CD drive's own failures, for ata.c.
 */
#ifndef QUAD_DEV_ATA_ATAPI_H
#define QUAD_DEV_ATA_ATAPI_H

#include "dev/ata/ata.h"

enum { /* sense keys [SPC3 4.5.6] */
    SENSE_NOT_READY = 2,
    SENSE_MEDIUM_ERROR = 3,
    SENSE_ILLEGAL_REQUEST = 5,
    SENSE_UNIT_ATTENTION = 6,
};

/* The packet command ends in a check condition. */
void atapi_fail(struct ata_drive *d, struct ata_task *t, uint8_t key, uint8_t asc, uint8_t ascq);

#endif
