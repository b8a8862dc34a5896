# SPDX-License-Identifier: MIT
# What the unit tests of lib and of the hosted core reach: the same sources and tests once
# more, without sanitizers and unoptimized, so that a line and a branch are those of the
# source. Built by gcc, which brings the reader of its counts.

$(foreach t,$(lib_TESTS),$(eval $(call unit_test,cov,$(t),$(inc_lib))))
$(foreach t,$(capnp_TESTS),$(eval $(call unit_test,cov,$(t),$(inc_gen))))
$(eval $(call hosted_core,cov-core))

cov_tests   := $(patsubst %.c,$(O)/cov/%,$(lib_TESTS) $(capnp_TESTS)) \
               $(core_TESTS:%.c=$(O)/cov-core/%)
cov_objects := $(call objects_of,cov,$(lib_SRCS) $(capnp_SRCS) $(capnp_reflect_SRCS)) \
               $(call objects_of,cov-core,$(core_SRCS) $(lib_SRCS) $(capnp_SRCS)) \
               $(cov_tests:%=%.o)

.PHONY: coverage

## coverage         lines and branches of lib and the hosted core that their unit tests reach
coverage: $(cov_tests)
	$(Q)find $(O)/cov $(O)/cov-core -name '*.gcda' -delete
	$(call run_units,$^)
	$(Q)$(PYTHON) tools/coverage --missed $(O)/cov/missed.txt $(cov_objects:.o=.gcno)
