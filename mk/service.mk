# SPDX-License-Identifier: MIT
# A service of one's own: docs/tutorial.md.

NAME ?=
export NAME

.PHONY: new-service test-service

## new-service      lay down a service with interface, client, manifest and test: NAME=hello
new-service: $(O)/host/capnpc-capos
	$(Q)tools/new-service/new-service "$$NAME" $<

## test-service     the test of one service and no other: NAME=hello
test-service: $(O)/kernel.elf $(NAME:%=$(O)/system-%.bin)
	$(Q)test -n "$$NAME" || { echo 'test-service: say which: make test-service NAME=hello' >&2; exit 2; }
	$(Q)$(PYTHON) -m pytest -q -p no:cacheprovider tests/test_$(subst -,_,$(NAME)).py
