// SPDX-License-Identifier: MIT
#include "arch/x86_64/pic.h"

#include <stdint.h>

#include "arch/x86_64/io.h"
#include "panic.h"

#define FIRST_COMMAND  0x20u
#define FIRST_DATA     0x21u
#define SECOND_COMMAND 0xa0u
#define SECOND_DATA    0xa1u

#define INIT_WITH_MODE 0x11u /* initialise; a mode word follows */
#define MODE_8086      0x01u
#define END_OF_IRQ     0x20u
#define READ_SERVICE   0x0bu /* the next read gives the interrupts in service */

#define CASCADE_LINE   2u /* where the second controller hangs on the first */

/* Set: masked. The second controller's lines are the high byte. */
static uint16_t masked = 0xffff;

static void write_masks(void)
{
    io_out8(FIRST_DATA, (uint8_t)masked);
    io_out8(SECOND_DATA, (uint8_t)(masked >> 8));
}

void pic_init(void)
{
    static const uint8_t words[][2] = {
        /* first, second controller */
        {PIC_VECTOR_BASE, PIC_VECTOR_BASE + 8},
        {1u << CASCADE_LINE, CASCADE_LINE},
        {MODE_8086, MODE_8086},
    };

    io_out8(FIRST_COMMAND, INIT_WITH_MODE);
    io_wait();
    io_out8(SECOND_COMMAND, INIT_WITH_MODE);
    io_wait();
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        io_out8(FIRST_DATA, words[i][0]);
        io_wait();
        io_out8(SECOND_DATA, words[i][1]);
        io_wait();
    }
    masked = 0xffff & ~(1u << CASCADE_LINE);
    write_masks();
}

void pic_unmask(unsigned irq)
{
    ASSERT(irq < PIC_IRQS, "there is no IRQ %u", irq);
    masked &= (uint16_t) ~(1u << irq);
    write_masks();
}

void pic_mask(unsigned irq)
{
    ASSERT(irq < PIC_IRQS, "there is no IRQ %u", irq);
    masked |= (uint16_t)(1u << irq);
    write_masks();
}

static bool in_service(uint16_t command, unsigned line)
{
    io_out8(command, READ_SERVICE);
    return (io_in8(command) >> line & 1) != 0;
}

bool pic_begin(unsigned irq)
{
    if (irq == 7 && !in_service(FIRST_COMMAND, 7)) {
        return false;
    }
    if (irq == 15 && !in_service(SECOND_COMMAND, 7)) {
        io_out8(FIRST_COMMAND, END_OF_IRQ); /* which saw a real one, on its cascade line */
        return false;
    }
    return true;
}

void pic_end(unsigned irq)
{
    if (irq >= 8) {
        io_out8(SECOND_COMMAND, END_OF_IRQ);
    }
    io_out8(FIRST_COMMAND, END_OF_IRQ);
}
