/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * opt: tables of command-line options. One table feeds the parser, --help, the man page and the
 * shell completion.
 *
 * The table ends with an entry whose name is NULL. Each entry writes through `offset` into the
 * caller's options record. Strings are borrowed from argv.
 */
#ifndef QUAD_BASE_OPT_H
#define QUAD_BASE_OPT_H

#include "base/base.h"

enum opt_kind {
    OPT_FLAG,   /* bool, no value; also --no-NAME */
    OPT_STRING, /* const char * */
    OPT_UINT,   /* uint64_t, min..max */
    OPT_SIZE,   /* uint64_t bytes: 512M 4G (binary units; K M G T, optional B or iB) */
    OPT_LIST,   /* struct opt_list, may be given several times */
    OPT_ENUM,   /* const char *, one of `choices` ("a|b|c") */
};

struct opt_list {
    const char **items;
    size_t count;
};

struct opt {
    const char *name; /* long name without dashes */
    char letter;      /* short name or 0 */
    enum opt_kind kind;
    size_t offset;
    const char *arg;     /* value's name in help: "FILE" */
    const char *choices; /* OPT_ENUM: "a|b|c" */
    uint64_t min, max;   /* OPT_UINT, OPT_SIZE; max 0 = no limit */
    const char *path;    /* what of it is a path: "": it begins with one; "/": if it has a slash */
    bool run_only;       /* says how something is run now, not what it is: not kept */
    const char *help;
};

#define OPT(record, member, ...) \
    {                            \
        .offset = offsetof(record, member), __VA_ARGS__ \
    }
#define OPT_END \
    {           \
        .name = NULL \
    }

/* Parse argv[1..argc): fills *record and *rest (first operand, or what follows "--").
 * Operands end option parsing. Errors name the option and the nearest known one. */
int opt_parse(const struct opt *table, void *record, int argc, char **argv, int *rest,
              struct error *err);
void opt_free(const struct opt *table, void *record);

/* One setting by name, as text; flags take NULL. */
int opt_set(const struct opt *table, void *record, const char *name, const char *value,
            struct error *err);

/* Call fn for each setting that is there (not false, 0, NULL; each item of a list), as opt_set
 * takes it. */
void opt_each(const struct opt *table, const void *record,
              void (*fn)(void *opaque, const char *name, const char *value), void *opaque);
/* Store a value as text, as the command line does; NULL for a flag that is set. */
int opt_store(const struct opt *o, void *record, const char *value, struct error *err);

/* `item` (borrowed) becomes number `at` (at most count) of the list. */
void opt_list_insert(struct opt_list *l, size_t at, const char *item);

/* "512M" -> bytes. */
int opt_parse_size(const char *text, uint64_t *bytes, struct error *err);

/* The table's name nearest to `word` (edit distance <= 3), or NULL. */
const char *opt_nearest(const char *word, const char *const *names, size_t count);

#endif
