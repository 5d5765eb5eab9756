#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What root lets a rule do alone is done, watched, and kept where it is seen to help; what root does
# not name is asked, what root has off is not proposed. A pause stops it, and so do three changes
# that were taken back.
#
# guests: trixie
# ci: trixie-plain
# init: plain
# disk: 512
# memory: 2048
# timeout: 1200
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

group() { # NAME: a cgroup below which containers are
        mkdir "$T/$1"
        echo "+cpu +memory +pids" > "$T/$1/cgroup.subtree_control"
}

# One that always wants a CPU and gets as much as QUOTA us of each 100 ms.
busy() { # NAME QUOTA
        start_plain "$1" bash -c 'while :; do :; done'
        echo "$2 100000" > "$dir/cpu.max"
}

quota() { # NAME
        cut -d ' ' -f 1 < "$T/$1/cpu.max"
}

quota_is() { # NAME QUOTA
        [ "$(quota "$1")" = "$2" ]
}

finding() { # CONTAINER: its throttling
        observer ListFindings | jq -ce --arg c "$1" \
                'first(.findings[] | select(.containerId == $c and .rule == "cpu-quota"))'
}

why_of() { # CONTAINER PATTERN: what is said of its finding
        says "$2" "$(finding "$1" | jq -r .why)"
}

pending() { # CONTAINER: its proposal
        control ListProposals | jq -ce --arg c "$1" \
                'first(.proposals[] | select(.containerId == $c and .state == "pending"))'
}

waits() { # CONTAINER PATTERN: its proposal is there, and its text says why
        says "$2" "$(pending "$1" | jq -r .text)"
}

changes_of() { # CONTAINER: how many
        control ListChanges "{\"containerId\":\"$1\"}" | jq '.changes | length'
}

is_trusted() { # RULE
        control ListRules | jq -e --arg r "$1" '.rules[] | select(.id == $r).trusted'
}

is_not_trusted() { # RULE
        ! is_trusted "$1"
}

has_changes() { # CONTAINER
        [ "$(changes_of "$1")" -gt 0 ]
}

first_change_is() { # CONTAINER STATE
        [ "$(control ListChanges "{\"containerId\":\"$1\"}" | jq -r '.changes[-1].state')" = "$2" ]
}

none_pending() { # CONTAINER
        ! pending "$1"
}

all_over() {
        control ListChanges | jq -e 'all(.changes[]; .state | IN("committed", "rolled_back", "refused", "lapsed", "stale"))'
}

mkdir -p /etc/dtgov /run/bad
echo '{ "policies": [ { "rule": "cpu-quota", "mode": "auto" } ] }' > /run/bad/dtgov.json
t_ok "a policy that does not say how far is no configuration" \
        runs 1 "$B/dtgovd" --config-dir /run/bad --run-dir /run/bad/run --state-dir /run/bad/state
t_ok "which and what is said" says "dtgov.json: policy 1: 'at_most' is missing" "$output"

cat > /etc/dtgov/dtgov.json << 'END'
{ "policies": [
    { "below": "/t/off", "mode": "off" },
    { "below": "/t/auto", "rule": "cpu-quota", "mode": "auto", "at_most": { "cpu.max": "1" }, "probation_sec": 60 },
    { "below": "/t/short", "rule": "cpu-quota", "mode": "auto", "at_most": { "cpu.max": "1" }, "probation_sec": 10 } ] }
END
build_peer
make_tree
for name in off auto short; do
        group "$name"
done
t_ok "dtgovd and its observer come up" start_dtgovd

echo "- a pause stops it ($SECONDS s)"
t_ok "paused" runs 0 dtgov pause
busy auto/good 50000
# Of little, so that the host has enough for the one that is raised.
busy asked 10000
busy off/none 10000
t_ok "what is throttled is found" wait_for 90 finding good
t_ok "its proposal waits for the end of the pause" wait_for 30 waits good 'policy 2 waits until dtgov resume'
sleep 12
t_is "nothing was changed" 50000 "$(quota auto/good)"
t_is "and nothing is on record" 0 "$(changes_of good)"

echo "- what is allowed is done ($SECONDS s)"
mark_log
t_ok "resumed" runs 0 dtgov resume
t_ok "the quota is raised alone" wait_for 30 quota_is auto/good 100000
change=$(last_change good)
t_ok "the log says which policy did" logged "good, cpu-quota: policy 2 approves it"
t_ok "dtgov changes says that a policy did" says 'good.*by policy' "$(dtgov changes)"
t_ok "dtgov show" runs 0 dtgov show "$change"
t_ok "says so, too" says 'approved.*by a policy' "$output"
t_ok "and what it takes to stay" says 'taken back unless it is seen to help' "$output"
t_is "for programs as well" true "$(control ListChanges | jq --arg id "$change" '.changes[] | select(.id == $id).byPolicy')"
t_ok "it is kept in the end" wait_for 120 change_is "$change" committed
t_is "for it was seen to help" PROVEN "$(control ListChanges | jq -r --arg id "$change" '.changes[] | select(.id == $id).reason')"
t_is "the quota stays" 100000 "$(quota auto/good)"
end_plain auto/good

echo "- what is not named is asked, what is off is not ($SECONDS s)"
t_ok "the one without a policy is asked about" wait_for 60 pending asked
t_is "and not changed" 10000 "$(quota asked)"
t_ok "the one that is off is found" wait_for 60 finding none
t_ok "dtgov says that a policy has it off" wait_for 30 why_of none 'E_POLICY.*policy 1 of dtgov.json has this rule off'
t_ok "and does not propose it" none_pending none
t_ok "a person sets what it wants nevertheless" runs 0 dtgov set none cpu.max=0.6 --yes
t_ok "and takes it back" runs 0 dtgov rollback none --yes
t_ok "a person approves for the one that was asked about" \
        runs 0 dtgov approve "$(pending asked | jq -r .id)" --yes
t_is "in person" false "$(control ListChanges '{"containerId":"asked"}' | jq '.changes[0].byPolicy')"
t_ok "a person takes it back" runs 0 dtgov rollback asked --yes
end_plain asked
end_plain off/none

echo "- what does not help is taken back, and three of it stop the rule ($SECONDS s)"
# So little that twice as much does not help half: nothing can be proven.
for name in one two three; do
        busy "short/$name" 10000
done
t_ok "the first is raised alone" wait_for 90 has_changes one
t_ok "and taken back: nothing showed that it helped" wait_for 60 first_change_is one rolled_back
t_is "for that reason" NO_EVIDENCE "$(control ListChanges '{"containerId":"one"}' | jq -r '.changes[-1].reason')"
t_ok "three of them stop the rule" wait_for 120 is_not_trusted cpu-quota
t_ok "dtgov trust says so" says 'cpu-quota was taken back three times.*dtgov trust cpu-quota' "$(dtgov trust | tr '\n' ' ')"
t_ok "what was under way ends" wait_for 60 all_over
for name in one two three; do
        end_plain "short/$name"
done
busy short/four 10000
t_ok "the next one is asked about" wait_for 90 waits four 'taken back three times within an hour: dtgov trust'
sleep 12
t_is "and not changed" 10000 "$(quota short/four)"
t_ok "a person trusts the rule again" runs 0 dtgov trust cpu-quota
t_ok "and it acts" wait_for 30 quota_is short/four 20000
t_ok "pause --rollback-probation takes it back" runs 0 dtgov pause --rollback-probation
t_ok "at once" wait_for 10 quota_is short/four 10000
t_ok "resumed" runs 0 dtgov resume
sleep 12
t_is "what a person took back is not done again" 10000 "$(quota short/four)"
end_plain short/four

stop_dtgovd TERM
rm /etc/dtgov/dtgov.json
t_done
