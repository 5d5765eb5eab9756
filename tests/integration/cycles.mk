# SPDX-License-Identifier: Apache-2.0
#
# The program by which tests/integration/thousand.sh changes a container, and reads the journal.

CYCLES := $(B)/tests/integration/cycles

$(CYCLES): $(B)/tests/integration/cycles.o $(call archives,governor/varlink state/journal state)
	$(call say,LINK,$(@F))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lyajl -lsystemd -pthread

unit: $(CYCLES)
