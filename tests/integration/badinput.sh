#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What must not go in, and what must not go wrong: hooks, registry, requests, writes, journal and
# crashes. The number before a test is its row in rows.txt.
#
# guests: bookworm trixie
# init: plain
# memory: 2048
# timeout: 1200
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

T=$CG/t

# A container without an engine: a cgroup, a process in it, and the hook's word for it.
start_plain() { # NAME [COMMAND...]: sets pid and dir
        local name=$1
        shift
        [ $# -gt 0 ] || set -- sleep 100000
        dir=$T/$name
        mkdir -p "$dir"
        bash -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$dir" "$@" &
        pid=$!
        wait_for 10 grep -q "^$pid\$" "$dir/cgroup.procs"
        tell_hook "$(state_of "$name" "$pid")"
        wait_for 10 is_known "$name" 1
}

end_plain() { # NAME
        local p
        while read -r p; do
                kill -9 "$p"
        done < "$T/$1/cgroup.procs"
        wait_for 10 rmdir "$T/$1"
}

state_of() { # ID PID
        printf '{"ociVersion":"1.0.2","id":"%s","status":"creating","pid":%s,"bundle":"/run"}' "$1" "$2"
}

tell_hook() { # STATE
        "$B/dtgov-hook" <<< "$1"
}

hook_takes() { # STATE: exits 0 and registers nothing
        local before
        before=$(find "$REGISTRY" | sort)
        tell_hook "$1" || return
        is_same "$before" "$(find "$REGISTRY" | sort)"
}

ms() {
        echo $(($(date +%s%N) / 1000000))
}

alive() { # dtgovd answers, and it is the same one
        control Health | jq -e --argjson pid "$dtgovd" '.pid == $pid' > /dev/null
}

logged() { # PATTERN: since the mark
        tail -c +"$mark" "$LOG" | grep -qE "$1" || { tail -c +"$mark" "$LOG"; return 1; }
}

mark_log() {
        mark=$(($(stat -c %s "$LOG") + 1))
}

propose() { # ID ASSIGNMENTS
        control Propose "{\"containerId\":\"$1\",\"assignments\":\"$2\"}" | jq -r .proposal.id
}

# disturb FILE INJECTION: what strace does to writes of dtgovd to that file, until calm
disturb() {
        strace -f -q -p "$dtgovd" -o /run/strace -P "$1" -e "inject=$2" 2> /run/strace.err &
        tracer=$!
        wait_for 20 sh -c "! grep -q 'TracerPid:.0\$' /proc/$dtgovd/status"
        sleep 0.5
}

calm() {
        kill "$tracer" 2> /dev/null
        wait "$tracer" 2> /dev/null || :
}

change_is_over() { # ID
        case $(change_state "$1") in
        '' | probation | rolling_back) return 1 ;;
        esac
}

starts_safely() {
        start_dtgovd && is_same 700 "$(stat -c %a "$STATE/journal")"
}

reborn() { # dtgovd was killed: away with its observer, and a new one
        wait "$dtgovd" 2> /dev/null || :
        wait_for 20 sh -c '! pgrep -x dtgov-observer'
        start_dtgovd "$@"
}

build_peer
mkdir "$T"
echo "+cpu +memory +pids" > "$T/cgroup.subtree_control"

echo "- what a runtime may tell the hook ($SECONDS s)"
t_ok "7: the hook run by somebody without a registry does nothing" \
        setpriv --reuid 65534 --clear-groups "$B/dtgov-hook" < /dev/null
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
hook() { "$B/dtgov-hook" "$@"; }
t_ok "1: an empty state" hook_takes ""
t_ok "1: a closed one" hook <&-
began=$(ms)
head -c 1G /dev/zero | "$B/dtgov-hook"
t_is "2: an endless one" 0 "${PIPESTATUS[1]}"
t_ok "2: within 2 s: $(($(ms) - began)) ms" test $(($(ms) - began)) -lt 2000
began=$(ms)
sleep 5 | "$B/dtgov-hook" # the pipe lasts as long as sleep: only the hook is measured
t_is "2: one that never comes" 0 "${PIPESTATUS[1]}"
sleep 1000 &
sleeper=$!
good=$(state_of good "$sleeper")
for cut in 1 20 60 $((${#good} - 1)); do
        t_ok "3: cut off after $cut bytes" hook_takes "${good:0:cut}"
done
t_ok "3: not UTF-8" hook_takes "${good/good/$'\xff\xfe'}"
t_ok "3: a NUL in it" hook_takes "${good/good/go\\u0000od}"
t_ok "3: nested 100,000 deep" hook_takes "$(head -c 100000 /dev/zero | tr '\0' '[')"
t_ok "3: another kind of JSON" hook_takes '[1,2]'
for bad in ../../x . .. -x a/b '' ' ' "$(head -c 4096 /dev/zero | tr '\0' a)"; do
        t_ok "4: the id '${bad:0:10}'" hook_takes "$(state_of "$bad" "$sleeper")"
done
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

echo "- what a bundle may hold ($SECONDS s)"
mkdir -p /run/bundle /etc/dtgov
cat > /run/fake_runtime << 'END'
#!/bin/sh
echo "$@" > /run/fake.args
END
chmod 755 /run/fake_runtime
printf '%s\n' "runtime /run/fake_runtime" "hook $B/dtgov-hook" > /etc/dtgov/runtime.conf
wraps() { # the wrapper hands over to the runtime, whatever it finds
        rm -f /run/fake.args
        timeout 10 "$B/dtgov-runtime" --log /run/wrap.log create --bundle /run/bundle x < /dev/null || return
        is_same "--log /run/wrap.log create --bundle /run/bundle x" "$(cat /run/fake.args)"
}
config=/run/bundle/config.json
mkfifo $config
t_ok "8: config.json is a FIFO: the runtime is called" wraps
rm $config
ln -s /etc/shadow $config
t_ok "8: config.json is a link: the runtime is called" wraps
rm $config
mknod $config c 1 5
t_ok "8: config.json is a device: the runtime is called" wraps
rm $config
truncate -s 2G $config
t_ok "8: config.json is sparse and huge: the runtime is called" wraps
rm $config
t_ok "8: there is no config.json: the runtime is called" wraps
echo '{"a":1,"linux":{"resources":{"memory":{"limit":1e400,"swap":-5,"limit2":"512M"},"n":18446744073709551616}}}' > $config
t_ok "9: numbers beyond all bounds: the runtime is called" wraps
t_ok "9: and stay as they were written" grep -q '"limit":1e400,"swap":-5,"limit2":"512M"},"n":18446744073709551616' $config
t_ok "9: with the hook beside them" grep -q createRuntime $config
for bad in '{"hooks":1}' '{"hooks":{"createRuntime":{}}}' '{"a":1,"a":2}' '{' 'null' '' '{"a":"\ud800"}'; do
        printf '%s' "$bad" > $config
        t_ok "9: '$bad': the runtime is called" wraps
        t_ok "9: '$bad': with what was there" test "$bad" = "$(cat $config)" -o -n "$(grep createRuntime $config)"
done
t_is "9: nothing else is in the bundle" config.json "$(ls -A /run/bundle)"
rm -f /etc/dtgov/runtime.conf

echo "- names ($SECONDS s)"
cp /bin/busybox "/run/a) R 0 0"
cp /bin/busybox $'/run/b\n\033[31m\xff'
start_plain names bash -c $'"/run/a) R 0 0" sh -c "while :; do :; done" & "/run/b\n\033[31m\xff" sh -c "while :; do :; done" & wait'
processes() { observer ListProcesses '{"containerId":"names"}' | jq -r '.processes[].name' 2> /dev/null; }
t_ok "13: a name like a line of /proc/PID/stat is read right" wait_for 20 eval 'processes | grep -qF "a) R 0 0"'
output=$(dtgov top --once 2>&1; dtgov status 2>&1; dtgov findings 2>&1)
t_ok "13: no escape sequence of a name reaches the terminal" test "$output" = "${output//$'\033'/}"
end_plain names

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
t_ok "23: a person is warned that a parent is tighter" eval 'dtgov set inner memory.max=300M --dry-run 2>&1 | grep -qiE "parent"'
end_plain tight/inner
mkdir "$T/bare"
start_plain bare/x # below a cgroup that delegates no controller
t_ok "20: a knob that is not there is refused" runs 9 dtgov set x memory.max=300M --yes
t_ok "20: and named" says 'memory.max.*not available|not available' "$output"
end_plain bare/x
t_ok "25: the very value that is there is refused" runs 9 dtgov set one pids.max=max --yes
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

echo "- two of the same id ($SECONDS s)"
mkdir "$T/elsewhere"
echo "+cpu +memory +pids" > "$T/elsewhere/cgroup.subtree_control"
start_plain twin
mkdir "$T/elsewhere/twin"
sleep 100000 &
echo $! > "$T/elsewhere/twin/cgroup.procs"
tell_hook "$(state_of twin $!)"
t_ok "73: both are known" wait_for 10 is_known twin 2
t_is "73: and listed" 2 "$(dtgov ps --json | grep -c '"twin"')"
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
        output=$(printf "$bad" | raw 2)
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
t_ok "57: and it has 8 at most: $(tail -n 1 <<< "$answered")" test "$(grep -o '^[0-9]*$' <<< "$answered")" -le 8
t_ok "56, 57, 58: dtgovd lives" alive

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
disturb "$T/one/memory.high" "write,pwrite64:delay_enter=6000000:when=1"
began=$(ms)
t_ok "45: a write that blocks for 6 s is given up" runs_one_of "7 1" dtgov set one memory.high=300M --yes
t_ok "45: as the kernel's slowness" says 'slow' "$output"
t_ok "45: before it ends: $(($(ms) - began)) ms" test $(($(ms) - began)) -lt 5900
sleep 8
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
began=$SECONDS
t_ok "50: a process is killed for want of memory: rolled back, or ended with it" \
        wait_for 10 change_is_over "$change"
t_ok "50: within 2 s" test $((SECONDS - began)) -le 2
t_ok "50: the reason is known" says 'OOM_KILL|EXITED' "$(control ListChanges | jq -r --arg id "$change" '.changes[] | select(.id == $id) | .reason')"
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
wait_for 20 sh -c "! grep -q 'TracerPid:.0\$' /proc/$dtgovd/status"
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
segment=$(find $STATE/journal -name '*.seg' | sort | head -n 1)
cp "$segment" /run/segment
# Records have 256 bytes: the last one that is not all zero loses its second half.
last=$(od -An -v -t x1 -w256 "$segment" | awk '/[1-9a-f]/ { n = NR } END { print n - 1 }')
t_ok "37: there are records" test "$last" -gt 5
dd if=/dev/zero of="$segment" bs=128 seek=$((last * 2 + 1)) count=1 conv=notrunc 2> /dev/null
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

echo "- where it runs ($SECONDS s)"
t_ok "19: without cgroup v2 dtgovd does not start" runs 1 "$B/dtgovd" --cgroup-root /tmp --observer-user 65533
t_ok "19: and says why" says 'cgroup' "$output"
hybrid() { unshare -m sh -c "mount -t tmpfs x $CG && mkdir $CG/unified $CG/systemd && mount -t cgroup2 x $CG/unified &&
        mount -t cgroup -o none,name=systemd x $CG/systemd && exec $B/dtgovd --observer-user 65533"; }
t_ok "19: nor on a hybrid host" runs 1 hybrid
t_ok "19: and says so" says 'cgroup' "$output"
chmod 777 $STATE/journal
t_ok "41: a journal that others can write: made safe or refused" starts_safely
t_is "70: without systemd it works, and says so" false "$(control Health | jq .systemd)"
end_plain full

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
t_ok "75: and what to do" says 'dtgovd' "$output"
t_ok "75: an unknown verb: exit 2" runs 2 dtgov nonsense
t_done
