# SPDX-License-Identifier: MIT
# The build of capOS: one make, one graph, everything it writes under build/.
#
#   make run     builds, boots the default manifest in QEMU, exits 0 if all is well
#   make test    builds and runs every check; the last line is "N passed, N failed"
#   make help    the other targets
#
# Each part of the tree has a module.mk that lists its sources, and its own
# include path here: a forbidden include does not compile. Demos and tests are
# found by wildcard. One source may be compiled for several variants, each in a
# directory of its own:
#
#   build/kernel  build/kernel-bare   the kernel, with and without QEMU's exit device
#   build/kernel-san                  the kernel under the sanitizers, checked as it runs
#   build/user                        programs that run on capOS
#   build/host                        tools that run here
#   build/san                         tools and tests that run here, under sanitizers
#   build/core                        the kernel's core as a program of this machine
#   build/cov  build/cov-core         these and the tests again, counting what their tests reach
#   build/model                       the ring, for the explorer of orders
#   build/fuzz  build/afl             what is fuzzed, for libFuzzer and for AFL++
#   build/fuzz-core                   the kernel's core, for libFuzzer

O     := build
QEMU  ?= 1
V     ?= 0
SETUP ?= yes
Q     := $(if $(filter 1,$(V)),,@)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Whether make was called with this one-letter flag.
has_flag = $(findstring $(1),$(filter-out -%,$(firstword $(MAKEFLAGS))))

# ---------------------------------------------------------------------------
# Goals that need no compiler: they must work where nothing is installed.

plain_goals := help doctor clean limine-verify limine-pin
.PHONY: $(plain_goals)

help:
	@sed -n 's/^##  *//p' mk/qemu.mk mk/service.mk mk/debug.mk mk/bench.mk mk/docs.mk Makefile mk/check.mk mk/coverage.mk mk/proofs.mk mk/image.mk mk/limine.mk

## doctor           list the tools, what is missing and how to get it; changes nothing
doctor:
	@sh tools/setup.sh --doctor

## clean            remove everything that was built
clean:
	rm -rf $(O) compile_commands.json

include mk/limine.mk

ifneq ($(filter-out $(plain_goals),$(or $(MAKECMDGOALS),all)),)

# ---------------------------------------------------------------------------
# Set-up: what is missing is installed before the compiler is looked at. The
# stamp is included so that make makes it first and then starts again; it says that
# set-up is done. SETUP=no leaves the machine alone.

test_goals    := test test-% coverage hostile alloc-sites check-% %-check fuzz-% lint fmt sanitize-lib \
                 prove prove-%
bench_goals   := bench bench-%
image_goals   := iso run-iso run-uefi
debug_goals   := debug graph
docs_goals    := docs interface-pages
service_goals := new-service test-service generate
setup_asked   := $(strip $(foreach part,test bench image debug docs service,\
                 $(if $(filter-out $(if $(filter test,$(part)),$(service_goals)),\
                 $(filter $($(part)_goals),$(MAKECMDGOALS))),$(part))))
setup_part    := $(if $(word 2,$(setup_asked)),test,$(or $(setup_asked),build))
ifeq ($(SETUP)$(call has_flag,n),yes)
include $(O)/setup/$(setup_part).mk
else
setup_done := yes
endif

$(O)/setup/%.mk: tools/setup.sh
	@sh tools/setup.sh $*
	@mkdir -p $(@D)
	@echo setup_done := yes >$@

include mk/toolchain.mk

# ---------------------------------------------------------------------------
# Who may include what.

inc_abi    := -Iabi/include
inc_capnp  := -Ilib/capnp/include
inc_gen    := $(inc_capnp) -Ischema/gen
inc_lib    := $(inc_abi) -Ilib/include $(inc_gen)
inc_kernel := $(inc_lib) -Ikernel
inc_core   := $(inc_lib) -iquote kernel/test/host -iquote kernel
inc_rt     := $(inc_lib) -Irt/include
inc_demos  := $(inc_abi) $(inc_gen) -Irt/include -Idemos -Idemos/schema/gen
inc_tools  := $(inc_lib)

# init starts a system from a manifest, and there is one validator for all who do, so of
# lib it may see that one header, in a root of its own.
inc_init   := $(inc_demos) -Iinit/include

tools     :=
fragments := lib/module.mk kernel/module.mk kernel/test/module.mk rt/module.mk \
             $(sort $(wildcard tools/*/module.mk))
include $(fragments)

gen_SRCS := $(wildcard schema/gen/*.c)

# ---------------------------------------------------------------------------
# Objects. A file that holds the flags of its variant is the prerequisite of
# each object: another compiler or another flag rebuilds, and nothing else does.

core_observe      := $(CORE_FLAGS) -include kernel/test/host/observe.h
flags_kernel      := $(KFLAGS) -DCAPOS_QEMU=1
flags_kernel-bare := $(KFLAGS) -DCAPOS_QEMU=0
flags_kernel-san  := $(KFLAGS) -DCAPOS_QEMU=1 -DCAPOS_SANITIZE $(KERNEL_SANITIZE)
flags_user        := $(UFLAGS)
flags_host        := $(HFLAGS)
flags_san         := $(SFLAGS)
flags_core        := $(SFLAGS) $(core_observe)
flags_model       := $(HFLAGS) -O1 -fsanitize=thread -Wno-tsan
flags_cov         := $(VFLAGS)
flags_cov-core    := $(VFLAGS) $(core_observe)
flags_fuzz        := $(FFLAGS)
flags_fuzz-core   := $(FFLAGS) $(core_observe)
flags_afl         := $(AFLAGS)

# libFuzzer is clang's, AFL++ is its plugin, and gcov is gcc's, whatever builds the rest.
cc_of = $(or $(cc_of_$(1)),$(CC))
cc_of_fuzz  := clang
cc_of_fuzz-core := clang
cc_of_model := gcc
cc_of_afl   := AFL_QUIET=1 afl-clang-fast
cc_of_cov   := gcc
cc_of_cov-core := gcc

# Where the tree lies does not matter: what was built moves with it.
flags_text = $(subst $(CURDIR),.,$(cc_of) $(cc_version) $(flags_$(1)))
define flags_file # VARIANT
ifneq ($$(file <$(O)/flags/$(1)),$(flags_text))
$(O)/flags/$(1): FORCE
endif
$(O)/flags/$(1):
	@mkdir -p $$(@D)
	@printf '%s' '$(flags_text)' >$$@
endef
$(foreach v,kernel kernel-bare kernel-san user host san core model cov cov-core fuzz fuzz-core afl,\
	$(eval $(call flags_file,$(v))))

say = $(if $(filter @,$(Q)$(call has_flag,s)),@echo "  $(1)	$(2)")
objects_of = $(patsubst %,$(O)/$(1)/%.o,$(basename $(2)))

define compile_one # VARIANT, SOURCE, INCLUDES
objects += $(O)/$(1)/$(basename $(2)).o
$(O)/$(1)/$(basename $(2)).o: $(2) $(O)/flags/$(1)
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$(Q)$(cc_of) $(flags_$(1)) $$(flags_here) $(3) -MMD -MP -c -o $$@ $$<
-include $(O)/$(1)/$(basename $(2)).d
ifeq ($(suffix $(2))$(flags_of_$(2)),.c)
flags_of_$(2) := $(filter-out -Werror,$(flags_$(1))) $(3)
sources += $(2)
endif
endef

# Once for each variant, though two tools may share a source.
compile = $(foreach s,$(2),$(if $(filter $(O)/$(1)/$(basename $(s)).o,$(objects)),,\
	$(eval $(call compile_one,$(1),$(s),$(3)))))

# The fragments too: a source that is gone from its list must go from the archive.
define archive # FILE, OBJECTS
$(1): $(2) $(fragments)
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)
	@rm -f $$@
	$(Q)$(AR) rcsD $$@ $$(filter %.o,$$^)
endef

# The same pure logic, for each place it runs in.
$(foreach v,kernel kernel-san user host san core cov cov-core fuzz fuzz-core afl,\
	$(call compile,$(v),$(capnp_SRCS),$(inc_capnp))\
	$(call compile,$(v),$(gen_SRCS),$(inc_gen))\
	$(call compile,$(v),$(lib_SRCS),$(inc_lib)))
$(foreach v,user host san cov fuzz afl,$(call compile,$(v),$(capnp_reflect_SRCS),$(inc_capnp)))
lib_objects = $(call objects_of,$(1),$(capnp_SRCS) $(gen_SRCS) $(lib_SRCS) \
	$(if $(filter user,$(1)),$(capnp_reflect_SRCS)))

# ---------------------------------------------------------------------------
# The kernel: with QEMU's exit device (QEMU=1) and for hardware (QEMU=0), which share
# their pure logic, and under the sanitizers, with its own.
# It carries the names of its own functions, which a panic prints: it is linked
# with an empty table first, and then with the table made from that link. The
# table lies behind code and constants, so it moves no function. Of the pure logic
# it takes what it uses.

$(eval $(call archive,$(O)/kernel/lib.a,$(call lib_objects,kernel)))
$(eval $(call archive,$(O)/kernel-san/lib.a,$(call lib_objects,kernel-san)))
$(O)/kernel-san/$(basename $(firstword $(kernel_SAN_SRCS))).o: flags_here = -fno-sanitize=all
$(call compile,kernel-san,$(kernel_SAN_SRCS),$(inc_kernel))

# The system call's way is entered from assembler alone, which has saved all that the
# calling convention has functions preserve. Other compilers preserve it once more. Two
# stores side by side are not to be made one, which takes a register and three instructions.
flags_of_drain := $(if $(cc_is_gcc),-falign-loops=1 -falign-jumps=1 -fno-tree-slp-vectorize)
flags_of_enter := $(if $(cc_is_gcc),$(flags_of_drain) -fomit-frame-pointer -ffixed-rbp \
                  $(patsubst %,-fcall-used-r%,bx 12 13 14 15))

define kernel_image # VARIANT, ARCHIVE OF PURE LOGIC, SOURCES MORE
$(O)/$(1)/kernel/enter.o: flags_here = $$(flags_of_enter)
$(O)/$(1)/kernel/sched.o: flags_here = $$(flags_of_drain)
$(call compile,$(1),$(kernel_SRCS),$(inc_kernel))
$(O)/$(1)/first.elf: $(O)/$(1)/ksyms0.o
$(O)/$(1).elf: $(O)/$(1)/ksyms1.o
$(O)/$(1)/first.elf $(O)/$(1).elf: kernel/link.ld $(call objects_of,$(1),$(kernel_SRCS) $(3)) \
		$(2) $(fragments)
	$$(call say,LINK,$$@)
	$(Q)$(CC) $(LINK_BARE) -T kernel/link.ld -o $$@ $$(filter %.o,$$^) $(2)
$(O)/$(1)/ksyms1.S: $(O)/$(1)/first.elf
$(O)/$(1)/ksyms0.S $(O)/$(1)/ksyms1.S: $(kernel_KSYMS)
	@mkdir -p $$(@D)
	$(Q)$(PYTHON) $(kernel_KSYMS) $$(filter %.elf,$$^) >$$@
$(O)/$(1)/ksyms%.o: $(O)/$(1)/ksyms%.S $(O)/flags/$(1)
	$(Q)$(CC) $(flags_$(1)) -c -o $$@ $$<
endef
$(eval $(call kernel_image,kernel,$(O)/kernel/lib.a))
$(eval $(call kernel_image,kernel-bare,$(O)/kernel/lib.a))
$(eval $(call kernel_image,kernel-san,$(O)/kernel-san/lib.a,$(kernel_SAN_SRCS)))

KERNEL := $(O)/kernel$(if $(filter 0,$(QEMU)),-bare).elf
.PHONY: kernel
kernel: $(KERNEL)

# ---------------------------------------------------------------------------
# Programs for capOS: each directory with a main.c is one. The archive holds the
# runtime and what it stands on. Linked with debugging data beside the program,
# without it inside: what is in the manifest is read by every boot.

$(call compile,user,$(rt_SRCS),$(inc_rt))
$(eval $(call archive,$(O)/user/librt.a,$(call objects_of,user,$(rt_SRCS)) $(call lib_objects,user)))

program_dirs := $(patsubst %/main.c,%,$(wildcard $(addsuffix /main.c,\
                rt/* init init/* bench bench/* demos/* tests/programs/*)))
support_SRCS := $(wildcard demos/support/*.c demos/schema/gen/*.capnp.c)
$(call compile,user,$(support_SRCS),$(inc_demos))
$(eval $(call archive,$(O)/user/libsupport.a,$(call objects_of,user,$(support_SRCS))))

define program # DIRECTORY
$(call compile,user,$(wildcard $(1)/*.c),$(or $(inc_$(1)),$(inc_demos)))
$(O)/user/$(1).debug.elf: $(call objects_of,user,$(wildcard $(1)/*.c))
endef
$(foreach d,$(program_dirs),$(eval $(call program,$(d))))

programs := $(program_dirs:%=$(O)/user/%.elf)
$(programs:.elf=.debug.elf): $(O)/user/libsupport.a $(O)/user/librt.a rt/user.ld
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK_BARE) -Wl,--gc-sections -T rt/user.ld -o $@ $(filter %.o,$^) $(filter %.a,$^)
$(programs): %.elf: %.debug.elf
	$(Q)$(OBJCOPY) --strip-debug $< $@
.PHONY: programs
programs: $(programs)

# ---------------------------------------------------------------------------
# Tools that run here, and the archives that they and the tests link. A tool's
# fragment says `tools += name` and name_SRCS; where needed name_INC, name_LIBS,
# and name_BASE := capnp for a tool that may not need generated code, since it is
# the one that generates. Each is also built under the sanitizers, for the tests.

lib_archives   = $(O)/$(1)/liblib.a $(O)/$(1)/libcapnp.a
capnp_archives = $(O)/$(1)/libcapnp.a
tool_archives  = $(call $(or $($(2)_BASE),lib)_archives,$(1))

define tool # VARIANT, NAME
$(call compile,$(1),$($(2)_SRCS),$(inc_tools) $($(2)_INC))
$(O)/$(1)/$(2): $(call objects_of,$(1),$($(2)_SRCS)) $(call tool_archives,$(1),$(2))
	$$(call say,LINK,$$@)
	$(Q)$(CC) $(flags_$(1)) -o $$@ $$^ $($(2)_LIBS)
endef
$(foreach v,host san cov fuzz afl,\
	$(eval $(call archive,$(O)/$(v)/libcapnp.a,$(call objects_of,$(v),$(capnp_SRCS) $(capnp_reflect_SRCS))))\
	$(eval $(call archive,$(O)/$(v)/liblib.a,$(call objects_of,$(v),$(gen_SRCS) $(lib_SRCS)))))
$(foreach v,host san fuzz afl,$(foreach t,$(tools),$(eval $(call tool,$(v),$(t)))))
.PHONY: tools
tools: $(tools:%=$(O)/host/%)

include mk/image.mk mk/qemu.mk mk/bench.mk mk/debug.mk mk/service.mk mk/docs.mk mk/proofs.mk mk/check.mk mk/coverage.mk

## all              the kernel, the programs, the tools and the default manifest
.PHONY: all FORCE
all: kernel programs tools $(MANIFEST)

## compile_commands.json   for editors, out of what make would run
compile_commands.json: FORCE
	$(Q)$(MAKE) -nB SETUP=no V=1 objects | $(PYTHON) tools/compile-commands >$@

.PHONY: objects
objects: $(objects)

endif
