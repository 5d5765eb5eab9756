# SPDX-License-Identifier: Apache-2.0
# Manual pages: scdoc makes them from text.
MAN_SOURCES := $(sort $(wildcard contrib/man/*.scd))
MAN_PAGES   := $(patsubst contrib/man/%.scd,$(B)/man/%,$(MAN_SOURCES))

$(B)/man/%: contrib/man/%.scd
	@mkdir -p $(@D)
	$(call say,MAN,$(@F))
	$(Q)sed '/^; SPDX/d' $< | scdoc > $@.tmp && mv $@.tmp $@

.PHONY: man
man: $(MAN_PAGES) ## manual pages, below the build tree (needs scdoc)
