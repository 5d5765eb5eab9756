# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A container with an engine of its own, for the tests of an engine in a container; after lib.sh:
# . /src/tests/integration/inner.sh
#
#   make_inner_image               once, when the engine of the guest is up
#   inner_runtime NAME [RUNTIME]   before start_inner: the installed dtgov-RUNTIME (runc) is the
#                                  default runtime of the engine in it, under the name "dtgov"
#   start_inner NAME [OPTION...]   OPTIONs of docker run; prints the id of the container. Its engine
#                                  has the image "busybox"; its folders are those of inner_dir
#   in_inner NAME COMMAND...       in the container, beside its engine
#   inner_docker NAME ARG...       the docker client of the guest, asking the engine in it
#   inner_docker_run NAME OPTION... IMAGE COMMAND...   as docker_run(); prints the id
#   inner_socket NAME              the socket of its engine, as the guest has it
#   stop_inner NAME                with all that runs in it
#
# The container is privileged, has a cgroup namespace of its own and the guest's /usr. Its engine
# has neither bridge nor iptables, and the cgroupfs driver: there is no systemd in it. As usual for
# a Docker in a container, the processes of the engine go to a cgroup "init", so that the cgroups
# of its containers may have controllers.

INNER_START='
cd /sys/fs/cgroup || exit
mkdir init
echo $$ > init/cgroup.procs
sed "s/[^ ]*/+&/g" cgroup.controllers > cgroup.subtree_control
for try in 1 2 3; do # a slow host: "timeout waiting for containerd to start"
        rm -f /run/inner/docker.sock /var/run/docker.pid
        dockerd --host unix:///run/inner/docker.sock --iptables=false --ip6tables=false --bridge=none \
                --exec-opt native.cgroupdriver=cgroupfs > /run/inner/log 2>&1 &
        wait
done
'

inner_dir() { # NAME: what the container has as /etc/docker, /etc/dtgov and /run/inner
        echo "/run/inner/$1"
}

inner_socket() { # NAME
        echo "$(inner_dir "$1")/run/docker.sock"
}

# A root without /usr, which the guest lends.
make_inner_image() {
        local dir name
        dir=$(mktemp -d)
        mkdir -p "$dir"/{etc,proc,sys,dev,run,tmp,usr,root,var/lib/docker}
        for name in bin sbin lib lib64; do
                ln -s "usr/$name" "$dir/$name"
        done
        echo 'root:x:0:0:root:/root:/bin/sh' > "$dir/etc/passwd"
        echo 'root:x:0:' > "$dir/etc/group"
        tar -C "$dir" -c . | docker import - inner > /dev/null
        rm -rf "$dir"
}

inner_runtime() { # NAME [RUNTIME]
        local dir
        dir=$(inner_dir "$1")
        mkdir -p "$dir/docker"
        jq -n --arg path "/usr/libexec/dtgov/dtgov-${2-runc}" \
                '{runtimes: {dtgov: {path: $path}}, "default-runtime": "dtgov"}' > "$dir/docker/daemon.json"
}

start_inner() { # NAME [OPTION...]
        local name=$1 dir data=/var/lib/docker/inner-$1
        shift
        dir=$(inner_dir "$name")
        mkdir -p "$dir/docker" "$dir/dtgov" "$dir/run" "$data"
        docker_run --privileged --cgroupns private --name "$name" --volume /usr:/usr:ro \
                --volume "$dir/docker:/etc/docker" --volume "$dir/dtgov:/etc/dtgov" \
                --volume "$dir/run:/run/inner" --volume "$data:/var/lib/docker" "$@" \
                inner bash -c "$INNER_START" || return
        if ! wait_for 180 inner_docker "$name" version; then
                echo "the engine in $name did not come up:"
                tail -n 20 "$dir/run/log"
                return 1
        fi >&2
        docker save busybox | inner_docker "$name" load > /dev/null
}

in_inner() { # NAME COMMAND...
        docker exec "$@"
}

inner_docker() { # NAME ARG...
        local socket
        socket=$(inner_socket "$1")
        shift
        docker --host "unix://$socket" "$@"
}

inner_docker_run() { # NAME OPTION... IMAGE COMMAND...
        local name=$1
        shift
        inner_docker "$name" run --detach --network none --stop-timeout 0 "$@"
}

stop_inner() { # NAME
        docker rm --force "$1"
        rm -rf "$(inner_dir "$1")" "/var/lib/docker/inner-$1"
}
