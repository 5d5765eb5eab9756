#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Daytona, unchanged: the very calls of its runner (container_configs.go, resize.go) and of its old
# Docker provider to Docker's API. What dtgov changes and takes back leaves every other limit as it
# was, swap and quota to the byte; a resize is somebody else's new baseline. The runner is on the
# host, then in a container with an engine of its own.
#
# guests: bookworm trixie
# init: plain systemd
# disk: 1536
# memory: 2048
# timeout: 1200
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh
# shellcheck source=tests/integration/inner.sh
. /src/tests/integration/inner.sh

SOCKET=/run/docker.sock # of the runner's engine
GIB=$((1024 * 1024 * 1024))

api() { # METHOD PATH [BODY]: the status and body, in a line
        "$peer" http "$SOCKET" "$1" "${3-}" "/v1.41$2"
}

# POST /containers/create and /start as the runner sends them: privileged, quota in whole cores,
# memory equal to memory and swap, the runtime of $CONTAINER_RUNTIME.
sandbox() { # NAME CORES BYTES: prints the id
        local body
        body=$(jq -nc --arg name "$1" --argjson quota $(($2 * 100000)) --argjson memory "$3" '
                {Hostname: $name, Image: "busybox", Cmd: ["sleep", "1000000"],
                 Env: ["DAYTONA_SANDBOX_ID=" + $name, "DAYTONA_SANDBOX_SNAPSHOT=base:1",
                        "DAYTONA_SANDBOX_USER=daytona", "DAYTONA_ORGANIZATION_ID=o1", "DAYTONA_REGION_ID=eu"],
                 Labels: {"daytona.sandbox_name": $name, "daytona.organization_id": "o1",
                        "daytona.organization_name": "org", "daytona.volume_mount_paths": ""},
                 HostConfig: {Privileged: true, NetworkMode: "none", Runtime: "dtgov-sysbox-runc", CpuPeriod: 100000,
                        CpuQuota: $quota, Memory: $memory, MemorySwap: $memory}}')
        api POST "/containers/create?name=$1" "$body" | sed 's/^201 //' | jq -r .Id
        api POST "/containers/$1/start" > /run/api
        grep -q ^204 /run/api || cat /run/api >&2
}

# The old provider's: a name of workspace and project, no limits and no runtime at all.
workspace() { # WORKSPACE PROJECT: prints the id
        local body
        body=$(jq -nc --arg w "$1" --arg p "$2" '
                {Hostname: $p, Image: "busybox", Entrypoint: ["sleep", "infinity"],
                 Labels: {"daytona.workspace.id": $w, "daytona.workspace.project.name": $p,
                        "daytona.workspace.project.repository.url": "https://example.org/r.git"},
                 HostConfig: {Privileged: true, NetworkMode: "none", ExtraHosts: ["host.docker.internal:host-gateway"]}}')
        api POST "/containers/create?name=$1-$2" "$body" | sed 's/^201 //' | jq -r .Id
        api POST "/containers/$1-$2/start" > /run/api
        grep -q ^204 /run/api || cat /run/api >&2
}

resize() { # NAME CORES BYTES: POST /containers/{id}/update, as resize.go
        api POST "/containers/$1/update" "$(jq -nc --argjson quota $(($2 * 100000)) --argjson memory "$3" \
                '{CpuQuota: $quota, CpuPeriod: 100000, Memory: $memory, MemorySwap: $memory}')" | grep -q ^200
}

sets() { # ID ASSIGNMENT...: by a person, verified
        dtgov set "$@" --yes
}

registry_is_empty() {
        [ -z "$(find "$REGISTRY" -mindepth 1)" ]
}

state_is_any() { # CHANGE STATE...
        local state
        state=$(change_state "$1")
        shift
        [[ " $* " == *" $state "* ]] || { echo "it is $state"; return 1; }
}

# What the runner's root may write into its registry: that a container of the host were one of its own.
lie() { # ID INODE
        in_inner runner sh -c "sed 's/\"id\":\"$1\"/\"id\":\"liar\"/; s/\"cgroup_inode\":[0-9]*/\"cgroup_inode\":$2/' \
                /run/dtgov/containers/$1.*.json > /tmp/liar && mv /tmp/liar /run/dtgov/containers/liar.$2.json"
}

# Sysbox is not in Debian: a runtime of its name that does what runc does.
register_sysbox() {
        printf '#!/bin/sh\nexec runc "$@"\n' > /usr/local/bin/sysbox-runc
        chmod 755 /usr/local/bin/sysbox-runc
        mkdir -p /etc/docker
        printf '{"runtimes": {"sysbox-runc": {"path": "/usr/local/bin/sysbox-runc"}}}\n' > /etc/docker/daemon.json
}

# Docker 20.10 asks its own cgroup whether swap can be limited, and that of the root cannot say.
start_engine_in_cgroup() {
        local status=0
        if [ "$DTGOV_INIT" = plain ]; then
                mkdir "$CG/engine"
                echo $$ > "$CG/engine/cgroup.procs"
        fi
        start_engine || status=$?
        [ "$DTGOV_INIT" != plain ] || echo $$ > "$CG/cgroup.procs"
        return "$status"
}

# As its socket unit does; there may be no systemd.
start_identify() {
        systemd-socket-activate --seqpacket --accept --inetd --listen=/run/dtgov/identify.sock \
                "$B/dtgov-identify" > /run/identify.log 2>&1 &
        wait_for 10 test -S /run/dtgov/identify.sock
}

shows() { # ID NAME PATTERN: dtgov show has that line
        dtgov show "$1" > /run/show
        grep -qE "^ +$2 +$3\$" /run/show || { cat /run/show; return 1; }
}

below_outer() { # DIR ID: a cgroup of that id in the container of the runner
        says "^$CG/${OUTER#/}/.*$outer.*/$2\$" "$1"
}

known_cgroup() { # ID
        echo "$CG$(control ListContainers | jq -r --arg id "$1" '.containers[] | select(.id == $id).cgroup')"
}

OUTER=/daytona
[ "$DTGOV_INIT" = plain ] || OUTER=daytona.slice
build_peer
mkdir -p /etc/dtgov
printf '{"registries": {"daytona": "/%s"}}\n' "${OUTER#/}" > /etc/dtgov/dtgov.json
t_ok "dtgovd and its observer come up" start_dtgovd --probation 5
register_sysbox
t_ok "setup registers dtgov-sysbox-runc, and dtgov as the default" runs 0 dtgov setup docker --yes
t_ok "dockerd comes up" start_engine_in_cgroup
t_ok "dtgov-identify listens" start_identify

echo "- a sandbox of the runner ($SECONDS s)"
id=$(sandbox box 1 "$GIB")
t_ok "it is registered by its hook" wait_for 20 is_known "$id" 1
t_is "by the runtime that CONTAINER_RUNTIME names" sysbox-runc \
        "$(control ListContainers | jq -r --arg id "$id" '.containers[] | select(.id == $id).runtime')"
t_ok "it is the environment of a sandbox" wait_for 30 shows "$id" is 'box \(Daytona sandbox\)'
t_ok "made from its snapshot" shows "$id" 'made from' 'base:1 \(Daytona snapshot\)'
t_ok "and listed by that name" says '^box .*sysbox-runc$' "$(dtgov ps)"
dir=$(cgroup_of "$id")
before=$(limits_of "$dir")
t_is "its quota is a core" "100000 100000" "$(limit_in cpu.max "$before")"
t_is "its swap is off" 0 "$(limit_in memory.swap.max "$before")"
t_ok "cpu.max is raised" sets "$id" cpu.max=1.5
t_is "the kernel has it" "150000 100000" "$(cat "$dir/cpu.max")"
t_is "every other limit is as before" "$(without cpu.max "$before")" "$(without cpu.max "$(limits_of "$dir")")"
t_ok "which is kept" wait_for 30 change_is_over "$(last_change "$id")"
t_ok "memory.max is raised" sets "$id" memory.max=1100M
t_is "swap is off still" 0 "$(cat "$dir/memory.swap.max")"
[ "$DTGOV_INIT" = plain ] || t_ok "systemd reloads" systemctl daemon-reload
t_is "and the quota is as dtgov set it" "150000 100000" "$(cat "$dir/cpu.max")"
t_ok "all is taken back" runs 0 dtgov rollback "$id" --yes
t_is "to the byte" "$before" "$(limits_of "$dir")"
[ "$DTGOV_INIT" = plain ] || t_ok "systemd reloads once more" systemctl daemon-reload
t_is "and it stays so" "$before" "$(limits_of "$dir")"

echo "- the runner's resize ($SECONDS s)"
twin=$(sandbox twin 1 "$GIB") # without any change of dtgov
wait_for 20 is_known "$twin" 1
t_ok "cpu.max is raised again" sets "$id" cpu.max=1.5
change=$(last_change "$id")
wait_for 30 change_is "$change" committed
t_ok "the runner resizes it to 2 cores and 2 GiB" resize box 2 $((2 * GIB))
resize twin 2 $((2 * GIB))
resized=$(limits_of "$dir")
t_is "its limits are those of one that dtgov never touched" "$(limits_of "$(cgroup_of "$twin")")" "$resized"
runs_one_of "0 1 5 8 9" dtgov rollback "$change" --yes
t_is "and a rollback overwrites nothing of them" "$resized" "$(limits_of "$dir")"
t_ok "the change is over, and said to be somebody else's" state_is_any "$change" superseded conflict reverted_externally
t_ok "what dtgov sets next begins at the new value" sets "$id" cpu.max=1.8
t_ok "and goes back to it" runs 0 dtgov rollback "$(last_change "$id")" --yes
t_is "to the byte" "$resized" "$(limits_of "$dir")"
t_ok "cpu.max is raised once more" sets "$id" cpu.max=1.8
t_ok "and resized on probation" resize box 1 $((2 * GIB))
wait_for 30 change_is_over "$(last_change "$id")"
t_is "its quota is the runner's" "100000 100000" "$(cat "$dir/cpu.max")"

echo "- a workspace of the old provider ($SECONDS s)"
id=$(workspace w1 api)
t_ok "it is registered by its hook" wait_for 20 is_known "$id" 1
dir=$(cgroup_of "$id")
before=$(limits_of "$dir")
t_ok "it is the environment of a workspace's project" wait_for 30 shows "$id" is 'w1/api \(Daytona workspace\)'
t_ok "made from its image" shows "$id" 'made from' '.* \(image digest\)'
t_ok "and listed by that name" says '^w1/api ' "$(dtgov ps)"
t_is "it has no limit" max "$(limit_in memory.max "$before")"
t_ok "it is given some" sets "$id" cpu.max=1 memory.high=700M pids.max=500
t_is "every other limit is as before" "$(without 'cpu.max\|memory.high\|pids.max' "$before")" \
        "$(without 'cpu.max\|memory.high\|pids.max' "$(limits_of "$dir")")"
t_ok "they are taken back" runs 0 dtgov rollback "$id" --yes
t_is "to the byte" "$before" "$(limits_of "$dir")"

echo "- a runner with an engine of its own ($SECONDS s)"
make_inner_image
mkdir -p "$(inner_dir runner)/docker"
cp /etc/docker/daemon.json "$(inner_dir runner)/docker/"
outer=$(start_inner runner --cgroup-parent "$OUTER" --volume /run/dtgov/registries/daytona:/run/dtgov/containers)
t_ok "it is registered by the hook of the host" wait_for 20 is_known "$outer" 1
SOCKET=$(inner_socket runner)
inner=$(sandbox nest 1 $((GIB / 4)))
t_ok "its sandbox is known by the hook there" wait_for 20 is_known "$inner" 1
dir=$(known_cgroup "$inner")
t_ok "as a cgroup below it" below_outer "$dir" "$inner"
t_is "by a hook, not by a scan" false \
        "$(control ListContainers | jq --arg id "$inner" '.containers[] | select(.id == $id).adopted')"
before=$(limits_of "$dir")
t_is "its quota is a core" "100000 100000" "$(limit_in cpu.max "$before")"
t_is "its swap is off" 0 "$(limit_in memory.swap.max "$before")"
t_ok "it is given another limit" sets "$inner" cpu.max=0.5
t_is "the kernel has it" "50000 100000" "$(cat "$dir/cpu.max")"
t_is "every other limit is as before" "$(without cpu.max "$before")" "$(without cpu.max "$(limits_of "$dir")")"
t_ok "which is taken back" runs 0 dtgov rollback "$inner" --yes
t_is "to the byte" "$before" "$(limits_of "$dir")"
t_ok "it is raised" sets "$inner" cpu.max=1.5
change=$(last_change "$inner")
t_ok "and resized by the runner" resize nest 2 $((GIB / 2))
resized=$(limits_of "$dir")
t_is "which has its quota" "200000 100000" "$(limit_in cpu.max "$resized")"
runs_one_of "0 1 5 8 9" dtgov rollback "$change" --yes
t_is "a rollback overwrites nothing of that" "$resized" "$(limits_of "$dir")"
t_ok "the change is somebody else's" wait_for 30 state_is_any "$change" superseded conflict reverted_externally
twins=$(inode_of "$twin")
t_ok "the runner claims a container of the host" lie "$inner" "$twins"
own=$(stat -c %i "$CG/${OUTER#/}")
t_ok "and the cgroup that it is in itself" lie "$inner" "$own"
t_ok "of which the entry is taken away" wait_for 40 test ! -e "/run/dtgov/registries/daytona/liar.$own.json"
t_is "there is none of that name" 0 "$(known liar)"
t_is "and the host's is as it was" 1 "$(known "$twin")"

echo "- they end ($SECONDS s)"
t_ok "the runner's sandbox can be removed" runs 0 inner_docker runner rm -f nest
t_ok "and leaves by its own hook" wait_for 20 is_known "$inner" 0
last=$(sandbox last 1 $((GIB / 4)))
t_ok "another is known" wait_for 20 is_known "$last" 1
t_ok "the runner ends with it" stop_inner runner
t_ok "what ran in it has left too" wait_for 20 is_known "$last" 0
t_ok "all can be removed" runs 0 docker rm -f box twin w1-api
t_ok "and have left" wait_for 20 registry_is_empty
stop_dtgovd TERM
t_ok "dockerd ends" stop_dockerd
t_done
