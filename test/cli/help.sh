#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Help says what there is, on standard output and with exit code 0; ways says why.
# test-timeout: 60
set -eu
. "$TEST_LIB/boot.sh"

"$QUAD" --help >"$out"
want '\brun\b'
want '\bways\b'
"$QUAD" run --help >"$out"
for option in mode kernel initrd append memory cpus name serial engine cpu-model on-reboot \
    on-panic trace stats; do
    want "--$option\b"
done
want 'quad run .*--kernel'
"$QUAD" ways >"$out"
for way in full para zone native; do
    want "^ *$way\b"
done
"$QUAD" --version | grep -Eq '[0-9]+\.[0-9]+'
