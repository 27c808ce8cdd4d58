/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The processor that the guest sees is the model's table, as under every engine; the kernel must be
 * able to all that it says. What changes while the guest runs (OSXSAVE, sizes of enabled state) the
 * kernel fills in itself.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "arch/x86/model.h"
#include "base/bits.h"
#include "native/kvm.h"

#define ENTRIES_MAX 256

/* struct kvm_cpuid2 with room */
struct table {
    uint32_t nent, pad;
    struct kvm_cpuid_entry2 e[ENTRIES_MAX];
};
_Static_assert(offsetof(struct table, e) == sizeof(struct kvm_cpuid2), "as the kernel reads it");

/* Words of features: leaf, sub-leaf, register (0 EAX .. 3 EDX), bits that no feature of the
 * kernel's stands behind: they follow from the machine. */
static const struct word {
    uint32_t leaf, sub;
    unsigned reg;
    uint32_t ours;
} words[] = {
    {1, 0, 2,
     BIT32(21) | BIT32(24) | BIT32(27) | BIT32(31)}, /* x2apic, deadline, osxsave, hypervisor */
    {1, 0, 3, BIT32(28)},                            /* htt */
    {7, 0, 1, 0},
    {7, 0, 2, 0},
    {0x0d, 1, 0, 0},
    {0x40000001, 0, 0, BIT32(15)}, /* extended destinations: user space's */
    {0x80000001, 0, 2, BIT32(1)},  /* cmp_legacy */
    {0x80000001, 0, 3, 0},
};

/* Names for the features that some KVM lacks. */
static const struct {
    uint32_t leaf;
    unsigned reg, bit;
    const char *name;
} names[] = {
    {1, 2, 0, "sse3"},
    {1, 2, 9, "ssse3"},
    {1, 2, 12, "fma"},
    {1, 2, 17, "pcid"},
    {1, 2, 19, "sse4.1"},
    {1, 2, 20, "sse4.2"},
    {1, 2, 22, "movbe"},
    {1, 2, 23, "popcnt"},
    {1, 2, 25, "aes"},
    {1, 2, 26, "xsave"},
    {1, 2, 28, "avx"},
    {1, 2, 29, "f16c"},
    {1, 2, 30, "rdrand"},
    {7, 1, 0, "fsgsbase"},
    {7, 1, 3, "bmi1"},
    {7, 1, 5, "avx2"},
    {7, 1, 7, "smep"},
    {7, 1, 8, "bmi2"},
    {7, 1, 9, "erms"},
    {7, 1, 10, "invpcid"},
    {7, 1, 18, "rdseed"},
    {7, 1, 19, "adx"},
    {7, 1, 20, "smap"},
    {7, 1, 23, "clflushopt"},
    {7, 1, 29, "sha"},
    {7, 2, 2, "umip"},
    {7, 2, 22, "rdpid"},
    {1, 2, 13, "cx16"},
    {0x80000001, 2, 8, "3dnowprefetch"},
    {0x80000001, 3, 26, "pdpe1gb"},
    {0x80000001, 3, 27, "rdtscp"},
    {0x80000001, 3, 22, "mmxext"},
    {0x80000001, 3, 25, "fxsr_opt"},
    {0x80000001, 2, 5, "abm"},
    {0x40000001, 0, 5, "steal time"},
};

static const struct kvm_cpuid_entry2 *find(const struct table *t, uint32_t leaf, uint32_t sub)
{
    for (uint32_t i = 0; i < t->nent; i++)
        if (t->e[i].function == leaf &&
            (!(t->e[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || t->e[i].index == sub))
            return &t->e[i];
    return NULL;
}

static int supported(struct table *t, struct error *err)
{
    int dev = kvm_dev(err);

    *t = (struct table){.nent = ENTRIES_MAX};
    if (dev < 0)
        return dev;
    return ioctl(dev, KVM_GET_SUPPORTED_CPUID, t)
               ? fail_errno(err, errno, "kvm: CPUID cannot be read")
               : 0;
}

static void say_missing(char *text, size_t size, const struct word *w, uint32_t bits)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].leaf == w->leaf && names[i].reg == w->reg && (bits >> names[i].bit & 1)) {
            snprintf(text + strlen(text), size - strlen(text), " %s", names[i].name);
            bits &= ~BIT32(names[i].bit);
        }
    if (bits)
        snprintf(text + strlen(text), size - strlen(text), " %x.%u:%u:%#x", w->leaf, w->sub, w->reg,
                 bits);
}

static uint32_t reg_of(const struct kvm_cpuid_entry2 *e, unsigned reg)
{
    const uint32_t regs[] = {e ? e->eax : 0, e ? e->ebx : 0, e ? e->ecx : 0, e ? e->edx : 0};

    return regs[reg];
}

int kvm_offers(const void *cpu_model, struct error *err)
{
    const struct x86_model *model = cpu_model;
    auto_free struct table *t = xcalloc(1, sizeof(*t));
    char missing[160] = "";
    int rc = supported(t, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct word *w = &words[i];
        uint32_t want[4];
        x86_model_cpuid(model, w->leaf, w->sub, want);
        uint32_t lacks = want[w->reg] & ~w->ours & ~reg_of(find(t, w->leaf, w->sub), w->reg);
        if (lacks)
            say_missing(missing, sizeof(missing), w, lacks);
    }
    const struct kvm_cpuid_entry2 *x = find(t, 0x0d, 0);
    if (model->xcr0 & ~(x ? (uint64_t)x->edx << 32 | x->eax : 0))
        snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " xcr0:%#" PRIx64,
                 model->xcr0);
    if (*missing)
        return fail(err, ENOTSUP, "processor %s has what this host's KVM lacks:%s", model->version,
                    missing);
    return 0;
}

/* Every leaf that a guest may ask for. */
static const struct {
    uint32_t leaf, subs; /* how many sub-leaves; 0: there are none */
} leaves[] = {
    {0, 0},          {1, 0},          {6, 0},          {7, 1},          {0x0b, 3},
    {0x0d, 3},       {0x40000000, 0}, {0x40000001, 0}, {0x80000000, 0}, {0x80000001, 0},
    {0x80000002, 0}, {0x80000003, 0}, {0x80000004, 0}, {0x80000005, 0}, {0x80000006, 0},
    {0x80000007, 0}, {0x80000008, 0},
};

int kvm_cpuid_set(struct kvm_cpu *k, struct error *err)
{
    const struct x86_cpu *c = x86_cpu_of(k->vcpu);
    auto_free struct table *t = xcalloc(1, sizeof(*t));

    for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
        for (uint32_t sub = 0; sub < MAX(leaves[i].subs, 1u); sub++) {
            uint32_t r[4];
            x86_cpuid(c, leaves[i].leaf, sub, r);
            t->e[t->nent++] = (struct kvm_cpuid_entry2){
                .function = leaves[i].leaf,
                .index = sub,
                .flags = leaves[i].subs ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
                .eax = r[0],
                .ebx = r[1],
                .ecx = r[2],
                .edx = r[3]};
        }
    return ioctl(k->fd, KVM_SET_CPUID2, t)
               ? fail_errno(err, errno, "kvm: processor %s is refused", c->model->version)
               : 0;
}
