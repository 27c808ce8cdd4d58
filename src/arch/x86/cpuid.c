/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arch/x86/model.h"

#include "arch/x86/cpu.h"
#include "arch/x86/kvm_pv.h"
#include "arch/x86/optab.h"
#include "arch/x86/persona.h"
#include "base/bits.h"
#include "core/machine.h"

const struct x86_model *x86_model_find(const char *name)
{
    for (size_t i = 0; x86_models[i]; i++)
        if (!strcmp(name, x86_models[i]->name) || !strcmp(name, x86_models[i]->version))
            return x86_models[i];
    return NULL;
}

const struct x86_model *x86_model_default(void)
{
    const char *name = "v2";

#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2"))
        name = "v3";
#endif
    return x86_model_find(name);
}

static const struct x86_leaf *find_leaf(const struct x86_model *model, uint32_t leaf)
{
    for (const struct x86_leaf *l = model->leaves; l->leaf != UINT32_MAX; l++)
        if (l->leaf == leaf)
            return l;
    return NULL;
}

uint64_t x86_cr4_allowed(const struct x86_model *model)
{
    const struct x86_leaf *l1 = find_leaf(model, 1), *l7 = find_leaf(model, 7);
    uint64_t v = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE |
                 CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    v |= l1->edx >> 1 & 1 ? CR4_VME | CR4_PVI : 0;
    v |= l1->ecx >> 17 & 1 ? CR4_PCIDE : 0;
    v |= l1->ecx >> 26 & 1 ? CR4_OSXSAVE : 0;
    v |= l7->ebx & 1 ? CR4_FSGSBASE : 0;
    v |= l7->ebx >> 7 & 1 ? CR4_SMEP : 0;
    v |= l7->ebx >> 20 & 1 ? CR4_SMAP : 0;
    v |= l7->ecx >> 2 & 1 ? CR4_UMIP : 0;
    return v;
}

/* Where CPUID tells of a feature [APM3 appendix E]. What of the XSAVE
 * family the model has is in its own word. */
static const struct {
    uint8_t feature;
    uint32_t leaf;
    uint8_t reg, bit; /* reg: 1 EBX, 2 ECX, 3 EDX */
} feature_bits[] = {
    {FT_MMX, 1, 3, 23},       {FT_SSE, 1, 3, 25},       {FT_SSE2, 1, 3, 26},
    {FT_SSE3, 1, 2, 0},       {FT_PCLMUL, 1, 2, 1},     {FT_MONITOR, 1, 2, 3},
    {FT_SSSE3, 1, 2, 9},      {FT_FMA, 1, 2, 12},       {FT_CX16, 1, 2, 13},
    {FT_SSE41, 1, 2, 19},     {FT_SSE42, 1, 2, 20},     {FT_MOVBE, 1, 2, 22},
    {FT_POPCNT, 1, 2, 23},    {FT_AES, 1, 2, 25},       {FT_XSAVE, 1, 2, 26},
    {FT_XSAVEOPT, 1, 2, 26},  {FT_XSAVEC, 1, 2, 26},    {FT_XSAVES, 1, 2, 26},
    {FT_AVX, 1, 2, 28},       {FT_F16C, 1, 2, 29},      {FT_RDRAND, 1, 2, 30},
    {FT_FSGSBASE, 7, 1, 0},   {FT_BMI1, 7, 1, 3},       {FT_AVX2, 7, 1, 5},
    {FT_BMI2, 7, 1, 8},       {FT_INVPCID, 7, 1, 10},   {FT_RDSEED, 7, 1, 18},
    {FT_ADX, 7, 1, 19},       {FT_SMAP, 7, 1, 20},      {FT_CLFLUSHOPT, 7, 1, 23},
    {FT_CLWB, 7, 1, 24},      {FT_SHA, 7, 1, 29},       {FT_RDPID, 7, 2, 22},
    {FT_LZCNT, 0x80000001, 2, 5},     {FT_PREFETCHW, 0x80000001, 2, 8},
    {FT_RDTSCP, 0x80000001, 3, 27},   {FT_PREFETCHW, 0x80000001, 3, 29}, /* long mode has it */
};

uint64_t x86_model_features(const struct x86_model *model)
{
    uint64_t set = BIT64(FT_BASE);

    for (size_t i = 0; i < ARRAY_LEN(feature_bits); i++) {
        const struct x86_leaf *l = find_leaf(model, feature_bits[i].leaf);
        const uint32_t regs[4] = {0, l ? l->ebx : 0, l ? l->ecx : 0, l ? l->edx : 0};
        if (regs[feature_bits[i].reg] >> feature_bits[i].bit & 1)
            set |= BIT64(feature_bits[i].feature);
    }
    if (!(model->xsave & X86_XSAVEOPT))
        set &= ~BIT64(FT_XSAVEOPT);
    if (!(model->xsave & X86_XSAVEC))
        set &= ~BIT64(FT_XSAVEC);
    if (!(model->xsave & X86_XSAVES))
        set &= ~BIT64(FT_XSAVES);
    return set;
}

/* Bytes of a standard-format XSAVE area for the features in xcr0 [SDM1 13.4]. */
static uint32_t xsave_size(uint64_t xcr0)
{
    return xcr0 & 4 ? 576 + 256 : 576;
}

static void leaf_xsave(const struct x86_cpu *c, uint32_t sub, uint32_t out[4])
{
    uint64_t all = c->model->xcr0;

    if (!all)
        return;
    if (sub == 0) {
        out[0] = (uint32_t)all;
        out[1] = xsave_size(c->s.xcr0);
        out[2] = xsave_size(all);
    } else if (sub == 1) {
        out[0] = c->model->xsave;
        out[1] = xsave_size(c->s.xcr0);
    } else if (sub == 2 && (all & 4)) {
        out[0] = 256; /* AVX: bytes and offset */
        out[1] = 576;
    }
}

/* Extended topology [SDM2 CPUID 0BH]: one thread a core, all cores in one package. */
static void leaf_topology(const struct x86_cpu *c, uint32_t sub, uint32_t out[4])
{
    unsigned n = c->vcpu->machine->nvcpus, shift = 0;

    while ((1u << shift) < n)
        shift++;
    out[2] = sub;
    out[3] = c->vcpu->index;
    if (sub == 0) {
        out[1] = 1;
        out[2] |= 1 << 8; /* SMT level */
    } else if (sub == 1) {
        out[0] = shift;
        out[1] = n;
        out[2] |= 2 << 8; /* core level */
    }
}

void x86_model_cpuid(const struct x86_model *model, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    const struct x86_leaf *l = find_leaf(model, leaf);

    memset(out, 0, 4 * sizeof(out[0]));
    if (kvm_pv_cpuid(NULL, leaf, out))
        return;
    if (l && !sub) {
        out[0] = l->eax;
        out[1] = l->ebx;
        out[2] = l->ecx;
        out[3] = l->edx;
    } else if (leaf == 0x0d && sub == 1) {
        out[0] = model->xsave;
    }
}

void x86_cpuid(const struct x86_cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    unsigned n = c->vcpu->machine->nvcpus;

    memset(out, 0, 4 * sizeof(out[0]));
    if (!c->persona && kvm_pv_cpuid(c, leaf, out))
        return;
    const struct x86_leaf *l = find_leaf(c->model, leaf);
    if (l && (leaf != 7 || sub == 0)) {
        out[0] = l->eax;
        out[1] = l->ebx;
        out[2] = l->ecx;
        out[3] = l->edx;
    }
    switch (leaf) {
    case 1:
        out[1] |= c->vcpu->index << 24 | n << 16;
        out[3] |= n > 1 ? BIT32(28) : 0;
        out[2] |= c->s.cr4 & CR4_OSXSAVE ? BIT32(27) : 0;
        break;
    case 0x0b:
        leaf_topology(c, sub, out);
        break;
    case 0x0d:
        leaf_xsave(c, sub, out);
        break;
    case 0x80000001:
        out[2] |= n > 1 ? 2 : 0; /* CmpLegacy: the logical processors are cores */
        break;
    case 0x80000008:
        out[2] = n - 1;
        break;
    }
    if (c->persona)
        c->persona->cpuid(c, leaf, sub, out);
}
