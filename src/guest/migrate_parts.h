/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * migrate_parts: what a move and a replication share: the source's end under way. For migrate.c and
 * replicate.c only.
 */
#ifndef QUAD_GUEST_MIGRATE_PARTS_H
#define QUAD_GUEST_MIGRATE_PARTS_H

#include <pthread.h>

#include "core/mem.h"
#include "guest/migrate.h"
#include "save/stream.h"

struct migrate {
    struct vm *vm;
    int fd;
    struct save_io_fd io;
    struct save_out out;
    struct save_in in;
    struct migrate_options options;
    pthread_t thread;
    bool joined;
    uint64_t *bitmap[MEM_SLOTS_MAX];
    void (*done)(void *opaque, int rc, const struct error *err);
    void *opaque;
    int rc; /* of the thread */
    struct error error;
    uint64_t began, pace_began, pace_pos;
    uint64_t stopped_at; /* CLOCK_REALTIME */
    bool cancel; /* atomic */
    bool holds, doubt, over;
    unsigned slowed; /* atomic: percent */
    pthread_mutex_t lock; /* guards report */
    struct migrate_report report;
    struct epoch *epoch; /* replicate.c's */
};

/* What was written since the last time into g->bitmap; how many pages. */
uint64_t migrate_fetch(struct migrate *g);
void migrate_note(struct migrate *g, const char *phase, uint64_t left); /* for the report */
int migrate_cancelled(const struct migrate *g, struct error *err);

#endif
