/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mount: one mount, by descriptor: a new file system or a clone of a tree is made detached, gets its
 * attributes, and is then attached to an O_PATH descriptor of its place. [OCI config#mounts]
 *
 * Kernels before 5.12 lack a part of that interface: the same is done with mount(2) on the
 * descriptor's name in our own /proc, attributes set a moment after the attaching.
 */
#ifndef QUAD_ZONE_MOUNT_H
#define QUAD_ZONE_MOUNT_H

#include "zone/spec.h"
#include "base/sys.h"

struct mount_opts {
    uint64_t set, clear;         /* MOUNT_ATTR_*, of this mount */
    uint64_t rec_set, rec_clear; /* of this mount and all below */
    uint64_t propagation;        /* MS_SHARED, MS_SLAVE, ...; 0 = not given */
    bool propagation_rec;
    bool bind, recursive; /* bind or rbind */
    bool idmap, idmap_rec;
    const char *idmap_text; /* of idmap=... */
    bool given;           /* a word about flags is there, whatever it says */
    bool atime_given;     /* one that chooses how access times are kept */
    bool copy_up;
    bool copy_link;                   /* a source that is a link is made again as one */
    bool src_nofollow, dest_nofollow; /* the last component may be a link, and is meant itself */
    const char *sb_flags[12]; /* "sync", ...: superblock flags by name */
    unsigned sb_flag_count;
    const char **data; /* what is not ours: for the file system; heap */
    size_t data_count;
};

void mount_opts_parse(const char *const *options, struct mount_opts *o);
void mount_opts_free(struct mount_opts *o);
/* Names of all options that are understood here; ends with NULL. For `features`. */
const char *mount_opt_name(unsigned i);
/* "rslave" -> MS_SLAVE and *rec; 0 where it is no such word. */
uint64_t mount_propagation(const char *word, bool *rec);

/* A new detached file system with the options' flags and data. */
[[nodiscard]] int mount_new(const char *type, const char *source, const struct mount_opts *o,
                            struct error *err);
/* A detached clone of the tree at (dirfd, path); AT_EMPTY_PATH is implied for "". */
[[nodiscard]] int mount_clone(int dirfd, const char *path, bool recursive, struct error *err);
/* The same with the bind mount's own options. */
[[nodiscard]] int mount_clone_bind(const char *path, const struct mount_opts *o, struct error *err);
/* Attributes and propagation of a bind mount; `locked` where what it came with must stay. */
[[nodiscard]] int mount_apply(int mount, const struct mount_opts *o, bool locked,
                              struct error *err);
/* Set plain attributes. 0 or -errno. */
int mount_attr(int mount, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive);
/* Map ids by the user namespace `userns`. */
[[nodiscard]] int mount_idmap(int mount, int userns, bool recursive, struct error *err);
/* Attach at the O_PATH descriptor `target`, or at `name` in the directory `target`. */
int mount_attach(int mount, int target, const char *name);

/* The old interface, all in one: mount(2) at `target`. */
[[nodiscard]] int mount_old(const char *type, const char *source, const struct mount_opts *o,
                            int target, struct error *err);
/* Does this kernel have the new interface whole? Asked once. */
bool mount_has_new_api(void);

#endif
