/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * replicate: the source's end of a guest that a standby (guest/standby.h) may take over: as a move
 * begins, then again and again what was written since, with all records, of one moment:
 *
 *     source                                   standby (quad receive)
 *       pages and blocks, round by round ----->  into its memory and disks
 *       [stops, keeps what is new, goes on]
 *       "begin" ------------------------------>  it keeps what follows apart
 *       pages, blocks, records --------------->
 *       "epoch" time ------------------------->  all of it is there: into its memory and disks
 *                            <-----------------  "kept"
 *
 * The guest stands still only while it is copied within this process. What a failover loses is what it
 * did since the last "kept".
 */
#ifndef QUAD_GUEST_REPLICATE_H
#define QUAD_GUEST_REPLICATE_H

#include "base/base.h"

struct migrate;

/* The move's thread, after its rounds: until it is cancelled or the standby has gone. Never 0. */
int replicate_epochs(struct migrate *g, struct error *err);
void replicate_free(struct migrate *g); /* the loop will not call any more */

#endif
