/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: the input is a qcow2 image: open it, look at all that it says, read, write,
 * check, repair. Inputs worth starting from: small images by qemu-img, cluster size 512.
 */
#include "base/log.h"
#include "lib/disk_mem.h"

#define ROOM (UINT64_C(4) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_snapshots(struct disk *d)
{
    struct disk_snapshot *list = NULL;
    struct error err;
    size_t n = 0;

    if (qcow2_disk.snapshots(d, &list, &n, &err))
        return;
    for (size_t i = 0; i < n; i++) {
        free(list[i].id);
        free(list[i].name);
    }
    free(list);
    if (!qcow2_disk.snapshot_take(d, "fuzz", &err))
        (void)qcow2_disk.snapshot_apply(d, "fuzz", &err);
    (void)qcow2_disk.snapshot_delete(d, "fuzz", &err);
}

static void use(struct disk *d)
{
    static uint8_t buf[8192];
    const uint64_t at[] = {0, 512, d->size / 2, d->size > sizeof(buf) ? d->size - sizeof(buf) : 0};
    struct disk_check c = {0};
    struct error err;

    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        uint64_t len = 0, n = MIN((uint64_t)sizeof(buf), d->size - MIN(at[i], d->size));
        enum disk_status s;
        (void)disk_read_buf(d, at[i], buf, n);
        if (n)
            (void)d->format->status(d, at[i], &len, &s);
        (void)disk_write_buf(d, at[i], buf, n);
        (void)disk_zero(d, at[i], n / 2, true);
        (void)disk_discard(d, at[i], n);
        (void)disk_flush(d);
    }
    use_snapshots(d);
    if (d->size < ROOM * 64)
        (void)qcow2_disk.resize(d, d->size + 65536, &err);
    (void)qcow2_disk.check(d, &c, true, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct disk_mem m;
    struct error err;
    struct disk *d;

    if (size > ROOM / 2)
        return 0;
    log_set_level(LOG_ERROR);
    log_set_fd(-1);
    disk_mem_init(&m, ROOM);
    memcpy(m.now, data, size);
    m.size = size;
    for (unsigned checking = 0; checking < 2; checking++) {
        const struct disk_options o = {.format = "qcow2", .no_backing = true, .checking = checking};
        if (!disk_mem_open(&m, &o, &d, &err)) {
            use(d);
            disk_close(d);
        }
    }
    disk_mem_fini(&m);
    return 0;
}
