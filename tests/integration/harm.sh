#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# harm.sh [LOWERINGS]: the memory of what developers run is lowered, below what it needs too, as often
# as said (20), six loads beside each other. Nothing is ever killed, whoever does not get on gets the
# old limit back, and the neighbour notices nothing. What turns hostile after it was approved is given
# back what it had at once. Prints a line for each, and what they came to.
#
# guests: bookworm trixie
# init: plain
# disk: 1024
# memory: 6144
# timeout: 1200
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

WANTED=${1:-20} # lowerings
KINDS=(compile node python database jvm python)
SHARES=(130 100 85 70 115 55) # of what a load uses at most, in hundredths: what it gets
MIB=1048576
OLD=512 # MiB, the limit before
export HARM=/var/lib/docker/harm

name_of() { # NUMBER
        echo "${KINDS[$1]}-$1"
}

values() { # FILE: of each load, "NUMBER VALUE"
        local i
        for ((i = 0; i < ${#KINDS[@]}; i++)); do
                echo "$i $(< "$T/$(name_of "$i")/$1")"
        done
}

killed() { # what the kernel killed in all loads and their neighbour
        awk '$1 == "oom_kill" { sum += $2 } END { print sum + 0 }' "$T"/*/memory.events
}

done_by() { # NAME: how often it did its work
        local lines=0
        [ ! -e "$HARM/$1.done" ] || lines=$(wc -l < "$HARM/$1.done")
        echo "$lines"
}

all_worked() { # since the counts in $counts
        local i
        for ((i = 0; i < ${#KINDS[@]}; i++)); do
                [ "$(done_by "$(name_of "$i")")" -gt "${counts[i]}" ] || return 1
        done
}

gets_on() { # SECONDS: each has done its work once more; else says how often
        local i
        wait_for "$1" all_worked && return
        for ((i = 0; i < ${#KINDS[@]}; i++)); do
                echo "$(name_of "$i"): $(done_by "$(name_of "$i")"), before ${counts[i]}; $(tail -n 3 "$HARM/$(name_of "$i").failed")"
        done 2> /dev/null
        return 1
}

count_work() {
        local i
        for ((i = 0; i < ${#KINDS[@]}; i++)); do
                counts[i]=$(done_by "$(name_of "$i")")
        done
}

start_loads() {
        local i
        for ((i = 0; i < ${#KINDS[@]}; i++)); do
                start_plain "$(name_of "$i")" /src/tests/integration/loads.sh "${KINDS[i]}" "$(name_of "$i")" ||
                        return
                echo "${OLD}M" > "$dir/memory.max"
        done
        start_plain neighbour /src/tests/integration/loads.sh sum neighbour &&
                echo 64M > "$dir/memory.max" && echo 2000 > "$dir/cpu.weight"
}

# The most that each used at any time of some seconds: most[NUMBER].
look() { # SECONDS
        local i bytes end=$((SECONDS + $1))
        most=()
        while [ $SECONDS -lt $end ]; do
                while read -r i bytes; do
                        [ "${most[i]:-0}" -ge "$bytes" ] || most[i]=$bytes
                done < <(values memory.current)
                sleep 0.3
        done
}

# The neighbour's work in a second, in hundredths.
rate() { # SECONDS
        local before began
        before=$(done_by neighbour) began=$(ms)
        sleep "$1"
        echo $((($(done_by neighbour) - before) * 100000 / ($(ms) - began)))
}

open_changes() {
        control ListChanges | jq '[.changes[] | select(.state as $s | ["committed", "rolled_back", "ended"] | index($s) | not)] | length'
}

all_over() {
        [ "$(open_changes)" = 0 ]
}

lower_all() { # begins a lowering of each, by another share of what it used each round; sets ids
        local i name share target
        ids=()
        for ((i = 0; i < ${#KINDS[@]}; i++)); do
                name=$(name_of "$i")
                share=${SHARES[(i + round) % ${#SHARES[@]}]}
                target=$((most[i] * share / 100 / MIB))
                if dtgov set "$name" "memory.max=${target}M" --yes > "$HARM/said" 2>&1; then
                        ids[i]=$(last_change "$name")
                        lowered=$((lowered + 1))
                else
                        refused=$((refused + 1))
                        echo "harm: $round $name: ${target}M of $((most[i] / MIB))M used: $(tail -n 1 "$HARM/said")"
                fi
                wanted[i]=$target
        done
}

tell_all() {
        local i
        control ListChanges > "$HARM/changes"
        for i in "${!ids[@]}"; do
                jq -r --arg id "${ids[i]}" --arg head "$round $(name_of "$i"): ${wanted[i]}M of $((most[i] / MIB))M used" '
                        .changes[] | select(.id == $id) |
                        "harm: \($head): \(.state) \(.reason), \(.text)"' "$HARM/changes"
        done
}

all_limits() { # of loads and neighbour
        local d
        for d in "$T"/*/; do
                echo "$d"
                limits_of "${d%/}"
        done
}

one_round() {
        local old lower
        round=$((round + 1))
        look 12
        old=$(rate 5)
        count_work
        lower_all
        lower=$(rate 10)
        t_ok "round $round: all are over ($SECONDS s)" wait_for 300 all_over
        tell_all
        dtgov rollback --all --yes > "$HARM/said" 2>&1
        t_is "round $round: every limit is as before" "$before" "$(all_limits)"
        t_is "round $round: nothing was killed" 0 "$(killed)"
        t_is "round $round: nothing failed" "" "$(cat "$HARM"/*.failed 2> /dev/null)"
        t_ok "round $round: every load goes on" gets_on 300
        echo "# the neighbour did $old hundredths of its work a second before, $lower meanwhile"
        t_ok "round $round: the neighbour goes on as before" test $((lower * 2)) -ge "$old"
}

is_killed() {
        grep -q '^oom_kill [1-9]' "$dir/memory.events"
}

has_its_memory() {
        [ "$(< "$dir/memory.max")" = $((OLD * MIB)) ]
}

build_peer
make_tree
mkdir -p "$HARM"
t_ok "dtgovd and its observer come up" start_dtgovd --probation 10 --soak 5
counts=() most=() ids=() wanted=() round=0 lowered=0 refused=0
for ((i = 0; i < ${#KINDS[@]}; i++)); do counts[i]=0; done
t_ok "six loads and a neighbour run" start_loads
t_ok "all of them do their work" gets_on 600
before=$(all_limits)
events=$(cat "$T/neighbour/memory.events")
while [ "$lowered" -lt "$WANTED" ] && [ "$t_failed" = 0 ] && [ "$round" -lt "$WANTED" ]; do
        one_round
done
t_is "nothing happened to the neighbour's memory" "$events" "$(cat "$T/neighbour/memory.events")"
for ((i = 0; i < ${#KINDS[@]}; i++)); do end_plain "$(name_of "$i")"; done

echo "- what turns hostile after it was approved ($SECONDS s)"
start_plain hostile bash -c "$peer anon 40 & wait"
echo "${OLD}M" > "$dir/memory.max"
before=$(limits_of "$dir")
t_ok "its memory.max is to be 80 MiB" runs 0 dtgov set hostile memory.max=80M --yes
t_is "it has no more" $((80 * MIB)) "$(cat "$dir/memory.max")"
bash -c 'echo $$ > "$0/cgroup.procs"; exec "$1" anon 700' "$dir" "$peer" &
end=$((SECONDS + 60))
until is_killed || [ $SECONDS -gt $end ]; do sleep 0.02; done
began=$(ms)
until has_its_memory || [ $SECONDS -gt $end ]; do sleep 0.02; done
took=$(($(ms) - began))
echo "# $took ms after the kill"
t_ok "within a second it has its memory back" test "$took" -le 1000
t_ok "and all else" wait_for 10 change_is "$(last_change hostile)" rolled_back
t_is "every limit is as before" "$before" "$(limits_of "$dir")"
end_plain hostile
echo "harm: $lowered lowerings, $refused refused"
end_plain neighbour
stop_dtgovd TERM
t_done
