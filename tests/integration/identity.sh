#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Who a container is: dtgov-identify asks real engines, good ones, hostile labels, and engines that
# are down, stopped, twice there, or lie. Whose limits another owns (pods, rootless) is shown and
# left alone. What burns in a container's own cgroups is named, and governed at the container's.
#
# guests: bookworm trixie
# suite: full
# init: plain systemd
# disk: 1024
# memory: 2048
# timeout: 900
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh
export LC_ALL=C.UTF-8 # a terminal that would obey more than ASCII

# --- who is asked ----------------------------------------------------------------------------------

# identify_with [ARG...]: from now on dtgovd's questions are answered so. Under systemd by the unit
# itself, confined as installed; without, by what else starts a program for each connection.
identify_with() {
        local unit=/run/systemd/system/dtgov-identify@.service.d
        if [ "$DTGOV_INIT" = systemd ]; then
                mkdir -p "$unit"
                printf '[Service]\nExecStart=\nExecStart=/usr/libexec/dtgov/dtgov-identify %s\n' "$*" > "$unit/test.conf"
                systemctl daemon-reload
                systemctl restart dtgov-identify.socket
                return
        fi
        [ -z "${identifier-}" ] || { kill "$identifier"; wait "$identifier"; } 2> /dev/null
        rm -f /run/dtgov/identify.sock
        systemd-socket-activate --accept --inetd --seqpacket --listen /run/dtgov/identify.sock \
                "$B/dtgov-identify" "$@" 2>> /run/identify.log &
        identifier=$!
        wait_for 10 test -S /run/dtgov/identify.sock
}

# liar NAME COMMAND: an engine's socket whose answer is what the shell's command prints
liar() {
        printf '#!/bin/sh\ndd bs=65536 count=1 of=/dev/null 2> /dev/null\n%s\n' "$2" > "/run/$1.answer"
        chmod +x "/run/$1.answer"
        rm -f "/run/$1.sock"
        systemd-socket-activate --accept --inetd --listen "/run/$1.sock" "/run/$1.answer" 2>> /run/liars.log &
        wait_for 10 test -S "/run/$1.sock"
}

# --- what dtgov says -------------------------------------------------------------------------------

shows() { # ID PATTERN...: dtgov show has a line for each; its text is kept in $output
        local pattern
        output=$(dtgov show "$1" 2>&1)
        shift
        for pattern in "$@"; do
                says "$pattern" "$output" || return
        done
}

waits_to_show() { # SECONDS ID PATTERN...
        local limit=$1
        shift
        wait_for "$limit" shows "$@" || shows "$@"
}

is_healthy() { # NAME, as Docker says it
        [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]
}

has_notes() { # ID: one of that id has
        observer ListContainers | jq -e --arg id "$1" 'any(.containers[]; .containerId == $id and .notes != [])'
}

is_clean() { # TEXT: nothing in it that a terminal would obey, or turn round
        ! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' <<< "$1" || { cat -v <<< "$1"; return 1; }
}

# --- what is asked about ---------------------------------------------------------------------------

docker_api() { # METHOD PATH [BODY]
        "$peer" http /run/docker.sock "$1" "${3-}" "/v1.41$2"
}

labelled() { # NAME LABELS-JSON [ENV-JSON]: a container of Docker; prints its id
        docker_api POST "/containers/create?name=$1" "$(jq -nc --argjson labels "$2" --argjson env "${3:-[]}" '
                {Image: "busybox", Cmd: ["sleep", "1000000"], Labels: $labels, Env: $env,
                 HostConfig: {NetworkMode: "none"}}')" | sed 's/^201 //' | jq -r .Id
        docker_api POST "/containers/$1/start" > /run/api
        grep -q ^204 /run/api || cat /run/api >&2
}

in_podman() { # STORE ARG...: each store is an installation of its own
        local store=$1
        shift
        podman --root "/var/lib/docker/$store" --runroot "/run/$store" --storage-driver overlay \
                --cgroup-manager cgroupfs --events-backend none "$@"
}

podman_runs() { # STORE NAME OPTION...: prints the id
        local store=$1 name=$2
        shift 2
        in_podman "$store" run --detach --network none --name "$name" "$@" --rootfs /run/rootfs sleep 1000000
}

podman_serves() { # STORE
        in_podman "$1" system service --time 0 "unix:///run/$1.sock" 2>> /run/podman.log &
        wait_for 60 test -S "/run/$1.sock"
}

hex() { # NUMBER: an id as engines give them
        printf '%08x%056x' "$1" 0
}

# One of runc by itself, in a cgroup of somebody else's name; what lies there is a scan's to find.
foreign() { # NAME ID CGROUPSPATH [RUNC-OPTION...]
        local name=$1 id=$2
        make_bundle "$name" '{"cpu":{"quota":50000,"period":100000}}' 'sleep 1000000'
        jq --arg path "$3" '.linux.cgroupsPath = $path' "/run/bundles/$name/config.json" > /run/config
        cp /run/config "/run/bundles/$name/config.json"
        shift 3
        runc "$@" run --detach --bundle "/run/bundles/$name" "$id" > "/run/bundles/$name/out" 2>&1 < /dev/null ||
                { cat "/run/bundles/$name/out"; return 1; }
}

pod() { # ID: a container in a pod's cgroup, as the kubelet names them
        if [ "$DTGOV_INIT" = systemd ]; then
                foreign pod "$1" "kubepods-burstable-pod1234.slice:cri-containerd:$1" --systemd-cgroup
        else
                foreign pod "$1" "/kubepods/burstable/pod1234/$1"
        fi
}

# A user's own runc, below a cgroup in his slice that he has been given.
rootless() { # ID
        make_bundle rootless '{}' 'sleep 1000000'
        jq '{type: "user"} as $user | del(.linux.cgroupsPath, .linux.resources, .mounts[2])
                | .linux.namespaces += [$user, {type: "cgroup"}]
                | .linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1}] | .linux.gidMappings = .linux.uidMappings' \
                /run/bundles/rootless/config.json > /run/config
        cp /run/config /run/bundles/rootless/config.json
        install -d -o 1000 -g 1000 /run/user/1000
        chown -R 1000:1000 /run/bundles/rootless
        cat > /run/rootless << END
mkdir \$1/shell && chown -R 1000:1000 \$1 && echo \$\$ > \$1/shell/cgroup.procs &&
exec setpriv --reuid 1000 --regid 1000 --clear-groups env HOME=/tmp XDG_RUNTIME_DIR=/run/user/1000 \\
        runc --root /run/user/1000/runc run --detach --bundle /run/bundles/rootless $1
END
        in_user_slice > /run/rootless.out 2>&1 < /dev/null || { cat /run/rootless.out; return 1; }
}

in_user_slice() { # runs /run/rootless with a cgroup there
        local slice=$CG/user.slice/user-1000.slice
        if [ "$DTGOV_INIT" = systemd ]; then
                systemd-run --scope --unit dev --slice user-1000.slice -p Delegate=yes sh /run/rootless "$slice/dev.scope"
        else
                mkdir -p "$slice/dev.scope" && sh /run/rootless "$slice/dev.scope"
        fi
}

is_left_alone() { # ID WHY: it is listed, and nobody may change it
        local dir before
        dir=$CG$(control ListContainers | jq -r --arg id "$1" '.containers[] | select(.id == $id).cgroup')
        before=$(limits_of "$dir")
        t_ok "${3}: it is listed" says "${1:0:12}" "$(dtgov ps)"
        t_ok "${3}: dtgov show says why it is only observed" shows "$1" "note *$2"
        t_ok "${3}: set is refused" runs 9 dtgov set "$1" cpu.max=2 --yes
        t_ok "${3}: with that reason" says "only observed: $2" "$output"
        t_is "${3}: nothing can be proposed for it, so nothing approved" null "$(control Propose \
                "{\"containerId\":\"$1\",\"assignments\":\"cpu.max=2\"}" | jq -c '.proposal.id')"
        t_is "${3}: its limits are as before" "$before" "$(limits_of "$dir")"
}

# A step of a build by BuildKit, asked for by a client that has no session with it: its context is
# the request's body.
build() {
        mkdir -p /run/build
        printf 'FROM busybox\nRUN sleep 1000\n' > /run/build/Dockerfile
        tar -C /run/build -c -f /run/build.tar Dockerfile
        {
                printf 'POST /build?version=2&buildid=b1&networkmode=none HTTP/1.1\r\nHost: docker\r\n'
                printf 'Content-Type: application/x-tar\r\nContent-Length: %s\r\n\r\n' "$(stat -c %s /run/build.tar)"
                cat /run/build.tar
        } | "$peer" raw /run/docker.sock 300 > /run/build.out 2>&1 &
}

build_is_known() {
        observer ListContainers | jq -e '.containers[] | select(.id == "buildkit" and .environmentRule == "BuildKit'"'"'s cgroup")'
}

finding() { # ID: of it
        observer ListFindings | jq -ce --arg id "$1" 'first(.findings[] | select(.containerId == $id))'
}

proposal() { # ID: pending
        control ListProposals | jq -re --arg id "$1" 'first(.proposals[] | select(.containerId == $id and .state == "pending")).id'
}

build_peer
use_runtime "$(command -v runc)"
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
t_ok "dtgov-identify is there" identify_with
t_ok "dockerd comes up" start_engine
[ "$t_failed" = 0 ] || { t_done; exit 1; }
make_bundle rootfs '{}' true
cp -a /run/bundles/rootfs/rootfs /run/rootfs
mkdir /run/rootfs/etc /run/rootfs/run /run/rootfs/tmp

echo "- Docker ($SECONDS s)"
nested=$(docker_run --name nested --privileged --cgroupns private --cpus 0.1 --label dtgov.approve=yes busybox sh -c '
        cd /sys/fs/cgroup && mkdir init job && echo $$ > init/cgroup.procs &&
                echo "+cpu +memory +pids" > cgroup.subtree_control
        sh -c "echo \$\$ > job/cgroup.procs; while :; do :; done" & wait')
sandbox=$(labelled box '{"daytona.sandbox_name":"my-box","daytona.organization_id":"o1"}' \
        '["DAYTONA_SANDBOX_ID=box","DAYTONA_SANDBOX_SNAPSHOT=base:1"]')
workspace=$(labelled w1-api '{"daytona.workspace.id":"w1","daytona.workspace.project.name":"api"}')
devcontainer=$(labelled dev '{"devcontainer.local_folder":"/home/x/shop","devcontainer.config_file":"/home/x/shop/.devcontainer.json"}')
compose=$(labelled shop-web-1 '{"com.docker.compose.project":"shop","com.docker.compose.service":"web","com.docker.compose.project.working_dir":"/home/x/shop"}')
plain=$(labelled plain '{}')
t_ok "a Daytona sandbox, by its snapshot" waits_to_show 60 "$sandbox" 'is +my-box \(Daytona sandbox\)' 'made from +base:1 \(Daytona snapshot\)'
t_ok "a Daytona workspace" waits_to_show 60 "$workspace" 'is +w1/api \(Daytona workspace\)' 'made from .*\(image digest\)'
t_ok "a devcontainer, with its folder" waits_to_show 60 "$devcontainer" 'is +/home/x/shop \(devcontainer folder\)' 'folder +/home/x/shop'
t_ok "a compose service" waits_to_show 60 "$compose" 'is +shop/web \(compose service\)' 'made from +shop/web \(compose service\)'
t_ok "one without labels by its name" waits_to_show 60 "$plain" 'is +plain \(container name\)' 'image +busybox' 'engine +docker' 'network +none'
output=$(dtgov ps)
for name in my-box w1/api 'shop ' shop/web plain; do
        t_ok "dtgov ps calls it $name" says "$name" "$output"
done

echo "- hostile labels ($SECONDS s)"
hostile=$(docker_run --name hostile --label $'com.docker.compose.project=\033[31mred\n\u202edaer' --label dtgov.approve=yes \
        --label $'com.docker.compose.service=<script>\r\a' busybox sleep 1000000)
seq -f 'label-%06g=x' 100000 > /run/labels
many=$(docker_run --name many --label-file /run/labels --label "devcontainer.local_folder=$(head -c 100000 /dev/zero | tr '\0' x)" \
        busybox sleep 1000000)
t_ok "10: a label of escape sequences names" waits_to_show 60 "$hostile" '\(compose service\)'
t_ok "10: and is escaped by show" is_clean "$output"
t_ok "10: by ps" is_clean "$(dtgov ps)"
t_ok "10: by top" is_clean "$(dtgov top --once)"
t_is "10: JSON has it as it is" $'\033[31mred\n\u202edaer/<script>\r\a' \
        "$(dtgov ps --json | jq -r --arg id "$hostile" '.[] | select(.containerId == $id).id')"
t_ok "12: a label that approves is told of" says 'labels cannot raise or approve' "$output"
t_ok "11: of 100,000 labels the first are looked at" waits_to_show 90 "$many" 'is +many \(container name\)' 'labels truncated'
t_ok "11: what show says of it is short" test "${#output}" -lt 4000

echo "- a build ($SECONDS s)"
build
t_ok "a step of a build is the environment buildkit" wait_for 90 build_is_known
t_ok "dtgov ps says so" says '^buildkit ' "$(dtgov ps)"

echo "- Podman ($SECONDS s)"
identify_with --docker /run/docker.sock --podman /run/one.sock --podman /run/two.sock
one=$(podman_runs one pod-web --label com.docker.compose.project=shop --label com.docker.compose.service=db)
t_ok "without its service: that its engine does not run" waits_to_show 60 "$one" 'does not run' '\(container id\)'
t_ok "its service starts" podman_serves one
t_ok "a second one of other containers too" podman_serves two
t_ok "asked again it is known" waits_to_show 120 "$one" 'is +shop/db \(compose service\)' 'engine +podman'
two=$(podman_runs two other)
t_ok "one of an engine that is installed twice is known by the second" waits_to_show 60 "$two" 'is +other \(container name\)'

echo "- what no engine is asked about ($SECONDS s)"
address=$(find /run -name containerd.sock | head -n 1)
ctr --address "$address" run --detach --runc-binary "$B/dtgov-runtime" --rootfs /run/rootfs job1 /bin/sleep 1000000
t_ok "a container of containerd is called by its id, and that is said" waits_to_show 60 job1 'is +job1 \(container id\)' \
        'engine +containerd' 'containerd and CRI-O are not asked'
pod=$(hex 1)
t_ok "a container of a pod runs" pod "$pod"
t_ok "and is found" wait_for 60 is_known "$pod" 1
is_left_alone "$pod" 'a Kubernetes pod: the kubelet owns its limits' "a pod"
rootless=$(hex 2)
t_ok "a rootless container runs" rootless "$rootless"
t_ok "and is found" wait_for 60 is_known "$rootless" 1
is_left_alone "$rootless" 'rootless: its limits belong to the service manager of its user' rootless

echo "- the same id twice ($SECONDS s)"
t_ok "runc has a container of the id of Docker's" foreign twin "$plain" "/elsewhere/$plain"
t_ok "73: both are known" wait_for 60 is_known "$plain" 2
t_ok "73: Docker is asked about both" wait_for 60 has_notes "$plain"
t_is "73: one is plain, the other is not called so" "container id,container name" "$(dtgov ps --json |
        jq -r --arg id "$plain" '[.[] | select(.containerId == $id).environmentRule] | sort | join(",")')"
t_is "73: since Docker speaks of another container" "its engine answered about another container" \
        "$(observer ListContainers | jq -r --arg id "$plain" '.containers[] | select(.containerId == $id) | .notes[]')"
runc delete --force "$plain"

echo "- an engine that lies ($SECONDS s)"
head='printf "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"'
liar liar "$head; echo '{\"Id\":\"$(hex 11)\",\"Name\":\"/liar\",\"State\":{\"Pid\":$(init_of plain)},\"Config\":{\"Labels\":{}}}'"
liar noise 'head -c 4096 /dev/urandom'
liar flood "$head; head -c 10485760 /dev/zero | tr '\\0' x"
liar mute 'sleep 100'
number=11
for row in "liar:answered about another container" "noise:answer is none, or cut off" "flood:larger than 4 MiB" "mute:did not answer in time"; do
        identify_with --docker "/run/${row%%:*}.sock"
        id=$(hex $number) number=$((number + 1))
        foreign "${row%%:*}" "$id" "/docker/$id" || echo "it did not start"
        t_ok "${row%%:*}: ${row#*:}" waits_to_show 60 "$id" "${row#*:}" '\(container id\)'
        t_ok "${row%%:*}: dtgovd goes on" alive
        runc delete --force "$id"
done
identify_with
kill -STOP "$(cat /run/docker.pid)"
id=$(hex 20)
foreign stopped "$id" "/docker/$id"
t_ok "a dockerd that is stopped did not answer in time" waits_to_show 60 "$id" 'did not answer in time'
t_ok "dtgovd goes on" alive
kill -CONT "$(cat /run/docker.pid)"
t_ok "it goes on too: asked again it does not know that one" waits_to_show 60 "$id" 'no engine knows it'
runc delete --force "$id"

echo "- cgroups of a container's own ($SECONDS s)"
t_ok "what burns in one of them is found" wait_for 60 finding "$nested"
t_is "by its name" sh "$(finding "$nested" | jq -r '.processes[0].name')"
t_ok "a proposal is there" wait_for 30 proposal "$nested"
t_ok "12: the label has not approved it: nothing was changed" is_same 0 "$(control ListChanges | jq '.changes | length')"
dir=$(cgroup_of "$nested")
t_ok "it is approved" runs 0 dtgov approve "$(proposal "$nested")" --yes
read -r quota _ < "$dir/cpu.max"
t_ok "the container's own limit is higher: $quota" test "$quota" = max -o "$quota" -gt 10000
t_is "those below are its own affair" "max 100000" "$(cat "$dir/job/cpu.max")"
t_ok "it is taken back" runs 0 dtgov rollback "$nested" --yes
t_is "to the byte" "10000 100000" "$(cat "$dir/cpu.max")"
echo "- a health check of the engine's ($SECONDS s)"
checked=$(docker_run --name checked --cpu-quota 50000 --health-cmd 'test ! -e /tmp/sick' \
        --health-interval 2s --health-retries 1 busybox sleep 100000)
t_ok "what has one is known by its name" waits_to_show 60 "$checked" 'is +checked'
t_ok "and is healthy" wait_for 60 is_healthy checked
t_ok "its quota is raised" runs 0 dtgov set checked cpu.max=1 --yes
sleep 15
t_is "as long as it stays healthy, that stays" probation "$(change_state "$(last_change "$checked")")"
docker exec checked touch /tmp/sick
t_ok "when the check begins to fail it is taken back" wait_for 40 change_is "$(last_change "$checked")" rolled_back
t_is "and that is said" UNHEALTHY "$(control ListChanges | jq -r --arg id "$(last_change "$checked")" '.changes[] | select(.id == $id).reason')"
t_is "the quota is as before" "50000 100000" "$(cat "$(cgroup_of "$checked")/cpu.max")"
docker rm -f checked > /dev/null

stop_dtgovd TERM
echo "- done ($SECONDS s)"
t_done
