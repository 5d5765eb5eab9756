# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What root makes in a checkout is its owner's. Sourced with the checkout as working directory.

# shellcheck disable=SC2034 # for whoever sources this
owner=$(stat -c %u:%g .)

own_dir() { # DIR...: makes relative directories; they and those above them are the owner's
        local dir
        mkdir -p "$@"
        [ "$(id -u)" = 0 ] || return 0
        for dir; do
                while [ "$dir" != . ]; do
                        chown "$owner" "$dir"
                        dir=$(dirname "$dir")
                done
        done
}
