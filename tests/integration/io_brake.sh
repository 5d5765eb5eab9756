#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One container fills a disk and another waits for it: who is named, what is proposed, what it does
# for the one that waits, and what is left of it after it is taken back. What makes the disk slow is
# a limit of the cgroup above both: it does 4 MiB/s.
#
# guests: bookworm trixie
# init: plain
# disk: 1024
# memory: 2048
# timeout: 1200
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

finding() { # of the container that fills the disk
        observer ListFindings '{"containerId":"greedy"}' | jq -ce '.findings[] | select(.rule == "io-brake")'
}

proposal() {
        observer ListFindings '{"containerId":"greedy"}' |
                jq -re '.findings[] | select(.rule == "io-brake") | .proposal // empty'
}

stalled_ms() { # CONTAINER: that it waits for disks within ten seconds, as the kernel counts it
        local before
        before=$(total_of "$1")
        sleep 10
        echo $((($(total_of "$1") - before) / 1000))
}

total_of() { # CONTAINER
        sed -n 's/^some.*total=//p' "$T/$1/io.pressure"
}

is_proven() { # CHANGE
        control ListChanges | jq -e --arg id "$1" '.changes[] | select(.id == $id) | .proven'
}

effect() { # CHANGE before|after
        control ListChanges | jq --arg id "$1" --arg key "$2UsecPerMin" '.changes[] | select(.id == $id) | .[$key]'
}

build_peer
dev=$(mountpoint -d /var/lib/docker)
disk=/dev/$(sed -n 's/^DEVNAME=//p' "/sys/dev/block/$dev/uevent")
make_tree
echo +io > "$CG/cgroup.subtree_control"
echo +io > "$T/cgroup.subtree_control"
echo "$dev rbps=4194304" > "$T/io.max"
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
start_plain quiet "$peer" reads "$disk" 4 30
alone=$(stalled_ms quiet)
start_plain greedy bash -c "for i in 1 2 3; do $peer reads $disk 128 0 & done; wait"
crowded=$(stalled_ms quiet)
echo "quiet waits $alone ms of 10 s alone, $crowded ms beside the other"
t_ok "it waits more than twice as long" test "$crowded" -gt $((2 * alone))

echo "- who it is ($SECONDS s)"
t_ok "the one that fills the disk is found" wait_for 120 finding
found=$(finding)
echo "$found" | jq -c '{victim, lostUsecPerMin, text, why, effect, evidence}'
t_is "for the sake of the one that waits" quiet "$(jq -r .victim <<< "$found")"
t_ok "with its share of the disk" says "reads [6-9][0-9] % of the bytes that come from disk $dev" "$found"
t_is "nobody else is" 1 "$(observer ListFindings | jq '[.findings[] | select(.rule == "io-brake")] | length')"
t_ok "a limit is proposed" wait_for 10 proposal
p=$(proposal)
t_ok "dtgov findings names both" runs 0 dtgov findings
t_ok "in one sentence" says "greedy.* reads .* disk $dev .*quiet waited for it at least .* of each minute.*dtgov approve $p" "$output"
t_ok "and so does the proposal" runs 0 dtgov show "$p"
echo "$output"
t_ok "with what is to be gained" says "lost +.* a minute, by quiet" "$output"
t_is "nothing is written before somebody approves" "" "$(cat "$T/greedy/io.max")"

echo "- it is approved ($SECONDS s)"
t_ok "the limit is set" runs 0 dtgov approve "$p" --yes
t_ok "until the other one is seen not to be helped" says 'taken back unless it is seen to help the container that it is for' "$output"
change=$(last_change greedy)
t_ok "of that disk and direction alone" grep -Ex "$dev rbps=[0-9]+ wbps=max riops=max wiops=max" "$T/greedy/io.max"
t_is "the other container has none" "" "$(cat "$T/quiet/io.max")"
braked=$(stalled_ms quiet)
echo "quiet waits $braked ms of 10 s beside the braked one; io.max: $(cat "$T/greedy/io.max")"
t_ok "who waited waits half as long at most" test $((2 * braked)) -le "$crowded"
t_ok "which proves it" wait_for 300 is_proven "$change"
echo "measured: $(effect "$change" before) us a minute before, $(effect "$change" after) after, $(effect "$change" expected) expected"
t_ok "by half, in the victim's own time" test $((2 * $(effect "$change" after))) -le "$(effect "$change" before)"
t_is "the braked one is nobody's victim, however long it waits" 0 \
        "$(observer ListFindings '{"containerId":"quiet"}' | jq '.findings | length')"

echo "- it is taken back ($SECONDS s)"
echo "$dev wiops=500" > "$T/greedy/io.max"
t_ok "rolled back" runs 0 dtgov rollback "$change" --yes
t_is "the other limit of that disk stays" "$dev rbps=max wbps=max riops=max wiops=500" "$(cat "$T/greedy/io.max")"
echo "$dev wiops=max" > "$T/greedy/io.max"

echo "- its victim goes away ($SECONDS s)"
stop_dtgovd TERM
t_ok "dtgovd and its observer come up again" start_dtgovd --probation 20
t_ok "it is found again" wait_for 120 proposal
p=$(proposal)
t_ok "and approved" runs 0 dtgov approve "$p" --yes
change=$(last_change greedy)
end_plain quiet
t_ok "nothing proves it then: it is taken back" wait_for 90 change_is "$change" rolled_back
t_is "and the file is as before" "" "$(cat "$T/greedy/io.max")"
t_is "for want of evidence" NO_EVIDENCE "$(control ListChanges | jq -r --arg id "$change" '.changes[] | select(.id == $id) | .reason')"

stop_dtgovd TERM
end_plain greedy
t_done
