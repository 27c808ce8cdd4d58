/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   8 bytes signature, then chunks: length 32, name, data, CRC 32 of name and data (big-endian)
 *   IHDR width 32, height 32, 8 bits, colour type 2, 0, 0, 0     IDAT zlib: each row after a filter
 *   byte 0     IEND
 */
#include "display/png.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/endian.h"
#include "core/fb.h"

#if HAVE_ZLIB
static uint8_t *chunk(uint8_t *p, const char *name, const uint8_t *data, uint32_t len)
{
    st_be32(p, len);
    memcpy(p + 4, name, 4);
    if (len)
        memcpy(p + 8, data, len);
    st_be32(p + 8 + len, (uint32_t)crc32(0, p + 4, len + 4));
    return p + 12 + len;
}

static uint8_t *rows_of(const struct fb *fb, size_t row)
{
    uint8_t *raw = xcalloc(row, fb->height);

    for (unsigned y = 0; y < fb->height; y++) {
        uint8_t *to = raw + row * y + 1;
        for (unsigned x = 0; x < fb->width; x++, to += 3) {
            uint32_t p = fb->pixels[(size_t)y * fb->width + x];
            to[0] = (uint8_t)(p >> 16);
            to[1] = (uint8_t)(p >> 8);
            to[2] = (uint8_t)p;
        }
    }
    return raw;
}

int png_from_fb(struct fb *fb, uint8_t **out, size_t *size, struct error *err)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t head[13] = {0};

    pthread_mutex_lock(&fb->lock);
    fb_update(fb);
    size_t row = 1 + 3 * (size_t)fb->width, raw_size = row * fb->height;
    auto_free uint8_t *raw = rows_of(fb, row);
    st_be32(head, fb->width);
    st_be32(head + 4, fb->height);
    pthread_mutex_unlock(&fb->lock);
    head[8] = 8;
    head[9] = 2;
    uLongf packed = compressBound(raw_size);
    auto_free uint8_t *data = xcalloc(1, packed);
    if (compress2(data, &packed, raw, raw_size, 6) != Z_OK)
        return fail(err, EIO, "screenshot: the picture could not be packed");
    *out = xcalloc(1, 8 + 3 * 12 + sizeof(head) + packed);
    memcpy(*out, signature, 8);
    uint8_t *p = chunk(*out + 8, "IHDR", head, sizeof(head));
    p = chunk(p, "IDAT", data, (uint32_t)packed);
    p = chunk(p, "IEND", NULL, 0);
    *size = (size_t)(p - *out);
    return 0;
}
#else
int png_from_fb(struct fb *fb, uint8_t **out, size_t *size, struct error *err)
{
    (void)fb;
    (void)out;
    (void)size;
    return fail(err, ENOTSUP, "screenshot: built without zlib; install zlib1g-dev and build again");
}
#endif
