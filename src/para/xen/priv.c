/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * priv: the privileged instructions that a kernel at CPL 3 executes all the same, and CPUID as the
 * guest sees it. They arrive as #GP(0), except the forced CPUID (UD2 "xen" CPUID), a #UD.
 *
 * CLI and STI do nothing where IOPL lets them through: POPF cannot undo CLI, so a CLI that masked
 * events would leave them masked.
 */
#include "arch/x86/flags.h"
#include "arch/x86/model.h"
#include "arch/x86/msr.h"
#include "arch/x86/seg.h"
#include "base/trace.h"
#include "para/xen/domain.h"

/* ---- ports ---- */

/* The kernel counts as privilege 1, or as 0 where it has asked for the architecture's rule. */
static bool iopl_ok(const struct xen_vcpu *v)
{
    unsigned cpl = !v->c->pv_kernel                                         ? 3
                   : v->d->vm_assist >> VMASST_ARCHITECTURAL_IOPL & 1 ? 0
                                                                            : 1;

    return v->iopl >= cpl;
}

/* There is nothing behind any port. 42h, the PIT's counter 2, reads 0: on all ones the kernel's
 * quick calibration reads on a hundred thousand times. */
static uint32_t port_in(uint16_t port)
{
    return port == 0x42 ? 0 : UINT32_MAX;
}

static bool emulate_in(struct xen_vcpu *v, const struct x86_insn *in)
{
    struct x86_cpu *c = v->c;
    uint16_t port = (uint16_t)(in->src == X86_IMM ? in->imm & 0xff : c->s.r[RDX]);
    uint32_t value = port_in(port);

    if (!iopl_ok(v))
        return false;
    if (in->size == 1)
        reg_st8(c, RAX, (uint8_t)value);
    else if (in->size == 2)
        reg_st16(c, RAX, (uint16_t)value);
    else
        reg_st32(c, RAX, value);
    return true;
}

/* ---- control and debug registers ---- */

#define CR0_PV (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)
#define CR4_MAY (CR4_TSD | CR4_DE)

static bool write_cr(struct xen_vcpu *v, unsigned n, uint64_t value)
{
    struct x86_cpu *c = v->c;

    switch (n) {
    case 0:
        if ((value ^ c->s.cr0) & ~(uint64_t)CR0_TS)
            return false;
        c->s.cr0 = value;
        return true;
    case 2:
        c->s.cr2 = value;
        st_le64(v->info + VI_CR2, value);
        return true;
    case 3: {
        mm_lock(v);
        int rc = mm_set_base(v, value >> PAGE_SHIFT_4K, false);
        mm_unlock(v);
        return !rc;
    }
    case 4: /* what cannot be had is left out without a word */
        c->s.cr4 = (c->s.cr4 & ~(uint64_t)CR4_MAY) | (value & CR4_MAY);
        return true;
    default:
        return false;
    }
}

static bool read_cr(struct xen_vcpu *v, unsigned n, uint64_t *value)
{
    const struct x86_state *s = &v->c->s;

    switch (n) {
    case 0:
        *value = s->cr0;
        return true;
    case 2:
        *value = ld_le64(v->info + VI_CR2);
        return true;
    case 3:
        *value = s->cr3;
        return true;
    case 4:
        *value = s->cr4;
        return true;
    default:
        return false;
    }
}

static int set_dr(struct xen_vcpu *v, unsigned n, uint64_t value)
{
    struct x86_cpu *c = v->c;

    if (n == 4 || n == 5) {
        if (c->s.cr4 & CR4_DE)
            return -ENODEV;
        n += 2;
    }
    switch (n) {
    case 0 ... 3:
        if (value >= (UINT64_C(1) << 47) && value < XEN_VIRT_END)
            return -EPERM; /* not canonical, or the hypervisor's */
        c->s.dr[n] = value;
        break;
    case 6:
        c->s.dr[6] = (value & 0xe00f) | 0xffff0ff0;
        break;
    case 7:
        value = (value & 0xffff0fff & ~UINT64_C(0xd800)) | 0x400; /* no GD, no reserved ones */
        for (unsigned i = 0; i < 4; i++) { /* port breakpoints need CR4.DE */
            if ((value >> (16 + 4 * i) & 3) == 2) {
                if (!(c->s.cr4 & CR4_DE))
                    return -EPERM;
                value &= ~(UINT64_C(3) << (2 * i));
            }
        }
        c->s.dr[7] = value;
        break;
    default:
        return -ENODEV;
    }
    x86_derive(c);
    return 0;
}

int64_t hc_set_debugreg(struct xen_vcpu *v, const uint64_t arg[6])
{
    int rc = arg[0] > 7 ? -EINVAL : set_dr(v, (unsigned)arg[0], arg[1]);

    return rc == -ENODEV ? -EINVAL : rc;
}

int64_t hc_get_debugreg(struct xen_vcpu *v, const uint64_t arg[6])
{
    unsigned n = (unsigned)arg[0];

    if (arg[0] > 7 || ((n == 4 || n == 5) && (v->c->s.cr4 & CR4_DE)))
        return -EINVAL;
    return (int64_t)v->c->s.dr[n == 4 || n == 5 ? n + 2 : n];
}

static bool move_dr(struct xen_vcpu *v, const struct x86_insn *in, bool load)
{
    unsigned n = in->reg;

    if (load)
        return !set_dr(v, n, reg_ld64(v->c, in->src));
    if (n > 7)
        return false;
    reg_st64(v->c, in->dst, v->c->s.dr[n == 4 || n == 5 ? n + 2 : n]);
    return true;
}

/* CR0.TS as the guest asks: the next FPU instruction raises #NM. */
int64_t hc_fpu_taskswitch(struct xen_vcpu *v, const uint64_t arg[6])
{
    v->c->s.cr0 = arg[0] ? v->c->s.cr0 | CR0_TS : v->c->s.cr0 & ~(uint64_t)CR0_TS;
    return 0;
}

/* ---- model-specific registers ---- */

#define APIC_BASE_ENABLED UINT64_C(0xfee00800)
#define XEN_PAT UINT64_C(0x050100070406)

static bool read_msr(struct xen_vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct x86_state *s = &v->c->s;

    switch (msr) {
    case 0x10:
        *value = x86_tsc(v->c);
        return true;
    case 0x1b:
        *value = APIC_BASE_ENABLED | (v->id ? 0 : 0x100);
        return true;
    case 0xce: /* platform: CPUID can be made to fault for programs */
        *value = UINT64_C(1) << 31;
        return true;
    case 0x140:
        *value = v->c->pv_cpuid_fault;
        return true;
    case 0x8b:  /* microcode patch level */
    case 0x179: /* machine check: no banks */
    case 0x17a:
    case 0x1a0:
        *value = 0;
        return true;
    case 0x277:
        *value = XEN_PAT;
        return true;
    case 0xc0000080:
        *value = s->efer;
        return true;
    case 0xc0000100:
        *value = s->seg[SEG_FS].base;
        return true;
    case 0xc0000101:
        *value = s->seg[SEG_GS].base;
        return true;
    case 0xc0000102:
        *value = s->kernel_gs_base;
        return true;
    default:
        TRACE(xen_msr, "read %#x refused", msr);
        return false;
    }
}

static bool canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

static bool write_msr(struct xen_vcpu *v, uint32_t msr, uint64_t value)
{
    struct x86_state *s = &v->c->s;
    uint64_t old;

    switch (msr) {
    case 0xc0000100:
        if (!canonical(value))
            return false;
        s->seg[SEG_FS].base = v->c->segbase[SEG_FS] = value;
        return true;
    case 0xc0000101:
        if (!canonical(value))
            return false;
        s->seg[SEG_GS].base = v->c->segbase[SEG_GS] = value;
        return true;
    case 0xc0000102:
        if (!canonical(value))
            return false;
        s->kernel_gs_base = value;
        return true;
    case 0x140:
        if (value > 1)
            return false;
        v->c->pv_cpuid_fault = value;
        return true;
    case 0x17a:
    case 0x1a0:
        return true;
    default:
        if (read_msr(v, msr, &old) && old == value)
            return true; /* nothing changes */
        TRACE(xen_msr, "write %#x refused", msr);
        return false;
    }
}

static void put_edx_eax(struct x86_cpu *c, uint64_t value)
{
    reg_st32(c, RAX, (uint32_t)value);
    reg_st32(c, RDX, (uint32_t)(value >> 32));
}

/* ---- the instructions ---- */

static bool emulate_kernel(struct xen_vcpu *v, const struct x86_insn *in)
{
    struct x86_cpu *c = v->c;
    uint64_t value = (uint32_t)c->s.r[RAX] | c->s.r[RDX] << 32;

    switch (in->op) {
    case X86_OP_mov_cr_ld:
        return write_cr(v, in->reg, reg_ld64(c, in->src));
    case X86_OP_mov_cr_st:
        if (!read_cr(v, in->reg, &value))
            return false;
        reg_st64(c, in->dst, value);
        return true;
    case X86_OP_mov_dr_ld:
        return move_dr(v, in, true);
    case X86_OP_mov_dr_st:
        return move_dr(v, in, false);
    case X86_OP_clts:
        c->s.cr0 &= ~(uint64_t)CR0_TS;
        return true;
    case X86_OP_rdmsr:
        if (!read_msr(v, reg_ld32(c, RCX), &value))
            return false;
        put_edx_eax(c, value);
        return true;
    case X86_OP_wrmsr:
        return write_msr(v, reg_ld32(c, RCX), value);
    case X86_OP_rdtsc: /* while CR4.TSD is set */
    case X86_OP_rdtscp:
        put_edx_eax(c, x86_tsc(c));
        if (in->op == X86_OP_rdtscp)
            reg_st32(c, RCX, (uint32_t)c->s.tsc_aux);
        return true;
    case X86_OP_xsetbv:
        if ((uint32_t)c->s.r[RCX] || !(value & 1) || (value & ~c->model->xcr0) ||
            ((value & 4) && !(value & 2)))
            return false;
        c->s.xcr0 = value;
        return true;
    case X86_OP_wbinvd:
    case X86_OP_invd:
        return true;
    default:
        return false;
    }
}

static bool emulate(struct xen_vcpu *v, const struct x86_insn *in)
{
    switch (in->op) {
    case X86_OP_in:
        return emulate_in(v, in);
    case X86_OP_out:
    case X86_OP_cli:
    case X86_OP_sti:
        return iopl_ok(v);
    default:
        return v->c->pv_kernel && emulate_kernel(v, in);
    }
}

bool priv_emulate(struct xen_vcpu *v, const struct x86_insn *in)
{
    if (!emulate(v, in))
        return false;
    v->n_emulated++;
    v->c->s.r[X86_RIP] += in->len;
    return true;
}

/* UD2 "xen" CPUID. Where CPUID faults for programs, *f becomes what CPUID itself raises. */
bool priv_forced_cpuid(struct xen_vcpu *v, struct x86_fault *f)
{
    static const uint8_t code[7] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
    struct x86_cpu *c = v->c;
    uint8_t have[7];
    uint32_t out[4];

    if (!xen_read(v, have, c->s.r[X86_RIP], sizeof(have)) || memcmp(have, code, sizeof(code)))
        return false;
    if (c->pv_cpuid_fault && !c->pv_kernel) {
        c->s.r[X86_RIP] += sizeof(code) - 2;
        *f = (struct x86_fault){.vector = EXC_GP};
        return false;
    }
    x86_cpuid(c, reg_ld32(c, RAX), reg_ld32(c, RCX), out);
    reg_st32(c, RAX, out[0]);
    reg_st32(c, RBX, out[1]);
    reg_st32(c, RCX, out[2]);
    reg_st32(c, RDX, out[3]);
    c->s.r[X86_RIP] += sizeof(code);
    v->n_emulated++;
    return true;
}

/* ---- CPUID ---- */

/* What a PV guest must not see [SDM2 CPUID]. Leaf 1 ECX: DTES64 MONITOR VMX SMX PDCM PCID DCA X2APIC
 * TSC-deadline; EDX: VME PSE APIC MTRR PGE PSE36 HT. */
#define HIDE_1_ECX (1u << 2 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 15 | 1u << 17 | 1u << 18 | \
                    1u << 21 | 1u << 24)
#define HIDE_1_EDX (1u << 1 | 1u << 3 | 1u << 9 | 1u << 12 | 1u << 13 | 1u << 17)
/* Leaf 7 EBX: FSGSBASE SMEP INVPCID SMAP; ECX: UMIP PKU OSPKE LA57 RDPID. */
#define HIDE_7_EBX (1u << 0 | 1u << 7 | 1u << 10 | 1u << 20)
#define HIDE_7_ECX (1u << 2 | 1u << 3 | 1u << 4 | 1u << 16 | 1u << 22)
/* 80000001h ECX: SVM; EDX: the copies of leaf 1, PDPE1GB. */
#define HIDE_X1_ECX (1u << 2)
#define HIDE_X1_EDX (HIDE_1_EDX | 1u << 26)

static const uint32_t signature[3] = {0x566e6558, 0x65584d4d, 0x4d4d566e}; /* XenVMMXenVMM */

/* [XEN arch-x86/cpuid] */
static void xen_leaf(const struct x86_cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    uint64_t khz = c->vcpu->machine->clock.tsc_khz;

    memset(out, 0, 4 * sizeof(out[0]));
    switch (leaf) {
    case 0x40000000:
        out[0] = 0x40000005;
        memcpy(out + 1, signature, sizeof(signature));
        break;
    case 0x40000001:
        out[0] = 4 << 16 | 17;
        break;
    case 0x40000002:
        out[0] = 1; /* one page of hypercalls... */
        out[1] = 0x40000000; /* ...by this MSR */
        out[2] = 1; /* MMU_PT_UPDATE_PRESERVE_AD */
        break;
    case 0x40000003:
        if (sub == 0) { /* the TSC runs natively, at a frequency that is the same everywhere */
            out[0] = 1u << 1 | 1u << 2;
            out[1] = 2;
            out[2] = (uint32_t)khz;
        } else if (sub == 1) {
            out[2] = 0x80000000; /* ns = ticks << 1 * this >> 32, at 1 GHz */
            out[3] = 1;
        } else if (sub == 2) {
            out[0] = (uint32_t)khz;
        }
        break;
    case 0x40000005:
        if (sub == 0)
            out[1] = c->model->pa_bits;
        break;
    }
}

void persona_cpuid(const struct x86_cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    if (leaf >= 0x40000000 && leaf <= 0x400000ff) {
        xen_leaf(c, leaf, sub, out);
        return;
    }
    switch (leaf) {
    case 1:
        out[2] &= ~HIDE_1_ECX;
        out[2] |= 1u << 31;
        out[3] &= ~HIDE_1_EDX;
        break;
    case 7:
        if (sub == 0) {
            out[1] &= ~HIDE_7_EBX;
            out[2] &= ~HIDE_7_ECX;
        }
        break;
    case 0x0b:
        memset(out, 0, 4 * sizeof(out[0]));
        break;
    case 0x0d:
        if (sub == 1)
            out[0] &= 3; /* XSAVEOPT, XSAVEC */
        break;
    case 0x80000001:
        out[2] &= ~HIDE_X1_ECX;
        out[3] &= ~HIDE_X1_EDX;
        break;
    }
}
