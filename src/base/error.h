/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * error: a failure with text. Caller-owned, fixed size, no allocation.
 *
 * A function that can fail takes `struct error *err` last and returns 0 or a negative errno:
 *
 *     return fail(err, EINVAL, "qcow2: cluster_bits %u not in 9..21", bits);
 *
 * A caller adds context on the way up with error_prefix(). The text is one line without a final
 * newline; what to do next follows after "; try: " where there is something to try.
 * `err` may be NULL where the caller wants only the code.
 */
#ifndef QUAD_BASE_ERROR_H
#define QUAD_BASE_ERROR_H

#include <stdbool.h>

#define ERROR_TEXT_MAX 512

struct error {
    int code; /* positive errno, 0 = no error */
    char text[ERROR_TEXT_MAX];
};

/* Fill *err and return -code. */
int fail(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As fail(), with ": strerror(code)" appended. */
int fail_errno(struct error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Write errno's words with a small letter in front, as tools that read another runtime's messages
 * expect ("no such file or directory"). Set once, before anything fails. */
extern bool error_small_letters;

/* Put "context: " before the text of *err; returns -err->code. */
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
