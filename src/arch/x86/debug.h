/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * debug: single step and debug registers. [SDM3 17.2, 17.3]
 *
 * While c->stepping an engine runs one instruction at a time:
 *
 *     trap = x86_step_before(c);     may raise #DB (instruction breakpoint)
 *     ... one instruction ...
 *     x86_step_after(c, trap);       may raise #DB (single step, data and port breakpoints)
 *
 * with c->cur NULL around both calls.
 */
#ifndef QUAD_ARCH_X86_DEBUG_H
#define QUAD_ARCH_X86_DEBUG_H

#include "arch/x86/cpu.h"

#define DR7_ENABLED 0xffu /* L0 G0 .. L3 G3 */

#define DR6_BD UINT64_C(0x2000) /* debug-register access */
#define DR6_BS UINT64_C(0x4000) /* single step */
#define DR6_BT UINT64_C(0x8000) /* task switch */

/* After a change of RFLAGS.TF, RFLAGS.RF or DR7. */
static inline void x86_update_stepping(struct x86_cpu *c)
{
    c->stepping = (c->s.rflags & (FL_TF | FL_RF)) || (c->s.dr[7] & DR7_ENABLED);
}

/* Is a breakpoint on data reads or writes enabled? */
bool x86_data_breakpoints(const struct x86_cpu *c);

bool x86_step_before(struct x86_cpu *c);
void x86_step_after(struct x86_cpu *c, bool trap);

/* Note what the current instruction touches. */
void x86_debug_access(struct x86_cpu *c, uint64_t lin, unsigned size, bool write);
void x86_debug_io(struct x86_cpu *c, uint16_t port, unsigned size);

#endif
