# SPDX-License-Identifier: MIT
tools += mkmanifest

mkmanifest_SRCS  := $(wildcard tools/mkmanifest/*.c)
mkmanifest_LIBS  := -ljansson
mkmanifest_TESTS := $(wildcard tools/mkmanifest/test/*_test.c)
