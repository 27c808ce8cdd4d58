#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that writes and checks its disk and its memory (test/guest/move_load.c) is saved into a file and
# restored, $QUAD_CYCLES times (20): no block is lost, old or written twice, its clock never goes back,
# the image is whole. Every fifth file is compressed, every third looked through before it goes on.
# test-long: half a minute or more
# test-timeout: 7200
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
engine=${QUAD_ENGINE:-jit} cycles=${QUAD_CYCLES:-20}
${CC:-cc} -O2 -static -pthread -o "$TEST_TMP/move_load" test/guest/move_load.c 2>"$TEST_TMP/cc" ||
    skip "no static C library: $(tail -n 1 "$TEST_TMP/cc")"
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk" --add "load=$TEST_TMP/move_load"
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f web >/dev/null 2>&1 || :' EXIT
disk=$TEST_TMP/disk.qcow2

"$QUAD" disk create "$disk" 48M >/dev/null
"$QUAD" run -d -q --name web --mode full --engine "$engine" -m 160M --disk "$disk" \
    --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --append 'console=ttyS0 quiet quad.run="/load /dev/vda 48 40"'
i=0
: >"$TEST_TMP/said"
while :; do
    n=0
    until "$QUAD" logs web 2>/dev/null | grep -q '^load'; do # something since it went on
        [ $((n += 1)) -lt 1200 ] || die "cycle $i: it does not go on: $("$QUAD" logs web | tail -n 20)"
        sleep 0.1
    done
    [ $((i += 1)) -le "$cycles" ] || break
    options=
    [ $((i % 5)) != 0 ] || options=--compress
    # shellcheck disable=SC2086 # options
    "$QUAD" save $options web "$TEST_TMP/web.quad" 2>/dev/null || die "cycle $i: save"
    "$QUAD" logs web | tr -d '\r' >>"$TEST_TMP/said" # each start begins a new log
    options=
    [ $((i % 3)) != 0 ] || options=--verify
    # shellcheck disable=SC2086 # options
    "$QUAD" restore $options "$TEST_TMP/web.quad" -d -q --engine "$engine" --disk "$disk" ||
        die "cycle $i: restore"
done
"$QUAD" logs web | tr -d '\r' >>"$TEST_TMP/said"
"$QUAD" stop --force web
! grep -E 'bad block|I/O error|BUG|soft lockup|stall' "$TEST_TMP/said" || die "the guest complains"
! grep '^load' "$TEST_TMP/said" | grep -v ' bad=0 .* back=0$' || die "lost, doubled or old I/O, or a clock that went back"
grep '^load' "$TEST_TMP/said" | sed 's/^load \([0-9]*\) .*/\1/' | uniq -d | grep . && die "a second twice"
echo "+ $cycles cycles; $(grep '^load' "$TEST_TMP/said" | tail -n 1)"
echo "+ longest gaps of a second, us: $(sed -n 's/.* gap_us=\([0-9]*\) .*/\1/p' "$TEST_TMP/said" | sort -n | tail -n 5 | tr '\n' ' ')"
"$QUAD" disk check "$disk"
