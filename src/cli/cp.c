/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad cp: files into and out of a running guest: by its agent in a machine, by the zone's own process
 * in a zone.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/agent.h"
#include "cli/guests.h"
#include "guest/zone_run.h"

extern const struct command command_cp;

#define CHUNK 49152u

struct cp_opts {
    bool help;
};

static const struct opt options[] = {
    OPT(struct cp_opts, help, .name = "help", .letter = 'h', .kind = OPT_FLAG, .help = "this help"),
    OPT_END,
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* "DIR/" means a file of the same name in it; also a folder that is there. */
static char *target(const char *to, const char *from, bool here)
{
    size_t n = strlen(to);
    struct stat st;
    bool folder = !n || to[n - 1] == '/' || (here && !stat(to, &st) && S_ISDIR(st.st_mode));

    return folder ? xasprintf("%s%s%s", to, n && to[n - 1] != '/' ? "/" : "", last_part(from))
                  : xstrdup(to);
}

static int open_there(struct agent *a, const char *path, const char *mode, json_int_t *handle,
                      struct error *err)
{
    json_t *answer = NULL;
    int rc = agent_call(a, "guest-file-open", json_pack("{s:s, s:s}", "path", path, "mode", mode),
                        &answer, err);

    *handle = json_integer_value(answer);
    json_decref(answer);
    return rc;
}

static int write_there(struct agent *a, json_int_t handle, const uint8_t *data, size_t len,
                       struct error *err)
{
    while (len) {
        auto_free char *text = base64_encode(data, len);
        json_t *answer = NULL;
        int rc = agent_call(a, "guest-file-write",
                            json_pack("{s:I, s:s}", "handle", handle, "buf-b64", text), &answer, err);
        json_int_t n = json_integer_value(json_object_get(answer, "count"));
        json_decref(answer);
        if (rc)
            return rc;
        if (n <= 0 || (size_t)n > len)
            return fail(err, EIO, "the guest wrote %lld of %zu bytes", (long long)n, len);
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int copy_in(struct agent *a, const char *from, const char *to, struct error *err)
{
    auto_free char *path = target(to, from, false);
    auto_close int fd = open(from, O_RDONLY | O_CLOEXEC);
    uint8_t buf[CHUNK];
    json_int_t handle;
    ssize_t n;

    if (fd < 0)
        return fail_errno(err, errno, "cannot read %s", from);
    int rc = open_there(a, path, "w", &handle, err);
    if (rc)
        return rc;
    while (!rc && (n = read(fd, buf, sizeof(buf))))
        rc = n < 0 ? fail_errno(err, errno, "cannot read %s", from)
                   : write_there(a, handle, buf, (size_t)n, err);
    struct error closing;
    int closed = agent_call(a, "guest-file-close", json_pack("{s:I}", "handle", handle), NULL,
                            rc ? &closing : err);
    return rc ? rc : closed;
}

static int read_there(struct agent *a, json_int_t handle, int fd, bool *eof, struct error *err)
{
    json_t *answer = NULL;
    int rc = agent_call(a, "guest-file-read",
                        json_pack("{s:I, s:i}", "handle", handle, "count", (int)CHUNK), &answer, err);
    const char *text = json_string_value(json_object_get(answer, "buf-b64"));
    size_t len = 0;
    auto_free uint8_t *data = text ? base64_decode(text, &len) : NULL;

    *eof = json_is_true(json_object_get(answer, "eof"));
    json_decref(answer);
    for (size_t at = 0; !rc && at < len;) {
        ssize_t n = write(fd, data + at, len - at);
        if (n < 0)
            return fail_errno(err, errno, "cannot write");
        at += (size_t)n;
    }
    return rc;
}

static int copy_out(struct agent *a, const char *from, const char *to, struct error *err)
{
    auto_free char *path = target(to, from, true);
    json_int_t handle;
    bool eof = false;
    int rc = open_there(a, from, "r", &handle, err);

    if (rc)
        return rc;
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        rc = fail_errno(err, errno, "cannot write %s", path);
    while (!rc && !eof)
        rc = read_there(a, handle, fd, &eof, err);
    struct error ignored;
    agent_call(a, "guest-file-close", json_pack("{s:I}", "handle", handle), NULL, &ignored);
    return rc;
}

/* "GUEST:PATH": the path; the name's length. NULL: a file of this host. */
static const char *in_guest(const char *word, int *len)
{
    const char *colon = strchr(word, ':'), *slash = strchr(word, '/');

    if (!colon || colon == word || (slash && slash < colon))
        return NULL;
    *len = (int)(colon - word);
    return colon + 1;
}

static int copy_zone(const char *zone, const char *from, const char *f, const char *to, const char *t,
                     struct error *err)
{
    struct client c = {0};
    int rc = client_open(&c, zone, err);

    if (!rc)
        rc = f ? zone_run_copy_out(&c, f, to, err) : zone_run_copy_in(&c, from, t, err);
    client_close(&c);
    return rc;
}

static int copy(const char *from, const char *to, struct error *err)
{
    int n = 0, m = 0;
    const char *f = in_guest(from, &n), *t = in_guest(to, &m);
    struct agent a;

    if (!f == !t)
        return fail(err, EINVAL, "one side is GUEST:PATH; try: quad cp file web:/tmp/");
    auto_free char *name = xasprintf("%.*s", f ? n : m, f ? from : to);
    if (!agent_is_there(name))
        return copy_zone(name, from, f, to, t, err);
    int rc = agent_open(&a, name, 30000, err);
    if (rc)
        return rc;
    rc = f ? copy_out(&a, f, to, err) : copy_in(&a, from, t, err);
    agent_close(&a);
    return rc;
}

static int run(int argc, char **argv)
{
    struct cp_opts o = {0};
    struct error err = {0};
    int rest, rc = opt_parse(options, &o, argc, argv, &rest, &err);

    if (!rc && o.help) {
        help_print(&command_cp, stdout);
        return EXIT_OK;
    }
    if (!rc)
        rc = argc - rest == 2 ? copy(argv[rest], argv[rest + 1], &err)
                              : fail(&err, EINVAL, "cp wants FROM and TO");
    return !rc ? EXIT_OK : rc == -EINVAL ? command_usage(&command_cp, &err) : guests_failed(&err);
}

static const struct command_example examples[] = {
    {"quad cp config.yaml web:/etc/app/", "into the guest"},
    {"quad cp web:/var/log/syslog .", "out of it"},
    {"quad cp site shop:/var/www", "the file or folder site, into a zone's folder"},
    {NULL, NULL},
};

const struct command command_cp = {
    .name = "cp",
    .summary = "copy files into and out of a running guest",
    .operands = "FROM TO",
    .text = "One of the two is GUEST:PATH. Into and out of a zone also folders; a machine takes files, and "
            "needs qemu-guest-agent: for folders share one (quad run --share) or use ssh.",
    .options = options,
    .examples = examples,
    .run = run,
};
