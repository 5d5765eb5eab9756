#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An observer that means harm, in the place of dtgov's: out of order, too often, too long, of other
# containers, chance. Nothing is ever changed by it, what is on probation is taken back where it can
# no longer be watched, dtgovd goes on, and what a person says is done.
#
# guests: bookworm trixie
# ci: trixie-plain
# init: plain
# memory: 1536
# timeout: 1200
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

H=/run/hostile # where that observer lies, beside a dtgovd that will start it

is_linked() {
        control Health | jq -e '.observer == "present"'
}

start_hostile() { # dtgovd with it; it behaves at first
        rm -f $H/go
        $H/dtgovd --observer-user 65533 --probation 600 2>> "$LOG" &
        dtgovd=$!
        wait_for 20 is_linked
}

begins() { # HOW
        echo "$1" > $H/next && mv $H/next $H/go
}

other_changes() { # than those of "mine"
        control ListChanges | jq '[.changes[] | select(.containerId != "mine")] | length'
}

# One way to mean harm, with a change on probation: ends it at once, or is borne.
meet() { # HOW WANTED-STATE WHAT IT IS
        local change
        t_ok "$3: it behaves at first" start_hostile
        t_ok "$3: both containers are known" wait_for 10 is_known theirs 1
        t_ok "$3: a person's change is on probation" runs 0 dtgov set mine pids.max=300 --yes
        change=$(last_change mine)
        begins "$1"
        if [ "$2" = rolled_back ]; then
                t_ok "$3: what nobody watches is taken back" wait_for 20 change_is "$change" rolled_back
        else
                sleep 8
                t_ok "$3: the change is on probation as before" change_is "$change" "$2"
                t_ok "$3: a person takes it back" runs 0 dtgov rollback "$change" --yes
        fi
        t_ok "$3: dtgovd is the same" alive
        t_is "$3: its limits are as before" "$mine" "$(limits_of "$T/mine")"
        t_is "$3: nobody else's limit was touched" "$theirs" "$(limits_of "$T/theirs")"
        t_is "$3: no change of anybody else's is on record" 0 "$(other_changes)"
        t_ok "$3: few proposals wait" test "$(control ListProposals | jq '.proposals | length')" -le 64
        stop_dtgovd TERM
}

build_peer
make_tree
mkdir $H
cp "$B/dtgovd" "$B/dtgov-hook" $H/
cp "$B/tests/integration/hostile" $H/dtgov-observer
t_ok "dtgovd and its own observer come up" start_dtgovd
start_plain mine
echo 200 > "$dir/pids.max"
start_plain theirs
echo "50000 100000" > "$dir/cpu.max"
mine=$(limits_of "$T/mine") theirs=$(limits_of "$T/theirs")
stop_dtgovd TERM

meet hangs rolled_back "neither reads nor ends"
touch $H/deaf
meet silent rolled_back "silent" # beside the one that hangs, and still has the socket
pkill -KILL -x dtgov-observer
meet often rolled_back "too often"
meet early rolled_back "hello twice"
meet theirs rolled_back "what only dtgovd may send"
meet long rolled_back "too long"
meet short rolled_back "too short"
meet strangers probation "of strangers"
meet noise probation "chance"
t_ok "dtgovd and its own observer come up again" start_dtgovd
t_ok "and the journal is whole" says '^ok$' "$(control Health | jq -r .journal)"
stop_dtgovd TERM
t_done
