/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * micro: microguests: a processor state and an image of a few megabytes, run until it halts, shuts
 * down or has had its share of instructions, under an engine of ours or on the host's processor
 * through KVM, and the outcomes compared. There are no devices: ports and memory outside the image
 * read as all ones.
 */
#ifndef QUAD_TEST_LIB_MICRO_H
#define QUAD_TEST_LIB_MICRO_H

#include "arch/x86/state.h"
#include "core/engine.h"

#define MICRO_MEM (UINT64_C(2) << 20)

enum micro_end { MICRO_HALT, MICRO_SHUTDOWN, MICRO_BUDGET, MICRO_ERROR };

struct micro_outcome {
    enum micro_end end;
    struct x86_state s;
    const uint8_t *mem; /* the runner's, until its next run */
};

struct micro;     /* an engine of ours */
struct micro_kvm; /* the host's processor */

struct micro *micro_create(const struct engine_type *engine);
/* Not deterministic: with a budget of UINT64_MAX all that the engine knows to make guests fast. */
struct micro *micro_create_free(const struct engine_type *engine);
struct vcpu *micro_vcpu(struct micro *m); /* for requests by other threads */
/* From now on the dirty log is fetched at each stop and at the end of a run, and added to bitmap. */
#define MICRO_LOG_WORDS (MICRO_MEM / 4096 / 64)
void micro_log(struct micro *m, uint64_t *bitmap);
void micro_destroy(struct micro *m);
void micro_run(struct micro *m, const struct x86_state *start, const uint8_t *image,
               uint64_t budget, struct micro_outcome *out);

/* NULL where KVM is not to be had; *why says why. KVM has no budget: a run that does not end soon
 * ends in MICRO_BUDGET. */
struct micro_kvm *micro_kvm_create(const char **why);
void micro_kvm_destroy(struct micro_kvm *k);
void micro_kvm_run(struct micro_kvm *k, const struct x86_state *start, const uint8_t *image,
                   struct micro_outcome *out);

/* Empty, or what differs first: registers, flags, segments, control and debug registers, memory. */
void micro_compare(const struct micro_outcome *a, const struct micro_outcome *b, char *text,
                   size_t size);

/* Text of the general part of a state, for reports. */
void micro_show(const struct micro_outcome *o, char *text, size_t size);

#endif
