#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The knobs of io on a disk: a weight only where something weighs, a limit of one disk and one
# direction, and what others set beside it. The disk below /var/lib/docker is the one.
#
# guests: bookworm trixie
# ci: trixie-systemd
# init: plain systemd
# disk: 1024
# memory: 2048
# timeout: 900
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

reload() { # whatever an installed package does to systemd
        [ "$DTGOV_INIT" = plain ] || systemctl daemon-reload
}

# told PROPERTY: what systemd believes of the container's scope
told() {
        systemctl show --property "$1" --value "$(basename "$dir")"
}

# told_disk PROPERTY: the same of a list of disks, which systemctl(1) does not show
told_disk() {
        local manager=org.freedesktop.systemd1 unit
        unit=$(busctl call $manager /org/freedesktop/systemd1 $manager.Manager GetUnit s "$(basename "$dir")") &&
                busctl get-property $manager "$(cut -d'"' -f2 <<< "$unit")" $manager.Scope "$1"
}

# io_max WBPS RIOPS: the line of the disk as the kernel shows it
io_max() {
        echo "$dev rbps=max wbps=$1 riops=$2 wiops=max"
}

write_some() { # KIB, and onto the disk
        docker exec io dd if=/dev/zero of=/data/some bs=64k count=$(($1 / 64)) conv=fsync
}

scheduler_is() { # NAME
        grep -q "\[$1\]" "/sys/dev/block/$dev/queue/scheduler"
}

build_peer
use_runtime "$(command -v runc)"
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
t_ok "dockerd comes up" start_engine
[ "$t_failed" = 0 ] || { t_done; exit 1; } # nothing to do without an engine

dev=$(mountpoint -d /var/lib/docker)
mkdir -p /var/lib/docker/data
id=$(docker_run --name io -v /var/lib/docker/data:/data busybox sleep 100000)
dir=$(cgroup_of "$id")
wait_for 10 is_known "$id" 1
t_ok "the container has the files of io" ls "$dir/io.max" "$dir/io.weight"
t_ok "it uses the disk $dev" write_some 256
t_ok "and the kernel says so" wait_for 10 grep -q "^$dev " "$dir/io.stat"
before=$(limits_of "$dir")

echo "- a weight where nothing weighs ($SECONDS s)"
echo none > "/sys/dev/block/$dev/queue/scheduler"
t_ok "nothing weighs IO on it" scheduler_is none
t_ok "io.weight is refused: exit 9" runs 9 dtgov set "$id" io.weight=200 --yes
t_ok "with the disk and what to do" says "neither iocost nor BFQ is active on.*$dev.*queue/scheduler" "$output"
t_ok "a dry run is refused too" runs 9 dtgov set "$id" io.weight=200 --dry-run
t_is "and nothing changed" "$before" "$(limits_of "$dir")"

echo "- under iocost ($SECONDS s)"
echo "$dev enable=1 ctrl=auto" > "$CG/io.cost.qos"
t_ok "iocost is active" grep -q "^$dev enable=1" "$CG/io.cost.qos"
echo "$dev 50" > "$dir/io.weight"
before=$(limits_of "$dir")
t_ok "a line of the disk stands below the default" test "$(wc -l < "$dir/io.weight")" = 2
t_ok "io.weight is set" runs 0 dtgov set "$id" io.weight=200 --yes
t_is "the default alone" "default 200 $dev 50" "$(paste -sd' ' "$dir/io.weight")"
if [ "$DTGOV_INIT" = systemd ]; then
        t_is "systemd knows it" 200 "$(told IOWeight)"
        reload
        t_is "daemon-reload undoes nothing" "default 200 $dev 50" "$(paste -sd' ' "$dir/io.weight")"
fi
t_ok "it is taken back" runs 0 dtgov rollback "$id" --yes
t_is "every file is as before" "$before" "$(limits_of "$dir")"
reload
t_is "and stays so" "$before" "$(limits_of "$dir")"
echo "$dev default" > "$dir/io.weight"
echo "$dev enable=0" > "$CG/io.cost.qos"

echo "- under BFQ ($SECONDS s)"
modprobe bfq
echo bfq > "/sys/dev/block/$dev/queue/scheduler"
t_ok "BFQ is active" scheduler_is bfq
t_ok "its file is there" test -e "$dir/io.bfq.weight"
before=$(limits_of "$dir")
t_ok "io.weight is set" runs 0 dtgov set "$id" io.weight=1200 --yes
t_is "in both files, each in its range" "default 1200 default 200" \
        "$(cat "$dir/io.weight" "$dir/io.bfq.weight" | paste -sd' ')"
if [ "$DTGOV_INIT" = systemd ]; then
        t_is "systemd knows it" 1200 "$(told IOWeight)"
        reload
        t_is "daemon-reload undoes nothing" "default 1200 default 200" \
                "$(cat "$dir/io.weight" "$dir/io.bfq.weight" | paste -sd' ')"
fi
t_ok "it is taken back" runs 0 dtgov rollback "$id" --yes
t_is "every file is as before" "$before" "$(limits_of "$dir")"
if [ "$DTGOV_INIT" = systemd ]; then
        t_ok "what systemd cannot be told is refused: exit 9" runs 9 dtgov set "$id" io.bfq.weight=300 --yes
        t_ok "by its name" says 'systemd would overwrite io.bfq.weight' "$output"
        t_is "and nothing changed" "$before" "$(limits_of "$dir")"
fi
echo none > "/sys/dev/block/$dev/queue/scheduler"

echo "- a limit of one disk ($SECONDS s)"
before=$(limits_of "$dir")
t_is "there is no limit yet" "" "$(cat "$dir/io.max")"
t_ok "a device that is none is refused: exit 9" runs 9 dtgov set "$id" "io.max=9:99 wbps=10M" --yes
t_ok "and said so" says 'there is no disk 9:99' "$output"
t_ok "two limits in one assignment are a usage error" runs 2 dtgov set "$id" "io.max=$dev wbps=10M rbps=10M" --yes
t_ok "a dry run shows what would be written" runs 0 dtgov set "$id" "io.max=$dev wbps=1M" --dry-run
t_ok "as the kernel takes it" says "$dev wbps=1048576" "$output"
t_is "and nothing changed" "$before" "$(limits_of "$dir")"
t_ok "writes are capped at 1 MiB/s" runs 0 dtgov set "$id" "io.max=$dev wbps=1M" --yes
change=$(last_change "$id")
t_is "that limit alone" "$(io_max 1048576 max)" "$(cat "$dir/io.max")"
t_is "no other file changed with it" "$(without io.max "$before")" "$(without io.max "$(limits_of "$dir")")"
begun=$(date +%s)
t_ok "6 MiB are written" write_some 6144
t_ok "in 4 s or more" test $(($(date +%s) - begun)) -ge 4
if [ "$DTGOV_INIT" = systemd ]; then
        t_is "systemd knows it" "a(st) 1 \"/dev/$(basename "$(readlink "/sys/dev/block/$dev")")\" 1048576" "$(told_disk IOWriteBandwidthMax)"
        reload
        t_is "daemon-reload undoes nothing" "$(io_max 1048576 max)" "$(cat "$dir/io.max")"
        systemctl set-property --runtime "$(basename "$dir")" CPUWeight=100
        t_is "nor does another property" "$(io_max 1048576 max)" "$(cat "$dir/io.max")"
fi

echo "- others set another limit of that disk ($SECONDS s)"
echo "$dev riops=500" > "$dir/io.max"
sleep 3
t_is "the change is on probation as before" probation "$(change_state "$change")"
t_ok "it is taken back" runs 0 dtgov rollback "$id" --yes
t_is "the other limit stays" "$(io_max max 500)" "$(cat "$dir/io.max")"
reload
t_is "after daemon-reload too" "$(io_max max 500)" "$(cat "$dir/io.max")"
t_is "the change is at its end" rolled_back "$(change_state "$change")"

echo "- others set the same limit ($SECONDS s)"
t_ok "writes are capped again" runs 0 dtgov set "$id" "io.max=$dev wbps=2M" --yes
change=$(last_change "$id")
echo "$dev wbps=5242880" > "$dir/io.max"
status=0
output=$(dtgov rollback "$change" --yes 2>&1) || status=$?
t_is "their value stays" "$(io_max 5242880 500)" "$(cat "$dir/io.max")"
t_ok "the change is in conflict or superseded" says 'conflict|superseded' "$(change_state "$change")"
t_ok "and the three values are shown" says "wbps=5242880.*wbps=max.*wbps=2097152" "$(tr '\n' ' ' <<< "$output")"
reload
t_is "after daemon-reload too" "$(io_max 5242880 500)" "$(cat "$dir/io.max")"

echo "- two limits at once, and a restart ($SECONDS s)"
noted=$(limits_of "$dir")
t_ok "both are set" runs 0 dtgov set "$id" "io.max=$dev wbps=4M" "io.max=$dev riops=100" --yes
change=$(last_change "$id")
t_is "both hold" "$(io_max 4194304 100)" "$(cat "$dir/io.max")"
stop_dtgovd KILL
t_ok "dtgovd comes back after a kill" start_dtgovd --probation 600
t_ok "what was on probation is taken back" wait_for 20 change_is "$change" rolled_back
t_is "every file is as before" "$noted" "$(limits_of "$dir")"
reload
t_is "and stays so" "$noted" "$(limits_of "$dir")"

docker rm -f io > /dev/null
stop_dtgovd TERM
t_done
