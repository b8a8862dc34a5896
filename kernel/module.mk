# SPDX-License-Identifier: MIT
# The kernel's own sources, one a line, in the order of who may see whom.

kernel_SRCS := $(wildcard kernel/*.c kernel/*/*.c kernel/arch/x86_64/*.c kernel/boot/*.S kernel/arch/x86_64/*.S)

# Prints, as assembler text, the symbol table of the ELF file it is given;
# without one, an empty table of the same shape.
kernel_KSYMS := tools/ksyms
