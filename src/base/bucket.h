/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bucket: a token bucket: `rate` units a second, in bursts of up to `burst`. Something of any size
 * passes while the bucket is not in debt, and may leave it in debt: so the mean is exact and
 * nothing is too large to pass. The caller serializes and brings the time.
 */
#ifndef QUAD_BASE_BUCKET_H
#define QUAD_BASE_BUCKET_H

#include "base/base.h"

struct bucket {
    uint64_t rate;  /* units a second; 0: no limit */
    uint64_t burst; /* units */
    double level;   /* units that may pass now; negative: debt */
    uint64_t last;  /* ns */
};

/* Also for a bucket in use: the debt stays what it was in time. burst 0: a tenth of a second. */
void bucket_set(struct bucket *b, uint64_t rate, uint64_t burst, uint64_t now);

/* How many ns until something may pass; 0: now. */
uint64_t bucket_wait(struct bucket *b, uint64_t now);
void bucket_take(struct bucket *b, uint64_t units);

#endif
