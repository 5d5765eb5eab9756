# SPDX-License-Identifier: Apache-2.0
#
# The observer that tests/integration/hostile.sh puts in the place of dtgov's.

HOSTILE := $(B)/tests/integration/hostile

$(HOSTILE): $(B)/tests/integration/hostile.o $(call archives,state)
	@mkdir -p $(@D)
	$(call say,LINK,hostile)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lyajl
unit: $(HOSTILE)
