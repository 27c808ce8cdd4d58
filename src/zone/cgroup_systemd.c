/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A container's group as a transient scope of systemd: two calls over systemd's own socket, in the
 * D-Bus wire format, without a library and without the bus daemon. [DBUS message protocol]
 *
 *   Manager.StartTransientUnit(s name, s mode, a(sv) properties, a(sa(sv)) aux) -> o job
 *   Manager.StopUnit(s name, s mode) -> o job
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "zone/cgroup.h"
#include "base/file.h"
#include "zone/tty.h"

/* ----------------------------------------------------------------------------------- names, paths */

/* "a-b.slice" is below "a.slice" [systemd.slice(5)]. */
static char *slice_path(const char *slice)
{
    char *out = xcalloc(1, strlen(slice) * (strlen(slice) / 2 + 2) + 16);
    size_t n = strlen(slice) - strlen(".slice");

    if (!strcmp(slice, "-.slice"))
        return out;
    for (size_t i = 1; i <= n; i++)
        if (i == n || slice[i] == '-')
            sprintf(out + strlen(out), "/%.*s.slice", (int)i, slice);
    return out;
}

static bool is_unit_name(const char *s)
{
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
              strchr(":-_.\\@", *s)))
            return false;
    return true;
}

/* cgroupsPath is "slice:prefix:name" under this manager, as runc reads it. */
int systemd_plan(struct cgroup *cg, const char *path, const char *id, struct error *err)
{
    auto_free char *copy = xstrdup(path && *path ? path : "");
    char *slice = copy, *prefix = NULL, *name = NULL;

    if (*copy) {
        prefix = strchr(copy, ':');
        name = prefix ? strchr(prefix + 1, ':') : NULL;
        if (!name || strchr(name + 1, ':'))
            return fail(err, EINVAL, "cgroupsPath \"%s\" is not slice:prefix:name (--systemd-cgroup)",
                        path);
        *prefix++ = 0;
        *name++ = 0;
    }
    if (!*slice)
        slice = cg->rootless ? (char *)"user.slice" : (char *)"system.slice";
    size_t n = strlen(slice);
    if (n < 7 || strcmp(slice + n - 6, ".slice") != 0 || strstr(slice, "--") || *slice == '/' ||
        !is_unit_name(slice))
        return fail(err, EINVAL, "\"%s\" is no slice", slice);
    cg->slice = xstrdup(slice);
    if (!name || !*name)
        cg->scope = xasprintf("quad-%s.scope", id);
    else
        cg->scope = *prefix ? xasprintf("%s-%s.scope", prefix, name) : xasprintf("%s.scope", name);
    if (!is_unit_name(cg->scope))
        return fail(err, EINVAL, "\"%s\" is no unit name", cg->scope);

    auto_free char *below = slice_path(cg->slice);
    char user[128] = "";
    if (cg->rootless) /* the user's own manager has its part of the tree */
        snprintf(user, sizeof(user), "/user.slice/user-%u.slice/user@%u.service",
                 (unsigned)getuid(), (unsigned)getuid());
    for (unsigned i = 0; i < cg->count; i++)
        cg->dir[i].path = xasprintf("%s%s/%s", user, below, cg->scope);
    return 0;
}

/* ------------------------------------------------------------------------------------ the wire */

struct wire {
    unsigned char b[4096];
    size_t n;
    bool full;
};

static void put(struct wire *w, const void *v, size_t n)
{
    if (w->n + n > sizeof(w->b)) {
        w->full = true;
        return;
    }
    memcpy(w->b + w->n, v, n);
    w->n += n;
}

static void align(struct wire *w, size_t a)
{
    static const char zero[8];

    put(w, zero, (a - w->n % a) % a);
}

static void put_u32(struct wire *w, uint32_t v)
{
    align(w, 4);
    put(w, &v, 4);
}

static void put_string(struct wire *w, const char *s)
{
    put_u32(w, (uint32_t)strlen(s));
    put(w, s, strlen(s) + 1);
}

static void put_signature(struct wire *w, const char *s)
{
    unsigned char n = (unsigned char)strlen(s);

    put(w, &n, 1);
    put(w, s, strlen(s) + 1);
}

/* The length of an array is known when it ends; its first element is aligned before it counts. */
static size_t array_begin(struct wire *w, size_t element_align)
{
    put_u32(w, 0);
    size_t at = w->n - 4;
    align(w, element_align);
    return at;
}

static void array_end(struct wire *w, size_t at, size_t element_align)
{
    size_t first = ALIGN_UP(at + 4, element_align);
    uint32_t n = (uint32_t)(w->n - first);

    if (!w->full)
        memcpy(w->b + at, &n, 4);
}

static void header_field(struct wire *w, unsigned char code, const char *type, const char *value)
{
    align(w, 8);
    put(w, &code, 1);
    put_signature(w, type);
    if (*type == 'g')
        put_signature(w, value);
    else
        put_string(w, value);
}

static void message(struct wire *w, const char *method, const char *signature,
                    const struct wire *body)
{
    const unsigned char head[4] = {'l', 1 /* method call */, 0, 1};

    *w = (struct wire){0};
    put(w, head, 4);
    put_u32(w, (uint32_t)body->n);
    put_u32(w, 1); /* serial */
    size_t at = array_begin(w, 8);
    header_field(w, 1, "o", "/org/freedesktop/systemd1");
    header_field(w, 2, "s", "org.freedesktop.systemd1.Manager");
    header_field(w, 3, "s", method);
    header_field(w, 6, "s", "org.freedesktop.systemd1");
    header_field(w, 8, "g", signature);
    array_end(w, at, 8);
    align(w, 8);
    put(w, body->b, body->n);
    w->full |= body->full;
}

static int bus_open(const struct cgroup *cg, struct error *err)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    auto_free char *path = cg->rootless && run ? xasprintf("%s/systemd/private", run)
                                               : xstrdup("/run/systemd/private");
    auto_fd int s = unix_connect(AT_FDCWD, path, SOCK_STREAM, err);
    char hex[32] = "", line[128], uid[16];

    if (s < 0)
        return error_prefix(err, "systemd is not to be reached");
    snprintf(uid, sizeof(uid), "%u", (unsigned)getuid());
    for (char *p = uid; *p; p++)
        sprintf(hex + strlen(hex), "%02x", *p);
    line[0] = 0;
    int n = snprintf(line + 1, sizeof(line) - 1, "AUTH EXTERNAL %s\r\n", hex);
    if (write(s, line, (size_t)n + 1) != n + 1)
        return fail_errno(err, errno, "systemd's socket");
    ssize_t got = read(s, line, sizeof(line) - 1);
    line[got > 0 ? got : 0] = 0;
    if (strncmp(line, "OK ", 3) != 0)
        return fail(err, EACCES, "systemd refused: %.60s", line);
    if (write(s, "BEGIN\r\n", 7) != 7)
        return fail_errno(err, errno, "systemd's socket");
    return take_fd(&s);
}

static int read_all(int s, unsigned char *buf, size_t n)
{
    for (size_t done = 0; done < n;) {
        struct pollfd p = {.fd = s, .events = POLLIN};
        if (poll(&p, 1, 25000) <= 0)
            return -ETIMEDOUT;
        ssize_t got = read(s, buf + done, n - done);
        if (got <= 0)
            return got < 0 ? -errno : -EPIPE;
        done += (size_t)got;
    }
    return 0;
}

static uint32_t get_u32(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

/* Send, and wait for the answer to our serial; signals that come between are passed over. */
static int call(int s, const struct wire *m, const char *what, struct error *err)
{
    unsigned char h[16];
    static unsigned char buf[65536];

    if (m->full)
        return fail(err, E2BIG, "systemd: %s: message too long", what);
    if (write(s, m->b, m->n) != (ssize_t)m->n)
        return fail_errno(err, errno, "systemd: %s", what);
    for (;;) {
        int rc = read_all(s, h, sizeof(h));
        if (rc)
            return fail_errno(err, -rc, "systemd: %s", what);
        size_t fields = ALIGN_UP((size_t)get_u32(h + 12), (size_t)8), body = get_u32(h + 4);
        if (h[0] != 'l' || fields + body > sizeof(buf) - 1)
            return fail(err, EPROTO, "systemd: %s: answer of %zu bytes", what, fields + body);
        rc = read_all(s, buf, fields + body);
        if (rc)
            return fail_errno(err, -rc, "systemd: %s", what);
        if (h[1] == 2)
            return 0;
        if (h[1] == 3) { /* an error: its body starts with the text */
            buf[fields + body] = 0;
            return fail(err, EIO, "systemd: %s: %.200s", what,
                        body > 4 ? (const char *)buf + fields + 4 : "error");
        }
    }
}

static void property_string(struct wire *w, const char *name, const char *v)
{
    align(w, 8);
    put_string(w, name);
    put_signature(w, "s");
    put_string(w, v);
}

static void property_bool(struct wire *w, const char *name, bool v)
{
    align(w, 8);
    put_string(w, name);
    put_signature(w, "b");
    put_u32(w, v);
}

int systemd_start_scope(struct cgroup *cg, pid_t pid, struct error *err)
{
    struct wire body = {0}, m;
    auto_fd int s = bus_open(cg, err);

    if (s < 0)
        return s;
    put_string(&body, cg->scope);
    put_string(&body, "replace");
    size_t props = array_begin(&body, 8);
    property_string(&body, "Description", "quad-oci container");
    property_string(&body, "Slice", cg->slice);
    property_bool(&body, "Delegate", true);
    property_bool(&body, "DefaultDependencies", false);
    property_bool(&body, "MemoryAccounting", true);
    property_bool(&body, "CPUAccounting", true);
    property_bool(&body, "TasksAccounting", true);
    align(&body, 8);
    put_string(&body, "PIDs");
    put_signature(&body, "au");
    size_t pids = array_begin(&body, 4);
    put_u32(&body, (uint32_t)pid);
    array_end(&body, pids, 4);
    array_end(&body, props, 8);
    size_t aux = array_begin(&body, 8);
    array_end(&body, aux, 8);
    message(&m, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body);
    int rc = call(s, &m, "start the scope", err);
    if (rc)
        return rc;
    /* The answer names a job; it is done when the process is in its group. */
    char path[40];
    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
    for (int i = 0; i < 5000; i++) {
        auto_free char *text = NULL;
        if (file_read(AT_FDCWD, path, &text, NULL, err))
            return -err->code;
        if (strstr(text, cg->scope))
            return 0;
        poll(NULL, 0, 1);
    }
    return fail(err, ETIMEDOUT, "systemd does not start %s", cg->scope);
}

int systemd_stop_scope(struct cgroup *cg, struct error *err)
{
    struct wire body = {0}, m;

    if (!cg->scope)
        return 0;
    auto_fd int s = bus_open(cg, err);
    if (s < 0)
        return s;
    put_string(&body, cg->scope);
    put_string(&body, "replace");
    message(&m, "StopUnit", "ss", &body);
    int rc = call(s, &m, "stop the scope", err);
    /* a scope whose processes ended is gone by itself */
    if (rc && strstr(err->text, "not loaded"))
        rc = 0;
    return rc;
}
