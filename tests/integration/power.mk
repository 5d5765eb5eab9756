# SPDX-License-Identifier: Apache-2.0
#
# The program by which tests/integration/power.sh takes the power from a disk.

POWER := $(B)/tests/integration/power

$(POWER): $(B)/tests/integration/power.o $(call archives,state/journal state)
	@mkdir -p $(@D)
	$(call say,LINK,power)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lyajl
unit: $(POWER)
