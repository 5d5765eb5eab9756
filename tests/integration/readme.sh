#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# README.md's first minute, literally: each of its commands is run as it stands there, in a Debian
# with Docker and two slow containers. Questions are answered with yes, on a terminal. It wants
# build/deb/OS: contrib/debian/build.
#
# guests: bookworm trixie
# init: systemd
# disk: 1024
# memory: 2048
# timeout: 1500
# after: deb
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh
unset -f dtgov

# The commands of a part of README.md that begins with such a line, until the next prose.
commands_after() { # TEXT
        awk -v text="$1" '
                index($0, text) == 1 { on = 1; next }
                on && /^    / { seen = 1; sub(/^    /, ""); sub(/[ \t]+#.*/, ""); print; next }
                on && seen && /./ { exit }' /src/README.md
}

# In the folder of the checkout, on a terminal, where sudo is no password.
as_written() { # COMMAND
        printf 'y\n' | script -qec "cd /src && $1" /dev/null
}

runs_as_written() { # COMMAND
        local status=0
        as_written "$1" || status=$?
        # doctor says by 1 that this guest lacks something
        [ "$status" = 0 ] || [[ $1 == *doctor* && $status = 1 ]]
}

follows() { # TEXT: all commands after it
        local command count=0
        while IFS= read -r command; do
                count=$((count + 1))
                [[ $command != *" P2 "* ]] || wait_for 150 proposed P2
                t_ok "$command" runs_as_written "$command"
        done < <(commands_after "$1")
        t_ok "there are commands after \"$1\"" test "$count" -gt 0
}

proposed() { # ID
        dtgov proposals | grep -q "^$1 "
}

engine_up() {
        echo 'DOCKER_OPTS="--iptables=false --ip6tables=false --bridge=none"' > /etc/default/docker
        (cd /run/systemd/system && rm -f docker.service docker.socket containerd.service) # masks
        systemctl daemon-reload
        systemctl start docker.service || return
        wait_for 60 docker version || return
        docker image inspect busybox > /dev/null 2>&1 || import_busybox
}

# A Debian as it was before. The trees have neither sudo nor apt: what these two do without a password
# and without a network.
find /usr/bin /usr/sbin /usr/libexec /usr/lib/systemd /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/share \
        -depth -name 'dtgov*' -exec rm -rf {} +
rm -f /usr/share/bash-completion/completions/dtgov /usr/share/zsh/site-functions/_dtgov
printf '#!/bin/sh\nexec "$@"\n' > /usr/local/bin/sudo
cat > /usr/local/bin/apt << 'END'
#!/bin/sh
case $1 in
install) exec dpkg -i "$2" ;;
purge) exec dpkg -P "$2" ;;
esac
END
chmod +x /usr/local/bin/sudo /usr/local/bin/apt
systemctl daemon-reload
t_ok "Docker comes up" engine_up
for name in api web; do
        docker_run --name $name --cpus 0.2 busybox sh -c 'while :; do :; done' > /dev/null
done

echo "- the package ($SECONDS s)"
mapfile -t lines < <(commands_after "On Debian 12 or 13 a package")
t_is "it takes two lines" 2 "${#lines[@]}"
t_skip "${lines[0]}" "no network in a guest; step deb-$DTGOV_OS of make test-full has made it"
t_ok "its second command makes what the first names" test -x /src/contrib/debian/build
t_ok "${lines[1]}" runs_as_written "${lines[1]/\*\//$DTGOV_OS/}"
t_ok "the daemons run" wait_for 60 systemctl is-active --quiet dtgovd dtgov-observer

echo "- what can be read while nothing is known ($SECONDS s)"
t_ok "dtgov status" runs_as_written "dtgov status"
t_ok "a proposal comes" wait_for 180 proposed P1

echo "- the first minute ($SECONDS s)"
follows "Then, with containers that run already"

echo "- set-up ($SECONDS s)"
follows "Running containers are found and watched"
follows "And gone again"
t_ok "the containers run" test "$(docker ps -q | wc -l)" = 2
t_ok "dtgov is gone" test ! -e /usr/bin/dtgov
t_ok "a container starts" docker run --rm --network none busybox true
t_done
