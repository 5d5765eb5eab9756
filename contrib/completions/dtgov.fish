# SPDX-License-Identifier: Apache-2.0
# fish completion for dtgov, which knows best what could come next.

function __dtgov_complete
    set -l words (commandline -opc)
    command $words[1] --complete $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c dtgov -f -a '(__dtgov_complete)'
