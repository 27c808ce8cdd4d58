/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hypercall: the table, and multicalls.
 */
#include "base/trace.h"
#include "para/xen/domain.h"

static hypercall_fn hc_multicall;

struct row {
    const char *name;
    hypercall_fn *fn;
};

#define HC(name) [HC_##name] = {#name, hc_##name}
/* Known, not offered: -ENOSYS, with its name in the table of counts. */
#define NONE(name) [HC_##name] = {#name, NULL}

static const struct row table[HC_COUNT] = {
    HC(set_trap_table),     HC(mmu_update),        HC(set_gdt),
    HC(stack_switch),       HC(set_callbacks),     HC(fpu_taskswitch),
    HC(sched_op_compat),    HC(platform_op),     HC(set_debugreg),
    HC(get_debugreg),       HC(update_descriptor), HC(memory_op),
    HC(multicall),          HC(update_va_mapping), HC(set_timer_op),
    HC(xen_version),        HC(console_io),        HC(grant_table_op),
    HC(vm_assist),          HC(update_va_mapping_otherdomain),
    HC(iret),               HC(vcpu_op),           HC(set_segment_base),
    HC(mmuext_op),          NONE(xsm_op),          HC(nmi_op),
    HC(sched_op),           HC(callback_op),       NONE(xenoprof_op),
    HC(event_channel_op),   HC(physdev_op),        NONE(hvm_op),
    HC(sysctl),             HC(domctl),            NONE(kexec_op),
    NONE(tmem_op),          NONE(argo_op),         NONE(xenpmu_op),
    NONE(dm_op),            NONE(hypfs_op),        NONE(event_channel_op_compat),
    NONE(physdev_op_compat),
};

const char *hypercall_name(unsigned nr)
{
    return nr < HC_COUNT ? table[nr].name : NULL;
}

int64_t hypercall(struct xen_vcpu *v, uint64_t nr, const uint64_t arg[6])
{
    if (nr >= HC_COUNT || !table[nr].name)
        return -ENOSYS;
    v->counts[nr]++;
    TRACE(hypercall, "vcpu=%u %s(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ")", v->id,
          table[nr].name, arg[0], arg[1], arg[2], arg[3]);
    if (!table[nr].fn)
        return -ENOSYS;
    int64_t rc = table[nr].fn(v, arg);
    if (unlikely(rc < 0))
        TRACE(hypercall_error, "vcpu=%u %s: %" PRIi64, v->id, table[nr].name, rc);
    return rc;
}

enum { MC_OP = 0, MC_RESULT = 8, MC_ARGS = 16, MC_SIZE = 64 };

/* In order; each entry's result is written back before the next one runs. An IRET leaves the kernel
 * and with it the multicall; multicalls have no place in one. [XEN xen] */
static int64_t hc_multicall(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint64_t at = arg[0], n = (uint32_t)arg[1];

    for (uint64_t i = 0; i < n; i++, at += MC_SIZE) {
        uint8_t raw[MC_SIZE];
        uint64_t args[6];
        if (!xen_read(v, raw, at, sizeof(raw)))
            return -EFAULT;
        uint64_t op = ld_le64(raw + MC_OP);
        for (unsigned a = 0; a < 6; a++)
            args[a] = ld_le64(raw + MC_ARGS + 8 * a);
        int64_t rc = op == HC_multicall ? -ENOSYS : hypercall(v, op, args);
        if (op == HC_iret)
            return rc;
        st_le64(raw + MC_RESULT, (uint64_t)rc);
        if (!xen_write(v, at + MC_RESULT, raw + MC_RESULT, 8))
            return -EFAULT;
        if (v->crashed || v->d->shut_down)
            break;
    }
    return 0;
}
