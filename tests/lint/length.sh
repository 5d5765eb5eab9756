#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Functions of at most 60 lines from brace to brace, files of at most 500, headers of at most 200.
# The headers of tests may have what files may have.
# That clang-format laid the files out is what makes a function easy to find.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh

mapfile -d '' files < <({ c_sources; scripts; sources -name '*.mk' -o -name Makefile; } | sort -zu)
awk '
        function complain(line, text) { printf "%s:%d: %s\n", FILENAME, line, text; bad = 1 }
        FNR == 1 { start = 0; name = "" }
        FILENAME ~ /\.h$/ && FILENAME !~ /^tests\// && FNR == 201 { complain(FNR, "a header of more than 200 lines") }
        FNR == 501 { complain(FNR, "too long a file: split it") }
        FILENAME !~ /\.[ch]$/ { next }
        /^[A-Za-z_].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
        /^[A-Za-z_ ].*\) \{$/ && !/^ *(if|for|while|switch|\})/ && !start { start = FNR }
        /^}/ && start {
                if (FNR - start + 1 > 60)
                        complain(start, name "() has " FNR - start + 1 " lines, 60 are allowed")
                start = 0
        }
        END { exit bad }' "${files[@]}"
