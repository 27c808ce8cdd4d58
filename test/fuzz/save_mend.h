/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * save_mend: put the CRCs of a stream right that was changed.
 */
#ifndef QUAD_TEST_FUZZ_SAVE_MEND_H
#define QUAD_TEST_FUZZ_SAVE_MEND_H

#include "base/crc32c.h"
#include "save/stream.h"

static inline void save_mend(uint8_t *p, size_t len)
{
    if (len < SAVE_HEADER)
        return;
    st_le32(p + 60, crc32c(0, p, 60));
    for (size_t at = SAVE_HEADER; len - at >= SAVE_SECTION_HEADER;) {
        uint8_t *h = p + at;
        size_t n = (size_t)ld_le16(h + 6) + ld_le32(h + 12);
        at += SAVE_SECTION_HEADER;
        memcpy(h, "SECT", 4);
        st_le32(h + 20, crc32c(0, h, 20));
        if (n > len - at)
            return;
        st_le32(h + 16, crc32c(0, p + at, n));
        st_le32(h + 20, crc32c(0, h, 20));
        at += n;
    }
}

#endif
