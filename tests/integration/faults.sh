#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What must not go wrong: writes that fail or block, others that write, crashes at the worst time, a
# disk that is full or fails, a damaged journal. The number before a test is its row in rows.txt.
#
# guests: bookworm trixie
# ci: bookworm-plain
# init: plain
# memory: 2048
# timeout: 1200
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

build_peer
make_tree
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
start_plain one

echo "- writes that fail ($SECONDS s)"
before=$(limits_of "$T/one")
for errno in EBUSY EINVAL EACCES EIO; do
        disturb "$T/one/cpu.max" "write,pwrite64:error=$errno:when=1"
        t_ok "44: a write that ends with $errno: status 7, or 1" runs_one_of "7 1" dtgov set one cpu.max=1 --yes
        t_ok "44: names the file" says 'cpu.max' "$output"
        calm
        t_is "44: $errno leaves every file as before" "$before" "$(limits_of "$T/one")"
done
disturb "$T/one/cpu.max" "write,pwrite64:error=EINTR:when=1"
t_ok "44: EINTR is tried again" runs 0 dtgov set one cpu.max=1 --yes
calm
t_is "44: and the value is there" "100000 100000" "$(cat "$T/one/cpu.max")"
dtgov rollback one --yes > /dev/null
t_is "44: and gone again" "$before" "$(limits_of "$T/one")"
disturb "$T/one/memory.high" "write,pwrite64:delay_enter=25000000:when=1"
began=$(ms)
t_ok "45: a write that blocks for 25 s is given up" runs_one_of "7 1" dtgov set one memory.high=300M --yes
t_ok "45: as the kernel's slowness" says 'slow' "$output"
t_ok "45: before it ends: $(($(ms) - began)) ms" test $(($(ms) - began)) -lt 18000
sleep 25 # until the write comes back
t_ok "45: and is taken back, however long that takes" wait_for 120 change_is "$(last_change one)" rolled_back
calm
t_is "45: when it came back late every file is as before" "$before" "$(limits_of "$T/one")"

echo "- somebody else, and the kernel ($SECONDS s)"
t_ok "47: on probation" runs 0 dtgov set one cpu.max=1 --yes
change=$(last_change one)
echo "30000 100000" > "$T/one/cpu.max"
t_ok "47: a third value is noticed" wait_for 25 change_is_over "$change"
t_ok "47: as a conflict" says 'conflict|superseded' "$(change_state "$change")"
t_is "47: and left alone" "30000 100000" "$(cat "$T/one/cpu.max")"
t_ok "47: the three values are shown" says '30000.*100000|100000.*30000' "$(control ListChanges | jq -c --arg id "$change" '.changes[] | select(.id == $id)')"
echo "max 100000" > "$T/one/cpu.max"
start_plain hungry "$peer" grow 20 200
echo 60M > "$T/hungry/memory.max"
t_ok "50: lowered as far as use allows" runs 0 dtgov set hungry memory.max=50M --yes
change=$(last_change hungry)
kill -USR1 "$pid"
t_ok "50: a process is killed for want of memory: rolled back, or ended with it" \
        wait_for 10 change_is_over "$change"
# From the kernel's word to dtgovd's: what this script takes to look is not dtgovd's time.
killed=$(dmesg | sed -n 's/^\[ *\([0-9]*\)\.\([0-9]*\)\].* oom-kill:.*/\1\2/p' | tail -n 1)
ended=$(control ListChanges | jq --arg id "$change" '.changes[] | select(.id == $id) | .endedBoottimeNs / 1000 | floor')
t_ok "50: within 4 s of the kill: $((ended - killed)) us" test $((ended - killed)) -le 4000000
t_ok "50: the reason is known" says 'OOM_KILL|EXITED|MEMORY_FULL' "$(control ListChanges | jq -r --arg id "$change" '.changes[] | select(.id == $id) | .reason')"
rmdir "$T/hungry" 2> /dev/null
start_plain brief
id=$(propose brief cpu.max=1)
end_plain brief
t_ok "43: approved when the container has ended: stale" runs 5 dtgov approve "$id" --yes
t_ok "43: and said" says 'ended|replaced' "$output"
t_ok "53: a change on probation" runs 0 dtgov set one cpu.max=1 --yes
change=$(last_change one)
now=$(date +%s)
date -s "+1 year" > /dev/null
sleep 3
t_is "53: a clock that jumps a year ahead ends no probation" probation "$(change_state "$change")"
date -s "-2 years" > /dev/null
sleep 3
t_is "53: nor one that jumps back" probation "$(change_state "$change")"
date -s "@$((now + 6))" > /dev/null
t_ok "53: taken back" runs 0 dtgov rollback one --yes

echo "- crashes ($SECONDS s)"
before=$(limits_of "$T/one")
disturb "$T/one/cpu.max" "write,pwrite64:error=EIO:signal=KILL:when=1"
dtgov set one cpu.max=1 --yes > /dev/null 2>&1
calm
t_ok "29: dtgovd comes back when it was killed before the first write" reborn --probation 600
t_is "29: nothing is changed" "$before" "$(limits_of "$T/one")"
t_ok "29: and that is said" says 'not applied' "$(control ListChanges | jq -r '.changes | max_by(.id[1:] | tonumber) | .text')"
t_ok "30: on probation" runs 0 dtgov set one cpu.max=1 pids.max=500 --yes
change=$(last_change one)
kill -9 "$dtgovd"
t_ok "30: dtgovd comes back" reborn --probation 600
t_is "30: the change is rolled back" rolled_back "$(change_state "$change")"
t_is "30: every file is as before" "$before" "$(limits_of "$T/one")"
t_ok "30: and that is said" says 'stopped' "$(control ListChanges | jq -r --arg id "$change" '.changes[] | select(.id == $id) | .text')"
t_ok "31: on probation" runs 0 dtgov set one cpu.max=1 pids.max=500 --yes
change=$(last_change one)
disturb "$T/one/cpu.max" "write,pwrite64:error=EIO:signal=KILL:when=1"
dtgov rollback one --yes > /dev/null 2>&1
calm
t_ok "31: dtgovd comes back when it was killed in a rollback" reborn --probation 600
t_is "31: the rollback is finished" rolled_back "$(change_state "$change")"
t_is "31: every file is as before" "$before" "$(limits_of "$T/one")"
t_ok "30: on probation once more" runs 0 dtgov set one cpu.max=1 --yes
kill -9 "$(observer_pid)"
t_ok "30: when the observer is killed the change is rolled back" wait_for 15 change_is "$(last_change one)" rolled_back
t_is "30: every file is as before" "$before" "$(limits_of "$T/one")"
t_ok "30: without an observer nothing new is changed" runs 9 dtgov set one cpu.max=1 --yes
t_ok "30: and that is said" says 'observer' "$output"
t_ok "30: status says so too" says 'observer' "$(dtgov status 2>&1)"
stop_dtgovd TERM
t_ok "dtgovd comes back" start_dtgovd --probation 600
t_ok "42: a second one does not start" runs 1 "$B/dtgovd" --observer-user 65533
t_ok "42: and says who is there" says "already running .pid $dtgovd" "$output"
t_ok "42: the first one lives" alive
t_ok "33: on probation" runs 0 dtgov set one cpu.max=1 --yes
kill -9 "$dtgovd"
uuidgen > /run/boot_id 2> /dev/null || echo 01234567-89ab-cdef-0123-456789abcdef > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
t_ok "33: after another boot dtgovd comes up" reborn --probation 600
t_is "33: the change ended with it" lapsed "$(control ListChanges | jq -r '.changes | max_by(.id[1:] | tonumber) | .state')"
t_ok "33: as is said" says 'reboot|restart|boot' "$(control ListChanges | jq -r '.changes | max_by(.id[1:] | tonumber) | .reason + .text')"
stop_dtgovd TERM
umount /proc/sys/kernel/random/boot_id
echo "max 100000" > "$T/one/cpu.max"

echo "- the journal ($SECONDS s)"
before=$(limits_of "$T/one")
mkdir /run/small
mount -t tmpfs -o size=4m small /run/small
t_ok "dtgovd with a small disk" start_dtgovd --state-dir /run/small --probation 600
t_ok "35: on probation" runs 0 dtgov set one cpu.max=1 --yes
head -c 100M /dev/zero > /run/small/filler 2> /dev/null
t_ok "35: with a full disk the rollback works" runs 0 dtgov rollback one --yes
t_is "35: every file is as before" "$before" "$(limits_of "$T/one")"
stop_dtgovd KILL
t_ok "35: dtgovd starts with a full disk" start_dtgovd --state-dir /run/small --probation 600
t_is "35: and knows the change" rolled_back "$(control ListChanges | jq -r '.changes[0].state')"
stop_dtgovd TERM
rm -rf /run/small/*
head -c 100M /dev/zero > /run/small/filler 2> /dev/null
if start_dtgovd --state-dir /run/small --probation 600; then
        t_ok "34: no room for the intent: refused" runs_one_of "9 1" dtgov set one cpu.max=1 --yes
        t_ok "34: and said" says 'journal|space' "$output"
        stop_dtgovd TERM
else
        t_ok "34: no room for a journal: dtgovd says so" grep -q 'No space left' "$LOG"
fi
t_is "34: nothing is written" "$before" "$(limits_of "$T/one")"
umount /run/small
t_ok "dtgovd with its own journal" start_dtgovd --probation 600
strace -f -q -p "$dtgovd" -o /run/strace -e inject=fdatasync,fsync:error=EIO 2> /dev/null &
tracer=$!
wait_for 20 is_traced
t_ok "36: a disk that fails: refused" runs_one_of "9 1" dtgov set one cpu.max=1 --yes
t_ok "36: and said" says 'journal' "$output"
t_is "36: nothing is written" "$before" "$(limits_of "$T/one")"
calm
t_ok "36: rollbacks work" runs 0 dtgov rollback --all --yes
stop_dtgovd TERM
t_ok "dtgovd comes back" start_dtgovd --probation 600
t_ok "two changes" runs 0 dtgov set one cpu.max=1 --yes
dtgov rollback one --yes > /dev/null
count=$(control ListChanges | jq '.changes | length')
stop_dtgovd TERM
for file in "$STATE"/journal/*.seg; do # the newest that is in use; others are laid out in advance
        [ "$(head -c 4 "$file" | tr -d '\0')" != DTGJ ] || segment=$file
done
cp "$segment" /run/segment
# Records have 256 bytes: the last one that is not all zero keeps its first quarter.
last=$(od -An -v -t x1 -w256 "$segment" | awk '/[1-9a-f]/ { n = NR } END { print n - 1 }')
t_ok "37: there are records" test "$last" -gt 5
dd if=/dev/zero of="$segment" bs=64 seek=$((last * 4 + 1)) count=3 conv=notrunc 2> /dev/null
mark_log
t_ok "37: a torn last record: dtgovd comes up" start_dtgovd --probation 600
t_ok "37: and says what it dropped" says 'incomplete|repaired' "$(control Health | jq -r '.journal, .notes[]'; tail -c +"$mark" "$LOG")"
t_is "37: changes are still known" "$count" "$(control ListChanges | jq '.changes | length')"
t_ok "37: and can be made" runs 0 dtgov set one cpu.max=1 --yes
t_ok "37: and taken back" runs 0 dtgov rollback one --yes
stop_dtgovd TERM
cp /run/segment "$segment"
printf 'XXXX' | dd of="$segment" bs=1 seek=$((256 * 3 + 40)) conv=notrunc 2> /dev/null
sum=$(md5sum < "$segment")
t_ok "38: damage in the middle: dtgovd comes up" start_dtgovd --probation 600
t_ok "38: refuses new changes" runs 9 dtgov set one cpu.max=1 --yes
t_ok "38: and says why" says 'journal' "$output"
t_ok "38: doctor says what to do" says 'journal' "$(dtgov doctor 2>&1)"
t_is "38: the file is kept as it is" "$sum" "$(md5sum < "$segment")"
t_is "38: nothing is written" "$before" "$(limits_of "$T/one")"
stop_dtgovd TERM
cp /run/segment "$segment"

end_plain one
t_done
