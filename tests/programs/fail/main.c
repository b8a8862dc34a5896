// SPDX-License-Identifier: MIT
/* Ends at once with a code that nobody expects unless the manifest says so. */

int main(void)
{
    return 7;
}
