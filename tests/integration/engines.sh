#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every engine, the whole way, one after the other: twenty containers each are registered by the
# hook, or ran before dtgovd and are adopted by its scan; the one that suffers is found with the
# process behind it, its proposal approved and verified, taken back, and all leave. Prints a table of
# what each came to.
#
# guests: bookworm trixie
# init: plain systemd
# disk: 8192
# memory: 8192
# timeout: 6500
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh
# shellcheck source=tests/integration/inner.sh
. /src/tests/integration/inner.sh
# shellcheck source=tests/integration/engine_kinds.sh
. /src/tests/integration/engine_kinds.sh

COUNT=${1:-20} ONLY=${2:-.} # how many of each; a pattern of the rows

# ENGINE RUNTIME DRIVER HOW. The driver "native" is systemd where that is PID 1, else cgroupfs.
ROWS=(
        "docker runc cgroupfs hook"
        "docker crun cgroupfs hook"
        "docker runc cgroupfs scan"
        "docker runc systemd hook"
        "docker crun systemd hook"
        "docker crun systemd scan"
        "podman crun native hook"
        "podman runc native hook"
        "podman crun native scan"
        "ctr runc cgroupfs hook"
        "ctr runc cgroupfs scan"
        "alone runc native hook"
        "alone runc native scan"
        "alone crun native hook"
        "alone crun native scan"
        "nested runc native hook"
        "nested runc native scan"
        "nerdctl runc native hook"
)
STEPS=(starts enters shows finding approve verify rollback leave)

take_row() { # WORDS: sets engine runtime driver how, and row, which its containers are named after
        read -r engine runtime driver how <<< "$1"
        if [ "$driver" = native ]; then
                driver=cgroupfs
                [ "$DTGOV_INIT" = plain ] || driver=systemd
        fi
        row=$engine-$runtime-$driver-$how
}

why_not() { # why the row taken is not done here; fails where it is
        case $engine-$driver-$DTGOV_INIT in
        nerdctl-*) echo "packaged in neither Debian release" ;;
        *-systemd-plain) echo "systemd driver: needs systemd" ;;
        *) return 1 ;;
        esac
}

# --- the steps, each of the row taken --------------------------------------------------------------

declare -A cell # "ROW STEP" -> what the table says

# step STEP COMMAND...: a test whose outcome is a cell of the table; what comes after a row's first
# failure is not done, its end apart.
step() {
        local step=$1 before=$t_failed
        shift
        if [ "${cell["$row failed"]-}" ] && [ "$step" != leave ]; then
                cell["$row $step"]=-
                return
        fi
        t_ok "$row: $step ($SECONDS s)" "$@"
        cell["$row $step"]=ok
        [ "$t_failed" = "$before" ] || cell["$row $step"]=FAILED cell["$row failed"]=1
}

# What hangs, and who it waits for; then it is ended.
end_what_hangs() { # PIDS
        sleep 400
        echo "still at it after 400 s:"
        ps -eo pid,ppid,stat,etimes,wchan:24,args | awk '/docker|podman|conmon|containerd|crun|runc|ctr/'
        kill -9 "$@"
}

# at_once COMMAND: for each of the row's containers, all beside each other.
at_once() {
        local i pids=() failed=0 guard
        for ((i = 0; i < COUNT; i++)); do
                "$1" "$i" > "/run/at_once.$i" 2>&1 &
                pids+=($!)
        done
        end_what_hangs "${pids[@]}" &
        guard=$!
        for ((i = 0; i < COUNT; i++)); do
                wait "${pids[i]}" || { echo "$1 $i: status $?"; cat "/run/at_once.$i"; failed=1; }
        done
        kill "$guard"
        return $failed
}

optional() { # COMMAND: where the engine has it
        [ "$(type -t "$1")" != function ] || "$1"
}

starts() {
        optional "before_$engine" && at_once "start_$engine" && optional "after_$engine" &&
                "ids_$engine" > "/run/ids.$row"
}

# Of an array of containers those of the row; KEY is what an id is called there.
own() { # KEY < ARRAY
        jq --rawfile ids "/run/ids.$row" --arg key "$1" '
                ($ids | split("\n")) as $ids | map(select(.[$key] as $id | $ids | index($id)))'
}

entered() { # in the way that it should; what runs in a container is that container's affair
        local adopted=false
        [ "$how" = hook ] || adopted=true
        control ListContainers | jq '.containers' > /run/containers.json
        own id < /run/containers.json | jq -e --argjson count "$(wc -l < "/run/ids.$row")" \
                --argjson adopted $adopted 'length == $count and all(.[]; .adopted == $adopted)'
}

enters() {
        wait_for 90 entered || { cat "/run/ids.$row"; jq -c '.[]' /run/containers.json; return 1; }
}

shown() { # to people
        dtgov ps --json > /run/ps.json &&
                is_same "$(wc -l < "/run/ids.$row")" "$(own containerId < /run/ps.json | jq length)"
}

all_watched() {
        says "^$(wc -l < "/run/ids.$row") containers? watched" "$(dtgov status)"
}

shows() {
        wait_for 60 shown || { cat "/run/ids.$row" /run/ps.json; return 1; }
        wait_for 30 all_watched
}

hot() { # the id of the one that burns
        head -n 1 "/run/ids.$row"
}

proposed() { # prints the pending proposal
        control ListProposals | jq -re --arg id "$(hot)" \
                'first(.proposals[] | select(.containerId == $id and .state == "pending")).id'
}

hot_dir() { # the cgroup of the one that burns, as dtgovd knows it
        echo "$CG$(control ListContainers | jq -r --arg id "$(hot)" '.containers[] | select(.id == $id).cgroup')"
}

# The finding names the program, and a process that is in the cgroup; of the engine in a container,
# in that of the inner container.
blames() {
        local burner path wanted
        observer ListFindings | jq --arg id "$(hot)" \
                'first(.findings[] | select(.containerId == $id and .rule == "cpu-quota"))' > /run/finding.json
        burner=$(jq -re '.processes[0] | select(.name == "burner").pid' /run/finding.json) ||
                { cat /run/finding.json; return 1; }
        path=$(sed -n 's/^0:://p' "/proc/$burner/cgroup")
        wanted=$(hot_dir)
        wanted=${wanted#"$CG"}
        [ "$engine" != nested ] ||
                wanted+=/docker/$(inner_docker "$row" inspect --format '{{.Id}}' "$row-0")
        is_same "$wanted" "$path"
}

finding() {
        wait_for 150 proposed || { echo "nothing is proposed"; return 1; }
        wait_for 30 blames || blames
}

approve() { # and the kernel has the new value, all others are as before
        local dir before now
        dir=$(hot_dir)
        before=$(limits_of "$dir")
        echo "$before" > "/run/limits.$row"
        dtgov approve "$(proposed)" --yes > "/run/approved.$row" || { cat "/run/approved.$row"; return 1; }
        read -r now _ < "$dir/cpu.max"
        [ "$now" -gt "$(limit_in cpu.max "$before" | cut -d ' ' -f 1)" ] || { echo "cpu.max is $now"; return 1; }
        is_same "$(without cpu.max "$before")" "$(without cpu.max "$(limits_of "$dir")")"
}

# As dtgov says it: verified, and on probation.
verify() {
        says 'verified.*probation' "$(tr '\n' ' ' < "/run/approved.$row")" &&
                is_same probation "$(dtgov changes --json | jq -r --arg id "$(last_change "$(hot)")" \
                        '.[] | select(.id == $id).state')"
}

rollback() {
        dtgov rollback "$(last_change "$(hot)")" --yes &&
                is_same "$(cat "/run/limits.$row")" "$(limits_of "$(hot_dir)")"
}

left() {
        is_same 0 "$(control ListContainers | jq '.containers' | own id | jq length)"
}

leave() {
        optional "unbind_$engine" && at_once "stop_$engine" && optional "end_$engine" && wait_for 60 left
}

# --- the table -------------------------------------------------------------------------------------

# A line for each row, for tests/run.sh to put those of all guests together.
print_table() {
        local words step why
        printf 'matrix: %-16s %-8s %-5s %-9s %-5s' guest engine of driver by
        printf ' %-8s' "${STEPS[@]}"
        echo
        for words in "${ROWS[@]}"; do
                take_row "$words"
                printf 'matrix: %-16s %-8s %-5s %-9s %-5s' "$DTGOV_OS-$DTGOV_INIT" "$engine" "$runtime" "$driver" "$how"
                if why=$(why_not); then
                        printf ' %s' "$why"
                else
                        for step in "${STEPS[@]}"; do
                                printf ' %-8s' "${cell["$row $step"]:--}"
                        done
                fi
                echo
        done | sed 's/ *$//'
}

rows() { # COMMAND...: for each row that is done here
        local words
        for words in "${ROWS[@]}"; do
                take_row "$words"
                why_not > /dev/null || "$@"
        done
}

# One row at a time: twenty containers burn nothing that those of another row need.
go_the_way() {
        local step
        [ "$how" = hook ] || stop_dtgovd TERM
        step starts starts
        [ "$how" = hook ] || t_ok "$row: dtgovd comes up after them" start_dtgovd --probation 600
        for step in enters shows finding approve verify rollback leave; do
                step "$step" "$step"
        done
}

build_peer
make_image
link_wrappers
mapfile -t ROWS < <(printf '%s\n' "${ROWS[@]}" | grep -E "$ONLY")
driver=
t_ok "Docker comes up" setup_docker
t_ok "Podman has an image" setup_podman
t_ok "containerd has an image" setup_ctr
t_ok "there is an image with an engine in it" setup_nested
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
rows go_the_way
t_is "the registry is empty" "" "$(find "$REGISTRY" -mindepth 1)"
print_table
stop_dtgovd TERM
t_done
