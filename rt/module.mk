# SPDX-License-Identifier: MIT
# The runtime that every program is linked with.

rt_SRCS := $(wildcard rt/*.c rt/arch/x86_64/*.S)
