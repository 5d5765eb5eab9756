# SPDX-License-Identifier: Apache-2.0
#
# One non-recursive Makefile. A build mode is a tree of its own below build/, so that going from
# release to asan never needs a "make clean". V=1 shows the commands.

.DEFAULT_GOAL := all
SHELL         := /bin/bash
MAKEFLAGS     += --no-builtin-rules

MODE     ?= release
B        ?= build/$(MODE)
DESTDIR  ?=
PREFIX   ?= /usr/local
CC       ?= cc
ifeq ($(origin CC),default)
CC       := gcc
endif
Q        := $(if $(V),,@)
say       = $(if $(V),@:,@printf '  %-7s %s\n' '$(1)' '$(2)')

BINDIR     := $(PREFIX)/bin
SBINDIR    := $(PREFIX)/sbin
LIBEXECDIR := $(PREFIX)/libexec/dtgov
MANDIR     := $(PREFIX)/share/man
UNITDIR    := $(PREFIX)/lib/systemd/system
SYSUSERSDIR := $(PREFIX)/lib/sysusers.d
TMPFILESDIR := $(PREFIX)/lib/tmpfiles.d

WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wundef -Wstrict-prototypes -Wmissing-prototypes \
        -Wcast-qual -Wwrite-strings -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough \
        -Wnull-dereference -Wno-format-truncation -Werror
mode.release := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
mode.asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
mode.cov     := -O0 --coverage -DDTGOV_COVERAGE
mode.analyze := -O2 -fanalyzer
ifeq ($(mode.$(MODE)),)
$(error MODE=$(MODE): want release, asan, cov or analyze)
endif

VERSION  := 0.1.0
CPPFLAGS := -I. -I$(B)/gen -D_GNU_SOURCE -DDTGOV_VERSION='"$(VERSION)"' \
            -DDTGOV_PREFIX='"$(PREFIX)"' -DDTGOV_LIBEXECDIR='"$(LIBEXECDIR)"'
CFLAGS   := -std=gnu17 -g -fPIE -MMD -MP -ffile-prefix-map=$(CURDIR)=. $(WARN) $(mode.$(MODE))
LDFLAGS  := -pie -Wl,-z,relro,-z,now,--as-needed $(filter -fsanitize% --coverage,$(mode.$(MODE)))


# --- what is built -----------------------------------------------------------------------------
# One archive a layer; a program links the archives of the layers below it and takes what it needs.
# tests/lint/layers.txt says which layer may use which, and make lint holds the result against it.

LAYERS := state state/journal policies/rules policies/analysis policies/sizing \
          governor/kernel governor/varlink
src     = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(B)/%.o,$(1))
archive = $(B)/lib$(subst /,-,$(1)).a
archives = $(foreach l,$(1),$(call archive,$(l)))

STATIC_YAJL := -l:libyajl_s.a
PKGS.state            := -lyajl
PKGS.governor/kernel  := -lcgroup -lsystemd -lseccomp
PKGS.governor/varlink := -lsystemd

PROGRAMS := dtgov-hook dtgov-runtime dtgovd dtgov-observer dtgov
main.dtgov-hook     := $(filter hooks/hook%,$(call src,hooks))
main.dtgov-runtime  := $(filter hooks/runtime%,$(call src,hooks))
main.dtgovd         := $(call src,governor/control)
main.dtgov-observer := $(call src,governor/observer)
main.dtgov          := $(call src,governor/cli)
uses.dtgov-hook     := state
uses.dtgov-runtime  := state
uses.dtgovd         := governor/varlink governor/kernel policies/rules state/journal state
uses.dtgov-observer := governor/varlink governor/kernel policies/sizing policies/analysis \
                       policies/rules state
uses.dtgov          := governor/varlink state
libs.dtgov-hook     := -static-pie $(STATIC_YAJL)
libs.dtgov-runtime  := -static-pie $(STATIC_YAJL)
libs.dtgovd         := -lyajl -lsystemd -lcgroup -lseccomp -pthread
libs.dtgov-observer := -lyajl -lsystemd -lcgroup -lseccomp -lm
libs.dtgov          := -lyajl -lsystemd -lsmartcols
# A static program cannot carry the sanitizers' runtime.
ifeq ($(MODE),asan)
libs.dtgov-hook     := -lyajl
libs.dtgov-runtime  := -lyajl
endif
# Programs of which there is no source file yet are left out.
PRESENT := $(foreach p,$(PROGRAMS),$(if $(main.$(p)),$(p)))

.PHONY: all
all: $(addprefix $(B)/,$(PRESENT)) ## build the programs (MODE=release asan cov analyze)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

define archive_rule
$(call archive,$(1)): $(call objects,$(call src,$(1)))
	@mkdir -p $$(@D)
	$$(call say,AR,$$(@F))
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call archive_rule,$(l))))

define program_rule
$(B)/$(1): $(call objects,$(main.$(1))) $(call archives,$(uses.$(1)))
	$$(call say,LINK,$(1))
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(libs.$(1))
endef
$(foreach p,$(PRESENT),$(eval $(call program_rule,$(p))))

# Text files that programs carry inside, as C arrays: x.varlink becomes gen/x.varlink.h.
$(B)/gen/%.h: %
	@mkdir -p $(@D)
	$(call say,GEN,$<)
	$(Q)tests/lint/embed.sh $< > $@.tmp && mv $@.tmp $@

# --- unit tests --------------------------------------------------------------------------------
# tests/unit/test_x.c is one program; files without test_ before their name are their helpers.
UNIT_TESTS   := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(filter-out tests/unit/test_%,$(call src,tests/unit))
unit.uses    := governor/varlink governor/kernel policies/sizing policies/analysis policies/rules \
                state/journal state
# Parts of programs that unit tests link: everything but the mains.
unit.parts   := $(filter-out %main.c,$(call src,hooks) $(call src,governor/control) \
                $(call src,governor/observer) $(call src,governor/cli))
$(B)/libparts.a: $(call objects,$(unit.parts))
	$(call say,AR,$(@F))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o $(call objects,$(UNIT_HELPERS)) $(B)/libparts.a \
                        $(call archives,$(unit.uses))
	$(call say,LINK,$(@F))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lyajl -lsystemd -lcgroup -lseccomp -lsmartcols -lm -pthread

.PHONY: unit
unit: all $(addprefix $(B)/tests/unit/,$(UNIT_TESTS)) ## unit tests of this MODE
	@tests/unit/run.sh $(B)

# --- lint --------------------------------------------------------------------------------------
.PHONY: lint flags
lint: ## layers, lengths, formats and analysers, with the tools of bookworm
	@tests/lint/run

flags: # what a tool needs to read a file as the compiler does
	@printf '%s\n' $(CPPFLAGS) -std=gnu17

.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# Parts that bring rules of their own: vm.mk, bench.mk, man.mk.
include $(sort $(wildcard tests/*/*.mk contrib/*/*.mk))

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(filter-out %.d,$(MAKEFILE_LIST))
