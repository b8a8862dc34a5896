# SPDX-License-Identifier: MIT
# The hosted core: the kernel's own files, all of its capabilities and what they stand
# on, compiled for this machine, with replacements for what is below.

core_SRCS := \
	$(filter kernel/cap/%.c,$(kernel_SRCS)) \
	kernel/arch/x86_64/context.c \
	kernel/mem/fault.c \
	kernel/process.c \
	kernel/program.c \
	kernel/recount.c \
	kernel/sched.c \
	kernel/spawn.c \
	kernel/work.c \
	kernel/test/authority.c \
	kernel/test/authority_model.c \
	kernel/test/caller.c \
	kernel/test/host/machine.c \
	kernel/test/host/memory.c \
	kernel/test/scene.c \
	kernel/test/scene_acts.c \
	kernel/test/scene_cast.c \
	kernel/test/scene_outcome.c \
	kernel/test/world.c

core_TESTS := $(wildcard kernel/test/*_test.c)
