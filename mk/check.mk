# SPDX-License-Identifier: MIT
# Checks. Each is a target of its own, silent when it finds nothing; `make test`
# runs them all and counts.

# ---------------------------------------------------------------------------
# Unit tests: one program per file, on cmocka, under ASan and UBSan. A tool's
# tests are linked with the tool's own objects, all but the one with main().

define unit_test # VARIANT, SOURCE, INCLUDES, OBJECTS, LIBRARIES
$(call compile,$(1),$(2),$(3))
$(O)/$(1)/$(2:.c=): $(O)/$(1)/$(2:.c=.o) $(4) $(call lib_archives,$(1))
	$$(call say,LINK,$$@)
	$(Q)$(cc_of) $(flags_$(1)) -o $$@ $$^ $(5) -lcmocka
endef
tool_parts = $(filter-out %/main.o,$(call objects_of,san,$($(1)_SRCS)))

$(call compile,san,$(rt_HOST_SRCS),$(inc_rt))
$(foreach t,$(lib_TESTS),$(eval $(call unit_test,san,$(t),$(inc_lib))))
$(foreach t,$(capnp_TESTS),$(eval $(call unit_test,san,$(t),$(inc_gen))))
$(foreach t,$(rt_TESTS),$(eval $(call unit_test,san,$(t),$(inc_rt),$(call objects_of,san,$(rt_HOST_SRCS)))))
$(foreach l,$(tools),$(foreach t,$($(l)_TESTS),\
	$(eval $(call unit_test,san,$(t),$(inc_tools) $($(l)_INC) -Itools/$(l),$(call tool_parts,$(l)),$($(l)_LIBS)))))

# The hosted core: its tests are linked with all of it.

define hosted_core # VARIANT
$(call compile,$(1),$(core_SRCS) $(core_TESTS),$(inc_core))
$(call archive,$(O)/$(1)/core.a,$(call objects_of,$(1),$(core_SRCS)) $(call lib_objects,$(1)))
$(core_TESTS:%.c=$(O)/$(1)/%): %: %.o $(O)/$(1)/core.a
	$$(call say,LINK,$$@)
	$(Q)$(cc_of) $(flags_$(1)) -o $$@ $$^ -lcmocka
endef
$(eval $(call hosted_core,core))
core_tests := $(core_TESTS:%.c=$(O)/core/%)

tests_of   = $(patsubst %.c,$(O)/san/%,$(1))
tool_TESTS := $(foreach l,$(tools),$($(l)_TESTS))
unit_tests := $(call tests_of,$(lib_TESTS) $(capnp_TESTS) $(rt_TESTS) $(tool_TESTS)) $(core_tests)
run_units  = $(Q)$(PYTHON) tools/run-tests --quiet $(foreach t,$(1),--unit $(t))

.PHONY: test-lib test-core test-config test-mkmanifest test-capnp test-cycles test-kasan hostile \
        alloc-sites sanitize-lib capos-rt-check

## test-lib         unit tests of lib and of the Cap'n Proto runtime
test-lib: $(call tests_of,$(lib_TESTS) $(capnp_TESTS))
	$(call run_units,$^)

## sanitize-lib     the same: they always run under the address and undefined-behaviour sanitizers
sanitize-lib: test-lib

## test-core        tests of the kernel's capabilities, compiled for this machine
test-core: $(core_tests)
	$(call run_units,$^)

## test-config      what a system is configured by: manifest, CUE values, layouts of ring and CapSet
config_tests := $(call tests_of,$(filter lib/test/manifest_% %/ring_test.c,$(lib_TESTS)) \
                $(filter %/capset_test.c,$(rt_TESTS)))
test-config: $(config_tests) $(O)/host/mkmanifest $(O)/san/mkmanifest
	$(call run_units,$(config_tests)) --pytest tests/test_cue.py --pytest tests/test_mkmanifest.py

## test-mkmanifest  tests of mkmanifest
test-mkmanifest: $(O)/host/mkmanifest $(O)/san/mkmanifest
	$(Q)$(PYTHON) tools/run-tests --quiet --pytest tests/test_mkmanifest.py

## test-capnp       conversions by capos-capnp against the stock tool; CAPNP_PAIRS=1000000 for more
test-capnp: $(O)/san/capos-capnp
	$(Q)$(PYTHON) -m pytest -q -p no:cacheprovider -n $(JOBS) tests/test_capnp_convert.py

## test-cycles      processes spawned, called and reaped, 1,000 of them; CYCLES=100000 for more
test-cycles: $(O)/kernel.elf $(programs) $(O)/san/mkmanifest
	$(Q)$(PYTHON) -m pytest -q -rP -p no:cacheprovider -k leave_nothing tests/test_scale.py

## test-kasan       the whole-system tests on the sanitized kernel, but for those that measure
test-kasan: test-parts
	$(Q)CAPOS_KERNEL=kernel-san.elf $(PYTHON) -m pytest -q -p no:cacheprovider -n $(JOBS) \
		-m 'not measures' $(PYTEST) tests

## hostile          programs that fight the kernel: ENTRIES=10000000 in one boot, or SECONDS=60; SEED=1
hostile: $(O)/kernel.elf $(programs) $(O)/san/mkmanifest
	$(Q)$(PYTHON) tests/hostile.py --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1) \
		$(if $(ENTRIES),--entries $(ENTRIES))

## alloc-sites      where the linked kernel asks for memory, and how often each place was refused it
alloc-sites: $(O)/kernel.elf $(programs) $(O)/san/mkmanifest $(O)/profile/refusals.so
	$(Q)$(PYTHON) tests/alloc_sites.py

## capos-rt-check   the runtime: builds, its headers stand alone, its unit tests pass
capos-rt-check: $(O)/user/librt.a $(filter $(O)/user/rt/%,$(programs)) \
		$(patsubst %,$(O)/headers/%.ok,$(wildcard rt/include/rt/*.h)) $(call tests_of,$(rt_TESTS))
	$(call run_units,$(filter %_test,$^))

# ---------------------------------------------------------------------------
# Headers compile alone, each with the include path of its own part.

define header # HEADER, FLAGS
headers += $(O)/headers/$(1).ok
$(O)/headers/$(1).ok: $(1)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(2) -MMD -MP -MT $$@ -MF $$@.d -c -o /dev/null -include $(1) -x c /dev/null
	@touch $$@
-include $(O)/headers/$(1).ok.d
endef
header_part = $(foreach h,$(1),$(eval $(call header,$(h),$(2))))

$(call header_part,$(wildcard abi/include/abi/*.h),$(HFLAGS) $(inc_abi))
$(call header_part,$(wildcard lib/capnp/include/capnp/*.h lib/capnp/*.h),$(HFLAGS) $(inc_capnp))
$(call header_part,$(wildcard lib/include/lib/*.h lib/*.h),$(HFLAGS) $(inc_lib))
$(call header_part,$(wildcard schema/gen/*.capnp.h schema/gen/*.schema.h),$(HFLAGS) $(inc_gen))
$(call header_part,$(wildcard schema/gen/*.client.h rt/include/rt/*.h rt/*.h),$(UFLAGS) $(inc_rt))
$(call header_part,$(wildcard kernel/*.h kernel/*/*.h kernel/arch/x86_64/*.h),$(flags_kernel) $(inc_kernel))
$(call header_part,$(wildcard demos/*/*.h demos/schema/gen/*.h),$(UFLAGS) $(inc_demos))
$(call header_part,$(wildcard init/*.h init/include/*/*.h),$(UFLAGS) $(inc_init))
$(foreach l,$(tools),$(call header_part,$(wildcard tools/$(l)/*.h),$(HFLAGS) $(inc_tools) $($(l)_INC)))

.PHONY: check-headers check-layers check-sources check-style check-claims \
        check-panic-surface panic-surface dependency-policy-check fmt fmt-check lint shell-check \
        generated-code-check generate check-cue evaluate check-other-cc

## check-headers    each header compiles by itself
check-headers: $(headers)

# ---------------------------------------------------------------------------
# The rules of who may see whom, tried: what a part may include compiles with
# the very flags that what it may not include is refused with.

try_include = printf '\#include %s\n' '$(2)' | $(CC) -std=c17 -fsyntax-only $(1) -x c - 2>/dev/null
define layer # PART, MAY, MAY NOT
	$(Q)$(call try_include,$(inc_$(1)),$(2)) || \
		{ echo 'check-layers: $(1) cannot include $(2)' >&2; exit 1; }
	$(Q)! $(call try_include,$(inc_$(1)),$(3)) || \
		{ echo 'check-layers: $(1) can include $(3)' >&2; exit 1; }

endef

## check-layers     what a part must not include does not compile
check-layers:
	$(call layer,abi,<abi/ring.h>,<lib/status.h>)
	$(call layer,capnp,<capnp/call.h>,<lib/status.h>)
	$(call layer,capnp,<capnp/call.h>,<abi/ring.h>)
	$(call layer,lib,<lib/status.h>,"panic.h")
	$(call layer,lib,<lib/status.h>,<rt/ring.h>)
	$(call layer,kernel,"panic.h",<rt/ring.h>)
	$(call layer,rt,<rt/ring.h>,"panic.h")
	$(call layer,demos,<rt/ring.h>,<lib/status.h>)
	$(call layer,demos,<rt/ring.h>,"panic.h")
	$(call layer,init,<lib/manifest.h>,<lib/status.h>)
	$(call layer,tools,<lib/status.h>,<rt/ring.h>)

## check-sources    every source of the tree is built from, and so is seen by the other checks
check-sources:
	$(Q)$(PYTHON) tools/check-sources $(sort $(sources) $(kernel_SRCS) $(rt_SRCS))

## check-style      what no compiler minds: licence line, include guard, white space, words
check-style:
	$(Q)$(PYTHON) tools/check-style

## check-panic-surface  docs/panic-surface.md counts the places where the kernel may end itself
check-panic-surface:
	$(Q)$(PYTHON) tools/panic-surface --check

## panic-surface    write these counts again, after a change of asserts or panics
panic-surface:
	$(Q)$(PYTHON) tools/panic-surface --write

## dependency-policy-check  docs/dependencies.md has all packages, with version, licence and reason
dependency-policy-check:
	$(Q)$(PYTHON) tools/dependency-policy-check

## check-claims     tests and commands that docs/threats.md and docs/claims.md name are there
check-claims:
	$(Q)$(PYTHON) tools/check-claims

# ---------------------------------------------------------------------------
# Formatting and lint, on everything that people write.

c_dirs  := abi lib kernel rt init demos bench tools tests fuzz proofs
c_files := $(shell find $(wildcard $(c_dirs)) -name '*.[ch]' -not -path '*/gen/*')

## fmt              format all C
fmt:
	$(Q)clang-format -i $(c_files)

## fmt-check        all C is formatted as .clang-format says
fmt-check:
	$(Q)clang-format --dry-run --Werror $(c_files)

lint_sources := $(foreach s,$(sources),$(if $(findstring /gen/,$(s)),,$(s)))
# The analyzer does not know that a failing assertion of cmocka does not return.
lint_only = $(if $(filter %_test.c,$(1)),--checks=-clang-analyzer-core.*)
define lint_one # SOURCE
$(O)/lint/$(1).ok: $(1) .clang-tidy $(filter %.h,$(c_files))
	@mkdir -p $$(@D)
	$(Q)clang-tidy --quiet $(call lint_only,$(1)) $(1) -- $(flags_of_$(1)) >$$@.log 2>/dev/null || \
		{ cat $$@.log >&2; exit 1; }
	@touch $$@
endef
$(foreach s,$(lint_sources),$(eval $(call lint_one,$(s))))

## lint             clang-tidy finds nothing
lint: $(lint_sources:%=$(O)/lint/%.ok)

## shell-check      shell scripts parse, and shellcheck has no complaint where it is installed
shell_scripts := $(shell grep -lIE '^\#!.*(/| )(ba)?sh$$' -r tools tests .ci 2>/dev/null)
shell-check:
	$(Q)for s in $(shell_scripts); do bash -n $$s || exit 1; done
	$(Q)! command -v shellcheck >/dev/null || shellcheck $(shell_scripts)

## generated-code-check  the checked-in generated C is what the schema compiler makes today
generated-code-check: $(O)/host/capnpc-capos
	$(Q)tools/check-generated-capnp.sh

## generate         write the generated C again, after a change of the schema
generate: $(O)/host/capnpc-capos
	$(Q)tools/check-generated-capnp.sh --write

## check-cue        the checked-in manifests in JSON are what their CUE evaluates to
check-cue:
	$(Q)tools/check-cue.sh

## evaluate         write the manifests in JSON again, after a change of their CUE
evaluate:
	$(Q)tools/check-cue.sh --write

# ---------------------------------------------------------------------------
# Fuzzing: each fuzz/fuzz_<thing>.c is a target, fuzz/corpus/<thing> what it starts
# from. The smoke run replays the corpus and then tries a few seconds more. The same
# targets are built for AFL++, which comes with a driver for what libFuzzer calls.

AFL_SECONDS  := $(or $(FUZZ_SECONDS),2)
FUZZ_SECONDS ?= 5
core_fuzz    := fuzz/fuzz_authority.c
fuzz_sources := $(filter-out $(core_fuzz),$(wildcard fuzz/fuzz_*.c))
fuzz_targets := $(fuzz_sources:%.c=$(O)/%) $(core_fuzz:%.c=$(O)/%)
afl_targets  := $(fuzz_sources:fuzz/%.c=$(O)/afl/%)
fuzz_link    := -fsanitize=fuzzer,address,undefined
fuzz_corpus  = fuzz/corpus/$(1:fuzz_%=%)

# The parts of tools that targets feed, all but their main().
fuzz_INC   := -Itools/mkmanifest $(capos-capnp_INC)
fuzz_parts = $(filter-out %/main.o,$(call objects_of,$(1),$(mkmanifest_SRCS) $(capos-capnp_SRCS)))

define fuzz # VARIANT, SOURCE, PROGRAM
$(call compile,$(1),$(2),$(inc_tools) $(fuzz_INC))
$(3): $(O)/$(1)/$(2:.c=.o) $(call fuzz_parts,$(1)) $(call lib_archives,$(1))
	$$(call say,LINK,$$@)
	$(Q)$(call cc_of,$(1)) $(fuzz_link) -o $$@ $$^ $(mkmanifest_LIBS)
endef
$(foreach f,$(fuzz_sources),$(eval $(call fuzz,fuzz,$(f),$(f:%.c=$(O)/%))))
$(foreach f,$(fuzz_sources),$(eval $(call fuzz,afl,$(f),$(f:fuzz/%.c=$(O)/afl/%))))

# One feeds the hosted core; for libFuzzer alone.
$(call compile,fuzz-core,$(core_SRCS) $(core_fuzz),$(inc_core))
$(eval $(call archive,$(O)/fuzz-core/core.a,$(call objects_of,fuzz-core,$(core_SRCS)) $(call lib_objects,fuzz-core)))
$(core_fuzz:%.c=$(O)/%): $(O)/fuzz-core/$(core_fuzz:.c=.o) $(O)/fuzz-core/core.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(call cc_of,fuzz-core) $(fuzz_link) -o $@ $^

.PHONY: fuzz-build fuzz-smoke fuzz-afl-build fuzz-afl-smoke

## fuzz-build       the fuzz targets, on libFuzzer
fuzz-build: $(fuzz_targets)

## fuzz-smoke       each of them for FUZZ_SECONDS=5, from its corpus; findings stay in build/fuzz
fuzz-smoke: $(fuzz_targets:%=%.smoke)
$(O)/fuzz/%.smoke: $(O)/fuzz/%
	$(Q)mkdir -p $<.found && $< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix=$<.found/ $<.found $(call fuzz_corpus,$*) >$<.log 2>&1 \
		|| { tail -n 40 $<.log >&2; exit 1; }

## fuzz-afl-build   the same targets, for AFL++
fuzz-afl-build: $(afl_targets)

## fuzz-afl-smoke   each of them for FUZZ_SECONDS=2; what crashes it or hangs stays in build/afl
fuzz-afl-smoke: $(afl_targets:%=%.smoke)
$(O)/afl/%.smoke: $(O)/afl/%
	$(Q)sh tools/fuzz-afl $< $(call fuzz_corpus,$*) $(AFL_SECONDS)

# ---------------------------------------------------------------------------
# Both compilers build a system that passes.

# Calls make again with what was said on its command line. Not MAKE itself, which
# would run under -n too.
JOBS ?= $(shell nproc)
self := $(MAKE)
self_again = $(self) -j$(JOBS) SETUP=no $(MAKEOVERRIDES)

other_cc := $(if $(cc_is_gcc),clang,gcc)

## check-other-cc   a system built by clang passes too; where CC=clang, one built by gcc
check-other-cc:
	$(Q)$(self_again) -s CC=$(other_cc) O=$(O)/$(other_cc) run >$(O)/$(other_cc).log 2>&1 || \
		{ cat $(O)/$(other_cc).log >&2; exit 1; }

# ---------------------------------------------------------------------------
# Everything, counted.

checks := check-headers check-layers check-sources check-style check-claims \
          check-panic-surface dependency-policy-check \
          fmt-check lint shell-check \
          generated-code-check check-cue check-docs check-map docs \
          check-other-cc coverage test-ring-model prove-quick fuzz-smoke fuzz-afl-smoke bench-check bench-capnp

.PHONY: test test-system test-parts

# What the tests run: built in one go, so that two of them never build the same file.
test-parts: all $(O)/kernel-bare.elf $(O)/kernel-san.elf $(manifests) $(unit_tests) \
            $(tools:%=$(O)/san/%) $(fuzz_targets) $(afl_targets) $(plugins) $(trace_plugin) $(slower) \
            $(capnp_bench)/ours $(capnp_bench)/theirs

## test             build and run everything; the last line is "N passed, N failed"
test:
	$(Q)$(PYTHON) tools/run-tests --make '$(self_again)' --build test-parts \
		$(foreach t,$(unit_tests),--unit $(t)) $(foreach c,$(checks),--check $(c)) --pytest tests

## test-system      the whole-system tests alone; PYTEST='-k NAME' chooses
PYTEST ?=
test-system: test-parts
	$(Q)$(PYTHON) -m pytest -q -p no:cacheprovider -n $(JOBS) $(PYTEST) tests
