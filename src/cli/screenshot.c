/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad screenshot: a running guest's screen as a PNG file, or its characters.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/guests.h"

extern const struct command command_screenshot;

struct screenshot_options {
    bool text, help;
};

static const struct opt options[] = {
    OPT(struct screenshot_options, text, .name = "text", .kind = OPT_FLAG,
        .help = "print the characters of a text mode instead"),
    OPT(struct screenshot_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int print_text(struct client *c, struct error *err)
{
    json_t *r = NULL, *row;
    size_t i;
    int rc = client_call(c, "text", NULL, &r, err);

    if (!rc && !json_is_true(json_object_get(r, "text")))
        rc = fail(err, EOPNOTSUPP, "the screen is in a graphics mode; try: quad screenshot %s "
                                   "FILE.png", c->name);
    if (!rc)
        json_array_foreach(json_object_get(r, "rows"), i, row)
            puts(json_string_value(row));
    json_decref(r);
    return rc;
}

/* Under another name until the picture is whole. */
static int save_png(struct client *c, const char *path, struct error *err)
{
    auto_free char *tmp = xasprintf("%s.new", path);
    auto_close int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return fail_errno(err, errno, "cannot create %s", tmp);
    int rc = client_call_fds(c, "screenshot", NULL, &fd, 1, NULL, err);
    if (!rc && rename(tmp, path) < 0)
        rc = fail_errno(err, errno, "cannot write %s", path);
    if (rc)
        unlink(tmp);
    return rc;
}

static int run(int argc, char **argv)
{
    struct screenshot_options o = {0};
    struct client c = {0};
    struct error err = {0};
    int rest, code = guests_parse(&command_screenshot, &o, offsetof(struct screenshot_options, help),
                                  argc, argv, 1, &rest);

    if (code >= 0)
        return code;
    if (argc - rest != (o.text ? 1 : 2)) {
        fail(&err, EINVAL, "%s", o.text ? "one guest is wanted" : "a guest and a file are wanted");
        return command_usage(&command_screenshot, &err);
    }
    int rc = client_open(&c, argv[rest], &err);
    if (!rc)
        rc = o.text ? print_text(&c, &err) : save_png(&c, argv[rest + 1], &err);
    client_close(&c);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad screenshot web screen.png", "the screen as a picture"},
    {"quad screenshot --text web", "what a text mode shows, for scripts"},
    {NULL, NULL},
};

const struct command command_screenshot = {
    .name = "screenshot",
    .summary = "a running guest's screen as a PNG file or as text",
    .operands = "GUEST [FILE.png]",
    .options = options,
    .examples = examples,
    .run = run,
};
