# SPDX-License-Identifier: MIT
tools += trace

# The schemas of all programs, and the list of them, which is made here.
trace_schemas := $(wildcard schema/gen/*.schema.h demos/schema/gen/*.schema.h)
trace_list    := $(O)/gen/trace/schemas.c
trace_SRCS    := tools/trace/main.c tools/trace/words.c $(trace_list) \
                 $(wildcard demos/schema/gen/*.schema.c)
trace_INC     := -Itools/trace -Idemos/schema/gen

ifneq ($(file <$(O)/gen/trace/schemas.of),$(trace_schemas))
$(trace_list): FORCE
endif
$(trace_list): $(trace_schemas)
	@mkdir -p $(@D)
	@{ for h in $(notdir $(trace_schemas)); do echo "#include <$$h>"; done; \
	echo '#include "schemas.h"'; \
	echo 'const struct capnp_schema_info *const schemas[] = {'; \
	sed -n 's/^extern const struct capnp_schema_info \(.*\);$$/    \&\1,/p' $(trace_schemas); \
	echo '};'; \
	echo 'const size_t schemas_count = sizeof schemas / sizeof *schemas;'; } >$@
	@printf '%s' '$(trace_schemas)' >$(@D)/schemas.of
