# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the linters share. Sourced with the checkout as working directory.

# All files that belong to the project, NUL-separated; find's tests choose among them. No git: a
# tarball and a tree without it are judged alike.
sources() {
        find . \( -path ./build -o -path ./.git -o -name compile_commands.json \) -prune \
                -o -type f \( "${@:--true}" \) -printf '%P\0' | LC_ALL=C sort -z
}

c_sources() {
        sources -name '*.[ch]'
}

scripts() {
        sources | while IFS= read -r -d '' file; do
                case $file in
                *.sh) ;;
                *) IFS= read -r line < "$file" || :
                   [[ ${line-} =~ ^'#!'.*[/\ ](ba|da)?sh( |$) ]] || continue ;;
                esac
                printf '%s\0' "$file"
        done
}

complain() { # FILE[:LINE] TEXT
        printf '%s: %s\n' "$1" "$2"
        bad=1
}
# shellcheck disable=SC2034 # the status of who sources this
bad=0
