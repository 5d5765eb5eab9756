#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dtgov setup with the engines themselves: what it writes they take without a restart, containers of
# before and after run, and after --undo everything is byte for byte as it was.
#
# guests: bookworm trixie
# ci: trixie-systemd
# init: plain systemd
# disk: 2048
# memory: 3072
# timeout: 1500
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

JSON=/etc/docker/daemon.json
TOML=/etc/containerd/config.toml
LIB=/usr/libexec/dtgov
LINK=/etc/containers/oci/hooks.d/dtgov.json
DROP=/etc/containers/containers.conf.d/50-dtgov.conf

engine_up() { # as the package starts it where systemd runs, so that systemd reloads it
        if [ "$DTGOV_INIT" = plain ]; then
                start_dockerd cgroupfs
                return
        fi
        echo 'DOCKER_OPTS="--iptables=false --ip6tables=false --bridge=none"' > /etc/default/docker
        (cd /run/systemd/system && rm -f docker.service docker.socket containerd.service) # masks
        systemctl daemon-reload
        systemctl start docker.service || { systemctl status docker.service; return 1; }
        wait_for 60 docker version || return
        docker image inspect busybox > /dev/null 2>&1 || import_busybox
}

engine_down() {
        if [ "$DTGOV_INIT" = plain ]; then
                stop_dockerd
        else
                systemctl stop docker.service docker.socket
        fi
}

engine_pid() {
        cat /run/docker.pid
}

docker_reads() { # RUNTIME: has the engine read its file, and waits until that is its default
        kill -HUP "$(engine_pid)"
        wait_for 15 test_default "$1"
}

test_default() {
        [ "$(default_runtime)" = "$1" ]
}

default_runtime() {
        docker info --format '{{.DefaultRuntime}}'
}

runtime_of() { # CONTAINER
        docker inspect --format '{{.HostConfig.Runtime}}' "$1"
}

is_running() { # CONTAINER
        [ "$(docker inspect --format '{{.State.Running}}' "$1")" = true ]
}

same_bytes() { # FILE COPY
        cmp "$1" "$2" && [ "$(stat -c '%U %G %a' "$1")" = "$(stat -c '%U %G %a' "$2")" ]
}

doctor_says() { # ID STATE PATTERN
        dtgov doctor --json > /run/doctor 2>&1 || :
        jq -e --arg id "$1" --arg state "$2" --arg text "$3" \
                '.[] | select(.id == $id and .state == $state) | (.text + " " + .mend) | test($text)' \
                /run/doctor > /dev/null || { cat /run/doctor; return 1; }
}

undone_without_containers() { # CONTAINER: removes it, then undoes
        docker rm -f "$1" && dtgov setup docker --undo --yes
}

runtime_known() { # ID
        control ListContainers | jq -r --arg id "$1" '.containers[] | select(.id == $id) | .runtime'
}

refused() { # ENGINE WHAT PATTERN: setup does nothing, and says why
        t_ok "$1: $2 is refused" runs 1 dtgov setup "$1" --yes
        t_ok "$1: and said why" says "$3" "$output"
}

# A file that setup would write, as it should not be; it is afterwards as it was.
spoiled() { # ENGINE FILE
        cp -p "$2" /run/good
        printf '[broken\n' > "$2"
        refused "$1" "what is neither TOML nor JSON" "$2: not (TOML|JSON)"
        rm "$2"
        ln -s /run/good "$2"
        refused "$1" "a symbolic link" "$2 is a symbolic link"
        rm "$2"
        cp -p /run/good "$2"
        chmod 444 "$2"
        refused "$1" "a read-only file" "chmod u\+w"
        rm "$2"
        cp -p /run/good "$2"
        touch "$(dirname "$2")/.$(basename "$2").swp"
        refused "$1" "a file that is being edited" "$(basename "$2").swp"
        rm "$(dirname "$2")/.$(basename "$2").swp"
}

# Podman's own configuration is read, never written: what stands there must be understood.
bad_hooks_dirs() {
        local conf=/etc/containers/containers.conf
        cp -p "$conf" /run/good
        printf '[engine\n' > "$conf"
        refused podman "what is no TOML" "$conf: not TOML"
        printf '[engine]\nhooks_dir = ["/opt/hooks"]\n' > "$conf"
        refused podman "a list of hooks of its own" "$conf has a hooks_dir of its own, .* would overrule"
        t_ok "podman: and what next" says 'sudo dtgov setup podman' "$output"
        cp -p /run/good "$conf"
        mkdir -p "$(dirname "$DROP")" "$(dirname "$LINK")"
        : > "$DROP"
        spoiled podman "$DROP"
        rm "$DROP"
}

hooked() { # ID: the hook told of it, and dtgovd knows it from that
        wait_for 15 is_known "$1" 1 || { control ListContainers; return 1; }
        control ListContainers | jq -e --arg id "$1" \
                '.containers[] | select(.id == $id) | .adopted == false' > /dev/null
}

mkdir -p /etc/docker
printf '{ "log-level" : "info",\n\t"max-concurrent-downloads":3 }' > "$JSON"
chmod 640 "$JSON"
cp -p "$JSON" /run/before.json

echo "- Docker ($SECONDS s)"
t_ok "dtgov is installed" test -x "$LIB/dtgov-runtime" -a -x "$LIB/dtgov-hook"
t_ok "dtgovd and its observer come up" start_dtgovd
t_ok "Docker comes up" engine_up
pid=$(engine_pid)
docker_run --name old busybox sleep 10000 > /dev/null
t_ok "doctor names the command" doctor_says docker warn 'sudo dtgov setup docker'
t_ok "off a terminal nothing is asked" runs 2 dtgov setup docker
t_ok "a dry run says what would be written" runs 0 dtgov setup docker --dry-run
t_ok "as a diff" says '^\+.*"default-runtime" ?: "dtgov"' "$output"
t_ok "nobody but root may" runs 4 setpriv --reuid 65534 --clear-groups "$B/dtgov" setup docker --yes
t_ok "nothing of that wrote anything" same_bytes "$JSON" /run/before.json
t_ok "setup writes it" runs 0 dtgov setup docker --yes
t_ok "and tried it by a container" says 'checked .*busybox.* ran "true"' "$output"
t_ok "the copy is as the file was" same_bytes "$JSON.dtgov-backup" /run/before.json
t_is "Docker has taken it" dtgov "$(default_runtime)"
t_is "without a restart" "$pid" "$(engine_pid)"
t_ok "the container of before runs" is_running old
new=$(docker_run --name new busybox sleep 10000)
t_is "a new one is of the runtime" dtgov "$(runtime_of new)"
t_ok "and is known by the hook" hooked "$new"
t_ok "the container of before can be started again" runs 0 docker restart old
t_is "by its own runtime" runc "$(runtime_of old)"
t_ok "once more there is nothing to do" runs 0 dtgov setup docker --yes
t_ok "and it says so" says 'nothing to do' "$output"
t_ok "doctor is content" doctor_says docker ok 'by /usr/libexec/dtgov/dtgov-runtime'

echo "- a runtime that others ask for by its name ($SECONDS s)"
t_ok "undo for a while" undone_without_containers new
printf '#!/bin/sh\nexec runc "$@"\n' > /usr/local/bin/sysbox-runc # which is not in Debian
chmod 755 /usr/local/bin/sysbox-runc
printf '{"runtimes": {"sysbox-runc": {"path": "/usr/local/bin/sysbox-runc"}}}\n' > "$JSON"
cp -p "$JSON" /run/sysbox.json
t_ok "setup beside a registered sysbox-runc" runs 0 dtgov setup docker --yes
t_ok "says which runtime is for those who name it" says 'each before its own: dtgov-sysbox-runc' "$output"
id=$(docker_run --name box --runtime dtgov-sysbox-runc busybox sleep 10000)
t_ok "a container of dtgov-sysbox-runc is known by the hook" hooked "$id"
t_is "as one of sysbox-runc" sysbox-runc "$(runtime_known "$id")"
t_ok "undo keeps the entries for it" runs 0 dtgov setup docker --undo --yes
t_is "each leads to its own program" /usr/local/bin/sysbox-runc "$(jq -r '.runtimes["dtgov-sysbox-runc"].path' "$JSON")"
t_is "that of the former default too" runc "$(basename "$(jq -r .runtimes.dtgov.path "$JSON")")"
t_ok "the container starts again" runs 0 docker restart box
t_ok "undo without it" undone_without_containers box
t_ok "the file is byte for byte what it was" same_bytes "$JSON" /run/sysbox.json

echo "- a project that opts in ($SECONDS s)"
cp -p /run/before.json "$JSON"
t_ok "setup leaves the default" runs 0 dtgov setup docker --opt-in --yes
t_ok "and says so" says 'all that do not ask: the default stays runc' "$output"
t_ok "it tried the runtime by a container" says 'checked .*busybox.* ran "true"' "$output"
t_is "the default is runc" runc "$(default_runtime)"
id=$(docker_run --name asks --runtime=dtgov busybox sleep 10000)
t_ok "who asks is known by the hook" hooked "$id"
id=$(docker_run --name plain busybox sleep 10000)
t_is "who does not ask is of runc" runc "$(runtime_of plain)"
t_is "and the hook told of none" 0 "$(registered "$id")"
t_ok "doctor is content" doctor_says docker ok 'ask for the runtime dtgov'
docker rm -f plain > /dev/null
t_ok "undo keeps the entry for who asked" runs 0 dtgov setup docker --undo --yes
t_ok "and names it" says "made by dtgov's runtime: asks" "$output"
t_ok "undo without it" undone_without_containers asks
t_ok "the file is byte for byte what it was" same_bytes "$JSON" /run/before.json
t_ok "once more by default" runs 0 dtgov setup docker --yes
new=$(docker_run --name new busybox sleep 10000)

echo "- what goes missing ($SECONDS s)"
mv "$LIB/dtgov-hook" /run/dtgov-hook
t_ok "without the hook containers start" runs 0 docker run --rm --network none busybox true
mv /run/dtgov-hook "$LIB/dtgov-hook"
mv "$LIB/dtgov-runtime" /run/dtgov-runtime
t_ok "doctor says that the runtime is missing" doctor_says docker broken 'is missing.*setup docker --undo'
mv /run/dtgov-runtime "$LIB/dtgov-runtime"

echo "- undo ($SECONDS s)"
t_ok "undo keeps the entry for a container" runs 0 dtgov setup docker --undo --yes
t_ok "and names it" says "made by dtgov's runtime: new" "$output"
t_is "the default is the former one" runc "$(default_runtime)"
t_is "without a restart" "$pid" "$(engine_pid)"
t_ok "the container still runs" is_running new
t_ok "and starts again" runs 0 docker restart new
t_ok "doctor lists it" doctor_says docker warn 'new'
docker rm -f new > /dev/null
t_ok "undo without such containers" runs 0 dtgov setup docker --undo --yes
t_ok "the file is byte for byte what it was" same_bytes "$JSON" /run/before.json
t_ok "no copy is left" test ! -e "$JSON.dtgov-backup"
t_is "the default is the former one still" runc "$(default_runtime)"
t_ok "a third time there is nothing" runs 0 dtgov setup docker --undo --yes
t_ok "and it says so" says 'nothing to undo' "$output"

echo "- what is not as it should be ($SECONDS s)"
spoiled docker "$JSON"
if chattr +i "$JSON" 2> /dev/null; then
        t_ok "an immutable file" runs 1 dtgov setup docker --yes
        chattr -i "$JSON"
        t_ok "leaves nothing behind" test -z "$(find /etc/docker -name '.daemon.json*')"
else
        t_skip "an immutable file" "this file system has no such attribute"
fi
rm -f "$JSON.dtgov-backup"
printf '{"default-runtime": "crun", "runtimes": {"crun": {"path": "/usr/bin/crun"}}}\n' > "$JSON"
chmod 644 "$JSON"
cp -p "$JSON" /run/crun.json
t_ok "Docker takes crun" docker_reads crun
t_ok "crun is chained" runs 0 dtgov setup docker --yes
t_ok "by its own wrapper" grep -q "$LIB/dtgov-crun" "$JSON"
id=$(docker_run --name by-crun busybox sleep 10000)
t_ok "a container runs by it, known by the hook" hooked "$id"
t_is "as one of crun" crun "$(runtime_known "$id")"
docker rm -f by-crun > /dev/null
t_ok "undo" runs 0 dtgov setup docker --undo --yes
t_is "the default is crun again" crun "$(default_runtime)"
t_ok "and the file is what it was" same_bytes "$JSON" /run/crun.json

echo "- an engine that is down ($SECONDS s)"
docker rm -f old > /dev/null
t_ok "Docker ends" engine_down
rm "$JSON"
printf '#!/bin/sh\n' > /usr/local/bin/dockerd
chmod 755 /usr/local/bin/dockerd
refused docker "one of two that are installed" "installed twice.*/usr/local/bin/dockerd"
rm /usr/local/bin/dockerd
t_ok "setup while it is down" runs 0 dtgov setup docker --yes
t_ok "says that nothing could be checked" says 'nothing could be checked' "$output"
t_ok "Docker comes up with it" engine_up
t_is "as its default" dtgov "$(default_runtime)"
t_ok "a container runs" runs 0 docker run --rm --network none busybox true
t_ok "undo" runs 0 dtgov setup docker --undo --yes
t_ok "the file that was not there is gone" test ! -e "$JSON"

echo "- containerd ($SECONDS s)"
cp -p "$TOML" /run/before.toml
t_ok "setup containerd" runs 0 dtgov setup containerd --yes
t_ok "says that the restart is the user's" says 'yours to choose: sudo systemctl restart containerd' "$output"
containerd config dump > /run/dump 2> /dev/null
t_ok "containerd reads it" grep -q "BinaryName = .$LIB/dtgov-runtime" /run/dump
t_ok "undo" runs 0 dtgov setup containerd --undo --yes
t_ok "the file is byte for byte what it was" same_bytes "$TOML" /run/before.toml
spoiled containerd "$TOML"
t_ok "the file is what it was after that, too" same_bytes "$TOML" /run/before.toml

echo "- Podman ($SECONDS s)"
podman_run() { # COMMAND...: in the background; prints the id
        podman run --detach --network none --stop-timeout 0 busybox "$@"
}
if command -v podman > /dev/null; then
        mkdir -p /etc/containers /var/lib/docker/podman
        manager=systemd
        [ "$DTGOV_INIT" = systemd ] || manager=cgroupfs
        printf '[engine]\ncgroup_manager = "%s"\nevents_logger = "none"\n' "$manager" > /etc/containers/containers.conf
        printf '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/docker/podman"\n' \
                > /etc/containers/storage.conf
        docker export "$(docker create busybox true)" | podman import - busybox > /dev/null
        bad_hooks_dirs
        t_ok "doctor names the command" doctor_says podman warn 'sudo dtgov setup podman'
        t_ok "setup podman" runs 0 dtgov setup podman --yes
        t_ok "and tried it by a container" says 'checked .*busybox.* ran "true"' "$output"
        t_ok "doctor is content" doctor_says podman ok 'calls /usr/libexec/dtgov/dtgov-hook'
        id=$(podman_run sleep 10000)
        t_ok "a container is known by the hook" hooked "$id"
        t_ok "Podman warns of nothing" runs 0 podman run --rm --network none busybox true
        t_is "at all" "" "$output"
        podman rm -f "$id" > /dev/null
        t_ok "it has left" wait_for 20 is_known "$id" 0
        mv /usr/share/dtgov/hooks.d /run/hooks.d
        t_ok "when dtgov's file goes, containers start" runs 0 podman run --rm --network none busybox true
        t_ok "doctor says where the link leads" doctor_says podman warn 'which is missing'
        mv /run/hooks.d /usr/share/dtgov/hooks.d
        t_ok "undo" runs 0 dtgov setup podman --undo --yes
        t_ok "nothing of it is left" test ! -e "$LINK" -a ! -L "$LINK" -a ! -e "$DROP"
        t_ok "containers start" runs 0 podman run --rm --network none busybox true
else
        t_ok "a missing engine is named" runs 1 dtgov setup podman --yes
        t_ok "in plain words" says 'Podman is not installed here' "$output"
        t_skip "Podman with the hook" "there is no podman in this guest"
fi
t_ok "CRI-O is not here" runs 1 dtgov setup crio --yes
t_ok "Docker ends" engine_down
stop_dtgovd TERM
t_done
