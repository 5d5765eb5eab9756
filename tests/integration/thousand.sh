#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A thousand changes of one container, each taken back: none is lost, neither in the kernel's file
# nor in the journal, whose records are read one by one afterwards.
#
# guests: trixie
# init: plain systemd
# disk: 256
# memory: 1024
# timeout: 1700
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

COUNT=${1:-1000}
cycles=$B/tests/integration/cycles

build_peer
mkdir -p /etc/dtgov
printf '%s\n' "runtime $(command -v runc)" "hook $B/dtgov-hook" > /etc/dtgov/runtime.conf
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
make_bundle one '{"cpu":{"shares":1024,"quota":50000,"period":100000},"memory":{"limit":134217728}}' \
        'while :; do sleep 1000; done'
t_ok "a container runs" run_bundle one
t_ok "it is known" wait_for 20 is_known one 1
dir=$(cgroup_of one)
before=$(limits_of "$dir")

echo "- $COUNT changes and rollbacks ($SECONDS s)"
t_ok "each is in the kernel's file, and taken back" "$cycles" run one "$(known_inode one)" \
        "$dir/cpu.weight" "$COUNT"
echo "  $SECONDS s"
t_is "every limit file is as before" "$before" "$(limits_of "$dir")"
t_is "dtgovd knows all of them as rolled back" "$COUNT" \
        "$(control ListChanges | jq '[.changes[] | select(.state == "rolled_back")] | length')"
t_is "their numbers leave none out" "$COUNT" \
        "$(control ListChanges | jq '[.changes[].id[1:] | tonumber] | unique | max - min + 1')"
fds=$(fds_of "$dtgovd")
t_ok "no descriptor stays open: $fds" test "$fds" -lt 60
stop_dtgovd TERM

echo "- the journal ($SECONDS s)"
t_ok "each has its intent and its end, and no record is missing" "$cycles" check "$STATE/journal" "$COUNT"
"$cycles" check "$STATE/journal" "$COUNT" | tail -n 1 | sed 's/^/  /'
t_ok "dtgovd comes back" start_dtgovd --probation 600
t_is "it finds no fault with its journal" ok "$(control Health | jq -r .journal)"
t_is "and knows all of them again" "$COUNT" \
        "$(control ListChanges | jq '[.changes[] | select(.state == "rolled_back")] | length')"
t_ok "the container goes" delete_bundle one
stop_dtgovd TERM
t_done
