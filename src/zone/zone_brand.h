/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_brand: what a zone's programs take their system to be.
 *
 *     native         this host's kernel as it is
 *     i386           a 32-bit user land: uname says i686
 *     linux-5.10     an older kernel: uname says 5.10.0; what came later is answered as that kernel
 *                    would have answered it (ENOSYS)
 *
 * i386 is the kernel's own personality. An older release is told by the process that hosts the zone: its
 * seccomp filter hands uname(2) to it (zone_uname.c). A brand for another processor's programs names the
 * program that runs them: it is to be registered with binfmt_misc in the zone's own user namespace
 * (Linux 6.7), by an open descriptor, so that the zone's root need not have it. None is in this
 * version: `interpreter` is NULL for all.
 */
#ifndef QUAD_ZONE_ZONE_BRAND_H
#define QUAD_ZONE_ZONE_BRAND_H

#include "base/json.h"

struct zone_brand {
    const char *name;   /* "i386" */
    const char *arch;   /* of images it runs: "386"; NULL: the host's */
    const char *machine; /* what uname says; NULL: the host's */
    bool release;       /* takes a release: "linux-5.10" */
    unsigned long personality;
    const char *interpreter; /* host's program for another processor's, or NULL */
    const char *help;
};

extern const struct zone_brand zone_brands[]; /* ends with name NULL */

[[nodiscard]] int zone_brand_check(const char *name, struct error *err);
/* Fill in linux.personality and the seccomp section's older-kernel rules. `name` NULL: native. */
[[nodiscard]] int zone_brand_apply(const char *name, json_t *spec, struct error *err);
/* What uname says of the release in this brand; false: the host's own. */
bool zone_brand_release(const char *name, char *out, size_t room);
/* The brand that runs images of this architecture here, or NULL. */
const struct zone_brand *zone_brand_for_arch(const char *arch);

#endif
