#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Memory is lowered below what is used: step by step, memory.max last, and not at all where what is
# used is needed. Files of a container are what can be reclaimed; a real kernel says how.
#
# guests: bookworm trixie
# ci: trixie-plain
# init: plain
# disk: 512
# memory: 2048
# timeout: 900
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

FILE=/var/lib/docker/file
MIB=1048576

value() { # FILE: of the container's cgroup
        cat "$dir/$1"
}

used() { # MIB: the container uses more
        [ "$(value memory.current)" -gt $(($1 * MIB)) ]
}

oom_kills() {
        awk '$1 == "oom_kill" { print $2 }' "$dir/memory.events"
}

is_down() { # memory.max has its new value, and memory.high the old one
        [ "$(value memory.max)" = "$1" ] && [ "$(value memory.high)" = max ]
}

steps() { # WANTED: the steps until memory.max is that, a line each: what was used, memory.high then
        local last now use end=$((SECONDS + 180))
        last=$(value memory.high)
        until is_down "$1" || [ $SECONDS -gt $end ]; do
                now=$(value memory.high)
                [ "$now" = "$last" ] || echo "$use:$now"
                last=$now
                use=$(value memory.current)
                sleep 0.1
        done
}

are_tenths() { # STEP...: none takes more than a tenth of what was used, which moves a little
        local step
        [ $# -ge 2 ] || { echo "$# steps: $*"; return 1; }
        for step in "$@"; do
                [ "${step#*:}" = max ] || [ "${step#*:}" -ge $((${step%:*} * 88 / 100)) ] ||
                        { echo "too far: $step of $*"; return 1; }
        done
}

is_back() { # WHY SECONDS
        t_ok "$1: it is taken back" wait_for "$2" change_is "$(last_change big)" rolled_back
        t_is "$1: every limit is as before" "$before" "$(limits_of "$dir")"
}

# What is cached already is charged to whoever read it first, even when that one has gone.
start_big() { # COMMAND
        sync
        echo 3 > /proc/sys/vm/drop_caches
        start_plain big bash -c "$1"
        echo 400M > "$dir/memory.max"
}

build_peer
make_tree
head -c $((150 * MIB)) /dev/zero > "$FILE"
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600 --soak 2

start_big "cat $FILE > /dev/null; exec $peer anon 40"
t_ok "a container uses 190 MiB, 150 of them files" wait_for 60 used 180
before=$(limits_of "$dir")
t_ok "its memory.max is to be 110 MiB" runs 0 dtgov set big memory.max=110M --yes
t_ok "a person is told that it goes in steps" says 'Now: step 1: memory.high is' "$output"
t_is "memory.max has not changed yet" $((400 * MIB)) "$(value memory.max)"
mapfile -t taken < <(steps $((110 * MIB)))
echo "# used:memory.high ${taken[*]}"
t_ok "no step takes more than a tenth" are_tenths "${taken[@]}"
t_is "memory.max is 110 MiB in the end" $((110 * MIB)) "$(value memory.max)"
t_is "memory.high is as before" max "$(value memory.high)"
t_is "nothing was killed" 0 "$(oom_kills)"
t_ok "what runs still runs" kill -0 "$pid"
t_ok "it is on probation" change_is "$(last_change big)" probation
t_ok "a person takes it back" runs 0 dtgov rollback big --yes
t_is "every limit is as before" "$before" "$(limits_of "$dir")"
end_plain big

start_big "while :; do cat $FILE > /dev/null; done"
t_ok "a container reads its files again and again" wait_for 60 used 140
before=$(limits_of "$dir")
# Linux 6.1 counts these files as active, which the guard takes for needed.
status=0
output=$(dtgov set big memory.high=60M --yes 2>&1) || status=$?
t_ok "what is read again is needed: it is refused, or begun" test "$status" = 0 -o "$status" = 9
[ "$status" = 9 ] || is_back "what is read again is needed" 120
t_is "what is read again is needed: every limit is as before" "$before" "$(limits_of "$dir")"
t_is "nothing was killed" 0 "$(oom_kills)"
end_plain big

start_big "cat $FILE > /dev/null; exec $peer anon 40"
t_ok "a container uses 190 MiB" wait_for 60 used 180
before=$(limits_of "$dir")
t_ok "its memory.max is to be 110 MiB" runs 0 dtgov set big memory.max=110M --yes
bash -c 'echo $$ > "$0/cgroup.procs"; exec "$1" anon 500' "$dir" "$peer" &
is_back "what grows meanwhile" 120
end_plain big

start_big "cat $FILE > /dev/null; exec $peer anon 40"
t_ok "a container uses 190 MiB" wait_for 60 used 180
before=$(limits_of "$dir")
t_ok "its memory.high is to be 90 MiB" runs 0 dtgov set big memory.high=90M --yes
kill -KILL "$dtgovd"
wait "$dtgovd" 2> /dev/null || :
t_ok "dtgovd is killed on the way, and starts again" reborn --probation 600
is_back "killed on the way" 10
end_plain big

stop_dtgovd TERM
t_done
