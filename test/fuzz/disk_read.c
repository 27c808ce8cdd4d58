/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: the input is a VDI, VHDX or VMDK image, by its magic number: open it, read here and
 * there. Inputs worth starting from: small images by qemu-img.
 */
#include "lib/disk_mem.h"

#define ROOM (UINT64_C(4) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buf[65536];
    struct disk_mem m;
    struct error err;
    struct disk *d;

    if (size > ROOM)
        return 0;
    disk_mem_init(&m, ROOM);
    memcpy(m.now, data, size);
    m.size = size;
    if (!disk_mem_open(&m, &(struct disk_options){.readonly = true, .no_backing = true}, &d, &err)) {
        uint64_t step = MAX(d->size / 16, UINT64_C(512));
        for (uint64_t at = 0; at < d->size && at + step > at; at += step) {
            enum disk_status s;
            uint64_t len = 0;
            (void)disk_read_buf(d, at, buf, MIN((uint64_t)sizeof(buf), d->size - at));
            (void)d->format->status(d, at, &len, &s);
        }
        disk_close(d);
    }
    disk_mem_fini(&m);
    return 0;
}
