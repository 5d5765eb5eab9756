# SPDX-License-Identifier: Apache-2.0
# The model of a change, and spin over it.

MODEL_TABLE := $(B)/model/table

$(MODEL_TABLE): $(call objects,tests/model/table.c) $(call archives,policies/rules state)
	@mkdir -p $(@D)
	$(call say,LINK,model/table)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

.PHONY: model
model: $(MODEL_TABLE) ## the protocol of a change against all that comes between, by spin
	@tests/model/run $(B)
