/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level log_max = LOG_NOTICE;
static int log_fd = STDERR_FILENO;
static bool log_crlf;
static void (*log_sink)(enum log_level level, const char *text);

void log_set_level(enum log_level level)
{
    log_max = level;
}

void log_set_fd(int fd)
{
    log_fd = fd;
}

void log_set_sink(void (*sink)(enum log_level level, const char *text))
{
    log_sink = sink;
}

void log_set_crlf(bool on)
{
    log_crlf = on;
}

void log_print(enum log_level level, const char *fmt, ...)
{
    static const char *const words[] = {"error: ", "warning: ", "", "", ""};
    char line[1024];
    va_list ap;

    if (level > log_max)
        return;
    int n = log_sink ? 0 : snprintf(line, sizeof(line), "quad: %s", words[level]);
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 3, fmt, ap);
    va_end(ap);
    if (log_sink) {
        log_sink(level, line);
        return;
    }
    size_t len = (size_t)n + MIN((size_t)MAX(m, 0), sizeof(line) - (size_t)n - 4);
    if (log_crlf)
        line[len++] = '\r';
    line[len++] = '\n';
    /* One write, so that lines of several threads do not mix. Nobody to tell if it fails. */
    ssize_t done = write(log_fd, line, len);
    (void)done;
}
