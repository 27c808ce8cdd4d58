/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * state_load: a processor's records came from somewhere else.
 */
#ifndef QUAD_ARCH_X86_STATE_LOAD_H
#define QUAD_ARCH_X86_STATE_LOAD_H

#include "base/base.h"

struct vcpu;

/* arch->vcpu_loaded */
int x86_state_loaded(struct vcpu *vcpu, struct error *err);

#endif
