#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel is given memory while it runs, uses it, and gives it back; the host gets it back, too. A
# guest that is saved with what it got has it when it is restored.
# test-long: a guest gives and takes memory for half a minute
# test-timeout: 300
. "$TEST_LIB/boot.sh"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_mem"
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f hot >/dev/null 2>&1 || :' EXIT
# total= in MiB; with more than 400 of them a file of 100 MiB is written and removed again
run='total() { set -- $(grep MemTotal /proc/meminfo); echo $2; }; mkdir /m; mount -t tmpfs -o size=150m none /m;'
run="$run while :; do n=\$((\$(total) / 1024)); echo total=\$n=;"
run="$run if [ \$n -gt 400 -a ! -e /m/done ]; then dd if=/dev/zero of=/m/f bs=1M count=100 2>/dev/null; md5sum /m/f; rm /m/f; :>/m/done; fi; sleep 0.5; done"
"$QUAD" run -d --name hot --mode full --engine "${QUAD_ENGINE:-jit}" --kernel "$guests/cloud/vmlinuz" -m 192M --memory-max 768M --initrd "$initrd" \
    --append "console=ttyS0 quiet memhp_default_state=online_movable quad.run=\"${run}\"" >"$out" 2>&1 || die "$(cat "$out")"

says() {
    n=0
    until "$QUAD" logs hot | grep -q "$1"; do
        [ $((n += 1)) -lt 600 ] || { "$QUAD" logs hot; die "the console does not say $1"; }
        sleep 0.2
    done
}
total() { # MIN MAX: the last total= lies between
    n=0
    while :; do
        t=$("$QUAD" logs hot 2>/dev/null | sed -n 's/.*total=\([0-9]*\)=.*/\1/p' | tail -n 1)
        [ "${t:-0}" -ge "$1" ] && [ "${t:-0}" -le "$2" ] && return
        [ $((n += 1)) -lt 300 ] || { "$QUAD" logs hot; die "total is $t, not $1 to $2"; }
        sleep 0.2
    done
}
set_() {
    "$QUAD" set hot "$1" >"$out" 2>&1 || die "quad set $1: $(cat "$out")"
    want "$2"
}
total 100 192
set_ memory=640M '^memory=671088640$'
total 500 640
# MD5 of 100 MiB of zeroes: it can be used
says "$(dd if=/dev/zero bs=1M count=100 2>/dev/null | md5sum | cut -d' ' -f1)"
"$QUAD" save hot "$TEST_TMP/hot.save" >"$out" 2>&1 || die "$(cat "$out")"
"$QUAD" restore "$TEST_TMP/hot.save" -d --name hot >"$out" 2>&1 || die "$(cat "$out")"
total 500 640
set_ memory=320M '^memory=335544320$'
total 200 320
set_ memory=192M '^memory=201326592$'
total 100 192
if "$QUAD" set hot memory=1G >"$out" 2>&1; then die "more than it has room for"; fi
want 'room for 768M .--memory-max'
if "$QUAD" set hot memory=100M >"$out" 2>&1; then die "it has no balloon"; fi
want 'without a balloon'
exit 0
