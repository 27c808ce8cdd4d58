/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * persona: what software on a machine's CPUs sees beyond the instruction set: a bare PC, or a
 * hypervisor's interface. The hooks that instructions call are the arch's business
 * (arch/x86/persona.h embeds this record first).
 */
#ifndef QUAD_CORE_PERSONA_H
#define QUAD_CORE_PERSONA_H

struct machine;

struct persona {
    const char *name; /* "pc", "xen-pv" */
    void (*reset)(struct machine *m);
};

#endif
