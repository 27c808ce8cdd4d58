/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * console: the kernel command line's console= and what this machine has.
 */
#ifndef QUAD_GUEST_CONSOLE_H
#define QUAD_GUEST_CONSOLE_H

/* The command line when a person gives none; the caller frees it. */
char *console_default(const char *loader, const char *console);

/* Warn of a console= that the machine does not have. */
void console_check(const char *loader, const char *cmdline, const char *console);

/* The first console= of the line that the machine lacks, copied into name[16]; NULL: all are
 * there, or none is named. `console`: what the board itself names. */
const char *console_missing(const char *cmdline, const char *console, char name[16]);

#endif
