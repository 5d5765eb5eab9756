# SPDX-License-Identifier: Apache-2.0
#
# The program by which tests/integration/kernel.sh tries governor/kernel in a guest.

KERNEL_PROBE := $(B)/tests/integration/kernel_probe

$(KERNEL_PROBE): $(B)/tests/integration/kernel_probe.o $(call archives,governor/kernel state)
	$(call say,LINK,$(@F))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lyajl -lsystemd -lcgroup -lseccomp -pthread

unit: $(KERNEL_PROBE)
