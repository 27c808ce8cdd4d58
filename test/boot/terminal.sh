#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# On a terminal: the first line says way, engine and escape; ctrl-c goes to the guest; ctrl-a x leaves;
# the terminal is as before afterwards, also when the program is killed.
# test-timeout: 900
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
cat >"$TEST_TMP/inner" <<END
stty -a >"$TEST_TMP/before"
"$QUAD" run --mode full --engine $engine --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" \
    --memory 256M
echo "left with \$?"
stty -a >"$TEST_TMP/after"
echo done
END
cat >"$TEST_TMP/script" <<'END'
expect 30 /full.*ctrl-a/
expect 800 /quad-guest:.*# /
send sleep 1000
sleep 2
type \x03
expect 60 /quad-guest:.*# /
type \x01x
expect 30 /left with \d+/
expect 30 /done/
END
tools/expect -v -l "$out" "$TEST_TMP/script" -- sh "$TEST_TMP/inner"
diff "$TEST_TMP/before" "$TEST_TMP/after" || die "the terminal is not as it was"
