# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Helpers for the scripts that tests/vm/run runs in a guest: . /src/tests/vm/lib.sh
#
#   t_ok NAME COMMAND...        a test: passes when the command does, shows its output otherwise
#   t_is NAME WANTED GOT        a test: passes when both are the same
#   t_skip NAME WHY             a test that cannot be done here
#   t_done                      the closing line; its status is that of the script: end with it
#   wait_for SECONDS COMMAND... tries until it succeeds
#   start_dockerd cgroupfs|systemd, stop_dockerd
#                               an engine without a network, and the image "busybox"; wants --disk

t_passed=0 t_failed=0 t_skipped=0

t_ok() {
        local name=$1 status=0
        shift
        "$@" > /run/t_output 2>&1 || status=$?
        if [ "$status" = 0 ]; then
                t_passed=$((t_passed + 1))
                echo "ok   $name"
        else
                t_failed=$((t_failed + 1))
                echo "FAIL $name: status $status of: $*"
                sed 's/^/       /' /run/t_output
        fi
}

t_is() {
        t_ok "$1" is_same "$2" "$3"
}

is_same() {
        [ "$1" = "$2" ] || { printf 'wanted: %s\ngot:    %s\n' "$1" "$2"; return 1; }
}

t_skip() {
        t_skipped=$((t_skipped + 1))
        echo "skip $1: $2"
}

t_done() {
        echo "$t_passed passed, $t_failed failed, $t_skipped skipped"
        [ "$t_failed" = 0 ] && [ $((t_passed + t_skipped)) -gt 0 ]
}

wait_for() {
        local limit=$((SECONDS + $1))
        shift
        until "$@" > /dev/null 2>&1; do
                [ "$SECONDS" -lt "$limit" ] || return 1
                sleep 0.2
        done
}

# Its log is /run/dockerd.log. With the systemd driver containers are scopes that systemd makes.
# dockerd gives its containerd 15 s to start, which a busy host may not: then once more.
start_dockerd() {
        for _ in 1 2 3; do
                dockerd --iptables=false --ip6tables=false --bridge=none --data-root /var/lib/docker \
                        --exec-opt "native.cgroupdriver=$1" > /run/dockerd.log 2>&1 &
                wait_for 180 dockerd_is_settled $!
                docker version > /dev/null 2>&1 && break
                kill $! 2> /dev/null
                wait $! 2> /dev/null
        done
        if ! docker version > /dev/null 2>&1; then
                echo "dockerd did not come up:"
                tail -n 20 /run/dockerd.log
                return 1
        fi
        docker image inspect busybox > /dev/null 2>&1 || import_busybox
}

dockerd_is_settled() { # PID: it answers, or has ended
        docker version || [ ! -d "/proc/$1" ]
}

import_busybox() {
        local dir
        dir=$(mktemp -d)
        mkdir "$dir/bin" "$dir/tmp"
        cp /bin/busybox "$dir/bin/"
        chroot "$dir" /bin/busybox --install -s /bin
        tar -C "$dir" -c . | docker import - busybox > /dev/null
        rm -rf "$dir"
}

stop_dockerd() {
        local pid
        pid=$(cat /run/docker.pid)
        kill "$pid"
        wait_for 30 test ! -e /run/docker.pid
}
