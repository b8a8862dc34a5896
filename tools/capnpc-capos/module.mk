# SPDX-License-Identifier: MIT
tools += capnpc-capos

# It reads its input by accessors that it made itself, for Cap'n Proto's own schema.
capnpc-capos_SRCS  := $(wildcard tools/capnpc-capos/*.c tools/capnpc-capos/gen/*.c)
capnpc-capos_INC   := -Itools/capnpc-capos/gen
capnpc-capos_BASE  := capnp
capnpc-capos_TESTS := $(wildcard tools/capnpc-capos/test/*_test.c)
