#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/varlink.sh: what the interfaces in governor/varlink promise is what the daemons have and
# what dtgov asks for: methods, parameters with their types, members of answers.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh
cli=(governor/cli/*.c)

text_of() { # INTERFACE: without comments, on one line
        sed 's/#.*//' "governor/varlink/org.dtgov.$1.varlink" | tr '\n' ' '
}

methods_of() { # INTERFACE: "METHOD PARAMETER:TYPE..." a line
        text_of "$1" | grep -oE 'method [A-Za-z]+\([^)]*\)' |
                sed 's/^method //; s/[(),?]/ /g; s/: */:/g; s/  */ /g; s/ $//'
}

parameters_of() { # INTERFACE: "NAME TYPE", those of all its methods
        methods_of "$1" | tr ' ' '\n' | sed -n 's/:/ /p' | sort -u
}

members_of() { # INTERFACE: the names in its types, answers and errors
        text_of "$1" | sed 's/method [A-Za-z]*([^)]*)//g' | grep -oE '[a-zA-Z]+:' | tr -d : | sort -u
}

served_parameters() { # FILE: "NAME TYPE" of the tables of json_get_fields(), and those got singly
        {
                sed -n 's/^ *{ "\([A-Za-z]*\)", JSON_\([A-Z]*\), offsetof.*/\1 \2/p' "$1"
                sed -n 's/.*json_get_\([a-z0-9]*\)(parameters, "\([A-Za-z]*\)".*/\2 \1/p' "$1"
        } | sed -E 's/ (STRING|string)$/ string/; s/ (NUMBER|[ui]64)$/ int/; s/ (BOOL|bool)$/ bool/' | sort -u
}

sent_parameters() { # "NAME TYPE" of the tables that ask() takes
        # A parameter may have a name on a condition: { why ? "reason" : NULL, .text = why }
        cat "${cli[@]}" | grep -oE '\{ [^{}"]*"[a-zA-Z]+"( : NULL)?, \.(text|number|is_flag) =' |
                sed -E 's/.*"([a-zA-Z]+)".*\.([a-z_]+) =/\1 \2/; s/ text$/ string/; s/ number$/ int/; s/ is_flag$/ bool/' |
                sort -u
}

read_members() { # what dtgov takes out of answers
        cat "${cli[@]}" | tr -d '\n' |
                grep -oE '\b((text|number|flag|children)_of\(|print_text\(c, "[^"]*", )[a-z_>.-]+,[[:space:]]*"[a-zA-Z]+"' |
                sed 's/.*"\(.*\)"/\1/' | sort -u
}

only_in() { # LEFT RIGHT: lines of LEFT that RIGHT has not
        comm -23 <(sort -u <<< "$1") <(sort -u <<< "$2") | sed '/^$/d'
}

every() { # LEFT RIGHT FILE TEXT: complains of each line that LEFT has and RIGHT has not
        local line
        while read -r line; do
                complain "$3" "$line $4"
        done < <(only_in "$1" "$2")
}

all_parameters='' all_members=''
for row in "Control governor/control" "Observer governor/observer"; do
        read -r name folder <<< "$row"
        interface=governor/varlink/org.dtgov.$name.varlink
        api=$(grep -l '^static const struct varlink_entry' "$folder"/*.c)
        promised=$(methods_of "$name" | cut -d' ' -f1)
        served=$(sed -n '/^static const struct varlink_entry/,/^};/s/.*{ "\([A-Za-z]*\)",.*/\1/p' "$api")
        every "$promised" "$served" "$interface" "is a method that $api has not"
        every "$served" "$promised" "$api" "is a method that $interface has not"

        promised=$(parameters_of "$name")
        served=$(served_parameters "$api")
        [ "$served" ] || complain "$api" "no table of parameters was found"
        every "$promised" "$served" "$interface" "is a parameter that $api does not take so"
        every "$served" "$promised" "$api" "is a parameter that $interface has not so"

        members=$(members_of "$name")
        while read -r member; do
                grep -qF "\"$member\"" "$folder"/*.c || complain "$interface" "$member is a member that $folder never writes"
        done <<< "$members"
        written=$(cat "$folder"/api*.c "$api" | tr -d '\n' |
                grep -oE 'json_(put_[a-z0-9]+|open_[a-z]+)\(w,[[:space:]]*"[a-zA-Z]+"' | sed 's/.*"\(.*\)"/\1/' | sort -u)
        every "$written" "$members" "$folder" "is a member that $interface has not"
        all_parameters+=$promised$'\n' all_members+=$members$'\n'
done

sent=$(sent_parameters)
[ "$sent" ] || complain governor/cli "no parameter of a call was found"
every "$sent" "$all_parameters" governor/cli "is a parameter that no interface has so"
every "$(read_members)" "$all_members" governor/cli "is a member that no interface has"
while read -r daemon method; do
        grep -qw "^$method" <<< "$(methods_of "$daemon")" ||
                complain governor/cli "calls $method, which org.dtgov.$daemon has not"
done < <(cat "${cli[@]}" | tr -d '\n' |
        grep -oE 'DAEMON_(CONTROL|OBSERVER),[[:space:]]*"[A-Z][A-Za-z]+"' |
        sed 's/DAEMON_CONTROL/Control/; s/DAEMON_OBSERVER/Observer/; s/,[[:space:]]*"/ /; s/"//')
exit "$bad"
