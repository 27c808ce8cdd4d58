/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * model: named, versioned CPU models: what CPUID and the feature-dependent MSRs say. Chosen before
 * the engine and the same under every engine; a model never changes what a guest sees.
 */
#ifndef QUAD_ARCH_X86_MODEL_H
#define QUAD_ARCH_X86_MODEL_H

#include "base/base.h"

struct x86_cpu;

/* One CPUID leaf, or sub-leaf, of a model's table. */
struct x86_leaf {
    uint32_t leaf, sub;
    uint32_t eax, ebx, ecx, edx;
};

struct x86_model {
    const char *name;    /* "v3" */
    const char *version; /* "v3-1" */
    const char *help;
    const struct x86_leaf *leaves; /* ends with leaf == UINT32_MAX */
    uint8_t pa_bits;
    uint64_t xcr0; /* supported features; 0: no XSAVE */
    uint32_t xsave; /* leaf 0Dh, sub-leaf 1, EAX: X86_XSAVE* */
};

enum { X86_XSAVEOPT = 1, X86_XSAVEC = 2, X86_XGETBV1 = 4, X86_XSAVES = 8 };

extern const struct x86_model *const x86_models[]; /* ends with NULL; strongest last */

const struct x86_model *x86_model_find(const char *name);
/* The strongest model that the host's processor could run natively (the v2 baseline anywhere
 * else): so that a guest can later move to a faster engine. */
const struct x86_model *x86_model_default(void);

/* The features that the model has, whatever machine it is in: zeros where the leaf is the machine's. */
void x86_model_cpuid(const struct x86_model *model, uint32_t leaf, uint32_t sub, uint32_t out[4]);

/* CPUID as this vCPU sees it now (topology, OSXSAVE, sizes of enabled XSAVE state filled in). */
void x86_cpuid(const struct x86_cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4]);

/* What it can decode: bits by enum x86_feature. */
uint64_t x86_model_features(const struct x86_model *model);

/* CR4 bits whose features the model has. */
uint64_t x86_cr4_allowed(const struct x86_model *model);

#endif
