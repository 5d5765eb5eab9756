#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A thousand container starts through the wrapper, of runc and of crun each, while dtgovd is up,
# down, hung and in a crash loop: no start fails. Each is a whole "run" of a program that ends at once.
#
# One CPU: with the last container the kernel patches its cgroup programs away, and emulated CPUs that
# run what another one patches have seen half of it (a panic in devcgroup_check_permission).
#
# guests: bookworm trixie
# ci: trixie-plain
# init: plain
# disk: 256
# memory: 2048
# smp: 1
# timeout: 2900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

COUNT=${1:-1000} # of each runtime: a quarter for each state of dtgovd
RUNTIMES="runc crun"
WRAPPERS=/run/wrappers

starts() { # RUNTIME NAME: how many of a quarter ended with the program's own status
        local good=0 i
        for ((i = 0; i < part; i++)); do
                "$WRAPPERS/dtgov-$1" run --bundle /run/bundles/true "$2-$1-$i" > /run/start.out 2>&1 < /dev/null
                if [ $? = 7 ]; then
                        good=$((good + 1))
                else
                        cat /run/start.out
                fi
        done
        echo "$good"
}

all_start() { # STATE of dtgovd, of every runtime
        local runtime
        for runtime in $RUNTIMES; do
                t_is "dtgovd $1: all $part of $runtime start ($SECONDS s)" "$part" "$(starts "$runtime" "$1" | tail -n 1)"
        done
}

registry_is_empty() {
        [ -z "$(find "$REGISTRY" -mindepth 1)" ]
}

crash_loop() { # kills dtgovd as soon as it is there, again and again
        while :; do
                "$B/dtgovd" --observer-user 65533 2>> "$LOG" &
                looped=$!
                sleep 0.4
                kill -9 "$looped" 2> /dev/null
                wait "$looped" 2> /dev/null
        done
}

build_peer
mkdir -p /etc/dtgov "$WRAPPERS"
printf '%s\n' "hook $B/dtgov-hook" > /etc/dtgov/runtime.conf
for runtime in $RUNTIMES; do # which one it stands for is said by its name
        ln -s "$B/dtgov-runtime" "$WRAPPERS/dtgov-$runtime"
done
make_bundle true '{}' 'exit 7'
part=$((COUNT / 4))

t_ok "dtgovd comes up" start_dtgovd
all_start up
t_ok "all have left" wait_for 60 registry_is_empty
kill -STOP "$dtgovd"
all_start hung
kill -CONT "$dtgovd"
t_ok "all have left" wait_for 60 registry_is_empty
stop_dtgovd TERM
all_start down
crash_loop &
loop=$!
all_start crash-looping
kill "$loop"
wait "$loop" 2> /dev/null
pkill -9 -x dtgovd
wait_for 30 sh -c '! pgrep -x "dtgovd|dtgov-observer"'
t_ok "dtgovd comes up once more" start_dtgovd
t_ok "nothing is left of all of them" wait_for 60 registry_is_empty
stop_dtgovd TERM
t_done
