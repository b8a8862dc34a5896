// SPDX-License-Identifier: MIT
/* Writes where nothing can be mapped: below USER_BASE. */

#include <abi/layout.h>
#include <stdint.h>

int main(void)
{
    volatile uint8_t *hole;

    __asm__("" : "=r"(hole) : "0"(USER_BASE - 1)); /* the compiler must not know */
    *hole = 1;
    return 0;
}
