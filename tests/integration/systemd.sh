#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dtgov as it is installed, under systemd: what "make install PREFIX=/usr DESTDIR=build/vm/OS/dest"
# put there, started by its sockets; hung, killed and stopped while a change is on probation.
#
# guests: bookworm trixie
# init: systemd
# disk: 512
# memory: 1536
# timeout: 900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

main_pid() { # UNIT
        systemctl show --property MainPID --value "$1"
}

is_new() { # UNIT PID: it runs as another process
        local now
        now=$(main_pid "$1")
        [ "$now" != 0 ] && [ "$now" != "$2" ]
}

on_probation() { # sets change and before
        before=$(limits_of "$dir")
        t_ok "a change on probation" runs 0 dtgov set one cpu.max=1 --yes
        change=$(last_change one)
        t_is "the new value is there" "100000 100000" "$(cat "$dir/cpu.max")"
}

is_back() { # SECONDS WHY
        t_ok "$2: the change is rolled back" wait_for "$1" change_is "$change" rolled_back
        t_is "$2: every file is as before" "$before" "$(limits_of "$dir")"
        t_ok "$2: dtgovd and the observer are there" wait_for 60 observer_present
}

# As systemd has loaded it, drop-ins and all.
is_exposed_at_most() { # UNIT TENTHS
        local name=$1 limit=$2
        [[ $name != *@.service ]] || name=${name%.service}test.service
        systemd-analyze security --no-pager --threshold="$limit" "$name" > /run/exposure 2>&1 ||
                { tail -n 3 /run/exposure; return 1; }
}

own() { # UNIT FILE: of its cgroup, in the slice that keeps memory for it
        cat "/sys/fs/cgroup/dtgov.slice/$1/$2"
}

was_asked() { # each question starts a dtgov-identify of its own
        [ "$(systemctl show --property NAccepted --value dtgov-identify.socket)" -ge 1 ]
}

engines=$(printf 'd%.0s' {1..64}) # the id of a container as Docker would name its scope
build_peer
if [ ! -x /usr/sbin/dtgovd ]; then
        t_ok "dtgov is installed (make B=build/vm/$DTGOV_OS/release PREFIX=/usr DESTDIR=build/vm/$DTGOV_OS/dest install)" false
        t_done
        exit 1
fi
t_ok "the user and the group are made" systemd-sysusers /usr/lib/sysusers.d/dtgov.conf
t_ok "the directories are made" systemd-tmpfiles --create /usr/lib/tmpfiles.d/dtgov.conf
mkdir -p /etc/dtgov /run/systemd/system/dtgovd.service.d
printf '%s\n' "runtime $(command -v runc)" > /etc/dtgov/runtime.conf
printf '[Service]\nExecStart=\nExecStart=/usr/sbin/dtgovd --probation 600\n' > /run/systemd/system/dtgovd.service.d/test.conf
systemctl daemon-reload
t_ok "systemd finds no fault with the units" systemd-analyze verify --man=no --recursive-errors=no \
        dtgovd.service dtgov-observer.service dtgov-identify@.service dtgovd.socket dtgov-link.socket \
        dtgov-observer.socket dtgov-identify.socket
while read -r unit _ ceiling; do
        t_ok "$unit is not more exposed than $ceiling tenths" is_exposed_at_most "$unit" "$ceiling"
done < <(grep -v '^#' /src/tests/lint/exposure.txt)
t_ok "the sockets start" systemctl start dtgovd.socket dtgov-link.socket dtgov-observer.socket \
        dtgov-identify.socket
t_is "nobody but root may ask who a container is" "600 root" "$(stat -c '%a %U' /run/dtgov/identify.sock)"
t_is "nothing runs yet" 0 "$(main_pid dtgovd)"
t_ok "the first question starts dtgovd" runs 0 dtgov changes
t_ok "dtgovd says that it is ready" systemctl is-active dtgovd
t_ok "the observer comes up with it" wait_for 60 observer_present
t_is "the observer runs as its own user" dtgov "$(stat -c %U "/proc/$(main_pid dtgov-observer)")"
t_is "dtgovd has CAP_SYS_RESOURCE and nothing else" 0000000001000000 \
        "$(awk '$1 == "CapEff:" { print $2 }' "/proc/$(main_pid dtgovd)/status")"
for unit in dtgovd dtgov-observer; do
        t_is "memory is kept for $unit" 16777216 "$(own $unit.service memory.min)"
        t_ok "$unit may not have many tasks" test "$(own $unit.service pids.max)" -le 32
done
t_is "the observer may not take more memory than a host can spare" 1073741824 "$(own dtgov-observer.service memory.max)"
t_ok "their slice keeps as much as they do" test "$(cat /sys/fs/cgroup/dtgov.slice/memory.min)" -ge 33554432
t_is "the sandbox is on" on "$(control Health | jq -r .sandbox)"
t_is "systemd is there" true "$(control Health | jq -r .systemd)"
t_ok "doctor finds dtgov in order" runs_one_of "0 1" dtgov doctor
tail -n 12 <<< "$output" | sed 's/^/  /'
B=/usr/libexec/dtgov
make_bundle one '{"cpu":{"quota":50000,"period":100000},"memory":{"limit":134217728}}' 'sleep 100000'
t_ok "a container runs" run_bundle one
B=/src/build/vm/$DTGOV_OS/release
make_bundle "$engines" '{}' 'sleep 100000'
sed -i 's/system.slice:runc:/system.slice:docker:/' "/run/bundles/$engines/config.json"
t_ok "one of an engine's runs" run_bundle "$engines"
t_ok "who it is is asked, and socket activation answers" wait_for 30 was_asked
t_ok "dtgov-identify does not fail" test -z "$(systemctl list-units --failed --plain --no-legend 'dtgov-identify*')"
t_ok "it goes" delete_bundle "$engines"
t_ok "and is known no more" wait_for 20 is_known "$engines" 0
dir=$(cgroup_of one)
t_ok "it is known" wait_for 20 is_known one 1
t_is "its limits are systemd's" systemd "$(control ListContainers | jq -r '.containers[0].owner')"
t_ok "status works" runs 0 dtgov status

echo "- the observer is killed ($SECONDS s)"
on_probation
kill -9 "$(main_pid dtgov-observer)"
is_back 15 "the observer was killed"

echo "- dtgovd is killed ($SECONDS s)"
on_probation
old=$(main_pid dtgovd)
kill -9 "$old"
t_ok "systemd starts another" wait_for 30 is_new dtgovd.service "$old"
is_back 30 "dtgovd was killed"
t_ok "why is said" says 'stopped' "$(control ListChanges | jq -r --arg id "$change" '.changes[] | select(.id == $id) | .text')"

echo "- the observer hangs ($SECONDS s)"
on_probation
kill -STOP "$(main_pid dtgov-observer)"
t_ok "the observer hangs: rolled back within 20 s" wait_for 20 change_is "$change" rolled_back
old=$(main_pid dtgov-observer)
t_ok "the watchdog starts another" wait_for 120 is_new dtgov-observer.service "$old"
is_back 30 "the observer hung"

echo "- dtgovd hangs ($SECONDS s)"
on_probation
old=$(main_pid dtgovd)
kill -STOP "$old"
t_ok "dtgovd hangs: the watchdog starts another" wait_for 120 is_new dtgovd.service "$old"
is_back 60 "dtgovd hung"

echo "- somebody writes past systemd ($SECONDS s)"
on_probation
echo "50000 100000" > "$dir/cpu.max"
t_ok "the old value, by hand: the change is over" wait_for 30 change_is "$change" rolled_back
systemctl daemon-reload
t_is "a daemon-reload brings the new one not back" "$before" "$(limits_of "$dir")"
on_probation
echo "50000 100000" > "$dir/cpu.max"
old=$(main_pid dtgovd)
kill -9 "$old"
t_ok "and dtgovd is killed: systemd starts another" wait_for 30 is_new dtgovd.service "$old"
t_ok "the change is over" wait_for 30 change_is "$change" reverted_externally
systemctl daemon-reload
t_is "a daemon-reload brings nothing back" "$before" "$(limits_of "$dir")"
t_ok "the observer is there again" wait_for 60 observer_present

echo "- systemctl stop and restart ($SECONDS s)"
on_probation
# With its sockets, which would start it again: the observer asks for it at once.
t_ok "systemctl stop" systemctl stop dtgovd.socket dtgov-link.socket dtgovd.service
t_is "stopped: every file is as before" "$before" "$(limits_of "$dir")"
t_is "stopped: the unit did not fail" inactive "$(systemctl is-active dtgovd.service)"
t_ok "the container runs" grep -q 'populated 1' "$dir/cgroup.events"
t_ok "systemctl start" systemctl start dtgovd.socket dtgov-link.socket dtgovd.service
is_back 10 "it was stopped"
on_probation
t_ok "systemctl restart" systemctl restart dtgovd.service
is_back 10 "it was restarted"
t_ok "daemon-reexec of systemd" systemctl daemon-reexec
on_probation
t_ok "taken back" runs 0 dtgov rollback one --yes
t_is "every file is as before" "$before" "$(limits_of "$dir")"
B=/usr/libexec/dtgov
t_ok "the container goes" delete_bundle one
t_ok "it has left" wait_for 20 is_known one 0
t_ok "the journal's catalogue takes dtgov's" journalctl --update-catalog
t_ok "and explains what happened to a change" says 'A change was taken back' \
        "$(journalctl --boot --unit dtgovd --catalog --no-pager --output short)"
t_ok "nothing of dtgov has failed" test -z "$(systemctl list-units --failed --plain --no-legend 'dtgov*')"
journalctl -b -u dtgovd -u dtgov-observer --no-pager -o cat | tail -n 40 | sed 's/^/  /'
t_done
