# SPDX-License-Identifier: MIT
tools += capnpc-capos

# It reads its input by accessors that it made itself, for Cap'n Proto's own schema.
capnpc-capos_SRCS := \
	tools/capnpc-capos/emit_builder.c \
	tools/capnpc-capos/emit_check.c \
	tools/capnpc-capos/emit_client.c \
	tools/capnpc-capos/emit_const.c \
	tools/capnpc-capos/emit_header.c \
	tools/capnpc-capos/emit_list.c \
	tools/capnpc-capos/emit_reader.c \
	tools/capnpc-capos/emit_schema.c \
	tools/capnpc-capos/emit_server.c \
	tools/capnpc-capos/emit_source.c \
	tools/capnpc-capos/emit_type.c \
	tools/capnpc-capos/emit_values.c \
	tools/capnpc-capos/json_annotation.c \
	tools/capnpc-capos/main.c \
	tools/capnpc-capos/member.c \
	tools/capnpc-capos/model.c \
	tools/capnpc-capos/name.c \
	tools/capnpc-capos/out.c \
	tools/capnpc-capos/type.c \
	tools/capnpc-capos/verify.c \
	tools/capnpc-capos/gen/schema.capnp.c
capnpc-capos_INC   := -Itools/capnpc-capos/gen
capnpc-capos_BASE  := capnp
capnpc-capos_TESTS := $(wildcard tools/capnpc-capos/test/*_test.c)
