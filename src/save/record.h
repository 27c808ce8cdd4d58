/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * record: a state table's record as named fields, and back.
 *
 *   field:  kind u8   name's length u8   0 u16   size of an element u32   elements u32   name
 *           then the elements: numbers little-endian, bytes as they are, each of a struct as its
 *           length u32 and its fields
 *
 * Fields are found by name. One that the stream lacks keeps the value that the record has (of a
 * reset machine); one that this program lacks is an error that names it. Numbers may have another
 * size in the stream as long as the value fits.
 */
#ifndef QUAD_SAVE_RECORD_H
#define QUAD_SAVE_RECORD_H

#include "core/state.h"
#include "save/stream.h"

void record_put(struct save_out *o, const struct state *st, const void *record);

/* A whole section {SAVE_RECORD, name, version of the table}. */
int record_write(struct save_out *o, const char *name, const struct state *st, const void *record,
                 struct error *err);

/* Takes the section's fields into *record, which on failure is as before. */
int record_read(const struct save_section *s, const struct state *st, void *record,
                struct error *err);

#endif
