/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * oci: the command line of quad-oci, which is runc's and crun's: one table of commands, a function
 * for each.
 */
#ifndef QUAD_OCI_OCI_H
#define QUAD_OCI_OCI_H

#include "base/opt.h"
#include "zone/container.h"

struct oci {
    struct runtime_opts rt;
    const char *criu;
    bool debug;
};

struct oci_command {
    const char *name, *args, *help;
    const struct opt *opts;
    /* argv[0] is the command's name. The exit status, or -errno with *err filled. */
    int (*run)(const struct oci *g, int argc, char **argv, struct error *err);
};

extern const struct oci_command oci_commands[];

#define COMMAND(name) \
    int cmd_##name(const struct oci *g, int argc, char **argv, struct error *err); \
    extern const struct opt opts_##name[];
COMMAND(create)
COMMAND(run)
COMMAND(start)
COMMAND(state)
COMMAND(kill)
COMMAND(delete)
COMMAND(exec)
COMMAND(pause)
COMMAND(resume)
COMMAND(list)
COMMAND(ps)
COMMAND(update)
COMMAND(events)
COMMAND(features)
COMMAND(spec)
COMMAND(checkpoint)
COMMAND(restore)
#undef COMMAND

/* Parse a command's options, which may stand anywhere; `min`..`max` operands must be left (max < 0:
 * any number). The operands go to the end of argv: index of the first, or -errno. */
[[nodiscard]] int oci_parse(const struct opt *opts, void *record, int argc, char **argv, int min,
                            int max, struct error *err);
/* The same, but options end at the first operand: what follows belongs to another program. */
[[nodiscard]] int oci_parse_in_order(const struct opt *opts, void *record, int argc, char **argv,
                                     int min, struct error *err);

/* Messages go to `where` (NULL: standard error); with `debug` also what is done. */
[[nodiscard]] int oci_log_open(const char *where, bool json, bool debug, struct error *err);
/* The error that the command ends with, to the log; standard error gets it in any case. */
void oci_log_failure(const char *text);

#endif
