/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream: a saved guest as framed, versioned bytes: to a file, a pipe, a socket. All numbers are
 * little-endian.
 *
 *   header, 64 bytes
 *     0 "QUADSAVE"   8 version u32   12 features u32 (SAVE_F_*)   16 guest's UUID
 *     32 zeros       60 CRC32C of bytes 0..59
 *
 *   then sections, the last one of kind SAVE_END:
 *     0 "SECT"       4 kind u16      6 name's length u16   8 version u32
 *     12 payload's length u32 (at most SAVE_SECTION_MAX)
 *     16 CRC32C of name and payload  20 CRC32C of bytes 0..19
 *     24 name, payload
 *
 * Writing: save_open, then for each section save_begin, save_put ..., save_end. A failure of a
 * write is remembered and told by save_end. Reading: save_start, then save_next until SAVE_END. The
 * stream is hostile input: nothing is believed before its CRC and its bounds were looked at, and no
 * more than one section is held in memory.
 */
#ifndef QUAD_SAVE_STREAM_H
#define QUAD_SAVE_STREAM_H

#include "base/base.h"
#include "base/endian.h"

#define SAVE_VERSION 1u
#define SAVE_HEADER 64u
#define SAVE_SECTION_HEADER 24u
#define SAVE_SECTION_MAX (16u << 20)
#define SAVE_NAME_MAX 63u

enum { /* features: a reader that does not know one must refuse */
    SAVE_F_EXTENTS = 1, /* RAM lies behind the sections, by the index in SAVE_EXTENTS */
    SAVE_F_PAGES = 2,   /* RAM lies in SAVE_PAGES sections */
    SAVE_F_ZSTD = 4,    /* some of them are compressed */
    SAVE_F_BLOCKS = 8,  /* disks travel with it, in SAVE_BLOCKS sections */
    SAVE_F_EPOCHS = 16, /* a state again and again, for a standby */
    SAVE_F_KNOWN = 31,
};

enum save_kind {
    SAVE_END = 0,
    SAVE_GUEST = 1,   /* the guest's description */
    SAVE_RECORD = 2,  /* named fields of one state table */
    SAVE_PAGES = 3,   /* some pages of the memory slot of this name */
    SAVE_EXTENTS = 4, /* where in the file the memory slots lie */
    SAVE_MOVE = 5,    /* what the two ends of a move say to each other */
    SAVE_BLOCKS = 6,  /* some blocks of the disk of this name */
};

/* Where the bytes go or come from. Both transfer at least one byte, or return 0 (end), -errno. */
struct save_io {
    ssize_t (*read)(struct save_io *io, void *buf, size_t n);
    ssize_t (*write)(struct save_io *io, const void *buf, size_t n);
};

struct save_io_fd {
    struct save_io io;
    int fd; /* borrowed, blocking */
};

void save_io_fd_init(struct save_io_fd *f, int fd);

struct save_out {
    struct save_io *io;
    uint64_t pos;  /* bytes written */
    int failed;    /* errno of the first failure */
    uint8_t *buf;  /* the section under way */
    size_t len, cap;
    size_t payload; /* where it begins in buf */
};

void save_open(struct save_out *o, struct save_io *io, uint32_t features, const uint8_t uuid[16]);
void save_fini(struct save_out *o);
void save_begin(struct save_out *o, enum save_kind kind, const char *name, unsigned version);
void save_put(struct save_out *o, const void *data, size_t len);
void save_put_le(struct save_out *o, uint64_t v, unsigned bytes);
/* Room for `len` more bytes of payload, to be filled at once. */
uint8_t *save_room(struct save_out *o, size_t len);
int save_end(struct save_out *o, struct error *err);

struct save_section {
    unsigned kind, version;
    char name[SAVE_NAME_MAX + 1];
    const uint8_t *data; /* until the next save_next */
    size_t len;
};

struct save_in {
    struct save_io *io;
    uint64_t pos;
    uint32_t features, version;
    uint8_t uuid[16];
    uint8_t *buf;
    size_t cap;
};

int save_start(struct save_in *in, struct save_io *io, struct error *err); /* reads the header */
int save_next(struct save_in *in, struct save_section *s, struct error *err);
void save_in_fini(struct save_in *in);

/* Bytes of a section, taken in order; a request for more than there is fails once and for all. */
struct save_cursor {
    const uint8_t *p, *end;
    bool bad;
};
static inline struct save_cursor save_cursor(const struct save_section *s)
{
    return (struct save_cursor){s->data, s->data + s->len, false};
}
const uint8_t *save_take(struct save_cursor *c, size_t len); /* NULL: not there */
uint64_t save_take_le(struct save_cursor *c, unsigned bytes);

#endif
