#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A kernel without pressure and without Landlock: what dtgov refuses there, and what it still does.
# The number before a test is its row in rows.txt.
#
# guests: bookworm
# init: plain
# memory: 1024
# timeout: 300
# append: psi=0 lsm=yama
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

build_peer
make_tree
t_ok "17: this kernel measures no pressure" test ! -e /proc/pressure/cpu
t_ok "69: without Landlock dtgovd does not start" runs 1 "$B/dtgovd" --observer-user 65533
t_ok "69: and says what is missing and what next" says 'landlock.*unsandboxed|unsandboxed.*landlock' "$output"
mkdir -p /etc/dtgov
t_ok "69: told to go on without it starts" start_dtgovd --allow-unsandboxed --probation 10
t_ok "69: and says that it runs without" says 'off|partial|without|landlock' \
        "$(control Health | jq -r '.sandbox, .notes[]' | tr '\n' ' ')"
start_plain one
t_ok "17: the lack is told" says 'pressure|psi' "$(control Health | jq -r '.notes[]' | tr '\n' ' ')"
t_ok "17: a person may still change a limit, and is warned" runs 0 dtgov set one cpu.max=1 --yes
t_ok "17: that pressure cannot be measured" says 'pressure' "$output"
t_ok "17: and take it back" runs 0 dtgov rollback one --yes
t_is "17: the old value is there" "max 100000" "$(cat "$dir/cpu.max")"
t_ok "17: samples are there, stall is not" runs 0 dtgov ps --json
stop_dtgovd TERM
end_plain one
t_done
