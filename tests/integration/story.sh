#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job: containers that suffer are found within a minute, by name of the process behind it;
# what helps is proposed, approved, watched, and taken back. What does not suffer is left alone.
#
# guests: bookworm trixie
# ci: bookworm-systemd trixie-plain
# init: plain systemd
# disk: 1024
# memory: 2048
# timeout: 900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

finding() { # CONTAINER RULE: prints it
        observer ListFindings | jq -ce --arg c "$1" --arg r "$2" \
                'first(.findings[] | select(.containerId == $c and .rule == $r))'
}

proposal() { # CONTAINER: prints the id of a pending one
        control ListProposals | jq -re --arg c "$1" \
                'first(.proposals[] | select(.containerId == $c and .state == "pending")).id'
}

four_known() {
        [ "$(dtgov ps --json | jq length)" = 4 ]
}

waits() { # SECONDS COMMAND...: as wait_for; took is set to how long
        local began=$SECONDS
        wait_for "$@"
        local status=$?
        took=$((SECONDS - began))
        return $status
}

build_peer
mkdir -p /etc/dtgov
printf '%s\n' "runtime $(command -v runc)" "hook $B/dtgov-hook" > /etc/dtgov/runtime.conf
t_ok "dtgovd and its observer come up" start_dtgovd --probation 20

echo "- CPU throttled by its own quota ($SECONDS s)"
make_bundle api '{"cpu":{"quota":50000,"period":100000}}' \
        'printf "#!/bin/sh\nyes > /dev/null & yes > /dev/null & wait\n" > /bin/watcher; chmod +x /bin/watcher; exec watcher'
make_bundle idle '{"cpu":{"quota":50000,"period":100000}}' 'while :; do sleep 1; done'
make_bundle web '{}' 'yes > /dev/null & wait'
make_bundle forks '{"pids":{"limit":20}}' 'exec peer forks 30'
for name in api idle web forks; do
        t_ok "container $name runs" run_bundle "$name"
done
t_ok "all four are known" wait_for 20 four_known
t_ok "the throttled one is found within 60 s" waits 60 finding api cpu-quota
echo "  after $took s"
found=$(finding api cpu-quota)
t_is "the process behind it is named" yes "$(jq -r '.processes[0].name' <<< "$found")"
t_is "and what started it" watcher "$(jq -r '.processes[0].ancestor' <<< "$found")"
t_ok "it lost at least 10 s of each minute" test "$(jq .lostUsecPerMin <<< "$found")" -ge 10000000
t_ok "and at most all of it" test "$(jq .lostUsecPerMin <<< "$found")" -le 60000000
t_ok "dtgov findings lists it" says 'api.*quota|quota.*api' "$(dtgov findings | tr '\n' ' ')"
t_ok "dtgov status says it" says 'api' "$(dtgov status)"
t_ok "dtgov top --once shows the containers" says 'api' "$(dtgov top --once)"
t_ok "a proposal is there" waits 15 proposal api
id=$(proposal api)
t_ok "dtgov proposals lists $id" says "$id.*api|api.*$id" "$(dtgov proposals)"
t_ok "show tells old and new value and the process" runs 0 dtgov show "$id"
for word in cpu.max yes "0.5 .* 1 CPU" undo; do
        t_ok "show names '$word'" says "$word" "$output"
done
before=$(limits_of "$(cgroup_of api)")
t_ok "approve --wait returns after probation" runs 0 dtgov approve "$id" --yes --wait
change=$(last_change api)
t_is "the change is committed" committed "$(change_state "$change")"
read -r quota _ < "$(cgroup_of api)/cpu.max"
t_ok "the quota is larger: $quota" test "$quota" = max -o "$quota" -gt 50000
t_is "nothing else changed" "$(without cpu.max "$before")" "$(without cpu.max "$(limits_of "$(cgroup_of api)")")"
t_ok "dtgov changes lists $change as kept" says "$change.*(kept|committed)" "$(dtgov changes)"
t_ok "show $change works" runs 0 dtgov show "$change"
t_ok "rollback of $change" runs 0 dtgov rollback "$change" --yes
t_is "every limit is as before" "$before" "$(limits_of "$(cgroup_of api)")"
t_ok "dtgov changes says so" says "$change.*rolled.back" "$(dtgov changes)"

echo "- number of tasks near its limit ($SECONDS s)"
t_ok "it is found" waits 60 finding forks pids-limit
t_is "the process behind it is named" peer "$(finding forks pids-limit | jq -r '.processes[0].name')"
t_ok "a proposal is there" waits 15 proposal forks
t_ok "approved and watched" runs 0 dtgov approve "$(proposal forks)" --yes --wait
t_ok "the limit is larger" test "$(cat "$(cgroup_of forks)/pids.max")" -gt 20
t_ok "nobody found fault with the idle one" eval '! finding idle cpu-quota'
t_ok "nor with the busy one without a quota" eval '! finding web cpu-quota'
for name in api idle web forks; do
        t_ok "container $name goes" delete_bundle "$name"
done

echo "- memory at its limit ($SECONDS s)"
make_bundle thrash '{"memory":{"limit":67108864}}' 'peer thrash /data/x 64 36 & peer thrash /data/x 64 1 & wait'
make_bundle cache '{"memory":{"limit":67108864}}' \
        'while :; do dd if=/dev/zero of=/data/x bs=64k count=1600 2> /dev/null; rm /data/x; sleep 1; done'
t_ok "container thrash runs" run_bundle thrash
t_ok "container cache runs" run_bundle cache
t_ok "the thrashing one is found within 90 s" waits 90 finding thrash memory-limit
echo "  after $took s"
t_ok "the cache has hit its limit too" test "$(awk '$1 == "max" { print $2 }' "$(cgroup_of cache)/memory.events")" -gt 0
t_ok "but nobody found fault with it" eval '! finding cache memory-limit'
t_is "the process behind it is named" peer "$(finding thrash memory-limit | jq -r '.processes[0].name')"
t_ok "a proposal is there" waits 15 proposal thrash
t_ok "approved" runs 0 dtgov approve "$(proposal thrash)" --yes
t_ok "the limit is larger" test "$(cat "$(cgroup_of thrash)/memory.max")" -gt 67108864
t_is "nothing was killed" 0 "$(awk '$1 == "oom_kill" { print $2 }' "$(cgroup_of thrash)/memory.events")"
# It uses the whole of its old limit: what it needs above that may be kept, and is said.
t_ok "rollback of everything" runs_one_of "0 8" dtgov rollback --all --yes
t_ok "says what it did" says 'rolled back' "$output"
t_ok "and kills nothing" grep -q '^oom_kill 0$' "$(cgroup_of thrash)/memory.events"
for name in thrash cache; do
        t_ok "container $name goes" delete_bundle "$name"
done
t_is "the registry is empty" "" "$(find "$REGISTRY" -mindepth 1)"
stop_dtgovd TERM
t_done
