#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the unit tests of one build tree, several programs at once, since most of their time they
# wait, and ends with "N passed, N failed, N skipped".
set -u
tree=$1
said=$(mktemp -d) || exit # what each program prints, and its status
trap 'rm -rf "$said"' EXIT
export said
# shellcheck disable=SC2016 # the inner shell expands them
find "$tree/tests/unit" -maxdepth 1 -name 'test_*' -executable -type f ! -name '*.[od]' -print0 | sort -z |
        xargs -0 -r -n 1 -P $(($(nproc) * 3)) sh -c \
                '"$0" > "$said/${0##*/}" 2>&1 < /dev/null; echo $? > "$said/${0##*/}.status"'
passed=0 failed=0 skipped=0 names=
for program in "$tree"/tests/unit/test_*; do
        [[ -x $program && $program != *.o && $program != *.d ]] || continue
        out=$(< "$said/${program##*/}")
        status=$(< "$said/${program##*/}.status")
        p=$(grep -c '^\[       OK \]' <<<"$out")
        # Names stand there twice, by the test and in the list at the end: the list says how many.
        s=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' <<<"$out")
        f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' <<<"$out")
        s=${s:-0} f=${f:-0}
        # What a test says before it skips is why.
        ((s == 0)) || grep -B1 '^\[  SKIPPED \] [a-z]' <<<"$out" | sed '/^--$/d; /^\[  SKIPPED \] [0-9]/,$d'
        if ((status != 0)); then
                printf '%s\n' "$out"
                ((f > 0)) || f=1
                names+="failed: ${program##*/}: $(sed -n 's/^\[  FAILED  \] \([a-z].*\)/\1/p' <<<"$out" | sort -u | paste -sd' ') (status $status)"$'\n'
        fi
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
# The fuzzers on what is known to be hard: a crash is a failure.
for program in "$tree"/tests/fuzz/fuzz_*; do
        [[ -x $program && $program != *.o && $program != *.d ]] || continue
        name=${program##*/fuzz_}
        if out=$("$program" tests/fuzz/corpus/"$name"/* 2>&1); then
                passed=$((passed + 1))
        else
                printf 'fuzz_%s:\n%s\n' "$name" "$out"
                failed=$((failed + 1))
                names+="failed: fuzz_$name"$'\n'
        fi
done
# Last, where whoever sees no more than the end of the log reads them.
printf '%s' "$names"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0 && passed > 0))
