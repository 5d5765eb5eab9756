#compdef dtgov
# SPDX-License-Identifier: Apache-2.0
# zsh completion for dtgov, which knows best what could come next.

local -a lines plain shown assignments
local line

lines=("${(@f)$($words[1] --complete "${(@)words[2,CURRENT]}" 2> /dev/null)}")
for line in $lines; do
        if [[ ${line%%$'\t'*} == *= ]]; then
                assignments+=(${line%%$'\t'*})
        elif [[ -n $line ]]; then
                plain+=(${line%%$'\t'*})
                shown+=("${line/$'\t'/  -- }")
        fi
done
(( ! $#plain )) || compadd -l -d shown -a plain
(( ! $#assignments )) || compadd -S '' -a assignments
