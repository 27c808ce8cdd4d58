/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * digest: "sha256:HEX" of a file, as container images name their parts. [OCI image descriptor]
 */
#ifndef QUAD_IMAGE_DIGEST_H
#define QUAD_IMAGE_DIGEST_H

#include "base/base.h"

#define DIGEST_TEXT 72 /* "sha256:", 64 digits, NUL */

/* Is it a sha256 digest, written the one right way? */
bool digest_ok(const char *text);
/* Of the whole file; with `unpacked`, of what it holds when it is decompressed. The position of fd
 * is 0 afterwards. */
[[nodiscard]] int digest_file(int fd, bool unpacked, const char *name, char text[DIGEST_TEXT],
                              struct error *err);
/* Fails where the file is not what `want` says. */
[[nodiscard]] int digest_verify(int fd, bool unpacked, const char *name, const char *want,
                                struct error *err);

#endif
