# SPDX-License-Identifier: MIT
# Annotations that the C plugin (tools/capnpc-capos) reads.
@0xd3f1c4a57e2b9860;

annotation prefix @0xb2a6e1d47c90f385 (file) :Text;
# Every C name generated from the file starts with this and an underscore.

annotation name @0xe4c87a1f5d3b6092 (struct, field, union, group, enum, enumerant, interface, method, const) :Text;
# The C name of one declaration, in snake_case, without the prefix.
