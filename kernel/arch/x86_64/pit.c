// SPDX-License-Identifier: MIT
#include "arch/x86_64/pit.h"

#include "arch/x86_64/io.h"
#include "panic.h"

#define CHANNEL_0 0x40u
#define COMMAND   0x43u

#define PERIODIC  0x34u /* channel 0, low and high byte, mode 2 */
#define ONE_SHOT  0x30u /* mode 0, which waits for a count that we never load */

uint64_t pit_start(uint32_t hz)
{
    ASSERT(hz >= PIT_HZ_MIN && hz <= PIT_HZ_MAX, "the timer cannot tick at %u Hz", hz);

    uint32_t divisor = (PIT_INPUT_HZ + hz / 2) / hz;
    io_out8(COMMAND, PERIODIC);
    io_out8(CHANNEL_0, (uint8_t)divisor);
    io_out8(CHANNEL_0, (uint8_t)(divisor >> 8));
    return divisor * 1000000000ull / PIT_INPUT_HZ;
}

void pit_stop(void)
{
    io_out8(COMMAND, ONE_SHOT);
}
