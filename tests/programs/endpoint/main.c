// SPDX-License-Identifier: MIT
/*
 * Endpoints and transfers as a hostile or careless program uses them: raw entries, by
 * one process that calls, receives and answers itself. Each act tries one side of
 * docs/abi.md with every bad input there is, and knows the exact code of each.
 *
 * What a process must hold: a Console, "endpoints" (EndpointFactory) and "memory" (its
 * own VirtualMemory). At the end it leaves calls, receivers and capabilities in
 * flight; the recount at the end of the run says whether the kernel found them all.
 */
#include "play.h"

int main(void)
{
    play_begin();
    if (play_most == 0) {
        act_square();
        return demo_end();
    }
    act_shapes();
    act_calls();
    act_queues();
    act_cancel();
    act_ends();
    act_limits();
    act_transfers();
    act_leave_behind();
    return demo_end();
}
