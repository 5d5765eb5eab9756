#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/completions.sh TREE: each shell reads its completion and completes with it, by asking
# the dtgov built in TREE. A shell that is not here is passed over by name.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh
[ -x "$1/dtgov" ] || exit 0
PATH=$(realpath "$1"):$PATH
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export HOME=$home XDG_CONFIG_HOME=$home XDG_DATA_HOME=$home TERM=dumb

diff <(dtgov --complete '' | cut -f1) <(dtgov --list-commands) ||
        complain "dtgov --complete" "other commands than --list-commands"
engines=$(dtgov --complete setup '' | cut -f1 | sort)
[ "$(wc -w <<< "$engines")" = 4 ] || complain "dtgov --complete setup" "offers $engines"

expect() { # FILE WANT GOT
        [ "$2" = "$3" ] || complain "$1" "offers '$3', want '$2'"
}

bash_offers() { # WORD...: of the line "dtgov WORD..."
        # shellcheck disable=SC2016 # bash -c expands it
        bash -c '. contrib/completions/dtgov.bash
                COMP_WORDS=(dtgov "$@") COMP_CWORD=$#
                $(complete -p dtgov | sed "s/.*-F \([^ ]*\).*/\1/")
                printf "%s\n" "${COMPREPLY[@]}"' bash "$@" 2> /dev/null | sort
}
file=contrib/completions/dtgov.bash
bash -n "$file" || complain "$file" "bash cannot read it"
expect "$file" approve "$(bash_offers appr)"
expect "$file" "$engines" "$(bash_offers setup '')"
expect "$file" --undo "$(bash_offers setup docker --u)"

file=contrib/completions/dtgov.fish
if command -v fish > /dev/null; then
        fish_offers() { # LINE
                fish --no-config -c "source $file; complete -C '$1'" | cut -f1 | sort
        }
        fish -n "$file" || complain "$file" "fish cannot read it"
        expect "$file" approve "$(fish_offers 'dtgov appr')"
        expect "$file" "$engines" "$(fish_offers 'dtgov setup ')"
        expect "$file" --undo "$(fish_offers 'dtgov setup docker --u')"
else
        echo "no fish here: $file is not tried"
fi

file=contrib/completions/dtgov.zsh
if command -v zsh > /dev/null; then
        zsh -n "$file" || complain "$file" "zsh cannot read it"
        mkdir "$home/functions"
        cp "$file" "$home/functions/_dtgov"
        # compadd exists within a completion only: in its place a function says what it is given.
        # shellcheck disable=SC2016 # zsh expands it
        zsh_offers() { # WORD...
                zsh -f -c 'fpath=($0/functions $fpath)
                        autoload -Uz compinit && compinit -u -d $0/dump
                        [[ $_comps[dtgov] == _dtgov ]] || { print "compinit does not know dtgov"; exit 1 }
                        compadd() { print -l -- ${(P)@[-1]} }
                        words=(dtgov "$@") CURRENT=$(($# + 1))
                        _dtgov' "$home" "$@" 2>&1 | sort
        }
        expect "$file" approve "$(zsh_offers appr | grep '^appr')"
        expect "$file" "$engines" "$(zsh_offers setup '')"
        expect "$file" memory.high= "$(zsh_offers set api memory.h)"
else
        echo "no zsh here: $file is not tried"
fi
exit "$bad"
