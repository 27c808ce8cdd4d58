/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Commands that look at containers.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "oci/oci.h"
#include "base/file.h"

struct info_opts {
    const char *format;
    bool quiet, stats;
    const char *interval;
};

const struct opt opts_state[] = {OPT_END};
const struct opt opts_list[] = {
    OPT(struct info_opts, format, .name = "format", .letter = 'f', .kind = OPT_ENUM,
        .arg = "FORMAT", .choices = "table|json", .help = "table or json"),
    OPT(struct info_opts, quiet, .name = "quiet", .letter = 'q', .kind = OPT_FLAG,
        .help = "ids only"),
    OPT_END,
};
const struct opt opts_ps[] = {
    OPT(struct info_opts, format, .name = "format", .letter = 'f', .kind = OPT_ENUM,
        .arg = "FORMAT", .choices = "table|json", .help = "table or json"),
    OPT_END,
};
const struct opt opts_events[] = {
    OPT(struct info_opts, stats, .name = "stats", .kind = OPT_FLAG, .help = "once"),
    OPT(struct info_opts, interval, .name = "interval", .kind = OPT_STRING, .arg = "TIME",
        .help = "between two prints (5s)"),
    OPT_END,
};

int cmd_state(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct info_opts o = {0};
    struct container c;
    int at = oci_parse(opts_state, &o, argc, argv, 1, 1, err);

    if (at < 0)
        return at;
    int rc = container_open(&g->rt, argv[at], &c, err);
    if (!rc) {
        auto_free char *text = state_text(&c, container_status(&c), true);
        puts(text);
    }
    container_fini(&c);
    return rc;
}

/* ----------------------------------------------------------------------------------------- list */

static json_t *list_entry(struct container *c)
{
    enum container_status st = container_status(c);
    json_t *o = json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:s}", "ociVersion", "1.2.0", "id", c->id,
                          "pid", st == ST_STOPPED ? 0 : (int)c->pid, "status", status_names[st],
                          "bundle", c->bundle, "rootfs", c->rootfs ? c->rootfs : "", "created",
                          c->created, "owner", c->owner ? c->owner : "");

    if (c->annotations)
        json_object_set(o, "annotations", c->annotations);
    return o;
}

static const char *field(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static int by_id(const void *a, const void *b)
{
    return strcmp(field(*(json_t *const *)a, "id"), field(*(json_t *const *)b, "id"));
}

static void sort_by_id(json_t *all)
{
    size_t n = json_array_size(all);
    auto_free json_t **v = xcalloc(n, sizeof(json_t *));

    for (size_t i = 0; i < n; i++)
        v[i] = json_incref(json_array_get(all, i));
    qsort(v, n, sizeof(json_t *), by_id);
    for (size_t i = 0; i < n; i++)
        json_array_set_new(all, i, v[i]);
}

int cmd_list(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct info_opts o = {0};
    int at = oci_parse(opts_list, &o, argc, argv, 0, 0, err);
    int root = at < 0 ? at : runtime_root(&g->rt, false, err);
    bool none = root == -ENOENT && !g->rt.root; /* nothing was ever made in the usual place */

    if (root < 0 && !none)
        return root;
    auto_close int dir =
        none ? -1 : openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = dir < 0 ? NULL : fdopendir(dir);
    if (!d && !none)
        return fail_errno(err, errno, "read the state directory");
    dir = -1;
    json_t *all = json_array();
    for (struct dirent *e; d && (e = readdir(d));) {
        struct container c;
        struct error ignored;
        if (*e->d_name == '.')
            continue;
        if (state_load(root, e->d_name, &c, &ignored) == 0)
            json_array_append_new(all, list_entry(&c));
        container_fini(&c);
    }
    if (d)
        closedir(d);
    if (root >= 0)
        close(root);
    sort_by_id(all);
    if (!o.quiet && o.format && !strcmp(o.format, "json")) {
        auto_free char *text = json_dumps(all, JSON_COMPACT);
        puts(text);
    } else {
        if (!o.quiet)
            printf("%-30s %-8s %-9s %-40s %-31s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED",
                   "OWNER");
        for (size_t i = 0; i < json_array_size(all); i++) {
            const json_t *e = json_array_get(all, i);
            if (o.quiet)
                puts(field(e, "id"));
            else
                printf("%-30s %-8lld %-9s %-40s %-31s %s\n", field(e, "id"),
                       (long long)json_integer_value(json_object_get(e, "pid")),
                       field(e, "status"), field(e, "bundle"), field(e, "created"),
                       field(e, "owner"));
        }
    }
    json_decref(all);
    return 0;
}

/* ------------------------------------------------------------------------------------------- ps */

/* Run ps(1) and pass on its header and the lines whose PID column is in the list. */
static int ps_table(const pid_t *pids, size_t count, char **args, struct error *err)
{
    static char *const defaults[] = {(char *)"ps", (char *)"-ef", NULL};
    int p[2];

    if (pipe2(p, O_CLOEXEC) < 0)
        return fail_errno(err, errno, "pipe");
    pid_t child = fork();
    if (child < 0)
        return fail_errno(err, errno, "fork");
    if (child == 0) {
        dup2(p[1], 1);
        execvp("ps", args ? args : (char **)defaults);
        _exit(127);
    }
    close(p[1]);
    auto_free char *text = NULL;
    int rc = file_slurp(p[0], &text, NULL, err);
    close(p[0]);
    int status;
    waitpid(child, &status, 0);
    if (rc)
        return rc;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return fail(err, ENOENT, "ps failed (is procps installed?)");
    int column = -1;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        auto_free char *copy = xstrdup(line);
        char *wsave = NULL;
        int k = 0;
        bool ours = false;
        for (char *w = strtok_r(copy, " ", &wsave); w; w = strtok_r(NULL, " ", &wsave), k++) {
            if (column < 0 && !strcmp(w, "PID")) {
                column = k;
                ours = true;
                break;
            }
            if (k == column)
                for (size_t i = 0; i < count; i++)
                    ours |= strtol(w, NULL, 10) == pids[i];
        }
        if (column < 0)
            return fail(err, EINVAL, "ps printed no PID column");
        if (ours)
            puts(line);
    }
    return 0;
}

int cmd_ps(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct info_opts o = {0};
    struct container c;
    auto_free pid_t *pids = NULL;
    size_t n = 0;
    int at = oci_parse_in_order(opts_ps, &o, argc, argv, 1, err);

    if (at < 0)
        return at;
    int rc = container_open(&g->rt, argv[at], &c, err);
    if (!rc && cgroup_pids(&c.cg, &pids, &n, err) && container_status(&c) != ST_STOPPED)
        rc = -err->code; /* the groups of a stopped one may be gone: nobody is in them */
    if (!rc && o.format && !strcmp(o.format, "json")) {
        printf("[");
        for (size_t i = 0; i < n; i++)
            printf("%s%d", i ? "," : "", (int)pids[i]);
        puts("]");
    } else if (!rc) {
        argv[at] = (char *)"ps";
        rc = ps_table(pids, n, at + 1 < argc ? argv + at : NULL, err);
    }
    container_fini(&c);
    return rc;
}

/* --------------------------------------------------------------------------------------- events */

static void print_event(const char *type, const char *id, json_t *data)
{
    json_t *o = json_pack("{s:s,s:s,s:o*}", "type", type, "id", id, "data", data);
    auto_free char *text = json_dumps(o, JSON_COMPACT);

    puts(text);
    fflush(stdout);
    json_decref(o);
}

static uint64_t oom_kills(struct cgroup *cg)
{
    struct cgroup_dir *d = cgroup_find(cg, CG_MEMORY);
    char buf[512];
    int fd = d ? cgroup_dir_fd(d) : -1;

    if (fd < 0 ||
        file_read_buf(fd, d->v2 ? "memory.events" : "memory.oom_control", buf, sizeof(buf)) <= 0)
        return 0;
    char *at = strstr(buf, "oom_kill ");
    return at ? strtoull(at + 9, NULL, 10) : 0;
}

/* "5s", "500ms", "1m" */
static bool parse_interval(const char *text, struct timespec *t)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || v <= 0 || v > 1e6)
        return false;
    if (!strcmp(end, "ms"))
        v /= 1000;
    else if (!strcmp(end, "m"))
        v *= 60;
    else if (strcmp(end, "s") != 0 && *end)
        return false;
    t->tv_sec = (time_t)v;
    t->tv_nsec = (long)((v - (double)t->tv_sec) * 1e9);
    return true;
}

int cmd_events(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct info_opts o = {.interval = "5s"};
    struct container c;
    struct timespec t;
    int at = oci_parse(opts_events, &o, argc, argv, 1, 1, err);

    if (at < 0)
        return at;
    if (!parse_interval(o.interval, &t))
        return fail(err, EINVAL, "--interval \"%s\"", o.interval);
    int rc = container_open(&g->rt, argv[at], &c, err);
    if (!rc && container_status(&c) == ST_STOPPED)
        rc = fail(err, EINVAL, "container %s is not running", c.id);
    uint64_t ooms = rc ? 0 : oom_kills(&c.cg);
    while (!rc) {
        print_event("stats", c.id, cgroup_stats(&c.cg));
        if (o.stats)
            break;
        nanosleep(&t, NULL);
        if (container_status(&c) == ST_STOPPED)
            break;
        uint64_t now = oom_kills(&c.cg);
        if (now != ooms)
            print_event("oom", c.id, NULL);
        ooms = now;
    }
    container_fini(&c);
    return rc;
}
