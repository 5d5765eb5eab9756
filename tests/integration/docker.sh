#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Docker with dtgov-runtime as its default runtime: all that people do with containers, and that
# each is registered once, leaves once, never fails to start for dtgov's sake, and leaves nothing.
#
# guests: bookworm trixie
# ci: trixie-systemd
# init: plain systemd
# disk: 2048
# memory: 6144
# timeout: 2900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

is_gone() { # ID: neither a file nor a container of dtgovd is left of it
        [ "$(registered "$1")" = 0 ] && is_known "$1" 0
}

is_registered_once() { # ID: with the pid and the cgroup that it really has
        local file inode pid
        inode=$(inode_of "$1") pid=$(init_of "$1")
        [ "$(registered "$1")" = 1 ] || { ls -l "$REGISTRY"; return 1; }
        file=$REGISTRY/$1.$inode.json
        jq -e --arg id "$1" --argjson inode "$inode" --argjson pid "$pid" \
                '.id == $id and .cgroup_inode == $inode and .pid == $pid and .runtime != ""' \
                "$file" > /dev/null || { cat "$REGISTRY/$1".*; echo "inode $inode pid $pid"; return 1; }
        wait_for 10 is_known "$1" 1 || { control ListContainers; return 1; }
        is_same "$inode" "$(known_inode "$1")" || return
        control ListContainers | jq -e --arg id "$1" \
                '.containers[] | select(.id == $id) | .adopted == false' > /dev/null
}

ended() { # ID: how often dtgovd said that it ended
        grep -c "container ${1:0:12} ended" "$LOG"
}

bundles() { # the directory of all bundles
        find /run/containerd /run/docker -type d -path '*/io.containerd.runtime.v2.task/moby'
}

# By the engine's own interface: fifty clients at once would need 2 GiB.
api() { # METHOD BODY PATH...
        "$peer" http /run/docker.sock "$@"
}

create_many() { # COUNT COMMAND-JSON: prints the ids
        local paths=() i
        for ((i = 0; i < $1; i++)); do paths+=("/v1.41/containers/create"); done
        api POST "{\"Image\":\"busybox\",\"Cmd\":$2,\"HostConfig\":{\"NetworkMode\":\"none\"}}" \
                "${paths[@]}" | sed 's/^201 //' | jq -r .Id
}

# Five at a time: dockerd waits ten seconds for an end and then leaves bundle and cgroup behind, and an
# emulated machine has no fifty ends within that time, with dtgov or without.
remove_many() { # ID...: prints how many failed
        local paths=("${@/#//v1.41/containers/}")
        paths=("${paths[@]/%/?force=1}")
        while [ ${#paths[@]} -gt 0 ]; do
                api DELETE "" "${paths[@]:0:5}"
                paths=("${paths[@]:5}")
        done | grep -vc ^204
}

starts() { # ID...: their paths
        local id
        for id in "$@"; do echo "/v1.41/containers/$id/start"; done
}

many() { # COUNT COMMAND-JSON: makes and starts them all at once; ids and started are set
        mapfile -t ids < <(create_many "$1" "$2")
        mapfile -t paths < <(starts "${ids[@]}")
        api POST "" "${paths[@]}" > /run/starts
        started=$(grep -c ^204 /run/starts)
        grep -v ^204 /run/starts | sed 's/^/       a start that failed: /' || :
}

all_are() { # COUNT: so many files and containers of dtgovd
        [ "$(registered)" = "$1" ] && [ "$(known_all)" = "$1" ]
}

all_gone() {
        all_are 0
}

no_cgroup_left() {
        local left
        left=$(find "$CG" -path "*/docker/*" -type d -o -name 'docker-*.scope' -type d)
        [ -z "$left" ] || { echo "$left"; return 1; }
}

no_bundle_left() { # or say whose
        local left
        left=$(find "$(bundles)" -mindepth 1 -maxdepth 1)
        [ -z "$left" ] || {
                docker ps -a --no-trunc
                for left in $left; do
                        ls -l "$left"
                        grep "${left##*/}" /run/dockerd.log | cut -c1-400
                done
                return 1
        }
}

build_peer
use_runtime "$(command -v runc)"
t_ok "dtgovd and its observer come up" start_dtgovd
t_ok "dockerd comes up with the wrapper as its default runtime" start_engine
[ "$t_failed" = 0 ] || { t_done; exit 1; } # nothing to do without an engine
t_is "the default runtime is dtgov" dtgov "$(docker info --format '{{.DefaultRuntime}}' 2> /dev/null)"

echo "- one container, all its life ($SECONDS s)"
t_ok "docker run gives the exit status of the program" runs 3 docker run --rm --network none busybox sh -c 'exit 3'
id=$(docker_run --name one --memory 64m busybox sleep 1000)
t_ok "a container that runs is registered once" is_registered_once "$id"
t_is "the wrapper leaves no temporary file in the bundle" "" \
        "$(find "$(bundles)/$id" -name '*dtgov*' -o -name '.*' -type f -o -name '*.tmp')"
t_ok "exec works" runs 0 docker exec one true
t_ok "exec gives the exit status of the program" runs 7 docker exec one sh -c 'exit 7'
t_ok "exec registers nothing" is_registered_once "$id"
t_ok "docker stop works" runs 0 docker stop one
t_ok "a stopped container has left" wait_for 60 is_gone "$id"
t_is "it left once" 1 "$(ended "$id")"
t_ok "docker start works" runs 0 docker start one
t_ok "started again it is registered once" is_registered_once "$id"
before=$(inode_of "$id")
t_ok "docker restart works" runs 0 docker restart one
t_ok "restarted it is registered once" is_registered_once "$id"
t_ok "and as another instance" test "$before" != "$(inode_of "$id")"
t_ok "docker pause and unpause work" sh -c "docker pause one && docker unpause one"
t_ok "a container that was paused is registered once" is_registered_once "$id"
kill -9 "$(init_of "$id")"
t_ok "kill -9 of its program: it has left" wait_for 60 is_gone "$id"
docker start one > /dev/null
t_ok "started after that it is registered once" is_registered_once "$id"
shim=$(pgrep -f "containerd-shim.*-id $id" | head -n 1)
kill -9 "$shim"
t_ok "kill -9 of its shim: it has left" wait_for 90 is_gone "$id"
wait_for 60 sh -c "docker inspect -f '{{.State.Running}}' one | grep false"
t_ok "docker rm works" runs 0 docker rm -f one
t_is "it left as often as it ran" 4 "$(ended "$id")"

echo "- starts that fail by themselves ($SECONDS s)"
t_ok "a missing program fails as without dtgov" runs 127 docker run --rm --network none busybox /missing
t_ok "and says so in the runtime's own words" says '/missing.*no such file' "$output"
t_ok "a file that cannot be executed fails as without dtgov" runs 126 docker run --rm --network none busybox /tmp
t_ok "nothing is left of them" wait_for 60 all_gone

echo "- fifty at once ($SECONDS s)"
many 50 '["sleep","1000"]'
t_is "fifty containers start at once" 50 "$started"
t_ok "all are registered" wait_for 60 all_are 50
t_is "each of them once" 50 "$(control ListContainers | jq '[.containers[].id] | unique | length')"
t_is "dtgov ps lists all of them" 50 "$(dtgov ps --json | jq length)"
t_is "all can be removed" 0 "$(remove_many "${ids[@]}")"
t_ok "and have left" wait_for 60 all_gone
many 5 '["true"]'
t_is "five start that end at once" 5 "$started"
t_ok "they leave by themselves" wait_for 60 all_gone
t_is "and can be removed" 0 "$(remove_many "${ids[@]}")"
many 10 '["sleep","1000"]'
t_is "ten start at once" 10 "$started"
# What was there once may stay with the allocator; what grows the second time is a leak.
observer=$(observer_pid)
anon_dtgovd=$(anon_of "$dtgovd") anon_observer=$(anon_of "$observer")
t_is "all can be removed" 0 "$(remove_many "${ids[@]}")"
t_ok "and have left" wait_for 60 all_gone
sleep 3
fds="$(fds_of "$dtgovd") $(fds_of "$observer")"
many 10 '["sleep","1000"]'
wait_for 60 all_are 10
remove_many "${ids[@]}" > /dev/null
t_ok "ten more have come and gone" wait_for 60 all_gone
sleep 3
t_is "no descriptor of dtgovd and the observer stays open" "$fds" "$(fds_of "$dtgovd") $(fds_of "$observer")"
t_ok "memory of dtgovd does not grow: $anon_dtgovd -> $(anon_of "$dtgovd") KiB" \
        test "$(anon_of "$dtgovd")" -le $((anon_dtgovd + 64))
t_ok "memory of the observer does not grow: $anon_observer -> $(anon_of "$observer") KiB" \
        test "$(anon_of "$observer")" -le $((anon_observer + 128))

echo "- dtgovd down and back ($SECONDS s)"
stays=$(docker_run busybox sleep 1000)
t_ok "a container that will outlive dtgovd is registered" is_registered_once "$stays"
goes=$(docker_run busybox sleep 1000)
stop_dtgovd TERM
t_ok "containers outlive dtgovd" docker exec "$stays" true
meanwhile=$(docker_run busybox sleep 1000)
t_is "a container starts without dtgovd and is registered by its hook" 1 "$(registered "$meanwhile")"
t_ok "one ends without dtgovd" runs 0 docker rm -f "$goes"
before=$(docker_run busybox sleep 1000)
pid=$(init_of "$before") file=$(find "$REGISTRY" -name "$before.*")
cp "$file" /run/saved
docker rm -f "$before" > /dev/null
cp /run/saved "$file" # as after a crash of the shim: nobody ran poststop
t_ok "dtgovd comes back" start_dtgovd
t_ok "what outlived it is known again" is_registered_once "$stays"
t_ok "what started meanwhile is known" is_registered_once "$meanwhile"
t_ok "what ended meanwhile is not" is_gone "$goes"
t_ok "a file without its container is taken away" is_gone "$before"
stop_dtgovd KILL
t_ok "dtgovd comes back after kill -9" start_dtgovd
t_ok "what outlived that is known again" is_registered_once "$stays"
plain=$(docker_run --runtime runc busybox sleep 1000)
t_ok "a container without a hook is adopted within 35 s" wait_for 35 is_known "$plain" 1
t_is "and is shown as adopted" true \
        "$(control ListContainers | jq --arg id "$plain" '.containers[] | select(.id == $id) | .adopted')"
docker rm -f "$plain" "$stays" "$meanwhile" > /dev/null
t_ok "all have left" wait_for 60 all_gone

echo "- dtgov's own faults fail no start ($SECONDS s)"
id=$(docker_run --name two busybox sleep 1000)
stop_dtgovd TERM
mv /run/dtgov /run/dtgov.away
t_ok "without a registry a container runs" runs 0 docker run --rm --network none busybox true
: > /run/dtgov
t_ok "with a file in place of /run/dtgov a container runs" runs 0 docker run --rm --network none busybox true
rm /run/dtgov
mv /run/dtgov.away /run/dtgov
chmod 0 "$REGISTRY"
t_ok "with a closed registry a container runs" runs 0 docker run --rm --network none busybox true
chmod 700 "$REGISTRY"
mount -t tmpfs -o size=4k full "$REGISTRY" && head -c 100000 /dev/zero 2> /dev/null > "$REGISTRY/x"
t_ok "with a full registry a container runs" runs 0 docker run --rm --network none busybox true
umount "$REGISTRY"
echo "hook /missing" > /etc/dtgov/runtime.conf
t_ok "with a missing hook a container runs" runs 0 docker run --rm --network none busybox true
echo nonsense > /etc/dtgov/runtime.conf
t_ok "with nonsense in runtime.conf a container runs" runs 0 docker run --rm --network none busybox true
echo "runtime relative/runc" > /etc/dtgov/runtime.conf
t_ok "with a runtime that cannot be understood none is started in its place" runs 125 \
        docker run --rm --network none busybox true
echo "runtime $B/dtgov-runtime" > /etc/dtgov/runtime.conf
t_ok "with the wrapper for its own runtime there is no loop" runs 125 docker run --rm --network none busybox true
t_ok "and the file is named" says 'dtgov: .*/etc/dtgov/runtime.conf' "$output"
rm /etc/dtgov/runtime.conf
t_ok "without runtime.conf a container runs" runs 0 docker run --rm --network none busybox true
use_runtime "$(command -v runc)"
t_ok "dtgovd comes back once more" start_dtgovd
t_ok "the last one can be removed" runs 0 docker rm -f two
t_ok "everything has left" wait_for 60 all_gone
t_is "the registry is empty, temporary files too" "" "$(find "$REGISTRY" -mindepth 1)"
wait_for 60 no_bundle_left || : # containerd takes its time
t_ok "no cgroup is left" no_cgroup_left
t_ok "no bundle is left" no_bundle_left
stop_dtgovd TERM
t_ok "dockerd ends" stop_dockerd
t_done
