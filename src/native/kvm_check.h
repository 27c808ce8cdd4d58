/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kvm_check: a /dev/kvm that opens is not one that works: where it is made of software under
 * another hypervisor, kernels meet a processor that is none. Tiny guests ask for what a kernel
 * stands on. The answers are kept until the host is started anew.
 */
#ifndef QUAD_NATIVE_KVM_CHECK_H
#define QUAD_NATIVE_KVM_CHECK_H

#include "base/base.h"

#define KVM_CHECKS_MAX 16

struct kvm_checks {
    uint64_t tsc_khz; /* of a processor that was just made */
    unsigned n;
    bool ok[KVM_CHECKS_MAX];
};

/* The answers: kept ones, or asked for now. */
int kvm_checks_get(struct kvm_checks *out, struct error *err);
/* What row n asks for: "SYSCALL enters ring 0". */
const char *kvm_check_what(unsigned n);

#endif
