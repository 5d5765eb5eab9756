#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Proves that a guest is what the tests take it for:
#   tests/vm/run [--os OS] [--systemd] --disk 2048 tests/vm/selftest.sh
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh

echo "$DTGOV_OS, $DTGOV_INIT: the script began $(cut -d' ' -f1 /proc/uptime) s after power-on"

declare -A release=([bookworm]=6.1 [trixie]=6.12)
t_is "kernel of $DTGOV_OS" "${release[$DTGOV_OS]}" "$(uname -r | cut -d. -f1,2)"
t_ok "the userland is $DTGOV_OS" grep -q "VERSION_CODENAME=$DTGOV_OS" /etc/os-release
t_is "cgroup v2 alone" cgroup2fs "$(stat -fc %T /sys/fs/cgroup)"
# systemd enables a controller below the root only when a unit needs it.
enabled=cgroup.subtree_control
[ "$DTGOV_INIT" = plain ] || enabled=cgroup.controllers
for controller in cpu memory io pids; do
        t_ok "$controller is there" grep -qw "$controller" "/sys/fs/cgroup/$enabled"
done
t_ok "PSI is on" grep -q '^some avg10=' /proc/pressure/memory /proc/pressure/cpu /proc/pressure/io
t_ok "/src cannot be written" bash -c '! touch /src/x'
t_ok "the loopback is up" grep -q 1 /sys/class/net/lo/carrier
t_ok "a module can be loaded" modprobe veth

drivers=cgroupfs
if [ "$DTGOV_INIT" = systemd ]; then
        drivers="systemd cgroupfs"
        t_ok "systemd is PID 1 and content" wait_for 30 systemctl is-system-running
fi
for driver in $drivers; do
        t_ok "dockerd with the $driver driver answers" start_dockerd "$driver"
        t_ok "a container runs ($driver)" docker run --rm --network none busybox true
        t_ok "dockerd ends ($driver)" stop_dockerd
done
# What a script leaves behind holds its output open, here in a unit of its own: the guest ends all
# the same, or this run has no status.
leave=()
[ "$DTGOV_INIT" = plain ] || leave=(systemd-run --scope --quiet)
"${leave[@]}" sleep 1000 &
t_ok "what is left behind holds the output" wait_for 20 pgrep -x sleep
t_done
