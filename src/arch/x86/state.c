/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The field tables of the processor's state, by group.
 */
#include "arch/x86/arch.h"

#include "arch/x86/lapic.h"
#include "core/state.h"

#define S struct x86_state

static const struct field seg_fields[] = {
    FIELD(struct x86_seg, sel), FIELD(struct x86_seg, attr), FIELD(struct x86_seg, limit),
    FIELD(struct x86_seg, base), FIELD_END,
};
static const struct field dtable_fields[] = {
    FIELD(struct x86_dtable, base), FIELD(struct x86_dtable, limit), FIELD_END,
};
static const struct field f80_fields[] = {
    FIELD(struct f80, mant), FIELD(struct f80, se), FIELD_END,
};
static const struct field mtrr_fields[] = {
    FIELD_ARRAY(struct x86_mtrr, base), FIELD_ARRAY(struct x86_mtrr, mask),
    FIELD_ARRAY(struct x86_mtrr, fixed), FIELD(struct x86_mtrr, def_type), FIELD_END,
};

static const struct field general_fields[] = {FIELD_ARRAY(S, r), FIELD(S, rflags), FIELD_END};
static const struct field segment_fields[] = {
    FIELD_SUBS(S, seg, seg_fields), FIELD_SUB(S, gdtr, dtable_fields),
    FIELD_SUB(S, idtr, dtable_fields), FIELD_END,
};
static const struct field control_fields[] = {
    FIELD(S, cr0),  FIELD(S, cr2),  FIELD(S, cr3),      FIELD(S, cr4),
    FIELD(S, xcr0), FIELD(S, efer), FIELD_ARRAY(S, dr), FIELD_ARRAY(S, pdpte),
    FIELD_END,
};
static const struct field fpu_fields[] = {
    FIELD_SUBS(S, fpr, f80_fields), FIELD(S, fcw), FIELD(S, fsw),   FIELD(S, fop),
    FIELD(S, ftw),                  FIELD(S, fip), FIELD(S, fdp),   FIELD(S, fcs),
    FIELD(S, fds),                  FIELD(S, mxcsr), FIELD_BYTES(S, ymm), FIELD_END,
};
static const struct field msr_fields[] = {
    FIELD(S, star), FIELD(S, lstar), FIELD(S, cstar), FIELD(S, sfmask), FIELD(S, kernel_gs_base),
    FIELD(S, tsc_aux), FIELD(S, sysenter_cs), FIELD(S, sysenter_esp), FIELD(S, sysenter_eip),
    FIELD(S, pat), FIELD(S, misc_enable), FIELD(S, debugctl), FIELD(S, xss), FIELD(S, mcg_status),
    FIELD(S, hwcr), FIELD(S, syscfg), FIELD(S, apic_base),
    FIELD_SUB(S, mtrr, mtrr_fields), FIELD(S, kvm_wall_clock), FIELD(S, kvm_system_time),
    FIELD(S, kvm_steal_time), FIELD(S, kvm_pv_eoi), FIELD(S, kvm_poll_control), FIELD_END,
};
static const struct field event_fields[] = {
    FIELD(S, mp_state), FIELD(S, posted), FIELD(S, sipi_vector), FIELD(S, intr_shadow),
    FIELD(S, shadow_is_mov_ss), FIELD(S, nmi_pending), FIELD(S, nmi_blocked), FIELD(S, ferr),
    FIELD(S, rep_left), FIELD(S, pv_kicked), FIELD(S, pv_idle), FIELD(S, pv_eoi_armed), FIELD_END,
};
static const struct field time_fields[] = {
    FIELD(S, tsc_offset), FIELD(S, tsc_adjust), FIELD(S, random), FIELD_END,
};

#define GROUP(name_) {#name_, 1, sizeof(S), name_##_fields}
static const struct state general_state = GROUP(general), segment_state = GROUP(segment),
                          control_state = GROUP(control), fpu_state = GROUP(fpu),
                          msr_state = GROUP(msr), event_state = GROUP(event),
                          time_state = GROUP(time);

static void *cpu_record(struct vcpu *v)
{
    return &x86_cpu_of(v)->s;
}

static void *apic_record(struct vcpu *v)
{
    return &x86_cpu_of(v)->lapic->regs;
}

const struct arch_group x86_groups[] = {
    {"general", &general_state, cpu_record}, {"segment", &segment_state, cpu_record},
    {"control", &control_state, cpu_record}, {"fpu", &fpu_state, cpu_record},
    {"msr", &msr_state, cpu_record},         {"events", &event_state, cpu_record},
    {"time", &time_state, cpu_record},       {"apic", &lapic_state, apic_record},
    {NULL, NULL, NULL},
};
