# SPDX-License-Identifier: MIT
# The compiler and its flags.
#
# gcc 12 is the reference, clang 14 builds everything too (CC=clang); anything
# older is refused here, with a sentence, before the first file is compiled. Not
# before set-up is done, though: there may be no compiler until then. A cross
# prefix is not needed: the programs are static and freestanding.

GCC_OLDEST   := 12
CLANG_OLDEST := 14

ifeq ($(origin CC),default)
CC := gcc
endif
AR      := ar
OBJCOPY := objcopy
PYTHON  := /usr/bin/python3

# "14 4" from clang, "__clang_major__ 12" from gcc, nothing where there is none.
cc_macros  := $(shell echo __clang_major__ __GNUC__ | $(CC) -E -P -x c - 2>/dev/null)
cc_is_gcc  := $(filter __clang_major__,$(cc_macros))
cc_name    := $(if $(cc_is_gcc),gcc,clang)
cc_version := $(if $(cc_is_gcc),$(word 2,$(cc_macros)),$(word 1,$(cc_macros)))
cc_oldest  := $(if $(cc_is_gcc),$(GCC_OLDEST),$(CLANG_OLDEST))

ifdef setup_done
ifeq ($(cc_macros),)
$(error There is no C compiler named "$(CC)" here; name one with CC=, gcc $(GCC_OLDEST) or clang $(CLANG_OLDEST) or newer)
endif
ifneq ($(shell test $(cc_version) -ge $(cc_oldest) && echo yes),yes)
$(error $(CC) is $(cc_name) $(cc_version), and capOS needs gcc $(GCC_OLDEST) or clang $(CLANG_OLDEST) or newer; name another with CC=)
endif
endif

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla \
        -Wswitch -Wundef -Werror
COMMON := -std=c17 -g $(WARN) -ffile-prefix-map=$(CURDIR)=.

KFLAGS := $(COMMON) -O2 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone \
          -mgeneral-regs-only -fno-stack-protector -fno-omit-frame-pointer \
          -fno-asynchronous-unwind-tables

# Address and undefined behaviour, with handlers of our own (kernel/sanitize.c); clang is told
# to call for each access, as gcc does.
KERNEL_SANITIZE := -fsanitize=kernel-address -fsanitize=undefined \
                   $(if $(cc_is_gcc),--param asan-stack=0 --param asan-globals=0,\
                   $(patsubst %,-mllvm -asan-%,stack=0 globals=0 \
                   instrumentation-with-call-threshold=0))

# Words that are stored side by side take fewer instructions than a vector put together of them.
UFLAGS := $(COMMON) -O2 -ffreestanding -fno-pic -fno-pie -ftls-model=local-exec \
          -fno-stack-protector -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
          -fno-tree-slp-vectorize
HFLAGS := $(COMMON) -O2
SFLAGS := $(COMMON) -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
          -fno-sanitize-recover=all
FFLAGS := $(COMMON) -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
          -fno-sanitize-recover=all
AFLAGS := $(SFLAGS)

# Of a function that is in line always, each use would have branches of its own.
VFLAGS := $(COMMON) -O0 --coverage -Dalways_inline=unused

LINK_BARE := -static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
             -Wl,-z,max-page-size=4096
