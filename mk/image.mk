# SPDX-License-Identifier: MIT
# What a machine boots: manifests, and ISO images that carry kernel and manifest.
#
# A manifest is written in CUE, checked in beside it as JSON (tools/cue), and
# packed here with the programs it names. The default one is system.json; any
# other <name>.json at the top becomes build/<name>.bin.

manifest_jsons := $(wildcard system*.json)
MANIFEST       := $(if $(filter system.json,$(manifest_jsons)),$(O)/manifest.bin)
manifests      := $(MANIFEST) $(patsubst %.json,$(O)/%.bin,$(filter-out system.json,$(manifest_jsons)))

define manifest # OUTPUT, JSON
$(1): $(2) $(O)/host/mkmanifest $(programs)
	$$(call say,PACK,$$@)
	$(Q)$(O)/host/mkmanifest -o $$@ --binaries $(O)/user $(2)
endef
$(foreach m,$(manifests),$(eval $(call manifest,$(m),$(if $(filter $(MANIFEST),$(m)),system.json,$(m:$(O)/%.bin=%.json)))))

## manifests        every manifest of the tree: build/manifest.bin and build/system-*.bin
.PHONY: manifests
manifests: $(manifests)

# The boot loader of the ISO. GRUB is in Debian; Limine's binaries are the user's.
BOOTLOADER ?= grub
ISO        := $(O)/capos-$(BOOTLOADER).iso
iso_limine := $(if $(filter limine,$(BOOTLOADER)),limine-verify)

## iso              one image for BIOS and UEFI; BOOTLOADER=limine LIMINE_DIR=… for Limine
.PHONY: iso
iso: $(ISO)

$(ISO): $(KERNEL) $(MANIFEST) tools/mkiso | $(iso_limine)
	$(call say,ISO,$@)
	$(Q)sh tools/mkiso --$(BOOTLOADER) $(LIMINE_DIR) -o $@ $(KERNEL) $(MANIFEST)
