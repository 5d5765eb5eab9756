#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crun under systemd has two cgroups for a container: its own, and the scope around it. A newer crun
# (1.21, not 1.8) sets the same limits on both: then both have to change, and both go back.
#
# guests: bookworm trixie
# init: systemd
# disk: 3072
# memory: 3072
# timeout: 1200
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh
# shellcheck source=tests/integration/inner.sh
. /src/tests/integration/inner.sh
# shellcheck source=tests/integration/engine_kinds.sh
. /src/tests/integration/engine_kinds.sh

COUNT=1 QUOTA=20000

both() { # LEAF: the limits of a container's two cgroups
        limits_of "$1"
        limits_of "${1%/*}" | sed 's/^/scope /'
}

leaf_of() { # ROW: of its first container
        case $1 in
        docker-*) init_of "$(docker inspect --format '{{.Id}}' "$1-0")" ;;
        *) in_podman inspect --format '{{.State.Pid}}' "$1-0" ;;
        esac | while read -r pid; do
                echo "$CG$(sed -n 's/^0:://p' "/proc/$pid/cgroup")"
        done
}

in_both() { # LEAF: the quota of the container, and of its scope where that had the same before
        cat "$1/cpu.max"
        [ -z "$doubled" ] || cat "${1%/*}/cpu.max"
}

wanted() { # QUOTA
        echo "$1 100000"
        [ -z "$doubled" ] || echo "$1 100000"
}

sets() { # VALUE: takes a change on probation, and its number
        runs 0 dtgov set "$id" "cpu.max=$1" --yes && change=$(last_change "$id")
}

is_as_before() { # WHY
        t_is "$row: $1: all limits of both cgroups are as before" "$before" "$(both "$leaf")"
}

the_way() {
        leaf=$(leaf_of "$row")
        id=$("ids_$engine")
        before=$(both "$leaf")
        doubled=
        [ "$(cat "$leaf/cpu.max")" != "$(cat "${leaf%/*}/cpu.max")" ] || doubled=1
        echo "# $row: $(crun --version | head -n 1): the scope has $(cat "${leaf%/*}/cpu.max")"
        t_ok "$row: dtgovd knows it" wait_for 60 sh -c "dtgov() { $B/dtgov \"\$@\"; }; dtgov ps --json | grep -q $id"

        t_ok "$row: a quota is raised" sets 1
        t_is "$row: where it stands, it is raised" "$(wanted 100000)" "$(in_both "$leaf")"
        t_is "$row: no other limit of the two changed" "$(without '\(scope \)\?cpu.max' "$before")" \
                "$(without '\(scope \)\?cpu.max' "$(both "$leaf")")"
        systemctl daemon-reload
        t_is "$row: it outlasts a daemon-reload" "$(wanted 100000)" "$(in_both "$leaf")"
        t_ok "$row: it is taken back" runs 0 dtgov rollback "$change" --yes
        is_as_before "taken back"
        systemctl daemon-reload
        is_as_before "after a daemon-reload"

        t_ok "$row: a quota and memory are raised" runs 0 dtgov set "$id" cpu.max=1 memory.max=400M --yes
        kill -KILL "$dtgovd"
        wait "$dtgovd" 2> /dev/null || :
        t_ok "$row: dtgovd starts again" start_dtgovd --probation 600
        is_as_before "dtgovd was killed on probation"

        [ "$doubled" ] || return
        systemctl set-property --runtime "$(basename "${leaf%/*}")" CPUQuota=30%
        before=$(both "$leaf")
        t_ok "$row: with somebody's own value around it a raise says that it has no effect" \
                sh -c "$B/dtgov set $id cpu.max=1 --dry-run | grep -q 'no effect beyond 0.3 CPU'"
        t_ok "$row: and is done where a person wants it" sets 1
        t_is "$row: in the container alone" "100000 100000 30000 100000" \
                "$(cat "$leaf/cpu.max" "${leaf%/*}/cpu.max" | tr '\n' ' ' | sed 's/ $//')"
        t_ok "$row: it is taken back" runs 0 dtgov rollback "$change" --yes
        is_as_before "with somebody's own value"
}

build_peer
make_image
link_wrappers
# shellcheck disable=SC2178 # a word here
driver=systemd runtime=crun how=scan
t_ok "Docker comes up" setup_docker
t_ok "Podman has an image" setup_podman
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
for engine in docker podman; do
        row=$engine-crun-systemd-scan
        t_ok "$row: a container starts" "start_$engine" 0
        the_way
        t_ok "$row: it ends" "stop_$engine" 0
done
stop_dtgovd TERM
t_done
