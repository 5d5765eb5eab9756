#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A thousand container starts through the wrapper while dtgovd is up, down, hung and in a crash loop:
# no start fails. Each is a whole "runc run" of a program that ends at once.
#
# guests: bookworm trixie
# ci: trixie-plain
# init: plain
# disk: 256
# memory: 2048
# timeout: 2900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

COUNT=${1:-1000} # in all: a quarter for each state of dtgovd

starts() { # COUNT NAME: how many of them ended with the program's own status
        local good=0 i
        for ((i = 0; i < $1; i++)); do
                wrapped_runc run --bundle /run/bundles/true "$2-$i" > /run/start.out 2>&1
                if [ $? = 7 ]; then
                        good=$((good + 1))
                else
                        cat /run/start.out
                fi
        done
        echo "$good"
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
mkdir -p /etc/dtgov
printf '%s\n' "runtime $(command -v runc)" "hook $B/dtgov-hook" > /etc/dtgov/runtime.conf
make_bundle true '{}' 'exit 7'
part=$((COUNT / 4))

t_ok "dtgovd comes up" start_dtgovd
t_is "dtgovd up: all $part start" "$part" "$(starts "$part" up | tail -n 1)"
t_ok "all have left" wait_for 60 registry_is_empty
kill -STOP "$dtgovd"
t_is "dtgovd hung: all $part start ($SECONDS s)" "$part" "$(starts "$part" hung | tail -n 1)"
kill -CONT "$dtgovd"
t_ok "all have left" wait_for 60 registry_is_empty
stop_dtgovd TERM
t_is "dtgovd down: all $part start ($SECONDS s)" "$part" "$(starts "$part" down | tail -n 1)"
crash_loop &
loop=$!
t_is "dtgovd in a crash loop: all $part start ($SECONDS s)" "$part" "$(starts "$part" loop | tail -n 1)"
kill "$loop"
wait "$loop" 2> /dev/null
pkill -9 -x dtgovd
wait_for 30 sh -c '! pgrep -x "dtgovd|dtgov-observer"'
t_ok "dtgovd comes up once more" start_dtgovd
t_ok "nothing is left of all of them" wait_for 60 registry_is_empty
stop_dtgovd TERM
t_done
