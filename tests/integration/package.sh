#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The Debian package: an upgrade from that of an older commit, with one change committed and one on
# probation; removal and purge while Docker and its containers still name the runtime. It wants
# build/deb/OS and build/deb/OS-old: contrib/debian/build.
#
# guests: bookworm trixie
# init: systemd
# disk: 1024
# memory: 2048
# timeout: 1500
# after: deb deb-old
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

new=$(echo "/src/build/deb/$DTGOV_OS/"dtgov_*.deb) old=$(echo "/src/build/deb/$DTGOV_OS-old/"dtgov_*.deb)
libexec=/usr/libexec/dtgov
B=/usr/bin
export DEBIAN_FRONTEND=noninteractive

active() {
        systemctl is-active --quiet dtgovd.service dtgov-observer.service dtgovd.socket dtgov-link.socket dtgov-observer.socket
}

version_runs() { # VERSION of the package, without Debian's part
        control Health | jq -e --arg version "${1%%[+~]*}" '.version == $version' > /dev/null
}

probation_of() { # SECONDS
        mkdir -p /etc/systemd/system/dtgovd.service.d
        printf '[Service]\nExecStart=\nExecStart=/usr/sbin/dtgovd --probation %s\n' "$1" \
                > /etc/systemd/system/dtgovd.service.d/test.conf
        systemctl daemon-reload
        systemctl restart dtgovd.service
        wait_for 60 observer_present
}

quota_of() { # NAME of a container of Docker
        cat "$(cgroup_of "$(docker inspect --format '{{.Id}}' "$1")")/cpu.max"
}

starts() { # NAME: an old container, stopped before
        docker start "$1" && [ "$(docker inspect --format '{{.State.Running}}' "$1")" = true ]
}

configurations() {
        sha256sum /etc/docker/daemon.json /etc/dtgov/runtime.conf
}

left_of_dtgov() { # what is nobody's, apart from the test's own
        find /usr /etc /var/lib /run -xdev -iname '*dtgov*' ! -path '/var/lib/dpkg/*' ! -path '/usr/local/*' \
                ! -path /etc/group ! -path '/etc/systemd/system/dtgovd.service.d*' ! -path '/run/systemd/*' \
                ! -path '/var/lib/systemd/*' ! -path '/run/dtgovd.log' 2> /dev/null
}

if [ ! -e "$new" ] || [ ! -e "$old" ]; then
        t_ok "the packages are made (contrib/debian/build $DTGOV_OS; ... $DTGOV_OS COMMIT)" false
        t_done
        exit 1
fi
# What make install may have put here goes before.
rm -rf /usr/bin/dtgov /usr/sbin/dtgovd $libexec /usr/lib/systemd/system/dtgov* /usr/lib/sysusers.d/dtgov.conf \
        /usr/lib/tmpfiles.d/dtgov.conf /usr/share/{man/man?/dtgov*,dtgov,bash-completion/completions/dtgov} \
        /usr/share/zsh/site-functions/_dtgov /usr/share/fish/vendor_completions.d/dtgov.fish /usr/lib/systemd/catalog/dtgov.catalog
systemctl daemon-reload
build_peer

echo "- the package of before ($SECONDS s)"
t_ok "it installs" dpkg -i "$old"
t_ok "its units are active" wait_for 30 active
t_ok "the observer is there" wait_for 60 observer_present
t_is "the observer's user is made" dtgov "$(id -un dtgov)"
t_ok "the group that decides is made" getent group dtgov-admin
t_ok "status works at once" runs 0 dtgov status
mkdir -p /etc/docker /etc/dtgov
printf '{\n  "runtimes": { "dtgov-runc": { "path": "%s/dtgov-runc" } },\n  "default-runtime": "dtgov-runc"\n}\n' \
        $libexec > /etc/docker/daemon.json
echo "# as it was" > /etc/dtgov/runtime.conf
before=$(configurations)
t_ok "an engine that names it" start_engine
for name in one two old; do
        t_ok "container $name" docker_run --name $name --cpus 0.5 busybox sleep 100000
done
t_ok "container old is stopped" docker stop old
t_ok "both are known" wait_for 30 is_known "$(docker inspect --format '{{.Id}}' two)" 1
probation_of 3
t_ok "a change" runs 0 dtgov set two cpu.max=1 --yes
two=$(last_change "$(docker inspect --format '{{.Id}}' two)")
t_ok "it is committed" wait_for 60 change_is "$two" committed
probation_of 600
t_ok "another, on probation" runs 0 dtgov set one cpu.max=1 --yes
one=$(last_change "$(docker inspect --format '{{.Id}}' one)")
t_is "it is on probation" probation "$(change_state "$one")"

echo "- the upgrade ($SECONDS s)"
t_ok "it upgrades" dpkg -i "$new"
t_ok "the units are active" wait_for 30 active
t_ok "the observer is there" wait_for 60 observer_present
t_ok "the new version answers" version_runs "$(dpkg-query -W -f '${Version}' dtgov)"
t_is "what was on probation is rolled back" rolled_back "$(change_state "$one")"
t_is "and the old value is there" "50000 100000" "$(quota_of one)"
t_is "what was committed stays committed" committed "$(change_state "$two")"
t_is "and its value is there" "100000 100000" "$(quota_of two)"
t_is "configurations are as they were" "$before" "$(configurations)"
t_is "the daemons are in the slice with memory of their own" /dtgov.slice/dtgovd.service \
        "$(systemctl show --property ControlGroup --value dtgovd)"
t_is "which really keeps it" 33554432 "$(cat $CG/dtgov.slice/memory.min)"
t_ok "nothing of dtgov has failed" test -z "$(systemctl list-units --failed --plain --no-legend 'dtgov*')"
t_ok "a change after the upgrade" runs 0 dtgov set one cpu.max=0.8 --yes
t_ok "it has a record of its own in the journal" wait_for 10 eval \
        'journalctl -b -o cat MESSAGE_ID=5450952e9f7c431da963b4cfc27009af | grep -q "change C"'
journalctl --update-catalog
t_ok "which the catalogue explains" eval \
        'journalctl -b -x MESSAGE_ID=5450952e9f7c431da963b4cfc27009af | grep -q "is on probation"'
t_ok "completion knows the containers" eval 'dtgov --complete ps t | grep -q "^two"'

echo "- removed, with Docker naming it ($SECONDS s)"
t_ok "it can be removed" runs 0 dpkg -r dtgov
echo "$output"
t_ok "what stays changed is listed" says 'cpu.max .*100000 100000' "$output"
t_ok "and how it goes back" says 'dtgov rollback --all' "$output"
t_ok "what names it is listed" says '/etc/docker/daemon.json' "$output"
t_ok "the containers too" says "container $(docker inspect --format '{{slice .Id 0 12}}' old) old" "$output"
t_is "what was on probation is rolled back" "50000 100000" "$(quota_of one)"
t_is "what was committed stays" "100000 100000" "$(quota_of two)"
t_ok "dtgovd is gone" test ! -e /usr/sbin/dtgovd
t_is "no process of it is left" "" "$(pgrep -x 'dtgovd|dtgov-observer')"
t_ok "an old container starts" starts old
t_ok "a running one restarts" docker restart --time 0 one
t_ok "a new one starts" docker run --rm --network none busybox true
t_is "configurations are as they were" "$before" "$(configurations)"
t_is "no diversion is left" "" "$(dpkg-divert --list '*dtgov*')"

echo "- purged ($SECONDS s)"
t_ok "it can be purged" runs 0 dpkg -P dtgov
t_ok "what it remembered is gone" test ! -e /var/lib/dtgov
docker stop --time 0 old > /dev/null
t_ok "an old container starts" starts old
t_is "configurations are as they were" "$before" "$(configurations)"
t_ok "it can be installed again" dpkg -i "$new"
t_ok "and runs" wait_for 60 observer_present
t_ok "and goes again" runs 0 dpkg -P dtgov
t_ok "what must stay cannot be taken away yet" runs 3 $libexec/dtgov-leave finish

echo "- nobody names it any more ($SECONDS s)"
docker rm -f one two old > /dev/null
stop_dockerd
rm /etc/docker/daemon.json
t_ok "what stayed goes" runs 0 $libexec/dtgov-leave finish
rm -f /etc/dtgov/runtime.conf
rmdir /etc/dtgov 2> /dev/null
t_is "nothing is left" "" "$(left_of_dtgov)"
t_done
