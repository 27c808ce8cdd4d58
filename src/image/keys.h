/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * keys: which ssh keys open this user's guests.
 */
#ifndef QUAD_IMAGE_KEYS_H
#define QUAD_IMAGE_KEYS_H

#include "base/base.h"

/* Public keys, one a line: those in ~/.ssh, else ours, which is made when there is none. */
int keys_public(char **text, struct error *err);
/* The private half of ours, or NULL when the person's own keys are used. */
char *keys_own(void);
/* A new pair without a passphrase: `path` and `path`.pub. */
int keys_make(const char *path, const char *comment, struct error *err);

#endif
