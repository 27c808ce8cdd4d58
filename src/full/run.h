/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * run: what both engines of full do between blocks, and a block by its operations' functions.
 */
#ifndef QUAD_FULL_RUN_H
#define QUAD_FULL_RUN_H

#include "core/engine.h"
#include "full/block.h"

/* "Run on": beside the stop reasons. */
#define RUN_ON ((enum stop_reason)(STOP_FAIL + 1))

/* Requests and events at an instruction boundary. RUN_ON or why to leave. */
enum stop_reason run_boundary(struct vcpu *v, struct x86_cpu *c);

/* Execute b, at most `most` instructions of it (>= 1). Raises as its instructions do. Returns how
 * many retired. */
uint64_t run_block(struct x86_cpu *c, struct block *b, uint64_t most);

/* With breakpoints set: how many of b's instructions, at most `most`, may run from lin on before one
 * of them is met; 0: lin has one. */
uint64_t run_until_breakpoint(const struct vcpu *v, const struct block *b, uint64_t lin,
                              uint64_t most);

/* n instructions have retired: budget, and in deterministic mode time. */
void run_spend(struct vcpu *v, uint64_t n);

/* After an unwind: deliver c->fault. RUN_ON or STOP_CRASH. */
enum stop_reason run_fault(struct vcpu *v, struct x86_cpu *c);

/* What a translation remembered by linear address depends on: tags of the jump caches. */
uint64_t run_jump_tag(const struct x86_cpu *c);

/* Engine operations that are the same for both. Slots are found through core/mem, whose generation
 * says when cached translations are stale; a kick is the request word, looked at before each block. */
int run_open(struct engine *eng, struct machine *m, struct error *err);
void run_close(struct engine *eng);
int run_map(struct engine *eng, struct mem_slot *slot, struct error *err);
void run_unmap(struct engine *eng, struct mem_slot *slot);
void run_dirty(struct engine *eng, struct mem_slot *slot, enum dirty_op op, uint64_t *bitmap);
void run_kick(struct vcpu *v);

/* An engine's vcpu_get and vcpu_put: it works on the canonical state itself. */
void run_get(struct vcpu *v, unsigned groups);
void run_put(struct vcpu *v);

#endif
