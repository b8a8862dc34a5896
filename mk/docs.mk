# SPDX-License-Identifier: MIT
# The manual: Markdown in docs/ and at the root, read as it is or built as a site.

.PHONY: docs interface-pages check-docs check-map check-interface-pages

site := $(O)/docs

## docs             the manual as a site, build/docs/site/index.html; any warning is an error
docs: check-interface-pages
	$(Q)$(PYTHON) tools/docs-source $(site)/source
	$(Q)mkdocs build --quiet --strict --clean --config-file mkdocs.yml --site-dir $(abspath $(site)/site)

## interface-pages  write docs/interfaces again, after a change of the schema
interface-pages: $(O)/host/interface-pages
	$(Q)$< docs/interfaces

## check-interface-pages  docs/interfaces is what the schema's comments say today
check-interface-pages: $(O)/host/interface-pages
	$(Q)rm -rf $(site)/interfaces && mkdir -p $(site)/interfaces && $< $(site)/interfaces
	$(Q)diff -r docs/interfaces $(site)/interfaces >&2 || \
		{ echo 'check-interface-pages: the pages are not what the schema says; make interface-pages' >&2; exit 1; }

## check-docs       the manual's links, paths, targets of make and words of status are good
check-docs:
	$(Q)$(PYTHON) tools/check-docs

## check-map        every path and target of the original has its counterpart, which exists
check-map:
	$(Q)$(PYTHON) tools/check-map
