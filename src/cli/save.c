/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad save: a running guest into a file.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/guests.h"

extern const struct command command_save;

struct save_args {
    bool compress, go_on, help;
};

static const struct opt options[] = {
    OPT(struct save_args, compress, .name = "compress", .kind = OPT_FLAG,
        .help = "smaller; restoring then reads all of it instead of what the guest touches"),
    OPT(struct save_args, go_on, .name = "go-on", .kind = OPT_FLAG,
        .help = "the guest goes on; without it it ends here, to go on with quad restore"),
    OPT(struct save_args, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int call_save(struct client *c, const struct save_args *o, int fd, json_t **r,
                     struct error *err)
{
    json_t *args = json_pack("{s:b, s:b}", "compress", o->compress, "go_on", o->go_on);
    int rc = client_call_fds(c, "save", args, &fd, 1, r, err);

    json_decref(args);
    return rc;
}

/* The file has its name once all of it is there. */
static int save_to(const char *guest, const char *path, const struct save_args *o, struct error *err)
{
    auto_free char *part = xasprintf("%s.part", path);
    struct client c = {0};
    json_t *r = NULL;
    int rc = client_open(&c, guest, err);

    if (rc)
        return rc;
    auto_close int fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        rc = fail_errno(err, errno, "cannot write %s", part);
    if (!rc)
        rc = call_save(&c, o, fd, &r, err);
    if (!rc && rename(part, path))
        rc = fail_errno(err, errno, "the guest is in %s, which cannot be renamed to %s", part, path);
    else if (rc)
        unlink(part);
    if (!rc)
        log_notice("%s: %s in %s, %" JSON_INTEGER_FORMAT " KiB; it stood still for %"
                   JSON_INTEGER_FORMAT " ms", guest, o->go_on ? "as of now" : "saved", path,
                   json_integer_value(json_object_get(r, "bytes")) / 1024,
                   json_integer_value(json_object_get(r, "ms")));
    char *how = NULL;
    if (!rc && !o->go_on)
        guests_wait_end(&c, 10000, &how, NULL);
    free(how);
    json_decref(r);
    client_close(&c);
    return rc;
}

static int run(int argc, char **argv)
{
    struct save_args o = {0};
    struct error err = {0};
    int rest, code = guests_parse(&command_save, &o, offsetof(struct save_args, help), argc, argv, 1,
                                  &rest);

    if (code >= 0)
        return code;
    if (argc - rest != 2) {
        fail(&err, EINVAL, "save needs a guest and a file; try: quad save web web.quad");
        return command_usage(&command_save, &err);
    }
    return save_to(argv[rest], argv[rest + 1], &o, &err) ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad save web web.quad", "it ends here; quad restore web.quad goes on"},
    {"quad save --go-on --compress web copy.quad", "a copy of its memory, without its disks"},
    {NULL, NULL},
};

const struct command command_save = {
    .name = "save",
    .summary = "a running guest into a file",
    .operands = "GUEST FILE",
    .text = "Memory, processors and devices are saved; disks stay where they are: keep them as they "
            "are until the guest is restored. The file is readable by its owner only: it holds all "
            "that the guest's memory holds.",
    .options = options,
    .examples = examples,
    .run = run,
};
