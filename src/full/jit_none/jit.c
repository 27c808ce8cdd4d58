/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The translator's place in a build for a host that it has no generator for.
 */
#include "full/jit.h"

static int jit_probe(struct engine_caps *caps, struct error *err)
{
    *caps = (struct engine_caps){.reason = "no translator for this host's processor"};
    return fail(err, ENOTSUP, "engine jit: %s; try: --engine interp", caps->reason);
}

static int jit_open(struct engine *eng, struct machine *m, struct error *err)
{
    struct engine_caps caps;

    (void)eng;
    (void)m;
    return jit_probe(&caps, err);
}

const struct engine_type jit_engine = {
    .name = "jit",
    .way = "full",
    .help = "x86-64 translator (not on this host)",
    .probe = jit_probe,
    .open = jit_open,
};
