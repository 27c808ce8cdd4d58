/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/zone_run.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/zone_host.h"
#include "image/describe.h"
#include "image/unpack.h"
#include "proto/folder.h"
#include "zone/tty.h"
#include "zone/zone.h"

/* ----------------------------------------------------------------------------------- description */

bool zone_run_wanted(const struct guest_config *c)
{
    struct error none;
    struct image im;

    if (!strcmp(c->mode, "zone"))
        return true;
    if (strcmp(c->mode, "auto") || c->kernel)
        return false;
    if (zone_is(c->name))
        return true;
    if (!c->image || strchr(c->image, '/') || image_load(&im, c->image, &none))
        return false;
    bool root = !im.disk;
    image_free(&im);
    return root;
}

static void put_text(json_t *o, const char *key, const char *text)
{
    if (text)
        json_object_set_new(o, key, json_string(text));
}

static void put_list(json_t *o, const char *key, const struct opt_list *l)
{
    json_t *a = json_array();

    for (size_t i = 0; i < l->count; i++)
        json_array_append_new(a, json_string(l->items[i]));
    if (l->count)
        json_object_set(o, key, a);
    json_decref(a);
}

/* "DIR:PATH,ro" is a volume "DIR:PATH:ro". */
static void put_shares(json_t *o, const struct opt_list *l)
{
    json_t *a = json_array();

    for (size_t i = 0; i < l->count; i++) {
        const char *comma = strrchr(l->items[i], ',');
        bool option = comma && (!strcmp(comma, ",ro") || !strcmp(comma, ",rw"));
        auto_free char *v = option ? xasprintf("%.*s:%s", (int)(comma - l->items[i]), l->items[i],
                                               comma + 1)
                                   : xstrdup(l->items[i]);
        json_array_append_new(a, json_string(v));
    }
    if (l->count)
        json_object_set(o, "volumes", a);
    json_decref(a);
}

static void put_limit(json_t *limits, const char *key, uint64_t v)
{
    if (v)
        json_object_set_new(limits, key, json_integer((json_int_t)v));
}

static json_t *describe(const struct guest_config *c)
{
    const struct zone_options *z = &c->zone;
    json_t *o = json_pack("{s:s,s:s,s:b,s:b,s:b,s:I,s:s}", "name", c->name, "image", c->image,
                          "tty", z->tty || z->init, "init", z->init, "remove", c->rm, "autostart",
                          (json_int_t)z->autostart, "net", z->net);
    json_t *limits = json_object();

    put_text(o, "brand", z->brand);
    put_text(o, "hostname", c->hostname);
    put_text(o, "user", z->run_as);
    put_text(o, "workdir", z->workdir);
    put_list(o, "command", &z->command);
    put_list(o, "env", &z->env);
    put_shares(o, &c->shares);
    put_list(o, "forward", &c->forwards);
    put_limit(limits, "memory", z->memory);
    put_limit(limits, "swap", z->swap);
    put_limit(limits, "cpu_cap", z->cpu_cap ? z->cpu_cap : z->cpus * 100);
    put_limit(limits, "cpu_share", z->cpu_share);
    put_limit(limits, "processes", z->processes);
    put_limit(limits, "io_rate", z->io_rate);
    put_limit(limits, "io_ops", z->io_ops);
    put_limit(limits, "net_rate", z->net_rate);
    json_object_set_new(o, "limits", limits);
    return o;
}

static int refuse_machines(const struct guest_config *c, struct error *err)
{
    if (c->kernel)
        return fail(err, EINVAL, "a zone has this host's kernel, not %s; try: --mode full",
                    c->kernel);
    if (c->disks.count)
        return fail(err, EINVAL, "a zone has no disks; try: --share DIR:PATH, or --mode full");
    if (c->nics.count)
        return fail(err, EINVAL, "a zone's network is said by --net, not by --nic");
    return 0;
}

/* With its image named it gets the whole description; by its own name it stays as it is. */
static int update(const struct guest_config *c, struct error *err)
{
    json_t *old = zone_load(c->name, err);
    const char *image = json_string_value(json_object_get(old, "image"));
    struct zone_config zc;
    int rc = old ? 0 : -err->code;

    if (!rc && c->image && image && strcmp(c->image, image) && strcmp(c->image, c->name))
        rc = fail(err, EEXIST, "%s stands on image %s; try: quad rm %s", c->name, image, c->name);
    json_t *new = NULL;
    if (!rc && c->image && image && !strcmp(c->image, image)) {
        new = describe(c);
    } else if (!rc) {
        new = json_incref(old);
        if (c->zone.command.count)
            put_list(new, "command", &c->zone.command);
        json_object_set_new(new, "tty", json_boolean(c->zone.tty || json_is_true(json_object_get(
                                                                        new, "init"))));
    }
    if (!rc)
        rc = zone_config_read(&zc, new, err);
    if (!rc) {
        auto_free char *folder = folder_path(c->name, NULL);
        rc = zone_save(folder, new, err);
    }
    if (new)
        zone_config_fini(&zc);
    json_decref(new);
    json_decref(old);
    return rc;
}

int zone_run_prepare(const struct guest_config *c, struct error *err)
{
    int rc = refuse_machines(c, err);

    if (rc)
        return rc;
    if (zone_is(c->name))
        return update(c, err);
    if (!c->image)
        return fail(err, EINVAL, "no image given; try: quad image ls, quad run IMAGE --mode zone");
    if (folder_exists(c->name))
        return fail(err, EEXIST, "a guest called %s is there and is no zone; try: --name NAME",
                    c->name);
    json_t *o = describe(c);
    rc = zone_install(o, err);
    json_decref(o);
    return rc;
}

int zone_run(const struct guest_config *c, int *status, struct error *err)
{
    *status = 0;
    return c->detach ? zone_host_boot(c->name, err) : zone_host_run(c->name, status, err);
}

/* ------------------------------------------------------------------------------------------- exec */

struct terminal {
    int sock, end; /* the terminal's other side comes there; the program has ended */
};

static void *relay(void *opaque)
{
    struct terminal *t = opaque;
    int master = fd_receive(t->sock);

    if (master >= 0) {
        tty_relay(master, t->end);
        close(master);
    }
    return NULL;
}

static int call_exec(struct client *c, json_t *args, const int *fds, unsigned n, int *status,
                     struct error *err)
{
    json_t *result = NULL;
    int rc = client_call_fds(c, "exec", args, fds, n, &result, err);

    if (!rc)
        *status = (int)json_integer_value(json_object_get(result, "status"));
    json_decref(result);
    return rc;
}

static int exec_on_terminal(struct client *c, json_t *args, int *status, struct error *err)
{
    struct terminal t = {.end = eventfd(0, EFD_CLOEXEC)};
    pthread_t thread;
    int pair[2];

    if (t.end < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "a terminal");
    t.sock = pair[0];
    if (pthread_create(&thread, NULL, relay, &t))
        return fail(err, EAGAIN, "no thread for the terminal");
    int rc = call_exec(c, args, &pair[1], 1, status, err);
    close(pair[1]); /* where no terminal came, the thread sees the end */
    eventfd_write(t.end, 1);
    pthread_join(thread, NULL);
    close(pair[0]);
    close(t.end);
    return rc;
}

int zone_run_exec(struct client *c, const char *const *args, const char *user, bool tty, int *status,
                  struct error *err)
{
    const int fds[3] = {0, 1, 2};
    json_t *list = json_array();

    for (; *args; args++)
        json_array_append_new(list, json_string(*args));
    json_t *o = json_pack("{s:o,s:b,s:s*}", "args", list, "tty", tty, "user", user);
    int rc = tty ? exec_on_terminal(c, o, status, err) : call_exec(c, o, fds, 3, status, err);
    json_decref(o);
    return rc;
}

/* ------------------------------------------------------------------------------------------- copy */

static json_t *copy_args(const char *path, const char *to)
{
    return json_pack("{s:s,s:s}", "path", path, "to", to);
}

static int call_copy(struct client *c, const char *path, const char *to, int fd, struct error *err)
{
    json_t *args = copy_args(path, to), *result = NULL;
    int rc = client_call_fds(c, "copy", args, &fd, 1, &result, err);

    if (!rc && json_integer_value(json_object_get(result, "status")))
        rc = fail(err, EIO, "%s: %s cannot be copied", c->name, path);
    json_decref(args);
    json_decref(result);
    return rc;
}

/* The parent folder's path, and the last name in *last. */
static char *split(const char *path, const char **last)
{
    auto_free char *copy = xstrdup(path);
    size_t n = strlen(copy);

    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = 0;
    char *slash = strrchr(copy, '/');
    *last = path + (slash ? slash + 1 - copy : 0);
    if (!slash)
        return xstrdup(".");
    *slash = 0;
    return xstrdup(*copy ? copy : "/");
}

int zone_run_copy_in(struct client *c, const char *from, const char *to, struct error *err)
{
    const char *last;
    auto_free char *dir = split(from, &last);
    int p[2], status = 0;

    if (access(from, R_OK))
        return fail_errno(err, errno, "%s", from);
    if (pipe2(p, O_CLOEXEC) < 0)
        return fail_errno(err, errno, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(p[1], 1) == 1)
            execlp("tar", "tar", "--sparse", "-C", dir, "-c", "--", last, (char *)NULL);
        _exit(127);
    }
    close(p[1]);
    int rc = pid < 0 ? fail_errno(err, errno, "fork") : call_copy(c, to, "zone", p[0], err);
    close(p[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!rc && (!WIFEXITED(status) || WEXITSTATUS(status)))
        rc = fail(err, EIO, "tar failed on %s", from);
    return rc;
}

int zone_run_copy_out(struct client *c, const char *from, const char *to, struct error *err)
{
    const struct unpack_opts o = {.owners = geteuid() == 0};
    auto_close int dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FILE *keep = tmpfile();

    if (dir < 0 || !keep) {
        if (keep)
            fclose(keep);
        return fail_errno(err, errno, "%s (a folder to copy into)", to);
    }
    int fd = fileno(keep);
    int rc = call_copy(c, from, "host", fd, err);
    /* the zone's own archive: unpacked as any that nobody trusts */
    if (!rc)
        rc = unpack_tar(fd, dir, from, &o, NULL, err);
    fclose(keep);
    return rc;
}
