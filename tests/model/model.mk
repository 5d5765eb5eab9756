# SPDX-License-Identifier: Apache-2.0
# The model of a change, spin over it, and its traces replayed with dtgovd's engine.

MODEL_TABLE := $(B)/model/table

$(MODEL_TABLE): $(call objects,tests/model/table.c) $(call archives,policies/rules state)
	@mkdir -p $(@D)
	$(call say,LINK,model/table)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

MODEL_REPLAY := $(B)/model/replay
model.wrapped := change_job_work cgroup_read cgroup_read_limits cgroup_write recover_decide \
                 clock_nanosleep sd_event_add_io control_observer_present

$(MODEL_REPLAY): $(call objects,$(addprefix tests/model/,replay.c moves.c host.c stage.c)) $(B)/libparts.a \
                 $(call archives,$(unit.uses))
	@mkdir -p $(@D)
	$(call say,LINK,model/replay)
	$(Q)$(CC) $(LDFLAGS) $(model.wrapped:%=-Wl,--wrap=%) -o $@ $^ -lyajl -lsystemd -lcgroup -lseccomp -pthread

.PHONY: model
model: $(MODEL_TABLE) $(MODEL_REPLAY) ## the protocol of a change against all that comes between, by spin
	@tests/model/run $(B)
