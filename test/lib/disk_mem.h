/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * disk_mem: a host file in memory, for image tests: it knows what a power cut leaves. Writes since
 * the last sync may be lost, torn at sectors or reordered.
 */
#ifndef QUAD_TEST_LIB_DISK_MEM_H
#define QUAD_TEST_LIB_DISK_MEM_H

#include "block/disk.h"

struct disk_mem_write {
    uint64_t off, len; /* len 0: truncate to off */
    uint8_t *data;
};

struct disk_mem {
    uint8_t *now, *durable;
    uint64_t size, durable_size, room;
    struct disk_mem_write *log;
    size_t n_log, log_room;
    uint64_t n_syncs, n_writes;
    /* Before the write or sync with this number (counted down) a cut is taken into *cut. */
    uint64_t cut_in, random;
    struct disk_mem *cut;
    uint64_t fail_at; /* the write or sync with this number fails with EIO; 0: none */
    struct disk_file_hook hook;
};

extern const struct disk_format qcow2_disk, vdi_disk, vhdx_disk, vmdk_disk, raw_disk;
extern const struct disk_format *const disk_mem_formats[];

void disk_mem_init(struct disk_mem *m, uint64_t room);
void disk_mem_fini(struct disk_mem *m);
struct disk_file disk_mem_file(struct disk_mem *m);
/* Open what is in m as `format` (NULL: by looking). */
int disk_mem_open(struct disk_mem *m, const struct disk_options *o, struct disk **out,
                  struct error *err);
/* What the disk may hold after a cut now: into `out` (initialised by this). */
void disk_mem_cut(const struct disk_mem *m, uint64_t *random, struct disk_mem *out);

#endif
