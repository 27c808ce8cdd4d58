/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad cp: files into and out of a running zone.
 */
#include "cli/guests.h"
#include "guest/zone_run.h"

extern const struct command command_cp;

struct cp_options {
    bool help;
};

static const struct opt options[] = {
    OPT(struct cp_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

/* "web:/etc" -> the path, and the name in *zone (heap); NULL: a path of this host. */
static const char *zone_path(const char *word, char **zone)
{
    const char *colon = strchr(word, ':');

    if (!colon || colon == word || colon[1] != '/' || memchr(word, '/', (size_t)(colon - word)))
        return NULL;
    *zone = xasprintf("%.*s", (int)(colon - word), word);
    return colon + 1;
}

static int run(int argc, char **argv)
{
    struct cp_options o = {0};
    struct client c = {0};
    struct error err = {0};
    auto_free char *zone = NULL;
    int rest, code = guests_parse(&command_cp, &o, offsetof(struct cp_options, help), argc, argv, 2,
                                  &rest);

    if (code >= 0)
        return code;
    const char *from = zone_path(argv[rest], &zone);
    const char *to = from ? NULL : zone_path(argv[rest + 1], &zone);
    int rc = argc - rest != 2 || (!from && !to)
                 ? fail(&err, EINVAL, "cp wants a path of this host and a ZONE:/PATH, in either order")
                 : client_open(&c, zone, &err);
    if (!rc)
        rc = from ? zone_run_copy_out(&c, from, argv[rest + 1], &err)
                  : zone_run_copy_in(&c, argv[rest], to, &err);
    client_close(&c);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad cp site web:/var/www", "the file or folder site, into the zone's folder /var/www"},
    {"quad cp web:/etc/passwd .", "out of the zone, into this folder"},
    {NULL, NULL},
};

const struct command command_cp = {
    .name = "cp",
    .summary = "copy files into and out of a running zone",
    .operands = "PATH ZONE:/FOLDER | ZONE:/PATH FOLDER",
    .options = options,
    .examples = examples,
    .run = run,
};
