#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints FILE as a C array named after it: org.dtgov.Control.varlink -> org_dtgov_Control_varlink.
set -eu
name=$(basename "$1" | tr -c 'A-Za-z0-9\n' '_')
printf '/* made from %s */\nstatic const char %s[] = {\n' "$1" "$name"
od -An -v -tu1 "$1" | sed 's/  *\([0-9][0-9]*\)/\1,/g'
printf '0 };\n'
