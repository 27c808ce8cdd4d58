/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * process: what makes the calling process the configured one: limits, identity, capabilities.
 * [OCI config#process]
 */
#ifndef QUAD_ZONE_PROCESS_H
#define QUAD_ZONE_PROCESS_H

#include "zone/spec.h"

/* What this process holds; a capability that it lacks cannot be granted, and lacking it must
 * degrade instead of failing (CAP_SYS_RESOURCE is missing on many hosts). */
struct held_caps {
    uint64_t effective, permitted, inheritable;
};
void caps_held(struct held_caps *h);
bool caps_have(unsigned cap); /* effective; cached */

/* Out-of-memory score, by the runtime or the process itself: `pid` 0 = self. */
[[nodiscard]] int process_oom(const struct spec_process *p, pid_t pid, struct error *err);
/* Scheduler, I/O priority, personality, memory policy. */
[[nodiscard]] int process_sched(const struct spec *s, const struct spec_process *p,
                                struct error *err);
[[nodiscard]] int process_affinity(const char *cpus, struct error *err);
/* All processors that the groups allow: who starts a container does not lend it its own choice. */
void process_affinity_reset(void);
[[nodiscard]] int process_rlimits(const struct spec_process *p, pid_t pid, struct error *err);

struct identity {
    /* what the launch stage sets after it has loaded the seccomp filter */
    uint64_t effective, permitted, inheritable;
};
/* Bounding set, groups, ids, ambient and the other sets. `keep_admin` keeps CAP_SYS_ADMIN for a
 * filter that is still to be loaded; the final sets are in *id. */
[[nodiscard]] int process_identity(const struct spec_process *p, bool keep_admin,
                                   bool setgroups_denied, struct identity *id, struct error *err);

/* Enter process.cwd, and check that it is inside the root: S2. */
[[nodiscard]] int process_cwd(const char *cwd, struct error *err);
/* The program's path by the configured PATH; heap memory. "/" is the container's. */
[[nodiscard]] int process_program(const struct spec_process *p, char **program,
                                  struct error *err);
/* The environment with each name once, and HOME added from the image's /etc/passwd where it is missing. */
const char **process_env(const struct spec_process *p);

/* "0-3,7" -> bits; false where it is no list or passes `max`. */
bool parse_cpu_list(const char *text, unsigned long *mask, unsigned max);

#endif
