// SPDX-License-Identifier: MIT
/* Ends at once, and well: for counting starts. */

int main(void)
{
    return 0;
}
