#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What must not go in, and what dtgov answers: hooks, registry, bundles, names, wishes,
# requests. The number before a test is its row in rows.txt.
#
# guests: bookworm trixie
# ci: trixie-plain
# init: plain
# memory: 2048
# timeout: 900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

hook_takes() { # STATE: exits 0 and registers nothing
        local before
        before=$(find "$REGISTRY" | sort)
        tell_hook "$1" || return
        is_same "$before" "$(find "$REGISTRY" | sort)"
}

# The first record of the newest journal file says that it is of format version 99, sealed as a
# program of that version would.
make_newer() { # FILE
        perl -e '
                open my $f, "+<:raw", $ARGV[0] or die; read $f, my $r, 256;
                substr $r, 4, 2, pack "v", 99;
                my $crc = 0xffffffff;
                for my $byte (unpack "C252", $r) {
                        $crc ^= $byte;
                        $crc = $crc >> 1 ^ ($crc & 1 ? 0x82f63b78 : 0) for 1 .. 8;
                }
                substr $r, 252, 4, pack "V", $crc ^ 0xffffffff;
                seek $f, 0, 0; print $f $r; close $f or die' "$1"
}

build_peer
make_tree
ADMINS=60005
echo "dtgov-admin:x:$ADMINS:" >> /etc/group # before dtgovd looks for it

echo "- what a runtime may tell the hook ($SECONDS s)"
t_ok "7: the hook run by somebody without a registry does nothing" \
        setpriv --reuid 65534 --clear-groups "$B/dtgov-hook" < /dev/null
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
sleep 1000 &
sleeper=$!
good=$(state_of good "$sleeper")
for bad in 0 -1 2147483648 99999999999999999999 4194303 '"x"' 1e400; do
        t_ok "5: the pid $bad" hook_takes "$(state_of good "$bad")"
done
kill -9 "$sleeper"
wait "$sleeper" 2> /dev/null
t_ok "5: a pid that is gone" hook_takes "$good"
tell_hook "$(state_of init 1)"
sleep 1
t_is "5, 72: pid 1, in the root's cgroup, is no container" 0 "$(known init)"
rm -f "$REGISTRY"/init.*
start_plain one
mark_log
tell_hook "$(state_of other "$pid")"
sleep 1
t_is "5: another container's pid gives no second container" "1 0" "$(known one) $(known other)"
rm -f "$REGISTRY"/other.*
t_ok "7: the hook run by another user" setpriv --reuid 65534 --clear-groups "$B/dtgov-hook" <<< "$(state_of user "$pid")"
t_is "7: changes nothing" 1 "$(registered one)"

echo "- what may lie in the registry ($SECONDS s)"
file=$(find "$REGISTRY" -name 'one.*') inode=$(known_inode one)
mark_log
mkdir "$REGISTRY/dir.1.json"
ln -s /etc/shadow "$REGISTRY/link.2.json"
mkfifo "$REGISTRY/fifo.3.json"
head -c 1M /dev/urandom > "$REGISTRY/noise.4.json"
truncate -s 2G "$REGISTRY/sparse.5.json"
: > "$REGISTRY/empty.6.json"
sed 's/"id":"one"/"id":"two"/' "$file" > "$REGISTRY/two.$inode.json"
for edit in 's/"cgroup":"[^"]*"/"cgroup":"\/t\/..\/..\/etc"/' 's/"cgroup":"[^"]*"/"cgroup":"\/nowhere"/' \
        's/"cgroup":"[^"]*"/"cgroup":"\/"/' 's/"v":1/"v":99/' 's/"pid":[0-9]*/"pid":-5/'; do
        sed -e "s/\"id\":\"one\"/\"id\":\"bad\"/;s/\"cgroup_inode\":$inode/\"cgroup_inode\":77/" -e "$edit" \
                "$file" > "$REGISTRY/.new"
        mv "$REGISTRY/.new" "$REGISTRY/bad.77.json"
        sleep 0.3
done
t_ok "4, 5, 8: files that lie are ignored: dtgovd goes on" alive
t_is "4, 5, 8: and knows one container" 1 "$(known_all)"
t_ok "5: what it ignores it logs" logged 'registry file .*ignoring'
find "$REGISTRY" -mindepth 1 ! -name 'one.*' -exec rm -rf {} +

echo "- names ($SECONDS s)"
cp /bin/bash "/run/a) R 0 0"
cp /bin/bash $'/run/b\n\033[31m\xff'
start_plain names bash -c $'"/run/a) R 0 0" -c "while :; do :; done" & "/run/b\n\033[31m\xff" -c "while :; do :; done" & wait'
processes() { # ID: their names
        observer ListProcesses "{\"containerId\":\"$1\"}" | jq -r '.processes[].name' 2> /dev/null
}
t_ok "13: a name like a line of /proc/PID/stat is read right" wait_for 20 eval 'processes names | grep -qF "a) R 0 0"'
output=$(dtgov top --once 2>&1; dtgov status 2>&1; dtgov findings 2>&1)
t_ok "13: no escape sequence of a name reaches the terminal" test "$output" = "${output//$'\033'/}"
end_plain names

echo "- a command line that nobody can read ($SECONDS s)"
gcc -static -O1 -D_GNU_SOURCE -o /usr/local/bin/stuck /src/tests/integration/stuck.c
modprobe fuse
mkdir /run/stuck
start_plain stuck /usr/local/bin/stuck /run/stuck
wait_for 20 pgrep -x stuck-for-good
worker=$(pgrep -x stuck-for-good)
# Kernels before 4.17 keep a reader waiting for good (CVE-2018-1120); these have nothing to tell.
t_is "15: there is no command line of it" "" "$(timeout 20 cat "/proc/$worker/cmdline" 2> /dev/null | tr -d '\0')"
t_ok "15: the observer does not read it: the process has its name" wait_for 20 eval 'processes stuck | grep -qx stuck-for-good'
t_ok "15: dtgov top answers" says '^stuck ' "$(timeout 10 "$B/dtgov" top --once < /dev/null)"
t_ok "15: both daemons answer" observer_present
end_plain stuck
timeout -k 1 20 umount -l /run/stuck # its server is dead

echo "- what may be asked for ($SECONDS s)"
echo 200M > "$T/one/memory.max"
start_plain full "$peer" anon 100
echo 150M > "$T/full/memory.max"
wait_for 20 sh -c "[ \$(cat $T/full/memory.current) -gt 104857600 ]"
t_ok "21: a limit below use is refused" runs 9 dtgov set full memory.max=90M --yes
t_ok "21: with what is in use" says '10[0-9] MiB|in use' "$output"
t_ok "21: a limit with too little headroom is refused" runs 9 dtgov set full memory.max=105M --yes
t_ok "21: with the headroom that it would leave" says 'headroom' "$output"
t_is "21: and nothing is written" 157286400 "$(cat "$T/full/memory.max")"
t_ok "22: more than the host has is refused" runs 9 dtgov set one memory.max=100G --yes
t_ok "22: with what can be given" says 'MiB|GiB' "$output"
t_ok "18: no number is refused" runs 2 dtgov set one memory.max=12abc --yes
for bad in memory.max=-1 memory.max= memory.max=99999999999999999999 cpu.max=0 cpu.max=-1 cpu.weight=0 \
        cpu.weight=10001 pids.max=0 pids.max=1.5 memory.max=0 nosuch=1 memory.reclaim=1G cgroup.kill=1 memory.max; do
        status=0
        output=$(dtgov set one "$bad" --yes 2>&1) || status=$?
        t_ok "18: '$bad' is refused (status $status)" test "$status" = 2 -o "$status" = 9
        t_ok "18: '$bad' is refused with a reason" says '[a-z]' "$output"
done
t_is "18: and nothing is written" 209715200 "$(cat "$T/one/memory.max")"
echo max > "$T/one/memory.max"
mkdir "$T/tight"
echo "+cpu +memory +pids" > "$T/tight/cgroup.subtree_control"
echo 100M > "$T/tight/memory.max"
start_plain tight/inner
echo 50M > "$T/tight/inner/memory.max"
t_ok "23: a person may set more than a parent allows" runs 0 dtgov set inner memory.max=300M --dry-run
t_ok "23: and is warned" says 'parent' "$output"
end_plain tight/inner
mkdir "$T/bare"
start_plain bare/x # below a cgroup that delegates no controller
t_ok "20: a knob that is not there is refused" runs 9 dtgov set x memory.max=300M --yes
t_ok "20: and named" says 'memory.max.*not available|not available' "$output"
end_plain bare/x
t_ok "25: the very value that is there is nothing to do" runs 0 dtgov set one pids.max=max --yes
t_ok "25: and that is said" says 'already' "$output"
t_ok "72: the root is no container" runs 1 dtgov set / memory.max=1G --yes
id=$(propose one cpu.max=1)
before=$(limits_of "$T/one")
t_ok "26: another user may not approve" runs 4 setpriv --reuid 65534 --clear-groups "$B/dtgov" approve "$id" --yes
mark_log
t_ok "26: nor set" runs 4 setpriv --reuid 65534 --clear-groups "$B/dtgov" set one cpu.max=1 --yes
t_ok "26: and it is told so" says 'may not|permission|admin' "$output"
t_ok "26: the log has the uid" logged '65534'
t_is "26: nothing is written" "$before" "$(limits_of "$T/one")"
t_ok "26: but everybody may look" runs 0 setpriv --reuid 65534 --clear-groups "$B/dtgov" ps
inside() { bash -c "echo \$\$ > $T/one/cgroup.procs && exec $B/dtgov set one cpu.max=1 --yes"; }
t_ok "26: root inside a governed container may not either" runs 4 inside
# Who is taken out of the group has it in his session still, which the kernel tells of.
in_session() { setpriv --reuid 60006 --regid 60006 --groups "$ADMINS" "$B/dtgov" "$@"; }
fresh_session() { setpriv --reuid 60006 --regid 60006 --clear-groups "$B/dtgov" "$@"; }
t_ok "27: a session with the group decides, whatever /etc/group says of its user" runs 0 in_session set one cpu.weight=200 --yes
t_ok "27: and takes back" runs 0 in_session rollback one --yes
t_ok "27: his next session, without it, does not" runs 4 fresh_session set one cpu.weight=200 --yes
t_ok "27: and hears that a session keeps its groups" says 'keeps its groups until it ends' "$output"
t_is "27: nothing of it is written" "$before" "$(limits_of "$T/one")"

echo "- two of the same id ($SECONDS s)"
mkdir "$T/elsewhere"
echo "+cpu +memory +pids" > "$T/elsewhere/cgroup.subtree_control"
start_plain twin
mkdir "$T/elsewhere/twin"
sleep 100000 &
echo $! > "$T/elsewhere/twin/cgroup.procs"
tell_hook "$(state_of twin $!)"
t_ok "73: both are known" wait_for 10 is_known twin 2
t_is "73: and listed" 2 "$(dtgov ps --json | jq '[.[] | select(.containerId == "twin")] | length')"
status=0
output=$(dtgov set twin cpu.max=1 --yes 2>&1) || status=$?
t_ok "73: an id of two is ambiguous" test "$status" != 0
t_is "73: neither is changed" "max 100000|max 100000" "$(cat "$T/twin/cpu.max" "$T/elsewhere/twin/cpu.max" | paste -sd'|')"
end_plain twin
end_plain elsewhere/twin

echo "- requests that are none ($SECONDS s)"
sock=/run/dtgov/control.sock
raw() { "$peer" raw $sock "$1"; }
closed_after() { grep -oE 'closed after [0-9]+' <<< "$1" | grep -oE '[0-9]+'; }
output=$(printf '{"method":' | raw 15)
t_ok "56: half a frame is given up within 10 s: $output" test "$(closed_after "$output")" -lt 10000
for bad in 'x\0' '\0' '{}\0' '[]\0' '{"method":1}\0' '{"method":""}\0' '{"method":"a"}\0' '{"method":"org.dtgov.Control.Nope"}\0' \
        '{"method":"org.dtgov.Control.Health","parameters":[]}\0' '{"method":"org.dtgov.Control.Approve"}\0' \
        '{"method":"org.dtgov.Control.Approve","parameters":{"id":{},"digest":7}}\0' \
        '{"method":"org.dtgov.Control.Rollback","parameters":{"all":true,"change":"C1"}}\0' '\377\377\377\377\377\0'; do
        # shellcheck disable=SC2059 # the formats hold the NULs
        output=$(printf "$bad" | raw 2 | tr -d '\0')
        t_ok "56: '${bad:0:50}' is an error or the end" says 'closed|"error"' "$output"
done
output=$(head -c 10M /dev/zero | tr '\0' x | raw 10)
t_ok "56: a frame without end is given up" says closed "$output"
output=$(head -c 1000000 /dev/zero | tr '\0' '[' | raw 10)
t_ok "56: one that is deep without end too" says closed "$output"
output=$(head -c 64 /dev/urandom | "$peer" raw /run/dtgov/query.sock 2)
t_ok "56: noise on the observer's socket" says 'closed|error|open' "$output"
t_ok "58: 253 descriptors: the end" says closed "$("$peer" fds $sock 253)"
t_is "58: and none of them stays" "" "$(find "/proc/$dtgovd/fd" -lname '/dev/null' | sed -n 4p)"
# Eight for each uid; who comes later is sent away, everybody else is served.
setpriv --reuid 65533 --clear-groups true
answered=$(setpriv --reuid 60000 --clear-groups "$peer" many $sock 1000 5 & sleep 2; alive && echo alive; wait)
t_ok "57: 1000 connections of one uid: others are served meanwhile" says alive "$answered"
t_ok "57: and it has 8 at most" test "$(grep -o '^[0-9]*$' <<< "$answered")" -le 8
t_ok "56, 57, 58: dtgovd lives" alive

echo "- where it runs ($SECONDS s)"
stop_dtgovd TERM
bare_host() { timeout 20 unshare -m sh -c "umount -R $CG; exec $B/dtgovd --observer-user 65533"; }
t_ok "19: without cgroup v2 dtgovd does not start" runs 1 bare_host
t_ok "19: and says what is needed" says 'needs unified cgroup v2' "$output"
hybrid() { timeout 20 unshare -m sh -c "mount -t tmpfs x $CG && mkdir $CG/unified $CG/systemd && mount -t cgroup2 x $CG/unified &&
        mount -t cgroup -o none,name=systemd x $CG/systemd && exec $B/dtgovd --observer-user 65533"; }
t_ok "19: nor on a hybrid host" runs 1 hybrid
t_ok "19: and says so" says 'needs unified cgroup v2' "$output"
chmod 777 $STATE/journal
t_ok "41: a journal that others can write: made safe or refused" starts_safely
stop_dtgovd TERM
mv $STATE/journal /run/journal
ln -s /run/journal $STATE/journal
t_ok "41: a journal that is a link: no start" runs 1 timeout 20 "$B/dtgovd" --observer-user 65533
t_ok "41: with what is wrong and what mends it" says "E_UNSAFE_PATH.*rm $STATE/journal" "$output"
rm $STATE/journal
mv /run/journal $STATE/journal
t_ok "41: mended, it starts" start_dtgovd
stop_dtgovd TERM
cp -a $STATE/journal /run/journal
newest=$(find $STATE/journal -name '[0-9]*.seg' | sort | tail -n 1)
t_ok "39: a journal of a newer version" make_newer "$newest"
find $STATE/journal -type f -exec sha256sum {} + | sort > /run/sums
t_ok "39: dtgovd shows what there is" start_dtgovd
t_ok "39: it names the version" says 'format version 99, this dtgovd knows [0-9]+: nothing is modified' "$(dtgov status)"
before=$(limits_of "$T/one")
t_ok "39: it makes no change" runs_one_of "5 9" dtgov set one cpu.weight=300 --yes
t_ok "39: and says why" says 'newer|version 99' "$output"
t_is "39: nothing is written to the container" "$before" "$(limits_of "$T/one")"
stop_dtgovd TERM
t_is "39: nor to the journal" "$(cat /run/sums)" "$(find $STATE/journal -type f -exec sha256sum {} + | sort)"
rm -rf $STATE/journal
mv /run/journal $STATE/journal
install -d -o 65533 -g 65533 -m 700 $STATE/history
echo nonsense > $STATE/history/finding-number
chown 65533 $STATE/history/finding-number
t_ok "40: what the observer keeps is damaged: all comes up" start_dtgovd
t_ok "40: and changes are made and taken back" eval 'dtgov set one cpu.weight=300 --yes && dtgov rollback one --yes'
t_is "40: nothing was made of it" nonsense "$(cat $STATE/history/finding-number)"
t_ok "40: and it is said" says 'holds no number|findings have no numbers' "$(dtgov status; cat $LOG)"
rm -r $STATE/history
t_is "70: without systemd it works, and says so" false "$(control Health | jq .systemd)"
end_plain full

echo "- no descriptor is left ($SECONDS s)"
start_plain last
before=$(limits_of "$T/last")
t_ok "55: a change" runs 0 dtgov set last cpu.weight=200 --yes
soft=$(awk '/open files/ { print $4 }' "/proc/$dtgovd/limits")
prlimit --pid "$dtgovd" --nofile=280: # few more than the 256 that no container gets
for i in $(seq 60); do
        mkdir -p "$T/crowd-$i"
        sleep 100000 &
        echo $! > "$T/crowd-$i/cgroup.procs"
        tell_hook "$(state_of "crowd-$i" $!)"
done
t_ok "55: dtgovd says that it has no room for more" wait_for 40 eval 'dtgov status | grep -q "no descriptor is left"'
t_ok "55: it does not know all of them" test "$(known_all)" -lt 60
t_ok "55: it answers" alive
t_ok "55: it shows" runs 0 dtgov changes
t_ok "55: it takes changes back" runs 0 dtgov rollback last --yes
t_is "55: to the byte" "$before" "$(limits_of "$T/last")"
prlimit --pid "$dtgovd" --nofile="$soft:"
t_ok "55: with room again all are found" wait_for 60 is_known crowd-60 1
for i in $(seq 60); do
        kill -9 "$(cat "$T/crowd-$i/cgroup.procs")"
done
end_plain last

echo "- the reader's side ($SECONDS s)"
t_ok "75: a closed pipe" eval 'for i in 1 2 3; do dtgov changes --json | head -c 1 > /dev/null; done'
t_ok "75: LANG=C: ASCII alone" eval '! LC_ALL=C dtgov changes | LC_ALL=C grep -q "[^ -~]"'
t_ok "75: a terminal of 10 columns" env COLUMNS=10 "$B/dtgov" ps
for verb in ps status findings proposals changes doctor version "top --once"; do
        # shellcheck disable=SC2086 # a verb and its option
        t_ok "75: dtgov $verb --json is JSON" eval "dtgov $verb --json | jq -e . > /dev/null"
done
stop_dtgovd TERM
t_ok "75: without dtgovd: exit 4" runs 4 dtgov ps
t_ok "75: and what to do" says 'systemctl start dtgov' "$output"
t_ok "75: an unknown verb: exit 2" runs 2 dtgov nonsense
t_done
