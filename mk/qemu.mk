# SPDX-License-Identifier: MIT
# Runs in the emulator. RUN takes further options of tools/qemu-run, for
# example RUN='--memory 64 --cpu qemu64'.

RUN      ?=
qemu_run := $(PYTHON) tools/qemu-run

.PHONY: run run-spawn run-iso run-uefi run-net

## run              boot the default manifest (PVH, the quick way); exits 0 only if all is well
run: $(KERNEL) $(MANIFEST)
	$(Q)$(qemu_run) $(RUN) --kernel $(KERNEL) --manifest $(MANIFEST)

## run-spawn        boot the manifest in which init starts everything, and hostile spawns are tried
run-spawn: $(KERNEL) $(O)/system-spawn.bin
	$(Q)$(qemu_run) $(RUN) --kernel $(KERNEL) --manifest $(O)/system-spawn.bin

## run-NAME         boot the manifest of system-NAME.json
run-%: $(KERNEL) $(O)/system-%.bin
	$(Q)$(qemu_run) $(RUN) --kernel $(KERNEL) --manifest $(O)/system-$*.bin

## run-iso          the default manifest from the ISO, through BIOS and boot loader
run-iso: $(ISO)
	$(Q)$(qemu_run) $(RUN) --iso $(ISO)

## run-uefi         the same from the ISO, through UEFI and boot loader
run-uefi: $(ISO)
	$(Q)$(qemu_run) $(RUN) --uefi --iso $(ISO)

## run-net          the default manifest with virtio network devices and without: what the kernel finds
run-net: $(KERNEL) $(MANIFEST)
	$(Q)tools/qemu-net-harness.sh -k $(KERNEL) -m $(MANIFEST)
