/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * roster: the names of all guests of this user: those that run (a lock that is held) and those that
 * have a folder.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/opt.h"
#include "proto/client.h"
#include "proto/place.h"

static void roster_add(struct roster *r, const char *name, bool running)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->names[i], name)) {
            r->running[i] = r->running[i] || running;
            return;
        }
    char **names = realloc(r->names, (r->n + 1) * sizeof(*names));
    if (names)
        r->names = names;
    bool *run = names ? realloc(r->running, (r->n + 1) * sizeof(*run)) : NULL;
    if (!run)
        return;
    r->running = run;
    r->names[r->n] = xstrdup(name);
    r->running[r->n++] = running;
}

static void add_running(struct roster *r, int run_fd)
{
    int fd = fcntl(run_fd, F_DUPFD_CLOEXEC, 3);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    for (struct dirent *e; d && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n <= 5 || e->d_name[0] == '.' || strcmp(e->d_name + n - 5, ".lock"))
            continue;
        e->d_name[n - 5] = 0;
        if (place_is_claimed(run_fd, e->d_name))
            roster_add(r, e->d_name, true);
    }
    if (d)
        closedir(d);
}

static void add_stored(struct roster *r)
{
    auto_free char *guests = place_data("guests");
    DIR *d = opendir(guests);

    for (struct dirent *e; d && (e = readdir(d));)
        if (!place_name_check(e->d_name, NULL))
            roster_add(r, e->d_name, false);
    if (d)
        closedir(d);
}

static void roster_sort(struct roster *r)
{
    for (size_t i = 1; i < r->n; i++)
        for (size_t k = i; k && strcmp(r->names[k - 1], r->names[k]) > 0; k--) {
            char *name = r->names[k];
            bool running = r->running[k];
            r->names[k] = r->names[k - 1], r->running[k] = r->running[k - 1];
            r->names[k - 1] = name, r->running[k - 1] = running;
        }
}

int roster_open(struct roster *r, struct error *err)
{
    struct error e = {0};
    auto_close int run_fd = -1;

    *r = (struct roster){0};
    int rc = place_run(false, &run_fd, &e);
    if (rc && rc != -ENOENT)
        return fail(err, e.code, "%s", e.text);
    if (!rc)
        add_running(r, run_fd);
    add_stored(r);
    roster_sort(r);
    return 0;
}

void roster_free(struct roster *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->names[i]);
    free(r->names);
    free(r->running);
    *r = (struct roster){0};
}

int roster_unknown(const char *name, struct error *err)
{
    struct roster r;
    int rc = roster_open(&r, err);

    if (rc)
        return rc;
    const char *near = opt_nearest(name, (const char *const *)r.names, r.n);
    if (near)
        rc = fail(err, ENOENT, "no guest is called \"%s\"; did you mean %s?", name, near);
    else
        rc = fail(err, ENOENT, "no guest is called \"%s\"; try: quad ls", name);
    roster_free(&r);
    return rc;
}
