# SPDX-License-Identifier: MIT
# Pure logic, compiled for the kernel, for programs and for this machine.

capnp_SRCS := $(wildcard lib/capnp/*.c)

lib_SRCS := $(wildcard lib/*.c)

lib_TESTS   := $(wildcard lib/test/*_test.c)
capnp_TESTS := $(wildcard lib/capnp/test/*_test.c)
