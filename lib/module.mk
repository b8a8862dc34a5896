# SPDX-License-Identifier: MIT
# Pure logic, compiled for the kernel, for programs and for this machine.

lib_SRCS := \
	lib/account.c \
	lib/assert.c \
	lib/call.c \
	lib/cap_table.c \
	lib/elf.c \
	lib/endpoint.c \
	lib/frame_bitmap.c \
	lib/frame_ledger.c \
	lib/lazy_buffer.c \
	lib/manifest.c \
	lib/manifest_authority.c \
	lib/manifest_fault.c \
	lib/manifest_needs.c \
	lib/memory_map.c \
	lib/pci.c \
	lib/region.c \
	lib/ring.c \
	lib/status.c \
	lib/timer_wheel.c \
	lib/transfer.c

# The Cap'n Proto runtime, which stands by itself.
capnp_SRCS := \
	lib/capnp/build.c \
	lib/capnp/canonical.c \
	lib/capnp/copy.c \
	lib/capnp/frame.c \
	lib/capnp/grow.c \
	lib/capnp/pack.c \
	lib/capnp/read.c

# Schemas at run time, and text and JSON by them: for programs and tools, not the kernel.
capnp_reflect_SRCS := \
	lib/capnp/json.c \
	lib/capnp/json_object.c \
	lib/capnp/json_parse.c \
	lib/capnp/reflect.c \
	lib/capnp/scan.c \
	lib/capnp/text.c \
	lib/capnp/text_number.c \
	lib/capnp/text_parse.c

lib_TESTS   := $(wildcard lib/test/*_test.c)
capnp_TESTS := $(wildcard lib/capnp/test/*_test.c)
