# SPDX-License-Identifier: MIT
# What things cost, in instructions: exact, and the same on every machine.

.PHONY: bench bench-system bench-profile bench-capnp

## bench            what the basic operations and messages cost, in instructions
bench: bench-system bench-capnp

## bench-system     calls, in guest instructions: the measuring manifest under -icount
bench-system: $(O)/kernel.elf $(O)/system-measure.bin
	$(Q)$(qemu_run) $(RUN) --icount --kernel $< --manifest $(O)/system-measure.bin

# Plugins of the emulator: where the instructions of a row go, and for how long interrupts
# are off.

profile  := $(O)/profile
measured := $(O)/kernel.elf $(patsubst %,$(O)/user/%.debug.elf,bench bench/peer bench/child)
plugins  := $(profile)/count.so $(profile)/interrupts.so

$(call compile,host,$(plugins:$(profile)/%.so=tools/profile/%.c),-fPIC -fvisibility=hidden)
$(plugins): $(profile)/%.so: $(O)/host/tools/profile/%.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(flags_host) -shared -o $@ $<

$(profile)/counts: $(profile)/count.so $(measured) $(O)/system-measure.bin
	$(Q)$(qemu_run) --icount --plugin $<,out=$@ --kernel $(O)/kernel.elf \
		--manifest $(O)/system-measure.bin >$(profile)/output

## bench-profile    where a row's instructions go; ROW=ipc-echo, and CODE=function for each of its own
bench-profile: $(profile)/counts
	$(Q)$(PYTHON) tools/profile/show $(if $(CODE),--code $(CODE)) $< $(profile)/output \
		$(or $(ROW),ipc-echo) $(measured)

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
	$(Q)$(PYTHON) tools/bench-capnp $^
