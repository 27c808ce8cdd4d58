/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * describe: the whole description of a guest in its saved stream (section SAVE_GUEST), and what of
 * it a restoring program may believe.
 *
 *     setting: name's length u16, name, value's length u32, value
 *
 * Settings are the options of the guest file and of `quad run`. Names of host things in them (disk
 * images, interfaces, the kernel) are names, not authority: they are opened only where the restoring
 * command line gives them itself, or says --as-saved.
 */
#ifndef QUAD_GUEST_DESCRIBE_H
#define QUAD_GUEST_DESCRIBE_H

#include "config/guest_config.h"
#include "save/stream.h"

struct vm;

int describe_write(struct save_out *o, const struct vm *vm, struct error *err);

struct description {
    struct guest_config saved;  /* all that the stream says */
    struct guest_config config; /* what the guest is made from now */
    char **owned;               /* texts that they point into */
    size_t n_owned;
};

/* From the section, and from what this command line says (`given`: not given is 0 or NULL). */
int describe_read(struct description *d, const struct save_section *s,
                  const struct guest_config *given, bool as_saved, struct error *err);
/* Settings of one more guest from the same stream: its name, a UUID of its own, and for each disk that
 * it may write to a new overlay `folder`/diskN.qcow2 over the one that was given. */
int describe_clone(struct description *d, const char *name, const char *folder, struct error *err);
/* The disks of a guest that does not run: back to the snapshot, or forget it. */
enum describe_snapshot { SNAPSHOT_APPLY, SNAPSHOT_DROP };
int describe_snapshot(const struct description *d, const char *name, enum describe_snapshot what,
                      struct error *err);
void describe_free(struct description *d);

/* The saved command line as text, for messages and `quad restore --show`. */
char *describe_text(const struct description *d);

#endif
