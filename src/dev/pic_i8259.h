/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pic_i8259: the pair of interrupt controllers of a PC, slave on the master's IR2.
 *
 * The board maps WIN_MASTER at 0x20, WIN_SLAVE at 0xa0, WIN_ELCR at 0x4d0, wires LINE_INTR to the
 * ExtINT input of the CPU, and sets machine->extint_ack = pic_i8259_ack with the device as opaque.
 */
#ifndef QUAD_DEV_PIC_I8259_H
#define QUAD_DEV_PIC_I8259_H

#include "core/dev.h"

extern const struct dev_type pic_i8259_type;

enum { PIC_I8259_WIN_MASTER, PIC_I8259_WIN_SLAVE, PIC_I8259_WIN_ELCR };
enum { PIC_I8259_LINE_INTR };

/* Input line irq (0..15; 2 is the cascade and not an input). */
struct irq pic_i8259_input(struct dev *dev, unsigned irq);

/* Acknowledge cycle: the vector, spurious IR7 when nothing is pending. Any thread. */
uint8_t pic_i8259_ack(void *dev);

#endif
