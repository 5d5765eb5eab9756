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
# Not where Podman and CRI-O look: "dtgov setup podman" puts a link there.
HOOKSDIR   := $(PREFIX)/share/dtgov/hooks.d
CATALOGDIR := $(PREFIX)/lib/systemd/catalog
SHAREDIR   := $(PREFIX)/share
BASHDIR    := $(SHAREDIR)/bash-completion/completions
ZSHDIR     := $(SHAREDIR)/zsh/site-functions
FISHDIR    := $(SHAREDIR)/fish/vendor_completions.d

WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wundef -Wstrict-prototypes -Wmissing-prototypes \
        -Wcast-qual -Wwrite-strings -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough \
        -Wnull-dereference -Wno-missing-braces -Wno-unknown-warning-option -Wno-format-truncation -Werror
mode.release := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
mode.asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
                -DDTGOV_ASSERT
mode.cov     := -O0 --coverage -DDTGOV_COVERAGE
mode.analyze := -O2 -fanalyzer -fdiagnostics-path-format=none
mode.fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ifeq ($(mode.$(MODE)),)
$(error MODE=$(MODE): want release, asan, cov, analyze or fuzz)
endif

VERSION  := 0.1.0
CPPFLAGS := -I. -I$(B)/gen -D_GNU_SOURCE -DDTGOV_VERSION='"$(VERSION)"' \
            -DDTGOV_PREFIX='"$(PREFIX)"' -DDTGOV_LIBEXECDIR='"$(LIBEXECDIR)"' \
            -DDTGOV_HOOKSDIR='"$(HOOKSDIR)"'
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

PROGRAMS := dtgov-hook dtgov-runtime dtgovd dtgov-observer dtgov-identify dtgov
main.dtgov-hook     := $(filter hooks/hook%,$(call src,hooks))
main.dtgov-runtime  := $(filter hooks/runtime%,$(call src,hooks))
main.dtgovd         := $(call src,governor/control)
main.dtgov-observer := $(call src,governor/observer)
main.dtgov-identify := $(call src,governor/identify)
main.dtgov          := $(call src,governor/cli) $(call src,governor/cli/setup)
uses.dtgov-hook     := state
uses.dtgov-runtime  := state
uses.dtgovd         := governor/varlink governor/kernel policies/rules state/journal state
uses.dtgov-observer := governor/varlink governor/kernel policies/sizing policies/analysis \
                       policies/rules state
uses.dtgov-identify := governor/kernel state
uses.dtgov          := governor/varlink state
# A process start is most of what the hook costs: without relocation and with one segment of text it
# is a tenth cheaper than static-pie. It only ever runs for milliseconds, on text that root hands it.
# The start files of a static program make the unwinder sort all frames (a quarter of its life, gcc
# 13 and later) where __register_frame_info is defined: wrapped, it is not. Nothing here unwinds.
unwinder            := __register_frame_info __deregister_frame_info
libs.dtgov-hook     := -static -no-pie -Wl,-z,noseparate-code,-z,norelro,--gc-sections \
                       $(unwinder:%=-Wl,--wrap=%) $(STATIC_YAJL)
libs.dtgov-runtime  := -static-pie $(STATIC_YAJL)
libs.dtgovd         := -lyajl -lsystemd -lcgroup -lseccomp -pthread
libs.dtgov-observer := -lyajl -lsystemd -lcgroup -lseccomp -lm
libs.dtgov-identify := -lyajl -lseccomp
libs.dtgov          := -lyajl -lsystemd -lsmartcols
# A static program cannot carry the sanitizers' runtime.
ifneq ($(filter asan fuzz,$(MODE)),)
libs.dtgov-hook     := -lyajl
libs.dtgov-runtime  := -lyajl
endif
# Programs of which there is no main file yet are left out.
PRESENT := $(foreach p,$(PROGRAMS),$(if $(filter %main.c,$(main.$(p))),$(p)))

.PHONY: all
all: $(addprefix $(B)/,$(PRESENT)) ## build the programs (MODE=release asan cov analyze)

# Other flags than the last time (PREFIX, CC, ...): all objects are old.
FLAGS := $(CC) $(CPPFLAGS) $(filter-out -ffile-prefix-map=%,$(CFLAGS))
.PHONY: FORCE
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(FLAGS) | cmp -s - $@ || printf '%s\n' $(FLAGS) > $@

# What an analyser is told, except in the file that makes the promise. gcc 12 loses sight of memory
# that hangs in a structure behind a pointer: leaks are LeakSanitizer's (MODE=asan). It also
# loses what CLEANUP pointers were set to: what is used before it is set, clang-tidy finds.
blind := -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value
only.analyze := $(blind) -include tests/lint/analyzer.h
$(B)/state/error.o: only.analyze := $(blind)

# Before the first object: until there are .d files nothing else says who includes them.
GENERATED := $(patsubst %,$(B)/gen/%.h,$(wildcard governor/varlink/*.varlink))
$(B)/%.o: %.c Makefile $(B)/flags | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(only.$(MODE)) -c -o $@ $<

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
                $(call src,governor/observer) $(call src,governor/identify) $(call src,governor/cli) \
                $(call src,governor/cli/setup))
$(B)/libparts.a: $(call objects,$(unit.parts))
	$(call say,AR,$(@F))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o $(call objects,$(UNIT_HELPERS)) $(B)/libparts.a \
                        $(call archives,$(unit.uses))
	$(call say,LINK,$(@F))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lyajl -lsystemd -lcgroup -lseccomp -lsmartcols -lm -pthread

# tests/fuzz/fuzz_x.c reads anything. With clang it is a fuzzer (make fuzz), elsewhere it is fed with
# tests/fuzz/corpus/x, as one of the unit tests.
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(if $(filter fuzz,$(MODE)),,$(B)/tests/fuzz/replay.o) \
                        $(B)/libparts.a $(call archives,$(unit.uses))
	$(call say,LINK,$(@F))
	$(Q)$(CC) $(LDFLAGS) $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer) -o $@ $^ \
	        -lyajl -lsystemd -lcgroup -lseccomp -lsmartcols -lm -pthread

.PHONY: unit
unit: all $(addprefix $(B)/tests/unit/,$(UNIT_TESTS)) $(addprefix $(B)/tests/fuzz/,$(FUZZERS)) ## unit tests of this MODE
	@tests/unit/run.sh $(B)

ifneq ($(FUZZERS),)
FUZZ_SECONDS ?= 30
.PHONY: fuzz fuzzers
fuzzers: $(addprefix $(B)/tests/fuzz/,$(FUZZERS))
fuzz: ## FUZZ_SECONDS=30 of each fuzzer, with clang
	+$(Q)$(MAKE) --no-print-directory MODE=fuzz CC=clang B=build/fuzz fuzzers
	@tests/fuzz/run build/fuzz $(FUZZ_SECONDS)
endif

# --- judging ------------------------------------------------------------------------------------
.PHONY: objects check test test-full cover lint flags
objects: $(foreach l,$(LAYERS),$(call archive,$(l))) $(B)/libparts.a \
         $(if $(filter analyze,$(MODE)),,$(UNIT_TESTS:%=$(B)/tests/unit/%.o))

check: ## build, unit tests, sanitizers, quick lint: two minutes, no root
	@tests/as_user tests/run.sh check

test: ## all that judges a commit, guests included (as root)
	@tests/run.sh test

test-full: ## the whole matrix (as root)
	@tests/run.sh full

cover: ## lines and branches that the unit tests reach, by file and folder, against bars
	@tests/coverage

lint: ## layers, lengths, formats and analysers, with the tools of bookworm
	@tests/lint/run

flags: # what a tool needs to read a file as the compiler does
	@printf '%s\n' $(CPPFLAGS) -std=gnu17

.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# Parts that bring rules of their own: vm.mk, bench.mk, man.mk.
include $(sort $(wildcard tests/*/*.mk contrib/*/*.mk))

# --- install ------------------------------------------------------------------------------------
# Everything once, as FILE:DESTINATION:MODE; install and uninstall both walk it. Nothing of it is in
# /etc: what is configured stays when dtgov goes.
dir.dtgov  := $(BINDIR)
dir.dtgovd := $(SBINDIR)
program_dir = $(or $(dir.$(1)),$(LIBEXECDIR))
install_program = $(B)/$(1):$(call program_dir,$(1))/$(1):755
# Names of directories in text: units, manual pages.
fill = sed -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@SBINDIR@|$(SBINDIR)|g' \
       -e 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' -e 's|@SHAREDIR@|$(SHAREDIR)|g' \
       -e 's|@CATALOGDIR@|$(CATALOGDIR)|g'
# Text that is filled in; $(2) is its folder, $(3) its new suffix.
install_text = $(foreach f,$(1),$(B)/filled/$(f):$(2)/$(if $(3),$(basename $(notdir $(f)))$(3),$(notdir $(f))):644)
install_page = $(foreach f,$(1),$(f):$(MANDIR)/man$(patsubst .%,%,$(suffix $(f)))/$(notdir $(f)):644)

LEAVE   := $(B)/filled/contrib/dtgov-leave
UNITS   := $(wildcard $(addprefix contrib/systemd/*.,service socket target slice timer path))
INSTALL := $(foreach p,$(PRESENT),$(call install_program,$(p))) \
           $(call install_text,$(UNITS),$(UNITDIR)) \
           $(call install_text,$(wildcard contrib/systemd/*.sysusers),$(SYSUSERSDIR),.conf) \
           $(call install_text,$(wildcard contrib/systemd/*.tmpfiles),$(TMPFILESDIR),.conf) \
           $(call install_text,$(wildcard contrib/hooks/*.json),$(HOOKSDIR)) \
           $(call install_text,$(wildcard contrib/systemd/*.catalog),$(CATALOGDIR)) \
           contrib/completions/dtgov.bash:$(BASHDIR)/dtgov:644 \
           contrib/completions/dtgov.zsh:$(ZSHDIR)/_dtgov:644 \
           contrib/completions/dtgov.fish:$(FISHDIR)/dtgov.fish:644 \
           $(LEAVE):$(LIBEXECDIR)/dtgov-leave:755 \
           $(call install_page,$(MAN_PAGES))
# The real runtimes that dtgov-runtime stands for, each by a link of that name.
LINKS   := $(if $(filter dtgov-runtime,$(PRESENT)),dtgov-runc dtgov-crun dtgov-sysbox-runc \
           dtgov-nvidia-container-runtime)

$(B)/filled/%: % Makefile $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(fill) $< > $@

.PHONY: install uninstall
install: all $(foreach i,$(INSTALL),$(firstword $(subst :, ,$(i)))) ## below DESTDIR and PREFIX
	@set -e; for i in $(INSTALL); do IFS=: read -r file dest mode <<< "$$i"; \
	        install -D -m "$$mode" "$$file" "$(DESTDIR)$$dest"; done; \
	for l in $(LINKS); do ln -sfn dtgov-runtime "$(DESTDIR)$(LIBEXECDIR)/$$l"; done
	@[ "$(DESTDIR)" ] || { echo "Installed below $(PREFIX). What next:"; \
	if [ -d /run/systemd/system ]; then printf '  sudo %s\n' \
	        "systemd-sysusers && sudo systemd-tmpfiles --create && sudo systemctl daemon-reload" \
	        "journalctl --update-catalog" \
	        "systemctl enable --now dtgovd dtgov-observer dtgov-identify.socket"; \
	else echo "  sudo dtgovd     without systemd: in the foreground"; fi; \
	echo "  dtgov doctor    what this machine lacks, and the command that mends it"; }

# What engines or containers still name stays, and passes on to the real runtime: contrib/dtgov-leave.
# What was installed last goes first: whoever names a program goes before it, at every moment.
uninstall: $(LEAVE) ## takes away what install put there, and nothing else
	@leave="sh $(LEAVE) --root $(DESTDIR)/"; $$leave changes --ask; $$leave explain; $$leave stop; \
	needed=" $$($$leave needed | tr '\n' ' ')"; \
	for i in $$(printf '%s\n' $(INSTALL) $(LINKS:%=:$(LIBEXECDIR)/%:) | tac); do \
	        IFS=: read -r file dest mode <<< "$$i"; \
	        [[ $$needed == *" $$dest "* ]] || rm -f "$(DESTDIR)$$dest"; done; \
	rmdir "$(DESTDIR)$(LIBEXECDIR)" "$(DESTDIR)$(HOOKSDIR)" "$(DESTDIR)$(SHAREDIR)/dtgov" 2> /dev/null || :

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(filter-out %.d,$(MAKEFILE_LIST))
