# SPDX-License-Identifier: Apache-2.0
# The programs that make bench holds dtgov against.

BENCH_PROGRAMS := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))

$(B)/bench/%: $(B)/tests/bench/%.o $(call archives,governor/varlink governor/kernel state)
	@mkdir -p $(@D)
	$(call say,LINK,bench/$*)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lyajl -lsystemd -lcgroup -lseccomp

# As anybody would link it.
$(B)/bench/noop_hook: $(B)/tests/bench/noop_hook.o tests/bench/bench.mk
	@mkdir -p $(@D)
	$(call say,LINK,bench/noop_hook)
	$(Q)$(CC) -static -o $@ $<

# The same with all that the hook's own linking saves.
$(B)/bench/noop_hook_small: $(B)/tests/bench/noop_hook.o
	@mkdir -p $(@D)
	$(call say,LINK,bench/noop_hook_small)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(libs.dtgov-hook)

.PHONY: bench-programs
bench-programs: $(addprefix $(B)/bench/,$(BENCH_PROGRAMS) noop_hook_small)

.PHONY: bench
bench: ## dtgov beside what it is held against, by counted instructions (PARTS="hook native")
	@tests/bench/run $(PARTS)
