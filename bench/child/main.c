// SPDX-License-Identifier: MIT
/* The process of the row `spawn`: it comes, and goes. */
int main(void)
{
    return 0;
}
