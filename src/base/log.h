/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * log: messages for people, one line each, to standard error (or a file handed in).
 *
 * Errors are returned, not logged, until the place that gives up on them. A device logs guest
 * nonsense only through counters and TRACE, never here.
 */
#ifndef QUAD_BASE_LOG_H
#define QUAD_BASE_LOG_H

#include "base/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
void log_set_fd(int fd); /* borrowed */

/* Another form than a line of ours: `sink` gets each message that the level lets through. */
void log_set_sink(void (*sink)(enum log_level level, const char *text));

/* On a raw terminal a line must end in CR LF: the console's owner says so while it is raw. */
void log_set_crlf(bool on);

void log_print(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_error(...) log_print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_print(LOG_WARN, __VA_ARGS__)
#define log_notice(...) log_print(LOG_NOTICE, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_print(LOG_INFO, __VA_ARGS__)

#endif
