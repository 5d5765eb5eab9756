# SPDX-License-Identifier: Apache-2.0
# Manual pages: scdoc makes them from text, filled in as units are. The first line has man call tbl.
MAN_SOURCES := $(sort $(wildcard contrib/man/*.scd))
MAN_PAGES   := $(patsubst contrib/man/%.scd,$(B)/man/%,$(MAN_SOURCES))

$(B)/man/%: contrib/man/%.scd contrib/man/man.mk Makefile $(B)/flags
	@mkdir -p $(@D)
	$(call say,MAN,$(@F))
	$(Q){ printf "'%s\n" '\" t'; $(fill) -e '/^; SPDX/d' $< | scdoc; } > $@.tmp && mv $@.tmp $@

.PHONY: man
man: $(MAN_PAGES) ## manual pages, in build/release/man (needs scdoc)
