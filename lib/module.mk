# SPDX-License-Identifier: MIT
# Pure logic, compiled for the kernel, for programs and for this machine.

lib_SRCS := \
	lib/account.c \
	lib/assert.c \
	lib/cap_table.c \
	lib/elf.c \
	lib/frame_bitmap.c \
	lib/lazy_buffer.c \
	lib/manifest.c \
	lib/memory_map.c \
	lib/ring.c \
	lib/status.c \
	lib/timer_wheel.c

# The Cap'n Proto runtime, which stands by itself.
capnp_SRCS := \
	lib/capnp/build.c \
	lib/capnp/copy.c \
	lib/capnp/frame.c \
	lib/capnp/grow.c \
	lib/capnp/pack.c \
	lib/capnp/read.c

lib_TESTS   := $(wildcard lib/test/*_test.c)
capnp_TESTS := $(wildcard lib/capnp/test/*_test.c)
