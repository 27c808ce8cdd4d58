/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * entry: the processor states in which boot protocols hand over. They change the canonical state
 * of a vCPU that was just reset and leave its derived state to the engine's vcpu_put.
 */
#ifndef QUAD_BOARD_ENTRY_H
#define QUAD_BOARD_ENTRY_H

#include "arch/x86/state.h"

struct mem;

/* Where the loaders keep what the entry states need, all in low RAM. */
#define ENTRY_GDT 0x500u          /* null, null, 0x10 code, 0x18 data, 0x20 TSS */
#define ENTRY_TSS 0x580u          /* 104 bytes */
#define ENTRY_PAGE_TABLES 0x1000u /* PML4, PDPT, 4 page directories: 6 pages */

/* 32-bit protected mode, paging off, flat segments (CS 0x10, data 0x18), interrupts off. */
void entry_flat32(struct x86_state *s, struct mem *mem, uint32_t eip);
/* 64-bit mode, the first 4 GiB mapped one to one, same selectors. */
void entry_long64(struct x86_state *s, struct mem *mem, uint64_t rip);
/* Real mode at seg:ip with all data segments and the stack at `dseg`. */
void entry_real16(struct x86_state *s, uint16_t cseg, uint16_t ip, uint16_t dseg, uint16_t sp);

#endif
