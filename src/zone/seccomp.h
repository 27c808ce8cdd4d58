/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * seccomp: compiler from the specification's seccomp section to a BPF program. [OCI
 * config-linux#seccomp]
 *
 * For each ABI the system call numbers become merged ranges of equal outcome, found by a balanced
 * comparison; argument rules are chains behind a range. The outcome of a call is:
 *   - an ABI that the profile does not list: kill (as libseccomp's default for a "bad" one);
 *   - a number beyond every call that the profile names: ENOSYS, where the default action denies:
 *     a program falls back where EPERM would confuse it;
 *   - the first rule without arguments that names it; else the first rule whose arguments match;
 *   - else the default action.
 * A rule with the default action adds nothing and is left out.
 */
#ifndef QUAD_ZONE_SECCOMP_H
#define QUAD_ZONE_SECCOMP_H

#include <linux/filter.h>

#include "base/json.h"
#include "zone/syscall_tab.h"

/* The ABIs that one kernel offers. */
enum abi_family { FAMILY_X86, FAMILY_ARM, FAMILY_RISCV };

/* This host's; defined for its processor in launch.c. */
extern const enum abi_family host_family;

struct seccomp_program {
    struct sock_filter *insn; /* heap */
    size_t count;
    unsigned flags; /* SECCOMP_FILTER_FLAG_* of the profile */
    bool notify;    /* uses SCMP_ACT_NOTIFY */
    const char *listener_path, *listener_metadata; /* borrowed from the profile */
};

struct seccomp_options {
    enum abi_family family;
    bool no_enosys; /* leave out the rule for numbers beyond the profile */
};

/* `profile` is the JSON object. A profile that needs no filter gives count 0. */
[[nodiscard]] int seccomp_compile(const json_t *profile, const struct seccomp_options *opt,
                                  struct seccomp_program *prog, struct error *err);
void seccomp_program_fini(struct seccomp_program *prog);

/* For `features`. Both end with NULL. */
extern const char *const seccomp_action_names[];
extern const char *const seccomp_operator_names[];
extern const char *const seccomp_arch_names[];
extern const char *const seccomp_flag_names[];

#endif
