#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Both engines of full boot the same kernel with --deterministic; after each slice (at most 20,000
# instructions) the whole state of the processor must agree, register by register (vector and x87
# registers as a digest). The first record that differs is shown beside the last that agreed.
# Quick: one vCPU, to the end of our init's self-check. With --long also two vCPUs, and a larger
# piece of user space.
# QUAD_LOCKSTEP_SLICES=N ends after N slices.
# test-timeout: 3600
# test-engines: jit
set -eu
. "$TEST_LIB/boot.sh"
"$QUAD" list engines | grep -Eq '(^|[ /])jit ' || skip "this build has no engine jit"
guest cloud
initrd --text "check/work=set -e
find /bin /sys/class | sort -r | md5sum
seq 3000 | awk '{s+=\$1/7;t=t \$1}END{print s,length(t)}'
seq 2000 | sed 's/\(.*\)/\1*\1/' | bc | tail -n 1
dd if=/bin/busybox bs=64k count=12 2>/dev/null | bzip2 -c | bunzip2 -c | sha512sum
factor 1000000007"
most=${QUAD_LOCKSTEP_SLICES:-0}

start() { # start ENGINE CPUS APPEND: sets pid
    rm -f "$TEST_TMP/$1.trace"
    mkfifo "$TEST_TMP/$1.trace"
    nice "$QUAD" run --mode full --engine "$1" --kernel "$guests/cloud/vmlinuz" \
        --initrd "$initrd" --memory 256M --append "console=ttyS0 $3" --deterministic \
        --cpus "$2" --trace vcpu_slice --trace-file "$TEST_TMP/$1.trace" \
        </dev/null >"$TEST_TMP/$1.out" 2>&1 &
    pid=$!
}

lockstep() { # lockstep CPUS APPEND WANTED-OUTPUT
    echo "+ $1 vCPU, $2"
    start interp "$1" "$2"
    interp=$pid
    start jit "$1" "$2"
    jit=$pid
    trap 'kill $interp $jit 2>/dev/null || true' EXIT
    rc=0
    test/lib/lockstep "$TEST_TMP/interp.trace" "$TEST_TMP/jit.trace" "$most" || rc=$?
    # after QUAD_LOCKSTEP_SLICES or a difference they would go on for ever
    [ $rc = 0 ] && [ "$most" = 0 ] || kill $interp $jit 2>/dev/null || true
    wait $interp || true
    wait $jit || true
    trap - EXIT
    if [ $rc != 0 ]; then
        tail -n 3 "$TEST_TMP/interp.out" "$TEST_TMP/jit.out"
        die "interp and jit differ"
    fi
    [ "$most" != 0 ] || grep -q "$3" "$TEST_TMP/jit.out" || {
        tail -n 8 "$TEST_TMP/jit.out"
        die "no $3"
    }
}

lockstep 1 quad.check '^quad.check: ok'
[ -n "${QUAD_LONG:-}" ] || exit 0
lockstep 2 quad.check '^quad.check: ok'
lockstep 1 'quad.run="sh /check/work"' '^quad.run: exit 0'
