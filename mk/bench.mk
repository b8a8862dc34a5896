# SPDX-License-Identifier: MIT
# What things cost, in instructions: exact, and the same on every machine.

.PHONY: bench bench-system bench-table bench-budget bench-check bench-profile bench-boot \
        bench-growth bench-capnp

# Runs of the measuring manifest on the machine that others were measured on
# (bench/rows.json). Their output is kept, and made again when kernel or programs change.

bench    := $(O)/bench
measured := $(O)/kernel.elf $(patsubst %,$(O)/user/%.debug.elf,bench bench/peer bench/child)
on_peers := $(qemu_run) --machine pc-i440fx-7.1 --cpu max,-rdrand,-rdseed,-la57 --timeout 300
measure   = $(on_peers) --kernel $(O)/kernel.elf --manifest $(O)/system-measure.bin

$(bench)/instructions: $(O)/kernel.elf $(O)/system-measure.bin
	@mkdir -p $(@D)
	$(call say,RUN,$@)
	$(Q)$(measure) --icount >$@ || { cat $@ >&2; exit 1; }

ticks := $(foreach run,1 2 3,$(bench)/ticks-$(run))
$(ticks): $(O)/kernel.elf $(O)/system-measure.bin
	@mkdir -p $(@D)
	$(call say,RUN,$@)
	$(Q)$(measure) >$@ || { cat $@ >&2; exit 1; }

$(bench)/counts: $(O)/profile/count.so $(measured) $(O)/system-measure.bin
	@mkdir -p $(@D)
	$(call say,RUN,$@)
	$(Q)$(measure) --icount --plugin $<,out=$@ >$(bench)/counted

page := $(PYTHON) tools/bench/page --rows bench/rows.json --instructions $(bench)/instructions \
        --ticks $(ticks) --counts $(bench)/counts $(bench)/counted --growth $(bench)/growth \
        --boot $(bench)/boot $(measured)
results := $(addprefix $(bench)/,instructions counts growth boot) $(ticks)

## bench            what everything costs, in instructions and ticks, beside seL4 and Linux
bench: $(results) bench-capnp
	$(Q)$(page) --print

## bench-table      the same, written into docs/performance.md, with its charts
bench-table: $(results)
	$(Q)$(page)

## bench-system     only the rows, in instructions, as they come
bench-system: $(O)/kernel.elf $(O)/system-measure.bin
	$(Q)$(measure) $(RUN) --icount

## bench-check      no row costs more than bench/budget.txt says, which is of what gcc 12 makes
ifeq ($(cc_name) $(cc_version),gcc $(GCC_OLDEST))
bench-check: $(bench)/instructions
	$(Q)$(PYTHON) tools/bench/budget $< bench/budget.txt
	$(Q)sha256sum $(O)/kernel.elf
else
bench-check:
	@echo 'bench-check: skipped: the budget is of gcc $(GCC_OLDEST), this is $(cc_name) $(cc_version)'
endif

## bench-budget     write what rows cost now into bench/budget.txt
bench-budget: $(bench)/instructions
	$(Q)$(PYTHON) tools/bench/budget --update $< bench/budget.txt

# The measuring program with one row made slower, for the test of what holds rows to the budget.

slower := $(O)/user/bench/slower.elf
$(call compile,user,bench/slower/move.c,$(inc_demos))
$(slower): $(call objects_of,user,$(wildcard bench/*.c) bench/slower/move.c) \
		$(O)/user/libsupport.a $(O)/user/librt.a rt/user.ld
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK_BARE) -Wl,--gc-sections,--strip-debug,--wrap=move -T rt/user.ld -o $@ \
		$(filter %.o,$^) $(filter %.a,$^)

# Plugins of the emulator: where the instructions of a row go, what a boot takes, and for
# how long interrupts are off.

plugins := $(patsubst %,$(O)/profile/%.so,count boot interrupts refusals)

$(call compile,host,$(plugins:$(O)/profile/%.so=tools/profile/%.c),-fPIC -fvisibility=hidden)
$(plugins): $(O)/profile/%.so: $(O)/host/tools/profile/%.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(flags_host) -shared -o $@ $<

## bench-profile    where a row's instructions go; ROW=ipc-echo, and CODE=function for each of its own
bench-profile: $(bench)/counts
	$(Q)$(PYTHON) tools/bench/breakdown $(if $(CODE),--code $(CODE)) $< $(bench)/counted \
		$(or $(ROW),ipc-echo) $(measured)

# What a boot takes; and, of the measuring manifest, what its least process has.
$(bench)/boot: $(O)/profile/boot.so $(O)/kernel.elf $(MANIFEST) $(bench)/instructions
	$(call say,RUN,$@)
	$(Q)$(qemu_run) --icount --plugin $<,out=$@ --kernel $(O)/kernel.elf --manifest $(MANIFEST) \
		>$@.log || { cat $@.log >&2; exit 1; }
	$(Q)grep '^least ' $(bench)/instructions >>$@

## bench-boot       instructions to a program's first, and to the end of the default manifest
bench-boot: $(bench)/boot
	$(Q)cat $<

# Beside more and more of everything: tests/programs/flat.

$(bench)/growth: $(O)/kernel.elf $(O)/system-growth.bin
	@mkdir -p $(@D)
	$(call say,RUN,$@)
	$(Q)$(on_peers) --memory 512 --kernel $< --manifest $(O)/system-growth.bin --icount >$@ \
		|| { cat $@ >&2; exit 1; }

## bench-growth     what operations cost beside more and more of everything
bench-growth: $(bench)/growth
	$(Q)grep '^F ' $<

# The same work twice: with this tree's Cap'n Proto, and with the stock library for
# C++, on code that the stock compiler makes of the same schema.

capnp_bench := $(O)/host/bench/capnp
$(call compile,host,bench/capnp/ours.c,$(inc_gen))

$(capnp_bench)/ours: $(O)/host/bench/capnp/ours.o $(O)/host/libcapnp.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(flags_host) -o $@ $^

$(capnp_bench)/theirs: bench/capnp/theirs.c++ $(wildcard schema/*.capnp)
	@mkdir -p $(@D)/stock
	$(call say,CXX,$@)
	$(Q)capnp compile -oc++:$(@D)/stock --src-prefix=schema -I schema $(filter %.capnp,$^)
	$(Q)$(CXX) -std=c++17 -O2 -I $(@D)/stock -o $@ $< $(@D)/stock/*.c++ \
		-lcapnp-rpc -lcapnp -lkj-async -lkj

## bench-capnp      messages, in instructions: this tree's Cap'n Proto beside the stock C++ library
bench-capnp: $(capnp_bench)/ours $(capnp_bench)/theirs
	$(Q)$(PYTHON) tools/bench/capnp $^
