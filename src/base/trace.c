/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/trace.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool trace_any;
static char *trace_patterns[64];
static size_t trace_npatterns;
static int trace_fd = STDERR_FILENO;

int trace_enable(const char *patterns, struct error *err)
{
    auto_free char *copy = xstrdup(patterns);
    char *save = NULL;

    for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        if (trace_npatterns == ARRAY_LEN(trace_patterns))
            return fail(err, E2BIG, "--trace: more than %zu patterns", ARRAY_LEN(trace_patterns));
        trace_patterns[trace_npatterns++] = xstrdup(strcmp(p, "all") ? p : "*");
        trace_any = true;
    }
    return 0;
}

void trace_set_fd(int fd)
{
    trace_fd = fd;
}

bool trace_lookup(struct trace_point *p)
{
    int state = __atomic_load_n(&p->state, __ATOMIC_RELAXED);

    if (state < 0) {
        state = 0;
        for (size_t i = 0; i < trace_npatterns && !state; i++)
            state = fnmatch(trace_patterns[i], p->name, 0) == 0;
        __atomic_store_n(&p->state, state, __ATOMIC_RELAXED);
    }
    return state;
}

void trace_emit(const struct trace_point *p, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    int n = snprintf(line, sizeof(line), "%s: ", p->name);

    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 2, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + MIN((size_t)MAX(m, 0), sizeof(line) - (size_t)n - 3);
    line[len++] = '\n';
    ssize_t done = write(trace_fd, line, len);
    (void)done;
}
