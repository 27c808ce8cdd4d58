/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * save: a whole guest into a stream, and a guest made from one. A stopped guest's memory, records
 * and description; what its back ends hold (disks, networks, terminals) stays theirs.
 *
 *     save_guest(vm, fd, &options, err)     the guest is stopped afterwards, also on failure; the
 *                                           caller lets it go on or ends it
 *
 *     saved_open(&saved, fd, &given, as_saved, err)
 *     vm_restore(&vm, &saved, err)          then vm_run, vm_destroy as with any guest
 *     saved_close(&saved)
 *
 * On the loop's thread, or before it runs.
 */
#ifndef QUAD_GUEST_SAVE_H
#define QUAD_GUEST_SAVE_H

#include "guest/describe.h"

struct vm;

struct save_options {
    bool compress; /* zstd: smaller, and restored by reading all of it */
    const char *disk_snapshot; /* the same moment of its disks, by this name within their images */
};

struct save_report {
    uint64_t bytes, memory; /* of the stream; of the guest's memory that holds something */
    uint64_t ns;
};

int save_guest(struct vm *vm, int fd, const struct save_options *options,
               struct save_report *report, struct error *err);

struct saved {
    struct save_io_fd io;
    struct save_in in;
    struct description description;
    int fd; /* borrowed */
    bool moving; /* it comes from a running guest: guest/receive.h */
    struct save_out answers;
    uint64_t stopped_at; /* CLOCK_REALTIME, where it came from */
    struct standby *standby; /* not NULL: it may go on here later (guest/standby.h) */
    bool verify; /* look at the CRCs of all memory before the guest goes on */
};

int saved_open(struct saved *s, int fd, const struct guest_config *given, bool as_saved,
               struct error *err);
bool saved_has_disks(const struct saved *s); /* their contents come with it */
void saved_close(struct saved *s);

/* Records and memory into the machine that vm_restore made. */
int saved_load(struct saved *s, struct vm *vm, struct error *err);

#endif
