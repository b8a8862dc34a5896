# SPDX-License-Identifier: MIT
# Checks. Each is a target that is silent, or nearly so, when it finds nothing;
# `make test` runs them all and counts.

# ---------------------------------------------------------------------------
# Unit tests: one program per file, on cmocka, under ASan and UBSan. A tool's
# tests are linked with the tool's own objects, all but the one with main().

define unit_test # SOURCE, INCLUDES, OBJECTS
$(call compile,san,$(1),$(2))
$(O)/san/$(1:.c=): $(O)/san/$(1:.c=.o) $(3) $(O)/san/liblib.a
	$$(call say,LINK,$$@)
	$(Q)$(CC) $(flags_san) -o $$@ $$^ $(4) -lcmocka
endef
tool_parts = $(filter-out %/main.o,$(call objects_of,san,$($(1)_SRCS)))

$(foreach t,$(lib_TESTS),$(eval $(call unit_test,$(t),$(inc_lib))))
$(foreach t,$(capnp_TESTS),$(eval $(call unit_test,$(t),$(inc_gen))))
$(foreach l,$(tools),$(foreach t,$($(l)_TESTS),\
	$(eval $(call unit_test,$(t),$(inc_tools) -Itools/$(l),$(call tool_parts,$(l)),$($(l)_LIBS)))))

tests_of   = $(patsubst %.c,$(O)/san/%,$(1))
tool_TESTS := $(foreach l,$(tools),$($(l)_TESTS))
unit_tests := $(call tests_of,$(lib_TESTS) $(capnp_TESTS) $(tool_TESTS))
run_units  = $(Q)for t in $(1); do $$t || exit 1; done

.PHONY: test-lib test-config test-mkmanifest sanitize-lib capos-rt-check

## test-lib         unit tests of lib and of the Cap'n Proto runtime
test-lib: $(call tests_of,$(lib_TESTS) $(capnp_TESTS))
	$(call run_units,$^)

## sanitize-lib     the same: they always run under the address and undefined-behaviour sanitizers
sanitize-lib: test-lib

## test-config      unit tests of the manifest's validator
test-config: $(call tests_of,$(filter %/manifest_test.c,$(lib_TESTS)))
	$(call run_units,$^)

## test-mkmanifest  unit tests of mkmanifest
test-mkmanifest: $(call tests_of,$(mkmanifest_TESTS)) $(O)/san/mkmanifest
	$(call run_units,$(filter %_test,$^))
