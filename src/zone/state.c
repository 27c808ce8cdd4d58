/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/state.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/file.h"
#include "base/sys.h"

const char *const status_names[] = {"creating", "created", "running", "paused", "stopped"};

int id_check(const char *id, struct error *err)
{
    size_t n = strlen(id);

    /* a leading dot also hides the directory from what looks for containers */
    if (!n || n > 1024 || *id == '.')
        return fail(err, EINVAL, "invalid container ID \"%s\"", id);
    for (const char *p = id; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '_' || c == '+' || c == '-' || c == '.';
        if (!ok)
            return fail(err, EINVAL, "invalid character in container ID \"%.100s\"; letters, "
                                     "digits and _+-. are allowed", id);
    }
    return 0;
}

/* inode of the first user namespace [include/linux/proc_ns.h PROC_USER_INIT_INO] */
#define FIRST_USERNS "user:[4026531837]"

bool is_unprivileged(void)
{
    static int known = -1;
    char link[64];

    if (known >= 0)
        return known;
    ssize_t n = readlink("/proc/self/ns/user", link, sizeof(link) - 1);
    link[n > 0 ? n : 0] = 0;
    known = geteuid() != 0 || (n > 0 && strcmp(link, FIRST_USERNS) != 0);
    return known;
}

char *state_root_default(void)
{
    const char *run = getenv("XDG_RUNTIME_DIR");

    if (!is_unprivileged())
        return xstrdup("/run/quad-oci");
    if (run && *run == '/')
        return xasprintf("%s/quad-oci", run);
    return xasprintf("/tmp/quad-oci-%u", (unsigned)geteuid());
}

int state_root(const char *path, bool make, struct error *err)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && make) {
        auto_free char *part = xstrdup(path);
        for (char *p = part + 1; *p; p++)
            if (*p == '/') {
                *p = 0;
                mkdir(part, 0711);
                *p = '/';
            }
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return fail_errno(err, errno, "make %s", path);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return fd < 0 ? fail_errno(err, errno, "%s", path) : fd;
}

int state_create(int root, const char *id, struct error *err)
{
    if (mkdirat(root, id, 0711) < 0) {
        if (errno == EEXIST)
            return fail(err, EEXIST, "container with id exists already: %s", id);
        return fail_errno(err, errno, "make the state directory of %s", id);
    }
    int fd = openat(root, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? fail_errno(err, errno, "state directory of %s", id) : fd;
}

int state_save(const struct container *c, bool first, struct error *err)
{
    json_t *o = json_pack("{s:s,s:s,s:i,s:I,s:s,s:s,s:s,s:s*,s:b,s:b,s:b,s:O*,s:o}", "ociVersion",
                          "1.2.0", "id", c->id, "pid", (int)c->pid, "startTime",
                          (json_int_t)c->start_time, "bundle", c->bundle, "rootfs", c->rootfs,
                          "created", c->created, "owner", c->owner, "noPivot", c->no_pivot,
                          "rootless", c->rootless, "ownPids", c->own_pids, "annotations", c->annotations, "cgroup",
                          cgroup_to_json(&c->cg));
    auto_free char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    if (!text)
        return fail(err, EINVAL, "state of %s cannot be written as JSON", c->id);
    if (!first)
        return file_replace(c->dir, "state.json", text, strlen(text), err);
    /* nobody has read it yet; half a state counts as none */
    auto_fd int fd = openat(c->dir, "state.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return fail_errno(err, errno, "write state.json");
    return 0;
}

static char *copy_string(struct json_reader *r, const json_t *o, const char *key)
{
    const char *s = jr_string(r, o, "state", key);

    return s ? xstrdup(s) : NULL;
}

int state_load(int root, const char *id, struct container *c, struct error *err)
{
    *c = (struct container){.dir = -1};
    int rc = id_check(id, err);
    if (rc)
        return rc;
    c->id = xstrdup(id);
    c->dir = openat(root, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c->dir < 0)
        return errno == ENOENT ? fail(err, ENOENT, "container does not exist: %s", id)
                               : fail_errno(err, errno, "state directory of %s", id);
    auto_free char *text = NULL;
    size_t len;
    if (file_read(c->dir, "state.json", &text, &len, err) || !len)
        return fail(err, ENODATA, "container %s has no state: its creation did not finish", id);
    json_t *o;
    if (json_parse(text, len, "state.json", &o, err))
        return fail(err, ENODATA, "container %s has half a state: its creation did not finish", id);
    struct json_reader r = {.err = err};
    c->pid = (pid_t)jr_uint(&r, o, "state", "pid", INT32_MAX, 0);
    c->start_time = jr_uint(&r, o, "state", "startTime", UINT64_MAX, 0);
    c->bundle = copy_string(&r, o, "bundle");
    c->rootfs = copy_string(&r, o, "rootfs");
    c->created = copy_string(&r, o, "created");
    c->owner = copy_string(&r, o, "owner");
    c->no_pivot = jr_bool(&r, o, "state", "noPivot");
    c->rootless = jr_bool(&r, o, "state", "rootless");
    c->own_pids = jr_bool(&r, o, "state", "ownPids");
    c->annotations = json_incref(jr_object(&r, o, "state", "annotations"));
    rc = r.rc ? r.rc : cgroup_from_json(&c->cg, jr_object(&r, o, "state", "cgroup"), err);
    json_decref(o);
    if (!rc && (!c->bundle || !c->created))
        rc = fail(err, EINVAL, "state of %s is damaged", id);
    return rc;
}

void container_fini(struct container *c)
{
    free(c->id);
    free(c->bundle);
    free(c->rootfs);
    free(c->created);
    free(c->owner);
    json_decref(c->annotations);
    cgroup_fini(&c->cg);
    if (c->dir >= 0)
        close(c->dir);
    *c = (struct container){.dir = -1};
}

int state_remove(int root, const char *id, struct error *err)
{
    auto_fd int dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir < 0)
        return errno == ENOENT ? 0 : fail_errno(err, errno, "state directory of %s", id);
    /* the usual files without reading the directory; the rest only where one is left */
    unlinkat(dir, "state.json", 0);
    unlinkat(dir, "config.json", 0);
    unlinkat(dir, "start", 0);
    if (unlinkat(root, id, AT_REMOVEDIR) == 0)
        return 0;
    DIR *d = fdopendir(take_fd(&dir));
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_component(e->d_name))
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    if (unlinkat(root, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return fail_errno(err, errno, "remove the state directory of %s", id);
    return 0;
}

/* "pid (name) S ppid ... starttime": field 22, counted after the last ')' [proc_pid_stat(5)] */
bool process_stat(pid_t pid, uint64_t *start_time, char *state)
{
    char path[32], buf[1024];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (file_read_buf(AT_FDCWD, path, buf, sizeof(buf)) <= 0)
        return false;
    char *p = strrchr(buf, ')');
    if (!p || !p[1])
        return false;
    *state = p[2];
    p += 2;
    for (int field = 3; field < 22 && p; field++)
        p = strchr(p + 1, ' ');
    if (!p)
        return false;
    *start_time = strtoull(p + 1, NULL, 10);
    return true;
}

static bool is_alive(const struct container *c)
{
    uint64_t start;
    char state;

    return c->pid > 0 && process_stat(c->pid, &start, &state) && start == c->start_time &&
           state != 'Z' && state != 'X';
}

enum container_status container_status(struct container *c)
{
    if (c->pid <= 0)
        return ST_CREATING;
    if (!is_alive(c))
        return ST_STOPPED;
    if (faccessat(c->dir, "start", F_OK, 0) == 0)
        return ST_CREATED;
    return cgroup_is_frozen(&c->cg) ? ST_PAUSED : ST_RUNNING;
}

int container_pidfd(const struct container *c)
{
    if (c->pid <= 0)
        return -ESRCH;
    int fd = pidfd_open(c->pid, 0);
    if (fd < 0)
        return -errno;
    /* opened first, checked second: what the pidfd refers to cannot change any more */
    if (!is_alive(c)) {
        close(fd);
        return -ESRCH;
    }
    return fd;
}

char *state_text(struct container *c, enum container_status status, bool full)
{
    bool has_pid = status != ST_STOPPED && c->pid > 0;
    json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:s}", "ociVersion", "1.2.0", "id", c->id, "status",
                          status_names[status], "pid", has_pid ? (int)c->pid : 0, "bundle",
                          c->bundle);

    if (full) {
        json_object_set_new(o, "rootfs", json_string(c->rootfs ? c->rootfs : ""));
        json_object_set_new(o, "created", json_string(c->created));
        json_object_set_new(o, "owner", json_string(c->owner ? c->owner : ""));
    }
    if (c->annotations)
        json_object_set(o, "annotations", c->annotations);
    char *text = json_dumps(o, full ? JSON_INDENT(2) : JSON_COMPACT);
    json_decref(o);
    return text;
}

int state_spec(const struct container *c, struct spec *s, struct error *err)
{
    auto_free char *text = NULL;
    size_t len;
    json_t *doc;
    int rc = file_read(c->dir, "config.json", &text, &len, err);

    if (!rc)
        rc = json_parse(text, len, "config.json", &doc, err);
    return rc ? rc : spec_parse(doc, s, err);
}

/* Days since 1970-01-01 to a date, without the C library's time zones. */
static void civil_from_days(long days, int *y, int *m, int *d)
{
    days += 719468; /* from 0000-03-01, in eras of 400 years */
    long era = days / 146097;
    long doe = days - era * 146097;
    long yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    long doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    long mp = (5 * doy + 2) / 153;

    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + era * 400 + (*m <= 2));
}

char *time_text(void)
{
    struct timespec ts;
    int y, m, d;

    clock_gettime(CLOCK_REALTIME, &ts);
    civil_from_days(ts.tv_sec / 86400, &y, &m, &d);
    int s = (int)(ts.tv_sec % 86400);
    return xasprintf("%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", y, m, d, s / 3600, s / 60 % 60, s % 60,
                     ts.tv_nsec);
}
