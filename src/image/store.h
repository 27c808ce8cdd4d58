/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * store: the folders of one user where images and guests are kept.
 *
 *   $QUAD_DATA_DIR, or /var/lib/quad (root), $XDG_DATA_HOME/quad, ~/.local/share/quad
 *     images/NAME/   image.json disk.raw vmlinuz initrd.img   (read-only once it is there)
 *     guests/NAME/   image (its name or file) root.qcow2 seed.img host_key known_hosts ssh_port
 *     key, key.pub   what opens guests of a person who has no ssh key
 *
 * A folder that is being made is called ".NAME.new", holds a lock as long as its maker lives, and
 * gets its name when it is complete: half an image is never seen.
 */
#ifndef QUAD_IMAGE_STORE_H
#define QUAD_IMAGE_STORE_H

#include "base/base.h"

#define STORE_IMAGES "images"
#define STORE_GUESTS "guests"

/* Letters, digits, '.', '_', '-'; begins with a letter or digit; at most 63. */
bool store_name_ok(const char *name);

char *store_root(void);                            /* owned by the caller */
char *store_path(const char *kind, const char *name); /* name NULL: the folder of all */
bool store_has(const char *kind, const char *name);

/* Names in order, one callback each; stops when it returns non-zero and returns that. */
int store_each(const char *kind, int (*fn)(void *opaque, const char *name), void *opaque);

/* A new folder: `path` is where to work. EEXIST when NAME is there already or in the making. */
struct store_new {
    char *path, *final;
    int lock;
};
int store_new(struct store_new *n, const char *kind, const char *name, struct error *err);
int store_commit(struct store_new *n, struct error *err);
void store_abort(struct store_new *n); /* also after commit: frees; removes what is half done */

int store_remove(const char *kind, const char *name, struct error *err);

int store_mkdirs(const char *path, struct error *err); /* as mkdir -p, for this user only */
int store_remove_tree(const char *path);

/* Whole small files, at most 1 MiB; written under another name first. */
char *store_read(const char *dir, const char *file);
int store_write(const char *dir, const char *file, const void *data, size_t len, unsigned mode,
                struct error *err);

#endif
