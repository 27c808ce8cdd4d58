/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ram: the contents of memory slots, in one of two forms.
 *
 * SAVE_PAGES, for pipes, sockets and compressed files: a section of the slot's name with runs
 *
 *     first page u32   pages u16   encoding u8 (RAM_*)   0 u8   bytes u32   data
 *
 * SAVE_EXTENTS, for files that can be mapped: an index in the stream and, behind its last section,
 * chunks of 2 MiB on page boundaries. Restoring maps them copy-on-write and reads nothing.
 *
 *     for each slot: name's length u16, name, size u64, then for each chunk
 *     its place in the file u64 (0: all zeros), its CRC32C u32 (of all its bytes; at the end of a
 *     slot the chunk is shorter)
 */
#ifndef QUAD_SAVE_RAM_H
#define QUAD_SAVE_RAM_H

#include "save/stream.h"

struct machine;
struct mem_slot;

enum { RAM_RAW, RAM_ZERO, RAM_ZSTD };

#define RAM_CHUNK (UINT64_C(2) << 20)
#define RAM_ALIGN UINT64_C(65536) /* of the first chunk: any host's pages */
#define RAM_RUN 64u               /* pages at most in a run */

bool ram_has_zstd(void);

struct ram_stats {
    uint64_t pages, zero, bytes; /* sent; of them zeros; what they became */
};

/* Write the slot's pages that bitmap (a bit a page; NULL: all that hold something) names. May be
 * asked after each section whether to go on. */
struct ram_writer {
    struct save_out *out;
    bool zstd;
    int level;
    int (*pace)(struct ram_writer *w, struct error *err); /* may be NULL; not 0: give up */
    void *opaque;
    struct ram_stats stats;
    void *zstd_ctx; /* its own */
    uint8_t *packed;
};
int ram_write_pages(struct ram_writer *w, struct mem_slot *slot, const uint64_t *bitmap,
                    struct error *err);
void ram_writer_fini(struct ram_writer *w);

/* A SAVE_PAGES section into memory. */
int ram_take_pages(struct machine *m, const struct save_section *s, struct error *err);

/* The index's size as a payload; then write chunks from file offset `base` on and the index as a
 * whole section of the open stream. */
size_t ram_index_size(const struct machine *m);
int ram_write_extents(struct save_out *o, int fd, uint64_t base, const struct machine *m,
                      struct error *err);

/* Map what the SAVE_EXTENTS section says; verify: look at every CRC now. */
int ram_map_extents(struct machine *m, int fd, const struct save_section *s, bool verify,
                    struct error *err);

#endif
