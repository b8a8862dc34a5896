# SPDX-License-Identifier: MIT
# Looking into a system: by gdb, as a graph, as a trace. SYSTEM=name is the manifest
# system-name.json instead of the default one.

SYSTEM        ?=
system_json   := system$(SYSTEM:%=-%).json
system_bin    := $(if $(SYSTEM),$(O)/system-$(SYSTEM).bin,$(MANIFEST))
system_needs  := $(O)/kernel.elf $(system_bin)
debug_run     := $(PYTHON) tools/gdb/debug --kernel $(O)/kernel.elf --manifest $(system_bin)

ifeq ($(wildcard $(system_json)),)
$(error There is no $(system_json); SYSTEM= names one of $(patsubst system-%.json,%,$(wildcard system-*.json)))
endif

.PHONY: debug graph trace

## debug            gdb on the booted system, with commands for its objects; SYSTEM=spawn for that manifest
debug: $(system_needs) $(programs)
	$(Q)$(debug_run) $(RUN)

# Two graphs, before boot and of the running system, drawn if they are the same.

graph := $(O)/graph/system$(SYSTEM:%=-%)

## graph            who holds what: the manifest's word and the running system's, compared and drawn
graph: $(system_needs) $(system_json)
	$(Q)mkdir -p $(O)/graph
	$(Q)tools/graph/draw manifest $(system_json) $(graph)
	$(Q)$(debug_run) --timeout 60 --serial $(graph)-running.serial --do 'capos started' \
		--do 'capos graph $(graph)-running' >$(graph)-running.log 2>&1 || \
		{ cat $(graph)-running.log >&2; exit 1; }
	$(Q)for g in $(graph) $(graph)-running; do dot -Tsvg -o $$g.svg $$g.dot || exit 1; done
	@echo "drawn: $(graph)*.svg; in words: $(graph)*.txt"
	$(Q)tools/graph/draw compare $(system_json) $(graph)-running.txt

# A plugin of the emulator that knows how the kernel says who runs: by the kernel's headers.

trace_plugin := $(O)/trace/plugin.so
$(call compile,host,tools/trace/plugin.c,-fPIC -fvisibility=hidden $(inc_lib) -iquote kernel -iquote tools)
$(trace_plugin): $(O)/host/tools/trace/plugin.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(flags_host) -shared -o $@ $<

## trace            the ring traffic of a run in words; SYSTEM=name, and ONLY='client server' for those processes
ONLY ?=
trace: $(system_needs) $(trace_plugin) $(O)/host/trace
	$(Q)$(PYTHON) tools/trace/record $(RUN) $(ONLY:%=--only %) --plugin $(trace_plugin) \
		--decoder $(O)/host/trace --kernel $(O)/kernel.elf --manifest $(system_bin)
