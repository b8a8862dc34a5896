// SPDX-License-Identifier: MIT
/*
 * The two 8259 interrupt controllers: IRQ n arrives as vector PIC_VECTOR_BASE + n.
 * A line that drops before it is acknowledged arrives as a spurious IRQ 7 or 15,
 * which pic_begin() tells from a real one.
 */
#pragma once

#include <stdbool.h>

#define PIC_VECTOR_BASE 32u
#define PIC_IRQS        16u

#define IRQ_TIMER       0u

/* Remaps both, with every line masked. */
void pic_init(void);

/* irq < PIC_IRQS. */
void pic_unmask(unsigned irq);
void pic_mask(unsigned irq);

/*
 * First thing of an interrupt: false if it is spurious, and then there is nothing to
 * do, pic_end() included.
 */
bool pic_begin(unsigned irq);

/* Lets the next interrupt of this line through. */
void pic_end(unsigned irq);
