#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make uninstall while a container of Docker runs that "dtgov setup docker" gave its runtime: it asks
# what is to become of values that dtgov changed, and every container works on without it.
#
# guests: bookworm trixie
# init: systemd
# disk: 1024
# memory: 2048
# timeout: 1500
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh
unset -f dtgov

LIB=/usr/libexec/dtgov

uninstall() { # ANSWER: on a terminal
        echo "$1" | script -qec "make -s -C /src B=build/vm/$DTGOV_OS/release PREFIX=/usr uninstall" /dev/null
}

answers() { # TEXT ANSWER
        output=$(uninstall "$2") && says "$1" "$output"
}

quota() { # NAME
        cat "$(cgroup_of "$(docker inspect --format '{{.Id}}' "$1")")/cpu.max"
}

build_peer
t_ok "Docker comes up" start_engine
systemd-sysusers /usr/lib/sysusers.d/dtgov.conf
systemd-tmpfiles --create /usr/lib/tmpfiles.d/dtgov.conf
systemctl daemon-reload
t_ok "dtgovd comes up" systemctl start dtgovd.socket dtgovd.service dtgov-observer.service
t_ok "with its observer" wait_for 60 observer_present
t_ok "dtgov setup docker" runs 0 dtgov setup docker --yes
docker_run --name live --cpus 0.5 busybox sleep 100000 > /dev/null
docker_run --name stopped busybox sleep 100000 > /dev/null
docker stop stopped > /dev/null
t_ok "the container is known" wait_for 30 is_known "$(docker inspect --format '{{.Id}}' live)" 1
t_ok "a change" runs 0 dtgov set "$(docker inspect --format '{{.Id}}' live)" cpu.max=1 --yes

echo "- make uninstall, with a container that runs ($SECONDS s)"
t_ok "it asks about the change, and takes it back" answers 'keep these values, or restore' restore
t_is "the value of before is there" "50000 100000" "$(quota live)"
t_ok "the container is named" says "Docker's container .* live" "$output"
t_ok "and Docker's configuration" says '/etc/docker/daemon.json' "$output"
t_ok "no daemon runs" test -z "$(pgrep -x dtgovd; pgrep -x dtgov-observer)"
t_ok "no program of it is left but those" test ! -e /usr/sbin/dtgovd -a ! -e /usr/bin/dtgov -a -x $LIB/dtgov-runtime
t_ok "the live container can be entered" docker exec live true
t_ok "it restarts" docker restart --time 0 live
t_ok "the stopped one starts" docker start stopped
t_ok "a new one runs" docker run --rm --network none busybox true
t_ok "all can be removed" docker rm -f live stopped
t_ok "Docker's configuration still names it" runs 3 $LIB/dtgov-leave finish

echo "- nobody names it any more ($SECONDS s)"
stop_dockerd
rm /etc/docker/daemon.json
t_ok "what stayed goes" runs 0 $LIB/dtgov-leave finish
t_ok "all of it" test ! -e $LIB
t_done
