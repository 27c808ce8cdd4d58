/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad rm: a guest's description, its log and its own disks.
 */
#include "base/log.h"
#include "cli/guests.h"
#include "guest/zone_admin.h"
#include "proto/folder.h"
#include "proto/place.h"

extern const struct command command_rm;

struct rm_options {
    bool force, help;
};

static const struct opt options[] = {
    OPT(struct rm_options, force, .name = "force", .letter = 'f', .kind = OPT_FLAG,
        .help = "end it if it runs; no error if there is none"),
    OPT(struct rm_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int end_it(const char *name, struct error *err)
{
    struct client c = {0};
    auto_free char *how = NULL;
    int rc = client_open(&c, name, err);

    if (!rc)
        rc = client_call(&c, "events", NULL, NULL, err);
    if (!rc)
        rc = client_call(&c, "quit", NULL, NULL, err);
    if (!rc || rc == -EPIPE)
        rc = guests_wait_end(&c, 20000, &how, err);
    client_close(&c);
    return rc;
}

static int rm_one(const char *name, void *opaque)
{
    const struct rm_options *o = opaque;
    auto_close int run_fd = -1;
    struct error err = {0}, none;

    if (place_name_check(name, &err))
        return guests_failed(&err);
    if (!place_run(false, &run_fd, &none) && place_is_claimed(run_fd, name)) {
        if (!o->force) {
            fail(&err, EBUSY, "%s runs; try: quad stop %s, or quad rm --force %s", name, name,
                 name);
            return guests_failed(&err);
        }
        if (end_it(name, &err))
            return guests_failed(&err);
    }
    if (!folder_exists(name)) {
        if (o->force)
            return EXIT_OK;
        roster_unknown(name, &err);
        return guests_failed(&err);
    }
    bool layered = zone_admin_is_layered(name);
    if (folder_remove(name, &err))
        return guests_failed(&err);
    if (layered)
        zone_admin_collect();
    log_notice("%s: removed", name);
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct rm_options o = {0};
    int rest,
        code = guests_parse(&command_rm, &o, offsetof(struct rm_options, help), argc, argv, 1, &rest);

    return code >= 0 ? code : guests_each(argc, argv, rest, rm_one, &o);
}

static const struct command_example examples[] = {
    {"quad rm web", "forget a guest that does not run"},
    {"quad rm --force web", "whatever state it is in"},
    {NULL, NULL},
};

const struct command command_rm = {
    .name = "rm",
    .summary = "forget a guest: its description, log and own disks",
    .operands = "GUEST...",
    .options = options,
    .examples = examples,
    .run = run,
};
