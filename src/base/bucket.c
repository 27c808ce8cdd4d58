/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bucket.h"

static void refill(struct bucket *b, uint64_t now)
{
    if (now > b->last)
        b->level += (double)(now - b->last) * (double)b->rate / 1e9;
    b->level = MIN(b->level, (double)b->burst);
    b->last = MAX(now, b->last);
}

void bucket_set(struct bucket *b, uint64_t rate, uint64_t burst, uint64_t now)
{
    double debt = 0;

    if (b->rate) {
        refill(b, now);
        debt = b->level < 0 ? b->level / (double)b->rate : 0;
    }
    b->rate = rate;
    b->burst = burst ? burst : MAX(rate / 10, UINT64_C(1));
    b->level = debt < 0 ? debt * (double)rate : 0;
    b->last = now;
}

uint64_t bucket_wait(struct bucket *b, uint64_t now)
{
    if (!b->rate)
        return 0;
    refill(b, now);
    return b->level >= 0 ? 0 : (uint64_t)(-b->level * 1e9 / (double)b->rate) + 1;
}

void bucket_take(struct bucket *b, uint64_t units)
{
    if (b->rate)
        b->level -= (double)units;
}
