# SPDX-License-Identifier: Apache-2.0
# The programs that make bench holds dtgov against.

BENCH_PROGRAMS := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))

$(B)/bench/%: $(B)/tests/bench/%.o $(call archives,governor/varlink governor/kernel state)
	@mkdir -p $(@D)
	$(call say,LINK,bench/$*)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lyajl -lsystemd -lcgroup -lseccomp

$(B)/bench/noop_hook: $(B)/tests/bench/noop_hook.o
	@mkdir -p $(@D)
	$(call say,LINK,bench/noop_hook)
	$(Q)$(CC) $(LDFLAGS) -static-pie -o $@ $^

.PHONY: bench-programs
bench-programs: $(addprefix $(B)/bench/,$(BENCH_PROGRAMS))

.PHONY: bench
bench: ## dtgov beside what it is held against, by counted instructions
	@tests/bench/run
