/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine's place in a build for a host that is no x86-64.
 */
#include "core/engine.h"

extern const struct engine_type kvm_engine;

static int none_probe(struct engine_caps *caps, struct error *err)
{
    *caps = (struct engine_caps){.reason = "this host's processor cannot run x86-64 guests"};
    return fail(err, ENOTSUP, "engine kvm: %s", caps->reason);
}

static int none_open(struct engine *eng, struct machine *m, struct error *err)
{
    struct engine_caps caps;

    (void)eng;
    (void)m;
    return none_probe(&caps, err);
}

const struct engine_type kvm_engine = {
    .name = "kvm",
    .way = "native",
    .help = "the processor itself, through KVM (not on this host)",
    .probe = none_probe,
    .open = none_open,
};
