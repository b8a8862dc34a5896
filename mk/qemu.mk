# SPDX-License-Identifier: MIT
# Runs in the emulator. RUN takes further options of tools/qemu-run, for
# example RUN='--memory 64 --cpu qemu64'.

RUN      ?=
qemu_run := $(PYTHON) tools/qemu-run

.PHONY: run run-iso run-uefi run-net

## run              boot the default manifest (PVH, the quick way); exits 0 only if all is well
run: $(KERNEL) $(MANIFEST)
	$(Q)$(qemu_run) $(RUN) --kernel $(KERNEL) --manifest $(MANIFEST)

## run-iso          the same from the ISO, through BIOS and boot loader
run-iso: $(ISO)
	$(Q)$(qemu_run) $(RUN) --iso $(ISO)

## run-uefi         the same from the ISO, through UEFI and boot loader
run-uefi: $(ISO)
	$(Q)$(qemu_run) $(RUN) --uefi --iso $(ISO)

## run-net          the same with virtio network devices and without: what the kernel finds of them
run-net: $(KERNEL) $(MANIFEST)
	$(Q)tools/qemu-net-harness.sh -k $(KERNEL) -m $(MANIFEST)
