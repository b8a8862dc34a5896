# SPDX-License-Identifier: MIT
# The runtime that every program is linked with, as an archive: what a program
# does not call is not in it.

rt_SRCS := \
	rt/arch/x86_64/start.S \
	rt/alloc.c \
	rt/capset.c \
	rt/entry.c \
	rt/format.c \
	rt/heap.c \
	rt/panic.c \
	rt/print.c \
	rt/ring.c \
	rt/server.c \
	rt/string.c

# The part that is pure enough to be tested on this machine; the tests of ring.c
# and string.c include the source they test.
rt_HOST_SRCS := \
	rt/capset.c \
	rt/format.c \
	rt/heap.c

rt_TESTS := $(wildcard rt/test/*_test.c)
