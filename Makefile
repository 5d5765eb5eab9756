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
        -Wnull-dereference -Werror
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

include tests/vm/vm.mk

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
