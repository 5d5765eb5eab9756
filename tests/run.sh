#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/run.sh check|test|full [STEP...]: the steps of make check, make test and make test-full, in
# order: a line for each, what it printed in build/check or build/test, the sum of all at the end.
# A step whose needs failed fails unrun; all others are done, whatever happened before.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL MODE B

suite=${1-}
case $suite in
check) logs=build/check ;;
test | full) logs=build/test ;;
*) echo "usage: tests/run.sh check|test|full [STEP...]" >&2; exit 2 ;;
esac
shift
only=" $* "
if [ "$suite" != check ] && [ "$(id -u)" != 0 ]; then
        echo "tests/run.sh: apt, mmdebstrap and qemu want root: sudo make test" >&2
        exit 2
fi

# shellcheck source=tests/vm/owner.sh
. tests/vm/owner.sh
own_dir "$logs"
exec 8> "$logs/lock"
flock -n 8 || { echo "tests/run.sh: another run is under way here" >&2; exit 2; }

jobs=$(nproc)
passed=0 failed=0 skipped=0 broken=' ' why='' step='' child='' started=$SECONDS
declare -A unrun # NAME -> why a step did not come to its end

stop() { # STATUS: ends the step and whatever it started
        trap '' INT TERM HUP
        if [ "$child" ]; then
                kill -TERM -- "-$child" 2> /dev/null || :
                for _ in {1..100}; do
                        kill -0 -- "-$child" 2> /dev/null || break
                        sleep 0.2
                done
                kill -KILL -- "-$child" 2> /dev/null || :
        fi
        echo "stopped in $step"
        exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM HUP

verdict() { # WORD NAME SECONDS TEXT
        printf '  %-6s %-36s %4d s  %s\n' "$@"
}

fail_unrun() { # NAME WHY
        verdict failed "$1" 0 "$2"
        unrun[$1]=$2
        failed=$((failed + 1)) broken+="$1 "
}

# step [--after NAMES] [--twice] NAME LIMIT COMMAND...: LIMIT in seconds. --twice: a guest under
# emulation may be starved by its host; what fails is done once more, and the line says so.
step() {
        local name limit need status=0 from=$SECONDS sum p=0 f=0 s=0 log twice='' again=''
        if [ "$1" = --after ]; then
                need=$2
                shift 2
        fi
        if [ "$1" = --twice ]; then
                twice=1
                shift
        fi
        name=$1 limit=$2
        shift 2
        [[ $only == "  " || $only == *" $name "* ]] || { unrun[$name]="not asked for"; return; }
        for need in ${need-}; do
                if [[ $broken == *" $need "* ]]; then
                        fail_unrun "$name" "not run: $need failed"
                        return
                fi
        done

        step=$name log=$logs/$name.log
        setsid timeout -k 20 "$limit" "$@" > "$log" 2>&1 < /dev/null 8>&- &
        child=$!
        wait "$child" || status=$?
        child=''
        if [ "$status" != 0 ] && [ "$twice" ]; then
                cp "$log" "${log%.log}.first.log"
                again=', second try' status=0
                setsid timeout -k 20 "$limit" "$@" > "$log" 2>&1 < /dev/null 8>&- &
                child=$!
                wait "$child" || status=$?
                child=''
        fi
        [ "$(id -u)" != 0 ] || chown "$owner" "$log"

        sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped' "$log" | tail -n 1) || :
        if [ "$sum" ]; then
                read -r p _ f _ s _ <<< "$sum"
        elif [ "$status" = 0 ]; then
                p=1
        fi
        [ "$status" = 0 ] || [ "$f" -gt 0 ] || f=1
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        if [ "$f" = 0 ]; then
                verdict ok "$name" $((SECONDS - from)) "$sum$again"
                return
        fi
        broken+="$name "
        [ "$status" != 124 ] || sum="not done within $limit s"
        unrun[$name]=${sum:-it ended with status $status}
        verdict failed "$name" $((SECONDS - from)) "$sum"
        tail -n 25 "$log" | sed 's/^/         /'
        echo "         all of it: $log"
        why+="$name: $(grep -E '^(failed: |FAIL |  failed )' "$log" | head -n 3 | cut -c 1-200 || :)"$'\n'
}

check() {
        step build 300 make -j "$jobs" MODE=release all
        step --after build unit 600 make -j "$jobs" MODE=release unit
        step unit-asan 900 make -j "$jobs" MODE=asan unit
        step lint-quick 120 tests/lint/run --quick
}

guest_builds() { # OS
        local os=$1 in="tests/vm/chroot $1"
        own_dir "build/vm/$os/"{release,clang,dest}
        # shellcheck disable=SC2086 # a command of two words
        {
                step --after "tree-$os" "build-$os" 300 $in make -j "$jobs" "B=build/vm/$os/release" \
                        PREFIX=/usr "DESTDIR=build/vm/$os/dest" all install
                step --after "build-$os" "unit-$os" 600 $in make -j "$jobs" \
                        "B=build/vm/$os/release" PREFIX=/usr unit
                step --after "tree-$os" "clang-$os" 300 $in make -j "$jobs" CC=clang \
                        "B=build/vm/$os/clang" PREFIX=/usr all objects
        }
}

header() { # SCRIPT KEY DEFAULT: the value of "# KEY: value" in the head of a script
        local value
        value=$(sed -n "1,30s/^# $2: *//p" "$1")
        echo "${value:-$3}"
}

# A script of tests/integration says in its head what it needs, one "# KEY: value" a line:
#   guests: bookworm trixie    init: plain systemd    suite: ci (or full)
#   disk: MB    memory: MB    smp: N    timeout: S    append: KERNEL ARGUMENTS
#   after: STEP (without its -OS)
wanted() { # SCRIPT OS-INIT: does make test boot it there
        [[ " $(header "$1" ci "$2") " == *" $2 "* ]]
}

after() { # SCRIPT OS: the steps that it names after build-OS
        local name
        for name in $(header "$1" after ''); do
                printf ' %s-%s' "$name" "$2"
        done
}

integration() {
        local script os init options boot key value name limit
        for script in tests/integration/*.sh; do
                [ "$(header "$script" guests '')" ] || continue
                [ "$(header "$script" suite ci)" = ci ] || [ "$suite" = full ] || continue
                options=()
                for key in disk memory smp timeout append; do
                        value=$(header "$script" "$key" '')
                        [ -z "$value" ] || options+=("--$key" "$value")
                done
                limit=$(($(header "$script" timeout 600) + 100))
                for os in $(header "$script" guests ''); do
                        for init in $(header "$script" init plain); do
                                [ "$suite" = full ] || wanted "$script" "$os-$init" || continue
                                name=$(basename "$script" .sh)-$os-$init
                                boot=()
                                [ "$init" = plain ] || boot=(--systemd)
                                step --after "build-$os$(after "$script" "$os")" --twice "$name" "$limit" tests/vm/run --os "$os" \
                                        "${options[@]}" "${boot[@]}" "$script"
                        done
                done
        done
}

# The package as an upgrade finds it: the last commit of the time before there was one.
before_packages=6417aad

packages() {
        local os
        for os in bookworm trixie; do
                [ "$suite" = full ] || [ "$os" = trixie ] || continue
                own_dir build/deb
                step --after "tree-$os" "deb-$os" 900 contrib/debian/build "$os"
                [ "$suite" != full ] || step --after "deb-$os" "deb-old-$os" 900 \
                        contrib/debian/build "$os" "$before_packages"
        done
}

everything() {
        local os
        step deps 900 make deps
        for os in bookworm trixie; do
                step --after deps "tree-$os" 1200 tests/vm/tree "$os"
                guest_builds "$os"
        done
        packages
        step --after deps check 1500 tests/as_user tests/run.sh check
        step --after "tree-bookworm" lint 1200 tests/lint/run
        [ "$suite" != full ] || step --after "tree-bookworm tree-trixie" guests 1800 make vm-selftest
        integration
        if [ -x tests/faults/run ]; then
                if [ "$suite" = full ]; then
                        step --after build-bookworm faults 10800 tests/faults/run --all
                else
                        step --after build-bookworm --twice faults 1200 tests/faults/run --action kill \
                                --sample 100
                fi
        fi
        if [ "$suite" = full ]; then
                step --after tree-bookworm fuzz 7200 tests/vm/chroot bookworm make fuzz
                step --after deps model 2400 make MODE=release model
                step --after tree-bookworm cover 1200 tests/vm/chroot bookworm make cover
        fi
}

# What the guests of engines.sh came to, as one table; where a guest has none it says why.
matrix() {
        local os init name table titled=''
        [[ $only == "  " || $only == *" engines-"* ]] || return 0
        echo
        for os in $(header tests/integration/engines.sh guests ''); do
                for init in $(header tests/integration/engines.sh init plain); do
                        name=engines-$os-$init table=''
                        [[ ${unrun[$name]-} == "not "* ]] ||
                                table=$(sed -n 's/^matrix: /  /p' "$logs/$name.log")
                        if [ -z "$table" ]; then
                                printf '  %-16s %s\n' "$os-$init" "${unrun[$name]-no table: $logs/$name.log}"
                        elif [ "$titled" ]; then
                                tail -n +2 <<< "$table"
                        else
                                echo "$table"
                                titled=1
                        fi
                done
        done
        echo
}

if [ "$suite" = check ]; then check; else everything; fi
[ "$suite" != full ] || matrix
[ -z "$why" ] || printf 'failed:\n%s' "$why"
echo "$suite took $(((SECONDS - started) / 60)) min $(((SECONDS - started) % 60)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
