/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Model-specific registers: those that the canonical state knows, whether the kernel's list of its
 * own names them or not (it leaves out what depends on CPUID). A register that the kernel does not
 * know stays where it is: its accesses come out to us (KVM_EXIT_X86_RDMSR) and are served by
 * arch/x86/msr_tab.c from the canonical state.
 */
#include <sys/ioctl.h>

#include "base/trace.h"
#include "native/kvm.h"

struct one_msr {
    uint32_t msr;
    uint32_t offset; /* of the uint64_t in struct x86_state */
};

#define REG(nr, member)                        \
    {                                          \
        nr, offsetof(struct x86_state, member) \
    }

static const struct one_msr msrs[] = {
    REG(0xc0000081, star),
    REG(0xc0000082, lstar),
    REG(0xc0000083, cstar),
    REG(0xc0000084, sfmask),
    REG(0xc0000102, kernel_gs_base),
    REG(0xc0000103, tsc_aux),
    REG(0x174, sysenter_cs),
    REG(0x175, sysenter_esp),
    REG(0x176, sysenter_eip),
    REG(0x277, pat),
    REG(0x1a0, misc_enable),
    REG(0x1d9, debugctl),
    REG(0xda0, xss),
    REG(0x17a, mcg_status),
    REG(0xc0010015, hwcr),
    REG(0xc0010010, syscfg),
    REG(0x200, mtrr.base[0]),
    REG(0x201, mtrr.mask[0]),
    REG(0x202, mtrr.base[1]),
    REG(0x203, mtrr.mask[1]),
    REG(0x204, mtrr.base[2]),
    REG(0x205, mtrr.mask[2]),
    REG(0x206, mtrr.base[3]),
    REG(0x207, mtrr.mask[3]),
    REG(0x208, mtrr.base[4]),
    REG(0x209, mtrr.mask[4]),
    REG(0x20a, mtrr.base[5]),
    REG(0x20b, mtrr.mask[5]),
    REG(0x20c, mtrr.base[6]),
    REG(0x20d, mtrr.mask[6]),
    REG(0x20e, mtrr.base[7]),
    REG(0x20f, mtrr.mask[7]),
    REG(0x250, mtrr.fixed[0]),
    REG(0x258, mtrr.fixed[1]),
    REG(0x259, mtrr.fixed[2]),
    REG(0x268, mtrr.fixed[3]),
    REG(0x269, mtrr.fixed[4]),
    REG(0x26a, mtrr.fixed[5]),
    REG(0x26b, mtrr.fixed[6]),
    REG(0x26c, mtrr.fixed[7]),
    REG(0x26d, mtrr.fixed[8]),
    REG(0x26e, mtrr.fixed[9]),
    REG(0x26f, mtrr.fixed[10]),
    REG(0x2ff, mtrr.def_type),
    REG(0x4b564d00, kvm_wall_clock),
    REG(0x4b564d01, kvm_system_time),
    REG(0x4b564d03, kvm_steal_time),
    REG(0x4b564d04, kvm_pv_eoi),
    REG(0x4b564d05, kvm_poll_control),
};

/* struct kvm_msrs and its entries */
struct msr_buf {
    uint32_t nmsrs, pad;
    struct kvm_msr_entry e[ARRAY_LEN(msrs)];
};
_Static_assert(offsetof(struct msr_buf, e) == sizeof(struct kvm_msrs), "as the kernel reads it");

static uint64_t *field_of(struct x86_state *s, const struct one_msr *m)
{
    return (uint64_t *)(void *)((char *)s + m->offset);
}

int kvm_msr_get(const struct kvm_cpu *k, uint32_t msr, uint64_t *value)
{
    struct msr_buf b = {.nmsrs = 1, .e = {{.index = msr}}};

    if (ioctl(k->fd, KVM_GET_MSRS, &b) != 1)
        return -1;
    *value = b.e[0].data;
    return 0;
}

int kvm_msr_put(const struct kvm_cpu *k, uint32_t msr, uint64_t value)
{
    struct msr_buf b = {.nmsrs = 1, .e = {{.index = msr, .data = value}}};

    return ioctl(k->fd, KVM_SET_MSRS, &b) == 1 ? 0 : -1;
}

/* Read the rows from `at` on; how many the kernel knew before one that it does not. */
static size_t read_from(struct kvm_cpu *k, size_t at, struct msr_buf *b)
{
    *b = (struct msr_buf){.nmsrs = (uint32_t)(ARRAY_LEN(msrs) - at)};
    for (uint32_t i = 0; i < b->nmsrs; i++)
        b->e[i].index = msrs[at + i].msr;
    int n = ioctl(k->fd, KVM_GET_MSRS, b);
    return n > 0 ? (size_t)n : 0;
}

/* What the kernel has already is not set again: some do something when they are set. */
static void transfer(struct kvm_cpu *k, bool put)
{
    struct x86_state *s = &x86_cpu_of(k->vcpu)->s;
    struct msr_buf b;

    for (size_t at = 0; at < ARRAY_LEN(msrs); at++) {
        size_t n = read_from(k, at, &b);
        for (size_t i = 0; i < n; i++) {
            uint64_t *field = field_of(s, &msrs[at + i]);
            if (!put)
                *field = b.e[i].data;
            else if (*field != b.e[i].data && kvm_msr_put(k, msrs[at + i].msr, *field))
                TRACE(kvm_msr_refused, "vcpu=%u msr=%#x value=%#" PRIx64, k->vcpu->index,
                      msrs[at + i].msr, *field);
        }
        at += n;
    }
}

void kvm_msrs_get(struct kvm_cpu *k)
{
    transfer(k, false);
}

void kvm_msrs_put(struct kvm_cpu *k)
{
    transfer(k, true);
}
