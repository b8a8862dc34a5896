# SPDX-License-Identifier: MIT
# What a machine boots: manifests, and ISO images that carry kernel and manifest.
#
# A manifest is written in CUE, checked in beside it as JSON (tools/cue), and
# packed here with the programs it names. The default one, system.json, becomes
# build/manifest.bin; its siblings system-*.json keep their names.

MANIFEST        := $(O)/manifest.bin
other_manifests := $(wildcard system-*.json)
manifests       := $(MANIFEST) $(other_manifests:%.json=$(O)/%.bin)

# The programs that a manifest names.
programs_of = $(addprefix $(O)/user/,$(shell sed -n 's/"path"/\n&/gp' $(1) | \
              sed -n 's/^"path": "\([^"]*\)".*/\1/p'))

define manifest # OUTPUT, JSON
$(1): $(2) $(O)/host/mkmanifest $(call programs_of,$(2))
	$$(call say,PACK,$$@)
	$(Q)$(O)/host/mkmanifest -o $$@ --binaries $(O)/user $(2)
endef
$(eval $(call manifest,$(MANIFEST),system.json))
$(foreach j,$(other_manifests),$(eval $(call manifest,$(O)/$(j:.json=.bin),$(j))))

## manifests        every manifest of the tree: build/manifest.bin and build/system-*.bin
.PHONY: manifests
manifests: $(manifests)

# The boot loader of the ISO. GRUB is in Debian; Limine's binaries are the user's.
BOOTLOADER ?= grub
ISO        := $(KERNEL:.elf=-$(BOOTLOADER).iso)
iso_limine := $(if $(filter limine,$(BOOTLOADER)),limine-verify)

## iso              one image for BIOS and UEFI; BOOTLOADER=limine LIMINE_DIR=… for Limine
.PHONY: iso
iso: $(ISO)

$(ISO): $(KERNEL) $(MANIFEST) tools/mkiso | $(iso_limine)
	$(call say,ISO,$@)
	$(Q)sh tools/mkiso --$(BOOTLOADER) $(LIMINE_DIR) -o $@ $(KERNEL) $(MANIFEST)
