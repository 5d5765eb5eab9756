#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The Debian package, with Docker and Podman as Debian has them: an upgrade from that of an older
# commit, with changes committed and on probation; removal and purge after "dtgov setup", while
# engines and containers name it; the same after --undo, which leaves every file as it was. It wants
# build/deb/OS and build/deb/OS-old: contrib/debian/build.
#
# guests: bookworm trixie
# init: systemd
# disk: 2048
# memory: 3072
# timeout: 1800
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

is_named() { # NAME: its engine has been asked, after a start of dtgovd anew
        dtgov ps --json | jq -e --arg name "$1" 'any(.[]; .name == $name)'
}

quota_of() { # NAME of a container of Docker
        cat "$(cgroup_of "$(docker inspect --format '{{.Id}}' "$1")")/cpu.max"
}

starts() { # NAME: an old container, stopped before
        docker start "$1" && [ "$(docker inspect --format '{{.State.Running}}' "$1")" = true ]
}

pod_starts() { # NAME: a container of Podman, stopped before
        podman start "$1" && [ "$(podman inspect --format '{{.State.Running}}' "$1")" = true ]
}

podman_run() { # OPTION... COMMAND
        podman run --network none --stop-timeout 0 "$@"
}

engine_up() { # by its own units, so that systemd reloads it
        echo 'DOCKER_OPTS="--iptables=false --ip6tables=false --bridge=none"' > /etc/default/docker
        (cd /run/systemd/system && rm -f docker.service docker.socket containerd.service) # masks
        systemctl daemon-reload
        systemctl start docker.service || { systemctl status docker.service; return 1; }
        wait_for 60 docker version || return
        docker image inspect busybox > /dev/null 2>&1 || import_busybox
}

podman_up() {
        mkdir -p /etc/containers /var/lib/docker/podman
        printf '[engine]\nevents_logger = "none"\n' > /etc/containers/containers.conf
        printf '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "%s"\n' \
                /var/lib/docker/podman > /etc/containers/storage.conf
        docker export "$(docker create --name image busybox true)" | podman import - busybox
        docker rm image
}

# Docker's file as a person wrote it. A reload would keep the default runtime, which it does not name.
own_configuration() {
        printf '{ "log-level" : "info",\n\t"max-concurrent-downloads":3 }' > /etc/docker/daemon.json
        chmod 640 /etc/docker/daemon.json
        systemctl restart docker
        wait_for 60 docker version
        wait_for 20 default_is runc
}

default_is() { # RUNTIME
        [ "$(docker info --format '{{.DefaultRuntime}}')" = "$1" ]
}

# All that engines read: names, bytes, owners and modes of files, where links lead.
configurations() {
        find /etc/docker /etc/containers /etc/containerd /etc/default/docker /etc/nerdctl /etc/crio \
                \( -type f -o -type l \) -printf '%p %u %g %m %l\n' 2> /dev/null | sort
        find /etc/docker /etc/containers /etc/containerd /etc/default/docker -type f \
                -exec sha256sum {} + 2> /dev/null | sort
}

# Both engines by the product's own means, and containers of each: running, and stopped.
set_up_engines() {
        t_ok "dtgov setup docker" runs 0 dtgov setup docker --yes
        t_ok "tries a container" says 'checked .*ran "true"' "$output"
        t_ok "dtgov setup podman" runs 0 dtgov setup podman --yes
        t_ok "tries a container too" says 'checked .*ran "true"' "$output"
        for name in one two old; do
                docker_run --name $name --cpus 0.5 busybox sleep 100000 > /dev/null
                podman_run --detach --name "pod-$name" busybox sleep 100000 > /dev/null
        done
        t_is "Docker makes them by dtgov" dtgov "$(docker inspect --format '{{.HostConfig.Runtime}}' old)"
        t_ok "Podman's are known by the hook" wait_for 30 is_known "$(podman inspect --format '{{.Id}}' pod-one)" 1
        docker stop old > /dev/null
        podman stop pod-old > /dev/null
}

# Whatever people do with containers when dtgov has gone.
all_work() {
        t_ok "Docker's stopped container starts" starts old
        t_ok "a running one restarts" docker restart --time 0 one
        t_ok "a new one starts" docker run --rm --network none busybox true
        t_ok "Podman's stopped container starts" pod_starts pod-old
        t_ok "a running one restarts" podman restart pod-one
        t_ok "a new one starts" runs 0 podman_run --rm busybox true
        t_is "without a word" "" "$output"
        docker stop --time 0 old > /dev/null
        podman stop pod-old > /dev/null
}

is_inert() { # what stands for the real runtime changes no bundle and tells nobody
        local pid
        pid=$(init_of old)
        [ "$pid" -gt 0 ] || return
        [ ! -e /run/dtgov ] || { find /run/dtgov; return 1; }
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
        $libexec > /etc/docker/daemon.json # that package had no dtgov setup
echo "# as it was" > /etc/dtgov/runtime.conf
t_ok "an engine that names it" engine_up
t_ok "another engine" podman_up
before=$(configurations)
for name in one two three; do
        t_ok "container $name" docker_run --name $name --cpus 0.5 busybox sleep 100000
done
t_ok "all are known" wait_for 30 is_known "$(docker inspect --format '{{.Id}}' three)" 1
probation_of 3
t_ok "it is known by its name" wait_for 90 is_named two
t_ok "a change" runs 0 dtgov set two cpu.max=1 --yes
two=$(last_change "$(docker inspect --format '{{.Id}}' two)")
t_ok "it is committed" wait_for 60 change_is "$two" committed
t_ok "a second one" runs 0 dtgov set three cpu.max=1 --yes
three=$(last_change "$(docker inspect --format '{{.Id}}' three)")
t_ok "is committed" wait_for 60 change_is "$three" committed
probation_of 600
t_ok "one is known by its name" wait_for 90 is_named one
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
t_ok "the journal of before says what it was before" runs 0 dtgov rollback "$three" --yes
t_is "and that is there again" "50000 100000" "$(quota_of three)"
t_is "ids go on" true "$(control ListChanges | jq --arg one "$one" '.changes | map(.id) | index($one) != null')"
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

echo "- set up by dtgov itself ($SECONDS s)"
docker rm -f one two three > /dev/null
t_ok "Docker's file as a person wrote it" own_configuration
before=$(configurations)
set_up_engines
probation_of 3
t_ok "it is known by its name" wait_for 90 is_named two
t_ok "a change" runs 0 dtgov set two cpu.max=1 --yes
two=$(last_change "$(docker inspect --format '{{.Id}}' two)")
t_ok "it is committed" wait_for 60 change_is "$two" committed
probation_of 600
t_ok "one is known by its name" wait_for 90 is_named one
t_ok "another, on probation" runs 0 dtgov set one cpu.max=1 --yes
set_up=$(configurations)

echo "- removed, with both engines naming it ($SECONDS s)"
t_ok "it can be removed" runs 0 dpkg -r dtgov
echo "$output"
t_ok "what stays changed is listed" says 'cpu.max .*100000 100000' "$output"
t_ok "and how it goes back" says 'dtgov rollback --all' "$output"
t_ok "what names it is listed" says '/etc/docker/daemon.json' "$output"
t_ok "the containers too" says "container $(docker inspect --format '{{slice .Id 0 12}}' old) old" "$output"
t_ok "what setup left in Podman too" says '/etc/containers/oci/hooks.d/dtgov.json' "$output"
t_is "what was on probation is rolled back" "50000 100000" "$(quota_of one)"
t_is "what was committed stays" "100000 100000" "$(quota_of two)"
t_ok "dtgovd is gone" test ! -e /usr/sbin/dtgovd
t_is "no process of it is left" "" "$(pgrep -x dtgovd; pgrep -x dtgov-observer)"
all_work
t_is "configurations are as set up" "$set_up" "$(configurations)"
t_is "no diversion is left" "" "$(dpkg-divert --list '*dtgov*')"

echo "- purged ($SECONDS s)"
t_ok "it can be purged" runs 0 dpkg -P dtgov
t_ok "what it remembered is gone" test ! -e /var/lib/dtgov
all_work
t_ok "docker start of the old container" starts old
t_ok "what stayed passes on, and no more" is_inert
t_is "in the place that Docker's configuration names" /usr/libexec/dtgov/dtgov-runtime "$(docker info --format '{{(index .Runtimes "dtgov").Path}}')"
docker stop --time 0 old > /dev/null
t_ok "Podman's containers can be removed" podman rm -f -t 0 pod-one pod-two pod-old
t_is "configurations are as set up" "$set_up" "$(configurations)"
t_ok "what must stay cannot be taken away yet" runs 3 $libexec/dtgov-leave finish

echo "- installed again, and undone ($SECONDS s)"
t_ok "it can be installed again" dpkg -i "$new"
t_ok "and runs" wait_for 60 observer_present
t_ok "undo while containers are there" runs 0 dtgov setup docker --undo --yes
t_ok "names them" says 'made by dtgov.s runtime: ' "$output"
t_ok "and they start, by the real runtime" starts old
docker rm -f one two old > /dev/null
t_ok "undo in Docker" runs 0 dtgov setup docker --undo --yes
t_ok "undo in Podman" runs 0 dtgov setup podman --undo --yes
t_is "every configuration file is what it was" "$before" "$(configurations)"
t_is "Docker's default too" runc "$(docker info --format '{{.DefaultRuntime}}')"

echo "- undone while containers are there, and purged ($SECONDS s)"
set_up_engines
t_ok "undo in Docker" runs 0 dtgov setup docker --undo --yes
t_ok "undo in Podman" runs 0 dtgov setup podman --undo --yes
t_ok "purge" runs 0 dpkg -P dtgov
purged=$output
echo "$output"
all_work
t_ok "Docker's containers can be removed" docker rm -f one two old
t_ok "Podman's containers can be removed" podman rm -f -t 0 pod-one pod-two pod-old
t_ok "what running containers kept goes" wait_for 60 $libexec/dtgov-leave finish
# Docker's configuration of before: its owner's to put back, as purge has said.
t_ok "purge has named the backup" says '/etc/docker/daemon.json.dtgov-backup' "$purged"
rm /etc/docker/daemon.json.dtgov-backup
systemctl stop docker.service docker.socket
rm -f /etc/dtgov/runtime.conf
rmdir /etc/dtgov 2> /dev/null
t_is "nothing is left" "" "$(left_of_dtgov)"
t_done
