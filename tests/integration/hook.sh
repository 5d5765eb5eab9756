#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dtgov-hook and dtgov-runtime with real runtimes, as root on cgroup v2:
#   tests/vm/run tests/integration/hook.sh
#
# guests: bookworm trixie
# init: plain
# timeout: 900
# ci: trixie-plain
# suite: full
here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/vm/lib.sh
. "$here/../vm/lib.sh"
build=$here/../../build/vm/${DTGOV_OS-}/release
[ -x "$build/dtgov-hook" ] || build=$here/../../build/release
work=/run/hook-test
hook=$work/dtgov-hook
wrapper=$work/dtgov-runtime
registry=$work/containers

if [ "$(id -u)" != 0 ] || [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
        t_skip "hook and runtime" "want root and cgroup v2 alone"
        t_done
        exit
fi

[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
mkdir -p "$work/rootfs/bin" "$work/bundle"
mkdir -m 700 "$registry"
cp "$build/dtgov-hook" "$build/dtgov-runtime" "$work/"
cp /bin/busybox "$work/rootfs/bin/"
ln -s busybox "$work/rootfs/bin/sleep"
cat > "$work/fake" <<'END'
#!/bin/sh
echo "args:$*"
[ ! -e /proc/$$/fd/9 ] || echo "fd 9"
END
chmod 755 "$work/fake"
printf 'runtime %s\nhook %s\nregistry %s\n' "$work/fake" "$hook" "$registry" > "$work/fake.conf"
for runtime in runc crun; do
        path=$(command -v $runtime) || continue
        sed "s|^runtime .*|runtime $path|" "$work/fake.conf" > "$work/$runtime.conf"
done

# make_bundle DIR SECONDS
make_bundle() {
        mkdir -p "$1"
        rm -f "$1/config.json"
        (cd "$1" && runc spec) || return 1
        sed -i -e 's/"terminal": true/"terminal": false/' \
                -e "s|\"sh\"|\"/bin/sleep\", \"$2\"|" \
                -e "s|\"path\": \"rootfs\"|\"path\": \"$work/rootfs\"|" "$1/config.json"
}

count() { find "$registry" -name "${1:-*}.json" | wc -l; }
feed() { "$hook" --registry "$registry"; }
# The best of five: what else the machine does is not the hook's fault.
within() { # MS COMMAND...
        local limit=$1 best=1000000 took before i
        shift
        for i in 1 2 3 4 5; do
                before=${EPOCHREALTIME/./}
                "$@" || { echo "status $?"; return 1; }
                took=$(((${EPOCHREALTIME/./} - before) / 1000))
                [ $took -ge $best ] || best=$took
                [ $best -gt "$limit" ] || return 0
        done
        echo "took $best ms"
        return 1
}

# --- rows 1 to 7: whatever the hook is fed, it exits with 0 in time and leaves nothing ---------
empty() { feed < /dev/null; }
closed() { feed <&-; }
endless() { feed < /dev/zero; }
never() { feed <> "$work/fifo"; }
flood() { head -c 256M /dev/zero | { feed; }; }
depth() { feed < "$work/depth"; }
mkfifo "$work/fifo"
head -c 60000 /dev/zero | tr '\0' '[' > "$work/depth"
members() { (printf '{"id":"c","status":"creating","pid":2'; for ((i = 0; i < 5000; i++)); do
        printf ',"%d":0' $i; done; printf '}') | feed; }
for case in empty closed endless never depth; do
        t_ok "stdin $case: exits 0 within 300 ms" within 300 $case
done
t_ok "stdin of 256 MiB: the hook exits 0" flood
t_ok "a state of 5000 members: the hook exits 0" members
cgroup=/sys/fs/cgroup/hook-test
mkdir $cgroup
sleep 1000 & pid=$!
echo $pid > $cgroup/cgroup.procs
state() { printf '{"id":%s,"status":"creating","pid":%s,"bundle":"/b"}' "$1" "$2"; }
for id in '"../../x"' '""' "\"$(head -c 4096 /dev/zero | tr '\0' a)\"" 7; do
        t_ok "a state with the id ${id:0:16}: exits 0" feed < <(state "$id" "$pid")
done
for other in 1 -5 2147483648 4194300; do
        t_ok "a state with the pid $other: exits 0" feed < <(state '"c"' "$other")
done
t_ok "a state cut in the middle: exits 0" feed < <(state '"c"' $pid | head -c 30)
t_ok "a state with bytes that are not UTF-8: exits 0" feed < <(state $'"c\xff"' $pid)
t_is "nothing of all that is registered" 0 "$(count)"

t_ok "a good state: exits 0" feed < <(state '"good"' $pid)
t_is "and is registered by id and inode, waiting for whoever comes" 1 \
        "$(count "good.$(stat -c %i $cgroup)")"
t_ok "without a registry: exits 0" "$hook" --registry "$work/none" < <(state '"x"' $pid)
t_ok "and makes none" test ! -e "$work/none"
if command -v setpriv > /dev/null; then
        t_ok "by somebody else: exits 0" setpriv --reuid 65534 --regid 65534 --clear-groups \
                "$hook" --registry "$registry" < <(state '"other"' $pid)
        t_is "and writes nothing" 0 "$(count 'other.*')"
fi
kill $pid
wait $pid 2> /dev/null
rmdir $cgroup
t_ok "poststop: exits 0" feed < <(printf '{"id":"good","status":"stopped"}')
t_is "and the file is gone" 0 "$(count)"
t_ok "poststop again: exits 0" feed < <(printf '{"id":"good","status":"stopped"}')

# --- the wrapper with a runtime that only shows what it got -------------------------------------
fake() { "$wrapper" --dtgov-conf "$work/fake.conf" "$@"; }
t_is "arguments go through as they are" "args:--root /r start --x=1 a b" \
        "$(fake --root /r start --x=1 'a b')"
t_is "so do descriptors" "fd 9" "$(fake state c 9< /dev/null | tail -n 1)"
make_bundle "$work/bundle" 1
t_is "create runs the runtime" "args:create --bundle $work/bundle c" \
        "$(fake create --bundle "$work/bundle" c)"
t_is "with the hook in two stages" 2 "$(grep -o "\"path\":\"$hook\"" "$work/bundle/config.json" | wc -l)"
inode=$(stat -c %i "$work/bundle/config.json")
fake run -b "$work/bundle" c > /dev/null
t_is "which are added once" "$inode" "$(stat -c %i "$work/bundle/config.json")"

# Row 8: no configuration that can be edited; the runtime must be run all the same, at once.
odd() { # MAKE...: makes $work/odd/config.json
        rm -rf "$work/odd" "$work/log"
        mkdir "$work/odd"
        "$@" && [ "$(timeout 20 "$wrapper" --dtgov-conf "$work/fake.conf" --log "$work/log" \
                create -b "$work/odd" c)" = "args:--log $work/log create -b $work/odd c" ] &&
                grep -q '"level":"warning","msg":"dtgov: ' "$work/log"
}
t_ok "config.json is a FIFO" odd mkfifo "$work/odd/config.json"
t_ok "config.json is a symbolic link" odd ln -s "$work/bundle/config.json" "$work/odd/config.json"
t_ok "config.json is a device" odd mknod "$work/odd/config.json" c 1 5
t_ok "config.json is sparse and has 2 GiB" odd truncate -s 2G "$work/odd/config.json"
t_ok "config.json is a directory" odd mkdir "$work/odd/config.json"
t_ok "config.json is missing" odd true
t_ok "config.json has a name twice" odd sh -c "echo '{\"a\":1,\"a\":2}' > $work/odd/config.json"

sed "s|^runtime .*|runtime $wrapper|" "$work/fake.conf" > "$work/self.conf"
rm -f "$work/log"
t_is "it does not execute itself" 1 \
        "$("$wrapper" --dtgov-conf "$work/self.conf" --log "$work/log" state c 2> /dev/null; echo $?)"
t_ok "and says so in the log" grep -q '"level":"error","msg":"dtgov: ' "$work/log"
sed "s|^hook .*|hook $work/gone|" "$work/fake.conf" > "$work/nohook.conf"
make_bundle "$work/nohook" 1
sum=$(cksum < "$work/nohook/config.json")
"$wrapper" --dtgov-conf "$work/nohook.conf" create -b "$work/nohook" c > /dev/null
t_is "a hook that is not installed is not added" "$sum" "$(cksum < "$work/nohook/config.json")"

# A signal that is pending comes as soon as the wrapper's net is up, that is inside of it.
pending() { # SIGNAL COMMAND...
        perl -MPOSIX -e '$s = shift; $n = eval "POSIX::SIG$s";
                sigprocmask(SIG_BLOCK, POSIX::SigSet->new($n)); kill $n, $$; exec @ARGV' -- "$@"
}

# --- real runtimes --------------------------------------------------------------------------------
start() { # RUNTIME ID BUNDLE
        "$wrapper" --dtgov-conf "$work/$1.conf" --root "$work/root" run --detach --bundle "$3" \
                "$2" < /dev/null > /dev/null 2> "$work/stderr"
}
stop() { # RUNTIME ID
        "$wrapper" --dtgov-conf "$work/$1.conf" --root "$work/root" delete --force "$2"
}
for runtime in runc crun; do
        if [ ! -e "$work/$runtime.conf" ]; then
                t_skip "$runtime" "not installed"
                continue
        fi
        make_bundle "$work/$runtime" 60
        t_ok "$runtime: a container starts" start $runtime "$runtime.1" "$work/$runtime"
        t_is "$runtime: it is registered once" 1 "$(count)"
        file=$(echo "$registry/$runtime.1."*.json)
        t_ok "$runtime: with the runtime's name" grep -q "\"runtime\":\"$runtime\"" "$file"
        path=$(sed 's/.*"cgroup":"\([^"]*\)".*/\1/' "$file")
        t_is "$runtime: with the inode of its cgroup" \
                "$registry/$runtime.1.$(stat -c %i "/sys/fs/cgroup$path").json" "$file"
        t_ok "$runtime: it is deleted" stop $runtime "$runtime.1"
        t_is "$runtime: and its file with it" 0 "$(count)"

        start $runtime again "$work/$runtime"
        first=$(echo "$registry"/again.*)
        stop $runtime again
        start $runtime again "$work/$runtime"
        t_is "$runtime: the same id again is another file" "1 differs" \
                "$(count) $([ "$first" = "$(echo "$registry"/again.*)" ] || echo differs)"
        stop $runtime again

        mv "$registry" "$registry.away"
        t_ok "$runtime: without a registry a container starts" start $runtime bare "$work/$runtime"
        mv "$registry.away" "$registry"
        stop $runtime bare

        signals="SEGV BUS ALRM ABRT"
        [ $runtime = runc ] || signals=SEGV # the wrapper is the same
        for signal in $signals; do
                make_bundle "$work/crash" 60
                t_ok "$runtime: $signal in the wrapper, and the container starts" \
                        pending "$signal" "$wrapper" --dtgov-conf "$work/$runtime.conf" \
                        --root "$work/root" run --detach --bundle "$work/crash" crash
                stop $runtime crash
                t_is "$runtime: from the configuration as it was" 0 \
                        "$(grep -c dtgov-hook "$work/crash/config.json")"
        done

        make_bundle "$work/many" 60
        for ((i = 0; i < 10; i++)); do
                start $runtime "many$i" "$work/many" &
        done
        wait
        t_is "$runtime: 10 at once are 10 files" 10 "$(count 'many*')"
        for ((i = 0; i < 10; i++)); do
                stop $runtime "many$i"
        done
        t_is "$runtime: and then none" 0 "$(count)"
        t_is "$runtime: no temporary file is left" "" "$(find "$registry" "$work/many" -name '.*')"
done
t_done
