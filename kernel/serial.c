// SPDX-License-Identifier: MIT
#include "serial.h"

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/io.h"

#define PORT 0x3f8u

/* Registers, from PORT. */
#define DATA           0u
#define INTERRUPTS     1u
#define DIVISOR_LOW    0u /* while LINE_DIVISOR is set */
#define DIVISOR_HIGH   1u
#define FIFO           2u
#define LINE           3u
#define MODEM          4u
#define STATUS         5u

#define LINE_8N1       0x03u
#define LINE_DIVISOR   0x80u
#define FIFO_ENABLE    0xc7u /* and empty both ways */
#define MODEM_READY    0x0bu /* DTR, RTS, OUT2 */
#define MODEM_LOOP     0x1eu
#define STATUS_INPUT   0x01u
#define STATUS_EMPTY   0x20u

#define DIVISOR_115200 1u

/* A chip with a queue takes so many bytes each time it is empty. */
#define FIFO_BYTES 16u

/* Far more polls than 16 bytes take at the slowest rate we set. */
#define POLLS_MAX 1000000u

/* False once the port has been found missing, or has stopped taking bytes. */
static bool present = true;

static bool wait_for(uint8_t status)
{
    for (uint32_t i = 0; i < POLLS_MAX; i++) {
        if ((io_in8(PORT + STATUS) & status) != 0) {
            return true;
        }
    }
    return false;
}

/* Sends a byte to ourselves; a machine without the chip does not answer. */
static bool loops_back(void)
{
    io_out8(PORT + MODEM, MODEM_LOOP);
    io_out8(PORT + DATA, 0xa5);
    return wait_for(STATUS_INPUT) && io_in8(PORT + DATA) == 0xa5;
}

void serial_init(void)
{
    io_out8(PORT + INTERRUPTS, 0);
    io_out8(PORT + LINE, LINE_DIVISOR);
    io_out8(PORT + DIVISOR_LOW, DIVISOR_115200);
    io_out8(PORT + DIVISOR_HIGH, 0);
    io_out8(PORT + LINE, LINE_8N1);
    io_out8(PORT + FIFO, FIFO_ENABLE);
    present = loops_back();
    io_out8(PORT + MODEM, MODEM_READY);
}

static bool send(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i % FIFO_BYTES == 0 && !wait_for(STATUS_EMPTY)) {
            return false;
        }
        io_out8(PORT + DATA, (uint8_t)text[i]);
    }
    return true;
}

void serial_write(const char *text, size_t len)
{
    if (present) {
        present = send(text, len);
    }
}

void serial_write_emergency(const char *text, size_t len)
{
    if (present) {
        (void)send(text, len);
    }
}
