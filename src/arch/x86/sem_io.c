/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ports: IN and OUT, and the permission to use them. [SDM1 18.5]
 */
#include "arch/x86/sem_io.h"

#include "arch/x86/debug.h"
#include "arch/x86/msr.h"
#include "core/machine.h"

/* The I/O map: a bit a port, set = forbidden; two bytes are read, so that a port's bits may
 * straddle. It is part of 32-bit and 64-bit TSSs only. */
static void check_map(struct x86_cpu *c, uint16_t port, unsigned size)
{
    const struct x86_seg *tr = &c->s.seg[SEG_TR];
    unsigned type = tr->attr & SEG_A_TYPE;

    if (!(tr->attr & SEG_A_P) || (type != 9 && type != 11) || tr->limit < 103)
        x86_gp0(c);
    uint32_t at = (uint32_t)x86_sys_ld(c, TLB_SUPER, tr->base + 102, 2) + port / 8;
    if (at + 1 > tr->limit)
        x86_gp0(c);
    uint64_t bits = x86_sys_ld(c, TLB_SUPER, tr->base + at, 2) >> (port & 7);
    if (bits & ((1u << size) - 1))
        x86_gp0(c);
}

void x86_io_check(struct x86_cpu *c, uint16_t port, unsigned size)
{
    unsigned iopl = (unsigned)(c->s.rflags & FL_IOPL) >> FL_IOPL_SHIFT;

    if (!(c->s.cr0 & CR0_PE))
        return;
    if (c->cpl > iopl || (c->mode & MODE_VM86))
        check_map(c, port, size);
}

static void breakpoints(struct x86_cpu *c, uint16_t port, unsigned size)
{
    if (unlikely(c->stepping))
        x86_debug_io(c, port, size);
}

/* A device may have changed the memory map or raised a line: seen before the next instruction. */
static void after_device(struct x86_cpu *c)
{
    if (vcpu_requests(c->vcpu))
        x86_end_block(c);
}

uint32_t x86_port_in(struct x86_cpu *c, uint16_t port, unsigned size)
{
    x86_sync_time(c);
    uint32_t v = (uint32_t)bus_read(&c->vcpu->machine->ports, port, size);

    breakpoints(c, port, size);
    after_device(c);
    return v;
}

void x86_port_out(struct x86_cpu *c, uint16_t port, unsigned size, uint32_t v)
{
    x86_sync_time(c);
    bus_write(&c->vcpu->machine->ports, port, size, v);
    breakpoints(c, port, size);
    after_device(c);
}

#define IN_OUT(n)                                                                          \
    void sem_in_##n(struct x86_cpu *c, const struct x86_insn *in)                          \
    {                                                                                      \
        uint16_t port = (uint16_t)(in->src == X86_IMM ? in->imm & 0xff : c->s.r[RDX]);     \
        x86_io_check(c, port, n / 8);                                                      \
        reg_st##n(c, RAX, (uint##n##_t)x86_port_in(c, port, n / 8));                       \
    }                                                                                      \
    void sem_out_##n(struct x86_cpu *c, const struct x86_insn *in)                         \
    {                                                                                      \
        uint16_t port = (uint16_t)(in->dst == X86_IMM ? in->imm & 0xff : c->s.r[RDX]);     \
        x86_io_check(c, port, n / 8);                                                      \
        x86_port_out(c, port, n / 8, reg_ld##n(c, RAX));                                   \
    }

IN_OUT(8)
IN_OUT(16)
IN_OUT(32)
