#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# power.sh [CHANGES]: the power goes, at every moment of so many changes (40): a disk whose writes
# dm-log-writes records is made again, write by write, with what had been flushed and nothing else.
# Whatever dtgovd had acknowledged is there, its journal is never damaged, and a start takes it up.
#
# guests: bookworm trixie
# init: plain
# memory: 1536
# timeout: 1500
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

COUNT=${1:-40}
power=$B/tests/integration/power
W=/run/power # what is made of the disk
DISK_MB=24 LOG_MB=400

make_disk() {
        modprobe loop && modprobe dm-log-writes && modprobe ext4 || return
        mkdir -p "$W" "$STATE" /run/disk
        mount -t tmpfs -o size=$((DISK_MB * 3 + LOG_MB))m none /run/disk || return
        truncate -s ${DISK_MB}M /run/disk/data /run/disk/again && truncate -s ${LOG_MB}M /run/disk/log || return
        data=$(losetup --show -f /run/disk/data) && log=$(losetup --show -f /run/disk/log) || return
        dmsetup create power --table "0 $((DISK_MB * 2048)) log-writes $data $log" || return
        dmsetup mknodes power # no udev is here
        mkfs.ext4 -q /dev/mapper/power && mount /dev/mapper/power "$STATE"
}

mark() { # WORD: what is in the log so far had been flushed before it
        dmsetup message power 0 mark "$1"
}

# Its answer is the acknowledgement; then it is taken back, which waits for no disk.
one_change() { # NUMBER
        local id
        dtgov set box "pids.max=$((1000 + $1))" --yes > /run/said 2>&1 || { cat /run/said; return 1; }
        id=$(last_change box)
        mark "$id" || return
        dtgov rollback "$id" --yes > /run/said || { cat /run/said; return 1; }
}

# What is on the disk when the power goes now; $acknowledged must be there.
look() {
        local id health
        cp /run/disk/again /run/disk/copy
        looks=$((looks + 1))
        if ! mount -o loop /run/disk/copy "$W" 2> /run/mounted; then
                [ ! "$made" ] || { echo "$at: no file system:"; cat /run/mounted; }
                return
        fi
        if [ -d "$W/journal" ]; then
                "$power" journal "$W/journal" "$boot" > /run/journal 2>&1 || { echo "$at:"; cat /run/journal; }
                read -r health _ < /run/journal
                case $health in
                ok | repaired) ;;
                *) echo "$at: $(head -n 1 /run/journal)" ;;
                esac
                for id in $acknowledged; do
                        grep -q "^$id [1-9]" /run/journal || echo "$at: $id was acknowledged"
                done
        elif [ "$acknowledged" ]; then
                echo "$at: no journal"
        fi
        if [ "$what" = mark ]; then
                # What an undo would need, as long as it is not taken back.
                [[ $text != C* ]] || grep -q "^$text [1-9][0-9]* [1-9]" /run/journal ||
                        echo "$at: it has no limits of before"
                "$B/dtgovd" --recover --observer-user 65533 --state-dir "$W" --run-dir /run/power.run \
                        > /run/recovered 2>&1 || { echo "$at: no recovery:"; cat /run/recovered; }
        fi
        umount "$W"
}

replay_all() { # prints what is wrong
        local next=0 text
        made='' acknowledged='' looks=0 marks=0
        boot=11111111-2222-3333-4444-555555555555 # the one after
        mkdir -p /run/power.run
        while read -r what text < <("$power" replay "$log" "$again" "$next"); do
                case $what in
                mark)
                        next=${text##* } text=${text% *} at="at the mark $text"
                        marks=$((marks + 1))
                        case $text in
                        made) made=1 ;;
                        C*) acknowledged+=" $text" ;;
                        esac ;;
                flush) next=$text at="behind write $next" ;;
                end) break ;;
                *) echo "the log cannot be read at $next"; return ;;
                esac
                look
        done
        echo "$looks $marks" > /run/looks
}

build_peer
make_tree
t_ok "there is a disk whose writes are recorded" make_disk
t_ok "its file system is made" mark made
t_ok "dtgovd and its observer come up" start_dtgovd --probation 60
start_plain box sleep 100000
t_ok "it is known" wait_for 20 is_known box 1
failed=''
for ((i = 0; i < COUNT; i++)); do
        one_change "$i" || { failed="change $i"; break; }
done
t_is "$COUNT changes are acknowledged ($SECONDS s)" "" "$failed"
stop_dtgovd KILL
end_plain box
umount "$STATE"
t_ok "the recording ends" dmsetup remove power

again=/run/disk/again
t_is "at every moment all that was acknowledged is there, whole ($SECONDS s)" "" "$(replay_all 2>&1)"
read -r looks marks < /run/looks
echo "power: $looks moments looked at, $marks marks, $COUNT changes ($SECONDS s)"
t_is "each acknowledgement was looked at" $((COUNT + 2)) "$marks" # and the file system, and the end
t_done
