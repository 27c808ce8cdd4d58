#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel is given processors while it runs, uses them, and lets them go again; a guest that is
# saved with what it got has it when it is restored.
# test-timeout: 300
. "$TEST_LIB/boot.sh"
guest cloud
initrd
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f hot >/dev/null 2>&1 || :' EXIT
run='cd /sys/devices/system/cpu; echo has $(cat online); while :; do for c in cpu[1-9]; do'
run="$run [ \$(cat \$c/online 2>/dev/null || echo 1) = 0 ] && echo 1 >\$c/online; done;"
run="$run n=\$(grep -c ^processor /proc/cpuinfo); [ \$n = \$o ] || echo runs=\$n=; o=\$n; sleep 0.2; done"
"$QUAD" run -d --name hot --mode full --engine "${QUAD_ENGINE:-jit}" --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" \
    --append "console=ttyS0 quiet quad.run=\"$run\"" >"$out" 2>&1 || die "$(cat "$out")"

says() {
    n=0
    until "$QUAD" logs hot | tail -n 1 | grep -q "$1"; do
        [ $((n += 1)) -lt 600 ] || { "$QUAD" logs hot; die "the console does not end with $1"; }
        sleep 0.2
    done
}
set_() {
    "$QUAD" set hot "$1" >"$out" 2>&1 || die "quad set $1: $(cat "$out")"
    want "$2"
}
says 'runs=1='
set_ cpus=3 '^cpus=3$'
says 'runs=3='
set_ cpus=2 '^cpus=2$'
says 'runs=2='
if "$QUAD" set hot cpus=5 >"$out" 2>&1; then die "more than it has room for"; fi
want 'from 1 to 4.*--cpus-max'
"$QUAD" save hot "$TEST_TMP/hot.save" >"$out" 2>&1 || die "$(cat "$out")"
"$QUAD" restore "$TEST_TMP/hot.save" -d --name hot >"$out" 2>&1 || die "$(cat "$out")"
set_ cpus=4 '^cpus=4$'
says 'runs=4='
set_ cpus=1 '^cpus=1$'
says 'runs=1='
exit 0
