#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Daytona, unchanged: the very calls of its runner (container_configs.go, resize.go) and of its old
# Docker provider to Docker's API. What dtgov changes and takes back leaves every other limit as it
# was, swap and quota to the byte; a resize is somebody else's new baseline.
#
# guests: bookworm trixie
# init: plain systemd
# disk: 1024
# memory: 2048
# timeout: 900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

GIB=$((1024 * 1024 * 1024))

api() { # METHOD PATH [BODY]: the status and body, in a line
        "$peer" http /run/docker.sock "$1" "${3-}" "/v1.41$2"
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
                 HostConfig: {Privileged: true, NetworkMode: "none", Runtime: "dtgov", CpuPeriod: 100000,
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

# A runner in a container that runs containers itself, as a Docker in it does: a cgroup for itself, one
# for each of them, and the hook, which sees the pids and paths of these namespaces.
runner() { # prints its id
        docker_run --privileged --name runner --cgroup-parent "$OUTER" \
                -v /run/dtgov/registries/daytona:/run/dtgov/containers -v "$B/dtgov-hook:/hook:ro" busybox sh -c '
                cd /sys/fs/cgroup && mkdir init inner && echo $$ > init/cgroup.procs &&
                        echo "+cpu +memory +pids" > cgroup.subtree_control
                sleep 1000000 &
                echo $! > inner/cgroup.procs
                echo "{\"ociVersion\":\"1.0.2\",\"id\":\"inner\",\"status\":\"creating\",\"pid\":$!,\"bundle\":\"/b\"}" | /hook
                wait'
}

# What the runner's root may write into its registry: that a container of the host were one of its own.
lie() { # INODE
        docker exec runner sh -c "sed 's/\"id\":\"inner\"/\"id\":\"liar\"/; s/\"cgroup_inode\":[0-9]*/\"cgroup_inode\":$1/' \
                /run/dtgov/containers/inner.*.json > /tmp/liar && mv /tmp/liar /run/dtgov/containers/liar.$1.json"
}

OUTER=/daytona
[ "$DTGOV_INIT" = plain ] || OUTER=daytona.slice
build_peer
use_runtime "$(command -v runc)"
printf '{"registries": {"daytona": "/%s"}}\n' "${OUTER#/}" > /etc/dtgov/dtgov.json
t_ok "dtgovd and its observer come up" start_dtgovd --probation 5
t_ok "dockerd comes up" start_engine

echo "- a sandbox of the runner ($SECONDS s)"
id=$(sandbox box 1 "$GIB")
t_ok "it is registered by its hook" wait_for 20 is_known "$id" 1
dir=$(cgroup_of "$id")
before=$(limits_of "$dir")
t_is "its quota is a core" "100000 100000" "$(limit_in cpu.max "$before")"
t_is "its swap is off" 0 "$(limit_in memory.swap.max "$before")"
t_ok "cpu.max is raised" sets "$id" cpu.max=1.5
t_is "the kernel has it" "150000 100000" "$(cat "$dir/cpu.max")"
t_is "every other limit is as before" "$(without cpu.max "$before")" "$(without cpu.max "$(limits_of "$dir")")"
t_ok "memory.max is raised" sets "$id" memory.max=1200M
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
t_is "it has no limit" max "$(limit_in memory.max "$before")"
t_ok "it is given some" sets "$id" cpu.max=1 memory.high=700M pids.max=500
t_is "every other limit is as before" "$(without 'cpu.max\|memory.high\|pids.max' "$before")" \
        "$(without 'cpu.max\|memory.high\|pids.max' "$(limits_of "$dir")")"
t_ok "they are taken back" runs 0 dtgov rollback "$id" --yes
t_is "to the byte" "$before" "$(limits_of "$dir")"

echo "- a runner with an engine of its own ($SECONDS s)"
outer=$(runner)
t_ok "it is registered by the hook of the host" wait_for 20 is_known "$outer" 1
t_ok "what runs in it is known by its own hook" wait_for 20 is_known inner 1
dir=$CG$(control ListContainers | jq -r '.containers[] | select(.id == "inner").cgroup')
t_ok "as a cgroup below it" says "^$CG/${OUTER#/}/.*$outer.*/inner$" "$dir"
t_is "by a hook, not by a scan" false "$(control ListContainers | jq '.containers[] | select(.id == "inner").adopted')"
before=$(limits_of "$dir")
t_ok "it is given a limit" sets inner cpu.max=0.5
t_is "the kernel has it" "50000 100000" "$(cat "$dir/cpu.max")"
t_ok "which is taken back" runs 0 dtgov rollback inner --yes
t_is "to the byte" "$before" "$(limits_of "$dir")"
twins=$(inode_of "$twin")
t_ok "the runner claims a container of the host" lie "$twins"
t_ok "and its entry is taken away" wait_for 20 test ! -e "/run/dtgov/registries/daytona/liar.$twins.json"
t_is "there is none of that name" 0 "$(known liar)"
t_is "and the host's is as it was" 1 "$(known "$twin")"

echo "- they end ($SECONDS s)"
t_ok "all can be removed" runs 0 docker rm -f box twin w1-api runner
t_ok "what ran in the runner has left with it" wait_for 20 is_known inner 0
t_ok "and have left" wait_for 20 registry_is_empty
stop_dtgovd TERM
t_ok "dockerd ends" stop_dockerd
t_done
