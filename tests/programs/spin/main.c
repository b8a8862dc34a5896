// SPDX-License-Identifier: MIT
/* Never enters the kernel and never ends: only a deadline stops it. */

int main(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}
