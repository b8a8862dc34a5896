# SPDX-License-Identifier: MIT
tools += capnpc-capos

capnpc-capos_SRCS  := $(wildcard tools/capnpc-capos/*.c)
capnpc-capos_TESTS := $(wildcard tools/capnpc-capos/test/*_test.c)
