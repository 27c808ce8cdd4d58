/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad key: press keys on a running guest's keyboard.
 */
#include "cli/guests.h"

extern const struct command command_key;

struct key_options {
    const char *text;
    bool help;
};

static const struct opt options[] = {
    OPT(struct key_options, text, .name = "text", .kind = OPT_STRING, .arg = "TEXT",
        .help = "characters to type after the keys, on a US keyboard"),
    OPT(struct key_options, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int run(int argc, char **argv)
{
    struct key_options o = {0};
    struct client c = {0};
    struct error err = {0};
    int rest, code = guests_parse(&command_key, &o, offsetof(struct key_options, help), argc, argv,
                                  1, &rest);

    if (code >= 0)
        return code;
    json_t *args = json_pack("{s:[]}", "keys");
    for (int i = rest + 1; i < argc; i++)
        json_array_append_new(json_object_get(args, "keys"), json_string(argv[i]));
    if (o.text)
        json_object_set_new(args, "text", json_string(o.text));
    int rc = client_open(&c, argv[rest], &err);
    if (!rc)
        rc = client_call(&c, "key", args, NULL, &err);
    client_close(&c);
    json_decref(args);
    return rc ? guests_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad key web ctrl-alt-delete", "keys held together"},
    {"quad key web down down ret", "one after the other"},
    {"quad key --text 'root' web", "characters"},
    {NULL, NULL},
};

const struct command command_key = {
    .name = "key",
    .summary = "press keys on a running guest's keyboard",
    .operands = "GUEST [KEY]...",
    .options = options,
    .examples = examples,
    .run = run,
};
