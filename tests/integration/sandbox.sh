#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a taken-over dtgovd or observer could do: system calls are made from inside the processes as
# they run, and every one that is not their business must fail.
#
# guests: bookworm trixie
# ci: bookworm-plain
# init: plain
# memory: 1024
# timeout: 400
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

inside() { # PID WHAT [PATH]
        "$peer" inside "$@"
}

is_denied() { # PID WHAT [PATH]
        local answer
        answer=$(inside "$@")
        case $answer in
        EPERM | EACCES | EROFS | ENOSYS) ;;
        *) echo "$answer"; return 1 ;;
        esac
}

status_of() { # PID KEY: of all its threads, each value once
        awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/task/"*/status | sort -u | paste -sd,
}

restart() {
        stop_dtgovd KILL
        start_dtgovd
}

build_peer
make_tree
mkdir /run/elsewhere
: > /run/elsewhere/file
t_ok "dtgovd and its observer come up" start_dtgovd
observer=$(observer_pid)
start_plain one

for who in dtgovd observer; do
        p=${!who}
        t_is "$who: seccomp filters every thread" 2 "$(status_of "$p" Seccomp)"
        t_is "$who: no thread can gain privileges" 1 "$(status_of "$p" NoNewPrivs)"
        t_ok "$who cannot read /etc/shadow" is_denied "$p" read /etc/shadow
        t_ok "$who cannot read a private key" is_denied "$p" read /root/.bashrc
        t_ok "$who cannot write /proc/sys" is_denied "$p" write /proc/sys/kernel/core_pattern
        t_ok "$who cannot write /proc/sysrq-trigger" is_denied "$p" write /proc/sysrq-trigger
        t_ok "$who cannot make a cgroup" is_denied "$p" mkdir "$T/new"
        t_ok "$who cannot remove a cgroup" is_denied "$p" rmdir "$T/one"
        t_ok "$who cannot make a file elsewhere" is_denied "$p" create /run/elsewhere/new
        t_ok "$who cannot write a file elsewhere" is_denied "$p" write /run/elsewhere/file
        t_ok "$who cannot remove a file elsewhere" is_denied "$p" unlink /run/elsewhere/file
        t_ok "$who cannot make a device or program" is_denied "$p" create /usr/bin/new
        t_ok "$who cannot become another user" is_denied "$p" setuid
        t_ok "$who cannot speak IP" is_denied "$p" socket
        t_ok "$who may hold the files of thousands of containers" \
                test "$(awk '/^Max open files/ { print $4 }' "/proc/$p/limits")" -ge 65536
        t_is "$who can read a cgroup's files" ok "$(inside "$p" read "$T/one/cpu.max")"
done
t_is "dtgovd has CAP_SYS_RESOURCE and nothing else" 0000000001000000 "$(status_of "$dtgovd" CapEff)"
t_is "and can get no other" 0000000001000000 "$(status_of "$dtgovd" CapPrm)"
t_is "the observer has no capability" 0000000000000000 "$(status_of "$observer" CapEff)"
t_is "nor can it get one" 0000000000000000 "$(status_of "$observer" CapPrm)"
t_is "the observer is not root" 65533 "$(status_of "$observer" Uid)"
t_is "dtgovd can write a limit: its business" ok "$(inside "$dtgovd" write "$T/one/cpu.max")"
t_ok "dtgovd cannot make a file in the registry" is_denied "$dtgovd" create "$REGISTRY/new"
t_ok "the observer cannot write a limit" is_denied "$observer" write "$T/one/cpu.max"
t_ok "the observer cannot write the journal" is_denied "$observer" create "$STATE/journal/new"
t_ok "the observer cannot read the journal" is_denied "$observer" read "$(find $STATE/journal -type f | head -n 1)"
t_ok "the observer cannot read the registry" is_denied "$observer" read "$(find $REGISTRY -type f | head -n 1)"
t_is "the observer can write its history" ok "$(inside "$observer" create $STATE/history/new)"
t_ok "both still answer" observer_present
# At last what kills.
is_stopped_at() { # PID WHAT [PATH]
        local answer
        answer=$(inside "$@")
        case $answer in
        killed | EPERM | EACCES | ENOSYS) ;;
        *) echo "$answer"; return 1 ;;
        esac
}
t_ok "dtgovd cannot fork" is_stopped_at "$dtgovd" fork
t_ok "dtgovd comes back" restart
t_ok "dtgovd cannot execute a program" is_stopped_at "$dtgovd" exec /bin/true
t_ok "dtgovd comes back" restart
observer=$(observer_pid)
t_ok "the observer cannot fork" is_stopped_at "$observer" fork
t_ok "dtgovd comes back" restart
observer=$(observer_pid)
t_ok "the observer cannot execute a program" is_stopped_at "$observer" exec /bin/true
stop_dtgovd TERM
end_plain one
t_done
