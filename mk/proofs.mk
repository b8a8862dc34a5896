# SPDX-License-Identifier: MIT
# Proofs, the model of the ring, and planted bugs that they must find: docs/proofs.md.

proof_files := $(wildcard proofs/*_proof.c)
wp_files    := $(wildcard proofs/wp/*.c)
cbmc        := $(O)/cbmc
proof_inc   := $(filter -I%,$(inc_lib))
prove       = $(PYTHON) tools/prove --cbmc $(cbmc)/bin/cbmc $(proof_inc) $(1) $(proof_files)

# The provers are brought by the goals that want them. Where one cannot be had, that is said, and
# what it should have proven is counted as skipped.
get_cbmc := tools/get-cbmc $(cbmc) || test $$? -eq 4
get_wp   := $(if $(filter yes,$(SETUP)),sh tools/setup.sh prove || test $$? -ne 2)

.PHONY: prove prove-lib prove-wp prove-quick test-ring-model mutation-check

## prove            all proofs: prove-lib and prove-wp
prove: prove-lib prove-wp

## prove-lib        those by CBMC, with bounds; PROVE=REGEX chooses; skipped, and said so, where there is none
PROVE ?=
prove-lib:
	$(Q)$(get_cbmc)
	$(Q)$(call prove,--only '$(PROVE)')

## prove-wp         those by Frama-C, without bounds; PROVE=REGEX chooses; skipped, and said so, where there is none
prove-wp:
	$(Q)$(get_wp)
	$(Q)$(PYTHON) tools/prove-wp --work $(O)/wp $(proof_inc) --only '$(PROVE)' $(wp_files)

## prove-quick      those of them that take seconds
prove-quick:
	$(Q)$(get_cbmc)
	$(Q)$(call prove,--seconds 300 \
		--only 'ring:|lazy_buffer:|capnp: prove_(struct|data|cap|kind)|new_table|prove_header')

# ---------------------------------------------------------------------------
# The ring model. By gcc, whose calls for accesses the explorer knows.

$(call compile,model,proofs/ring_model.c,$(inc_rt))
$(call compile,host,proofs/explore.c,)
$(O)/model/ring_model: $(O)/model/proofs/ring_model.o $(O)/host/proofs/explore.o $(call lib_archives,host)
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^
$(O)/model/ring_relacy: proofs/ring_relacy.cpp
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)g++ -std=gnu++14 -O1 -w -o $@ $<

## test-ring-model  the ring in all orders of C11: an explorer, and Relacy as a second witness
test-ring-model: $(O)/model/ring_model $(O)/model/ring_relacy
	$(Q)$(O)/model/ring_model
	$(Q)$(O)/model/ring_relacy 0 >$(O)/model/relacy.log 2>&1 || { cat $(O)/model/relacy.log; exit 1; }
	$(Q)for i in 1 2 3 4; do ! $(O)/model/ring_relacy $$i >$(O)/model/relacy.log 2>&1 && \
		grep -q 'DATA RACE' $(O)/model/relacy.log || \
		{ echo "Relacy finds nothing where release $$i is relaxed"; exit 1; }; done
	@echo "Relacy: holds, and finds each of the four releases relaxed"

## mutation-check   each planted bug (proofs/mutations.json) is found by what must find it; MUTATION=REGEX chooses
MUTATION ?=
mutation-check:
	$(Q)$(get_cbmc)
	$(Q)$(get_wp)
	$(Q)$(PYTHON) tools/mutation-check --cbmc $(abspath $(cbmc))/bin/cbmc $(proof_inc) \
		--only '$(MUTATION)' proofs/mutations.json
