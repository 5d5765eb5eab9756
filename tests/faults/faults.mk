# SPDX-License-Identifier: Apache-2.0
# Fault injection over the real dtgovd.

FAULT_POINTS := $(B)/faults/points

$(FAULT_POINTS): $(call objects,$(call src,tests/faults)) \
                 $(call archives,governor/varlink governor/kernel state/journal state)
	@mkdir -p $(@D)
	$(call say,LINK,faults/points)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lyajl -lsystemd -lcgroup -lseccomp -pthread

.PHONY: fault-programs faults
fault-programs: $(FAULT_POINTS) $(B)/dtgovd

faults: ## dtgovd killed at, and failed in, every system call (as root)
	@tests/faults/run --all
