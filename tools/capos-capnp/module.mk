# SPDX-License-Identifier: MIT
tools += capos-capnp

# It reads the schema by the accessors that the generator made for itself.
capos-capnp_SRCS := tools/capos-capnp/convert.c tools/capos-capnp/json_check.c \
                    tools/capos-capnp/main.c tools/capos-capnp/request.c \
                    tools/capnpc-capos/json_annotation.c tools/capnpc-capos/gen/schema.capnp.c
capos-capnp_INC  := -Itools/capnpc-capos/gen -Itools/capnpc-capos
capos-capnp_BASE := capnp
