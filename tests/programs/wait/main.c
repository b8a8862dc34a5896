// SPDX-License-Identifier: MIT
/* Waits for ever for a completion of nothing: a run that cannot go on. */

#include <rt/syscall.h>

int main(void)
{
    (void)rt_cap_enter(1, CAP_TIMEOUT_FOREVER);
    return 1;
}
