#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# governor/kernel on a real kernel and a real systemd.
#
# guests: bookworm trixie
# ci: bookworm-systemd trixie-plain
# init: plain systemd
# disk: 64
# timeout: 600
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh

program=/src/build/vm/$DTGOV_OS/release/tests/integration/kernel_probe
probe() {
        "$program" "$@"
}
cg=/sys/fs/cgroup
mkdir -p $cg/k/a

inode() {
        stat -c %i "$cg$1"
}

# --- cgroups ---
t_is "the mount is found" "$cg governs ''" "$(probe root)"
t_is "a directory below it restricts" "$cg governs '/k'" "$(PROBE_ROOT=$cg/k probe root)"
t_is "what is not below it is refused" EXDEV "$(PROBE_ROOT=$cg/k probe open /init | cut -d: -f1)"
t_is "a cgroup is opened" "$(inode /k/a)" "$(probe open /k/a)"
t_is "a path that leaves the mount" EXDEV "$(probe open /k/../../../etc | cut -d: -f1)"
t_is "a cgroup that is not there" ENOENT "$(probe open /k/none | cut -d: -f1)"
t_is "a file" ENOTDIR "$(probe open /k/cgroup.procs | cut -d: -f1)"

# As libcgroup looks at the mounts of its process, a namespace is enough to take one away.
t_is "without a hierarchy" "EOPNOTSUPP: needs unified cgroup v2; found none: dtgov doctor says how to get it" \
        "$(unshare -m sh -c "umount -l $cg && $program root")"

if [ "$DTGOV_INIT" = plain ]; then
        echo "+cpu +memory +io +pids +cpuset" > $cg/k/cgroup.subtree_control
else
        for c in cpu memory io pids cpuset; do
                echo +$c > $cg/cgroup.subtree_control
                echo +$c > $cg/k/cgroup.subtree_control
        done
fi

while read -r file words wanted; do
        probe write /k/a "$file" "$words" > /dev/null
        t_is "$file=$words is written" "$wanted" "$(cat "$cg/k/a/$file")"
done <<'END'
memory.max 64M 67108864
memory.high 50000000 49999872
memory.swap.max 0 0
cpu.max 1.5 150000 100000
cpu.max max max 100000
cpu.weight 60 60
pids.max 77 77
pids.max max max
END
t_is "what the kernel refuses is told" ENOENT "$(probe write /k cpu.none 1 | cut -d: -f1)"

probe write /k cpu.max 0.4
probe write /k memory.max 128M
mkdir -p $cg/k/p/q
t_is "the tightest parent of cpu" "/k 40000 100000" "$(probe parent /k/p/q cpu.max)"
t_is "the tightest parent of memory" "/k 134217728" "$(probe parent /k/p/q memory.max)"
probe write /k cpu.max max
rmdir $cg/k/p/q $cg/k/p

mkdir $cg/k/s
mkfifo /run/go
probe stale /k/s < /run/go > /run/stale &
exec 5> /run/go
wait_for 20 grep -q ready /run/stale
rmdir $cg/k/s
mkdir $cg/k/s
echo >&5
wait $!
exec 5>&-
t_is "a held cgroup never becomes its successor" \
        "read -2 write -2 populated -19 limits -19 successor differs" "$(tail -n 1 /run/stale)"

# --- pressure ---
hog() { # CGROUP: two of them, so that they also wait for each other
        local _
        for _ in 1 2; do
                sh -c "echo \$\$ > $cg$1/cgroup.procs; while :; do :; done" &
        done
}
mkdir $cg/k/hog
probe write /k/hog cpu.max 0.2
t_is "an idle cgroup fires nothing" "mask 777 fired 0 0 0 0 0 0 0 0 0" "$(probe ladder /k/hog 2)"
hog /k/hog
throttled() {
        grep -q '^nr_throttled [1-9]' $cg/k/hog/cpu.stat
}
t_ok "hogs are throttled" wait_for 60 throttled
probe ladder /k/hog 8 > /run/ladder
cat /run/ladder
t_ok "a throttled one fires the cpu's ladder alone" \
        grep -Eq '^mask 777 fired [1-9][0-9]* [1-9][0-9]* [1-9][0-9]* 0 0 0 0 0 0$' /run/ladder
echo 0 > $cg/k/hog/cgroup.pressure
t_is "pressure that was switched off" "mask 0 fired" "$(probe ladder /k/hog 0)"
echo 1 > $cg/k/hog/cgroup.kill
wait 2> /dev/null

# --- scan ---
id=$(printf 'ab%.0s' {1..32})
mkdir -p "$cg/docker/$id/child"
sleep 1000 &
echo $! > "$cg/docker/$id/child/cgroup.procs"
t_is "a container without a hook is found" "$id 1 $! /docker/$id" "$(probe scan)"
kill $!

# --- sandbox ---
mkdir -p /run/probe/make /run/probe/unlink $cg/empty $cg/k/box
touch /run/probe/make/old /run/probe/unlink/old
systemd="none"
[ "$DTGOV_INIT" = plain ] || systemd="answers"
t_is "what dtgovd needs works in the sandbox, and nothing else" \
        "limits 0 write 0 ladder 9 make 1 truncate 1 remove 1 unlink 1 etc 0 make-other 0 mkdir 0 rmdir 0 systemd $systemd" \
        "$(probe sandbox /k/box)"
t_ok "no cgroup was made or removed" test -d $cg/empty -a ! -e $cg/x
for what in exec ptrace mount; do
        { "$program" attempt $what; } > /dev/null 2>&1
        t_is "$what kills" 159 $? # SIGSYS
done
t_is "no other process" EPERM "$(probe attempt fork | cut -d: -f1)"
t_is "no Internet socket" EPERM "$(probe attempt inet | cut -d: -f1)"
t_is "no memory to execute" EPERM "$(probe attempt exec-map | cut -d: -f1)"
t_ok "a thread can be made" probe attempt thread
t_is "a sandbox for one thread of several is refused" EBUSY "$(probe attempt late | cut -d: -f1)"

# --- systemd ---
if [ "$DTGOV_INIT" != systemd ]; then
        t_is "no systemd is told" "ENOENT: systemd does not run here" "$(probe unit /k/a)"
        t_done
        exit
fi

scope=/system.slice/docker-$id.scope
dev=$(stat -c %Hr:%Lr /dev/vda)
start_scope() { # PROPERTY...
        local args=() property
        for property in Delegate=yes MemoryAccounting=yes CPUAccounting=yes IOAccounting=yes \
                TasksAccounting=yes "$@"; do
                args+=(-p "$property")
        done
        systemd-run -q --scope --unit "${scope##*/}" --slice system.slice "${args[@]}" sleep 1000 &
        wait_for 20 grep -q . "$cg$scope/cgroup.procs"
}
stop_scope() {
        systemctl stop "${scope##*/}"
        wait_for 20 test ! -e "$cg$scope"
}
put() { # FILE TEXT
        echo "$2" > "$cg$scope/$1"
}
same() { # NAME: the limits are what they were when they were noted
        probe limits "$scope" > /run/now
        t_ok "$1" diff /run/noted /run/now
}

start_scope MemoryMax=256M CPUQuota=120% TasksMax=100
t_is "the unit of a cgroup" "${scope##*/}" "$(probe unit "$scope")"
mkdir "$cg$scope/leaf"
t_is "no unit of what is below one" "ENOENT: no unit" "$(probe unit "$scope/leaf")"
t_is "no unit elsewhere" "ENOENT: no unit" "$(probe unit /k/a)"

put memory.swap.max 0
put memory.high 200M
put memory.low 10M
put memory.min 4096
put memory.max 300M
put cpu.weight 60
put cpu.max "60000 50000"
put pids.max 77
put io.weight "default 50"
put io.max "$dev rbps=1048576 wiops=100"
put cpuset.cpus 0
put cpuset.mems 0
put cpu.max.burst 1000
[ ! -e "$cg$scope/memory.zswap.max" ] || put memory.zswap.max 1048576
[ ! -e "$cg$scope/memory.zswap.writeback" ] || put memory.zswap.writeback 0
probe limits "$scope" > /run/noted
t_ok "nothing stands against telling systemd" probe check "$scope"
same "and asking changes nothing"
t_ok "systemd is told" probe tell "$scope"
same "telling changes nothing"
systemctl daemon-reload
same "daemon-reload changes nothing"
systemctl set-property --runtime "${scope##*/}" CPUWeight=60
same "another property changes nothing"
systemctl daemon-reexec
same "daemon-reexec changes nothing"

put memory.high max
put memory.swap.max max
put memory.low 0
put cpu.max "max 100000"
put cpu.weight 100
put pids.max max
put io.weight "default 100"
probe limits "$scope" > /run/noted
t_ok "systemd is told to take limits back" probe tell "$scope"
systemctl daemon-reload
same "they stay away"

put cpu.idle 1
probe limits "$scope" > /run/noted
t_ok "systemd is told of an idle cgroup" probe tell "$scope"
same "and it is idle as before"
systemctl daemon-reload
same "it stays idle"
put cpu.idle 0

put memory.oom.group 1
t_is "a file without a property is refused by name" \
        "EREMOTE: systemd would overwrite memory.oom.group, which is '1', and has no property for it" \
        "$(probe check "$scope")"
probe tell "$scope" > /dev/null
t_is "and nothing was sent" 1 "$(cat "$cg$scope/memory.oom.group")"
systemctl set-property --runtime "${scope##*/}" CPUWeight=200
t_is "systemd would have overwritten it" 0 "$(cat "$cg$scope/memory.oom.group")"
put cpu.max "max 50000"
t_is "a period without a quota is refused by name" \
        "EREMOTE: systemd would overwrite cpu.max, which is 'max 50000', and has no property for it" \
        "$(probe check "$scope")"
stop_scope

start_scope "IOReadBandwidthMax=/dev/vda 2M" "IOWriteIOPSMax=/dev/vda 500"
t_is "systemd limits the device" "$dev rbps=2000000 wbps=max riops=max wiops=500" \
        "$(cat "$cg$scope/io.max")"
put io.max "$dev rbps=1048576 wbps=4096 wiops=max"
probe limits "$scope" > /run/noted
t_ok "systemd is told of the device's limits" probe tell "$scope"
systemctl daemon-reload
same "they survive daemon-reload"
stop_scope
t_is "a scope that is gone" ENOENT "$(probe tell "$scope" | cut -d: -f1)"
t_done
