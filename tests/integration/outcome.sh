#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# outcome.sh [CHANGES]: what is throttled gets the quota that dtgov proposes, as often as said (5),
# and what it expected is held against what came of it: a line for each, then the median.
#
# guests: bookworm trixie
# init: plain
# disk: 1024
# memory: 3072
# timeout: 3000
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

WANTED=${1:-5} # changes
KINDS=(python node database compile python)
QUOTAS=(10000 20000 15000 30000) # us of each 100 ms
export HARM=/var/lib/docker/harm REST=0.5

pending() { # CONTAINER: the id of its proposal
        control ListProposals | jq -re --arg c "$1" \
                'first(.proposals[] | select(.containerId == $c and .state == "pending")).id'
}

start_round() {
        local i
        names=()
        for ((i = 0; i < ${#KINDS[@]}; i++)); do
                names[i]=${KINDS[i]}-$round-$i
                start_plain "${names[i]}" /src/tests/integration/loads.sh "${KINDS[i]}" "${names[i]}" || return
                echo "${QUOTAS[(i + round) % ${#QUOTAS[@]}]} 100000" > "$dir/cpu.max"
        done
}

end_round() {
        local name
        for name in "${names[@]}"; do
                end_plain "$name"
                rm -rf "${HARM:?}/$name".*
        done 2> /dev/null
}

# A load that is idle most of its first seconds may have no proposal yet: it is left out.
approve_those_found() {
        local name id end=$((SECONDS + 240))
        declare -A is_approved=()
        while [ $SECONDS -lt $end ] && [ ${#is_approved[@]} -lt ${#names[@]} ]; do
                for name in "${names[@]}"; do
                        [ -z "${is_approved[$name]-}" ] || continue
                        id=$(pending "$name") || continue
                        dtgov approve "$id" --yes > /dev/null && is_approved[$name]=1
                done
                sleep 1
        done
        approved=$((approved + ${#is_approved[@]}))
        [ ${#is_approved[@]} -gt 0 ]
}

all_over() {
        control ListChanges | jq -e 'all(.changes[]; .state | IN("committed", "rolled_back", "ended"))'
}

# "CONTAINER CPU.MAX EXPECTED BEFORE AFTER STATE", of seconds lost each minute.
tell_round() {
        local round_names
        round_names=$(printf '%s\n' "${names[@]}")
        control ListChanges | jq -r --arg names "$round_names" '
                def seconds: if . == null then "-" else . / 10000 | round / 100 end;
                ($names | split("\n")) as $names |
                .changes[] | select(.containerId as $c | $names | index($c)) |
                [.containerId, (.knobs[0] | .old + ">" + .new | gsub(" "; "/")), (.expectedUsecPerMin | seconds),
                 (.beforeUsecPerMin | seconds), (.afterUsecPerMin | seconds), .state, .reason] | @tsv' |
                tee -a /run/outcomes | sed 's/^/outcome: /'
}

# Of those measured: how far what came is from what was expected, as a share of what was lost before.
median() {
        awk -F '\t' '$3 != "-" && $4 > 0 && $5 != "-" { d = $5 - $3; print int((d < 0 ? -d : d) * 1000 / $4) / 10 }' \
                /run/outcomes | sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)], NR }'
}

build_peer
make_tree
mkdir -p "$HARM"
: > /run/outcomes
t_ok "dtgovd and its observer come up" start_dtgovd --probation 45
round=0 approved=0 names=()
echo "outcome: container cpu.max expected before after (seconds lost a minute) state reason"
while [ "$approved" -lt "$WANTED" ] && [ "$t_failed" = 0 ]; do
        round=$((round + 1))
        t_ok "round $round: all run ($SECONDS s)" start_round
        t_ok "round $round: what is throttled is found, and approved" approve_those_found
        t_ok "round $round: all are over" wait_for 200 all_over
        tell_round
        end_round
done
read -r error measured < <(median)
echo "outcome: $approved changes, $measured measured: the median of |after - expected| is $error % of before"
t_ok "nearly all were measured" test "${measured:-0}" -ge $((approved * 8 / 10))
t_ok "half of them are within a quarter" test "${error%.*}" -le 25
stop_dtgovd TERM
t_done
