/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where messages go and how they look: lines as the other runtimes write them, which shims and
 * managers read ("time=... level=... msg=..." or one JSON object a line).
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/file.h"
#include "oci/oci.h"

static struct {
    int fd; /* a log file or the system log's socket; -1 = standard error */
    bool json, syslog, journal;
    const char *tag;
} to = {.fd = -1};

static const struct {
    const char *word;
    int priority; /* syslog(3) */
} levels[] = {
    [LOG_ERROR] = {"error", 3}, [LOG_WARN] = {"warning", 4}, [LOG_NOTICE] = {"info", 5},
    [LOG_INFO] = {"info", 6},   [LOG_DEBUG] = {"debug", 7},
};

static char *as_json(enum log_level level, const char *text, const char *now)
{
    json_t *o = json_pack("{s:s,s:s,s:s}", "level", levels[level].word, "msg", text, "time", now);
    char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    char *end = line ? xasprintf("%s\n", line) : xstrdup("{}\n");
    free(line);
    return end;
}

static char *as_text(enum log_level level, const char *text, const char *now)
{
    char *quoted = xcalloc(2, strlen(text) + 1), *at = quoted;

    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            *at++ = '\\';
        *at++ = *p == '\n' ? ' ' : *p;
    }
    char *line = xasprintf("time=\"%s\" level=%s msg=\"%s\"\n", now, levels[level].word, quoted);
    free(quoted);
    return line;
}

static void sink(enum log_level level, const char *text)
{
    auto_free char *line = NULL;

    if (to.syslog) {
        line = xasprintf("<%d>%s: %s", 3 << 3 | levels[level].priority, to.tag, text);
    } else if (to.journal) {
        line = xasprintf("PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n",
                         levels[level].priority, to.tag, text);
    } else {
        auto_free char *now = time_text();
        line = to.json ? as_json(level, text, now) : as_text(level, text, now);
    }
    /* one write a line; nobody to tell if it fails */
    (void)!write(to.fd < 0 ? STDERR_FILENO : to.fd, line, strlen(line));
}

static int connect_log(const char *path, struct error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    to.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (to.fd < 0 || connect(to.fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return fail_errno(err, errno, "--log: %s", path);
    return 0;
}

/* "FILE", "file:FILE", "syslog:NAME", "journald:NAME"; another word with a colon is none of them. */
static int open_target(const char *where, struct error *err)
{
    const char *colon = strchr(where, ':'), *slash = strchr(where, '/');
    size_t n = colon ? (size_t)(colon - where) : 0;

    if (colon && (!slash || colon < slash)) {
        to.tag = colon[1] ? colon + 1 : "quad-oci";
        to.syslog = n == 6 && !strncmp(where, "syslog", n);
        to.journal = n == 8 && !strncmp(where, "journald", n);
        if (to.syslog || to.journal)
            return connect_log(to.syslog ? "/dev/log" : "/run/systemd/journal/socket", err);
        if (n != 4 || strncmp(where, "file", n) != 0)
            return fail(err, EINVAL, "--log: \"%s\" is no log (file:, syslog:, journald:)", where);
        where = colon + 1;
    }
    to.fd = open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return to.fd < 0 ? fail_errno(err, errno, "--log %s", where) : 0;
}

int oci_log_open(const char *where, bool json, bool debug, struct error *err)
{
    to.json = json;
    log_set_level(debug ? LOG_DEBUG : LOG_WARN);
    if (where && *where) {
        int rc = open_target(where, err);
        if (rc) {
            to.fd = -1;
            to.syslog = to.journal = false;
            return rc;
        }
    }
    if (debug || to.fd >= 0)
        log_set_sink(sink);
    return 0;
}

void oci_log_failure(const char *text)
{
    if (to.fd >= 0)
        sink(LOG_ERROR, text);
}
