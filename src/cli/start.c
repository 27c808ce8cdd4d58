/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad start: a guest that ran before, again, from the description that it kept.
 */
#include <unistd.h>

#include "base/log.h"
#include "cli/guests.h"
#include "cli/runner.h"
#include "guest/zone_admin.h"
#include "proto/folder.h"
#include "proto/place.h"

extern const struct command command_start;

struct start_options {
    const char *wait;
    uint64_t timeout;
    bool help;
};

static const struct opt options[] = {
    OPT(struct start_options, wait, .name = "wait", .kind = OPT_STRING, .arg = "boot|ssh|port:N",
        .help = "come back when that is so; see quad wait"),
    OPT(struct start_options, timeout, .name = "timeout", .letter = 't', .kind = OPT_UINT,
        .arg = "SECONDS", .help = "how long --wait may take (300)"),
    OPT(struct start_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

/* Its paths begin where it was first run. */
static int start_from(json_t *d, const struct start_options *o, struct error *err)
{
    const char *cwd = json_string_value(json_object_get(d, "cwd"));
    struct guest_config c;

    if (cwd && chdir(cwd))
        return fail_errno(err, errno, "cannot enter %s, where its paths begin", cwd);
    json_object_del(d, "cwd");
    guest_config_init(&c);
    int rc = guest_config_from_json(&c, d, err);
    c.detach = true;
    c.wait = o->wait;
    c.timeout = o->timeout;
    int code = rc ? rc : run_guest(&command_start, &c);
    guest_config_fini(&c);
    return code;
}

static int start_one(const char *name, void *opaque)
{
    const struct start_options *o = opaque;
    auto_close int run_fd = -1;
    struct error err = {0}, none;

    if (place_name_check(name, &err))
        return guests_failed(&err);
    if (!place_run(false, &run_fd, &none) && place_is_claimed(run_fd, name)) {
        log_notice("%s runs already", name);
        return o->wait && guests_wait_for(name, o->wait, o->timeout, &err) ? guests_failed(&err)
                                                                            : EXIT_OK;
    }
    bool is_zone;
    if (zone_admin_start(name, &is_zone, &err))
        return guests_failed(&err);
    if (is_zone)
        return o->wait && guests_wait_for(name, o->wait, o->timeout, &err) ? guests_failed(&err)
                                                                            : EXIT_OK;
    json_t *d = folder_load(name, "guest.json", &err);
    if (!d) {
        if (err.code == ENOENT)
            roster_unknown(name, &err);
        return guests_failed(&err);
    }
    int code = start_from(d, o, &err);
    json_decref(d);
    if (code < 0)
        error_prefix(&err, "%s", name);
    return code < 0 ? guests_failed(&err) : code;
}

static int run(int argc, char **argv)
{
    struct start_options o = {.timeout = 300};
    int rest, code = guests_parse(&command_start, &o, offsetof(struct start_options, help), argc,
                                  argv, 1, &rest);

    return code >= 0 ? code : guests_each(argc, argv, rest, start_one, &o);
}

static const struct command_example examples[] = {
    {"quad start web", "in the background, as it was run before"},
    {"quad start --wait ssh web", "come back when one can log in"},
    {NULL, NULL},
};

const struct command command_start = {
    .name = "start",
    .summary = "run a guest again that has a name",
    .operands = "GUEST...",
    .text = "No error if it runs already.",
    .options = options,
    .examples = examples,
    .run = run,
};
