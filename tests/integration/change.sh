#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A change does what it says and nothing else, and is taken back whole: every limit file is
# compared before and after, whoever else writes meanwhile. CHANGES=1000 makes the long one longer.
#
# guests: bookworm trixie
# ci: trixie-plain
# init: plain systemd
# disk: 1024
# memory: 2048
# timeout: 1500
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

CHANGES=${1:-50}

reload() { # whatever an installed package does to systemd
        [ "$DTGOV_INIT" = plain ] || systemctl daemon-reload
}

# one_knob DIR ID FILE ASSIGNMENT WANTED: applies, compares, takes back, compares
one_knob() {
        local dir=$1 id=$2 file=$3 wanted=$5 before after
        before=$(limits_of "$dir")
        t_ok "set $4 succeeds" runs 0 dtgov set "$id" "$4" --yes
        after=$(limits_of "$dir")
        t_is "$file holds the new value" "$wanted" "$(limit_in "$file" "$after")"
        # cpu.weight.nice is cpu.weight on another scale.
        t_is "no other file changed with $file" "$(without "$file\\|cpu.weight.nice" "$before")" \
                "$(without "$file\\|cpu.weight.nice" "$after")"
        if [ "$DTGOV_INIT" = systemd ]; then
                reload
                t_is "daemon-reload undoes nothing of $file" "$after" "$(limits_of "$dir")"
        fi
        t_ok "the rollback of $file succeeds" runs 0 dtgov rollback "$id" --yes
        t_is "every file is as before $file" "$before" "$(limits_of "$dir")"
        if [ "$DTGOV_INIT" = systemd ]; then
                reload
                t_is "daemon-reload after the rollback of $file changes nothing" "$before" "$(limits_of "$dir")"
        fi
}

propose() { # ID ASSIGNMENTS: prints "P17 digest"
        control Propose "{\"containerId\":\"$1\",\"cgroupInode\":$(inode_of "$1"),\"assignments\":\"$2\"}" |
                jq -r '.proposal | .id + " " + .digest'
}

oom_kills() { # DIR
        awk '$1 == "oom_kill" { print $2 }' "$1/memory.events"
}

build_peer
use_runtime "$(command -v runc)"
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
t_ok "dockerd comes up" start_engine
[ "$t_failed" = 0 ] || { t_done; exit 1; } # nothing to do without an engine

echo "- each knob ($SECONDS s)"
id=$(docker_run --name all --memory 256m --memory-swap 256m --cpus 1.2 --pids-limit 100 busybox sleep 100000)
dir=$(cgroup_of "$id")
wait_for 10 is_known "$id" 1
echo 60 > "$dir/cpu.weight"
# Under plain init Docker finds no memory.swap.max at the root and writes none.
[ "$DTGOV_INIT" = systemd ] || echo 0 > "$dir/memory.swap.max"
before=$(limits_of "$dir")
t_is "there is a swap limit of 0 that systemd does not know" 0 "$(limit_in memory.swap.max "$before")"
t_ok "there is much to compare" test "$(wc -l <<< "$before")" -ge 12
one_knob "$dir" "$id" memory.max memory.max=300M 314572800
one_knob "$dir" "$id" memory.high memory.high=200M 209715200
one_knob "$dir" "$id" memory.low memory.low=16M 16777216
one_knob "$dir" "$id" memory.min memory.min=8M 8388608
one_knob "$dir" "$id" cpu.max cpu.max=1.5 "150000 100000"
one_knob "$dir" "$id" cpu.max cpu.max=max "max 100000"
one_knob "$dir" "$id" cpu.weight cpu.weight=77 77
one_knob "$dir" "$id" pids.max pids.max=77 77
one_knob "$dir" "$id" pids.max pids.max=max max
one_knob "$dir" "$id" memory.max memory.max=128M 134217728

if [ "$DTGOV_INIT" = systemd ]; then
        echo 1 > "$dir/memory.oom.group"
        before=$(limits_of "$dir")
        t_ok "what systemd would overwrite and cannot be told is a reason to refuse" \
                runs 9 dtgov set "$id" memory.max=300M --yes
        t_ok "the file is named" says 'memory.oom.group' "$output"
        t_is "and nothing changed" "$before" "$(limits_of "$dir")"
        echo 0 > "$dir/memory.oom.group"
fi

echo "- several knobs at once ($SECONDS s)"
before=$(limits_of "$dir")
t_ok "a wish of three knobs succeeds" runs 0 dtgov set "$id" memory.max=320M memory.high=280M cpu.max=1 --yes
after=$(limits_of "$dir")
t_is "all three hold" "335544320 293601280 100000 100000" \
        "$(for f in memory.max memory.high cpu.max; do limit_in $f "$after"; done | paste -sd' ')"
t_ok "one rollback takes back all three" runs 0 dtgov rollback "$id" --yes
t_is "every file is as before" "$before" "$(limits_of "$dir")"
t_ok "a dry run says what it would do" runs 0 dtgov set "$id" cpu.max=1 --dry-run
t_ok "with the file, the old and the new value" says 'cpu.max.*120000.*100000' "$(tr '\n' ' ' <<< "$output")"
t_is "and does nothing" "$before" "$(limits_of "$dir")"
t_ok "set is also undone by the id of the change" runs 0 dtgov set "$id" cpu.max=1 --yes
change=$(last_change "$id")
t_ok "rollback of $change" runs 0 dtgov rollback "$change" --yes
t_is "the old value is there" "120000 100000" "$(cat "$dir/cpu.max")"
t_is "the change says so" rolled_back "$(change_state "$change")"
t_ok "taken back twice is no error" runs 0 dtgov rollback "$change" --yes
t_ok "and is said" says 'already' "$output"

echo "- a raise that is used cannot be taken back whole ($SECONDS s)"
big=$(docker_run --name big --memory 64m --memory-swap 64m -v "$peer:/bin/peer:ro" busybox peer grow 40 120)
bigdir=$(cgroup_of "$big")
wait_for 10 is_known "$big" 1
t_ok "raised to 300M" runs 0 dtgov set "$big" memory.max=300M --yes
docker kill --signal USR1 big > /dev/null
used() { [ "$(cat "$bigdir/memory.current")" -gt $((120 << 20)) ]; }
t_ok "it uses 120 MiB then" wait_for 30 used
t_ok "the rollback keeps what is needed: exit 8" runs 8 dtgov rollback "$big" --yes
t_ok "and says why" says 'kept.*(64|old limit)' "$(tr '\n' ' ' <<< "$output")"
kept=$(cat "$bigdir/memory.max")
t_ok "memory.max is above use and below 300M: $kept" test "$kept" -gt $((120 << 20)) -a "$kept" -lt $((200 << 20))
t_is "nothing was killed" 0 "$(oom_kills "$bigdir")"
t_is "the program runs" true "$(docker inspect -f '{{.State.Running}}' big)"
t_is "the change is at its end" rolled_back "$(change_state "$(last_change "$big")")"
reload
t_is "what was kept stays" "$kept" "$(cat "$bigdir/memory.max")"
docker rm -f big > /dev/null

echo "- others change things too ($SECONDS s)"
read -r proposal _ < <(propose "$id" "cpu.max=150000 100000")
docker update --cpus 0.7 all > /dev/null
t_ok "after docker update an older proposal is stale: exit 5" runs 5 dtgov approve "$proposal" --yes
t_is "Docker's value stands" "70000 100000" "$(cat "$dir/cpu.max")"
t_ok "a new wish starts from Docker's value" runs 0 dtgov set "$id" cpu.max=2 --yes
t_ok "and goes back to it" runs 0 dtgov rollback "$id" --yes
t_is "Docker's value is back" "70000 100000" "$(cat "$dir/cpu.max")"
t_ok "set once more" runs 0 dtgov set "$id" cpu.max=2 --yes
change=$(last_change "$id")
docker update --cpus 0.9 all > /dev/null
status=0
output=$(dtgov rollback "$change" --yes 2>&1) || status=$?
t_is "after a third value the rollback leaves it alone" "90000 100000" "$(cat "$dir/cpu.max")"
t_ok "that is no success" test "$status" != 0
t_ok "the three values are shown" says '90000.*70000.*200000' "$(tr '\n' ' ' <<< "$output")"
t_ok "and the change is in conflict or superseded" says 'conflict|superseded' "$(change_state "$change")"
t_ok "memory.high of ours" runs 0 dtgov set "$id" memory.high=200M --yes
docker update --cpus 0.8 all > /dev/null
t_is "docker update of another knob leaves ours" 209715200 "$(cat "$dir/memory.high")"
t_ok "ours is taken back" runs 0 dtgov rollback "$id" --yes
t_is "and Docker's newer value stays" "max 80000 100000" "$(cat "$dir/memory.high" "$dir/cpu.max" | paste -sd' ')"

echo "- the same id, another instance ($SECONDS s)"
read -r proposal _ < <(propose "$id" "cpu.max=150000 100000")
t_ok "a container with a change on probation" runs 0 dtgov set "$id" cpu.weight=200 --yes
change=$(last_change "$id")
docker restart all > /dev/null
dir=$(cgroup_of "$id")
wait_for 10 is_known "$id" 1
t_ok "its change lapsed" wait_for 10 change_is "$change" lapsed
t_ok "an approval of the older proposal is stale: exit 5" runs 5 dtgov approve "$proposal" --yes
t_ok "since the container was replaced" says 'replaced' "$output"
t_is "the new instance has Docker's values" "80000 100000" "$(cat "$dir/cpu.max")"
t_ok "rollback of a lapsed change is no error" runs 0 dtgov rollback "$change" --yes

echo "- twice the same approval ($SECONDS s)"
read -r proposal _ < <(propose "$id" "cpu.max=150000 100000")
t_ok "the proposal is listed" says "\"$proposal\"" "$(dtgov proposals --json)"
t_ok "show shows it" runs 0 dtgov show "$proposal"
t_ok "an approval with another digest is stale" says 'Stale' \
        "$(control Approve "{\"id\":\"$proposal\",\"digest\":\"0123456789abcdef\"}")"
t_ok "approved" runs 0 dtgov approve "$proposal" --yes
t_ok "approved again is no error" runs 0 dtgov approve "$proposal" --yes
t_ok "and says that it is applied already" says 'already' "$output"
t_is "it was applied once" 1 "$(control ListChanges | jq --arg p "$proposal" '[.changes[] | select(.proposal == $p)] | length')"
t_ok "taken back" runs 0 dtgov rollback "$id" --yes
read -r proposal _ < <(propose "$id" "pids.max=150")
t_ok "reject with a reason" runs 0 dtgov reject "$proposal" --reason "not now"
t_ok "what was rejected cannot be approved" runs 5 dtgov approve "$proposal" --yes

echo "- $CHANGES changes and rollbacks ($SECONDS s)"
before=$(limits_of "$dir")
records=$(control ListChanges | jq '.changes | length')
failed=0
for ((i = 0; i < CHANGES; i++)); do
        dtgov set "$id" "cpu.weight=$((200 + i % 50))" --yes > /run/set.out 2>&1 || { failed=$((failed + 1)); cat /run/set.out; }
        dtgov rollback "$id" --yes > /run/set.out 2>&1 || { failed=$((failed + 1)); cat /run/set.out; }
done
t_is "none fails" 0 "$failed"
t_is "every file is as before" "$before" "$(limits_of "$dir")"
t_is "none of them is lost" $((records + CHANGES)) "$(control ListChanges | jq '.changes | length')"
t_is "dtgov changes lists as many" $((records + CHANGES)) "$(dtgov changes --json | jq length)"
stop_dtgovd TERM
t_ok "dtgovd comes back" start_dtgovd --probation 600
t_is "the journal has all of them" $((records + CHANGES)) "$(control ListChanges | jq '.changes | length')"
t_is "all are taken back" "$CHANGES" "$(control ListChanges |
        jq --argjson n "$CHANGES" '[.changes | sort_by(.id[1:] | tonumber) | .[-$n:][] | select(.state == "rolled_back")] | length')"
docker rm -f all > /dev/null
stop_dtgovd TERM
t_done
