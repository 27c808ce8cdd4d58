/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * folder: what a guest with a name keeps, until `quad rm`:
 *
 *     guest.json    its description: keys of the guest file, and "cwd", where its paths begin
 *     console.log   what its first serial port said last
 *     run.log       what its process said
 *     end.json      how it ended; empty while it runs
 *
 * Other parts keep their own files there (overlay disks); all go with the folder.
 */
#ifndef QUAD_PROTO_FOLDER_H
#define QUAD_PROTO_FOLDER_H

#include <jansson.h>

#include "base/base.h"

/* The path of the folder, or of a file in it; to be freed. file may be NULL. */
char *folder_path(const char *name, const char *file);
bool folder_exists(const char *name);
int folder_make(const char *name, bool *was_new, struct error *err);
int folder_remove(const char *name, struct error *err); /* -ENOENT: there is none */

int folder_save(const char *name, const char *file, const json_t *what, struct error *err);
/* NULL with err->code: -ENOENT there is none. */
json_t *folder_load(const char *name, const char *file, struct error *err);

#endif
