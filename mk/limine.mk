# SPDX-License-Identifier: MIT
# Limine's binaries are not packaged by Debian: the user unpacks a release's
# binary branch and names the folder. What goes on the ISO is checked against
# mk/limine.sha256, which holds the hashes of the one release capOS is tried with.

LIMINE_DIR ?=

## limine-verify    check the files in LIMINE_DIR=… against the pinned hashes
limine-verify:
	@sh tools/limine-check verify mk/limine.sha256 "$(LIMINE_DIR)"

## limine-pin       pin the files in LIMINE_DIR=… instead: for whoever has checked another release
limine-pin:
	@sh tools/limine-check pin mk/limine.sha256 "$(LIMINE_DIR)"
