#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a running guest may use, changed live: the cap on CPU time holds within 5 % (not less than it
# on a busy host), a boost returns by itself, memory is given back and taken again, a disk grows and
# the guest sees it.
# test-timeout: 600
# test-long: it measures for ten seconds
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,virtio_balloon"
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f busy >/dev/null 2>&1 || :' EXIT
truncate -s 64M "$TEST_TMP/disk.raw"
"$QUAD" run -d --name busy --mode full --engine "${QUAD_ENGINE:-jit}" --kernel "$guests/cloud/vmlinuz" \
    --initrd "$initrd" -m 256M --balloon -c 2 --disk "$TEST_TMP/disk.raw,format=raw" --append \
    'console=ttyS0 quad.run="echo spinning; (while :; do :; done) & while :; do n=$(cat /sys/block/vda/size); [ $n = $o ] || echo size=$n; o=$n; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done"'

says() {
    n=0
    until "$QUAD" logs busy | grep -q "$1"; do
        [ $((n += 1)) -lt 600 ] || die "the console does not say $1"
        sleep 0.2
    done
}
# share SECONDS: the CPU time of both vCPUs in percent of one processor, in $share
share() {
    share=$(perl -e '
        sub look { my $t = `"$ENV{QUAD}" stat busy`; my $ms = 0; $ms += $1 while $t =~ /^vcpu\d\.cpu_ms: (\d+)/mg;
            open my $u, "<", "/proc/uptime"; my ($s) = split " ", <$u>; ($ms, $s) }
        my ($a, $t) = look(); sleep shift; my ($b, $u) = look();
        printf "%d", ($b - $a) / ($u - $t) / 10 * 100' "$1")
    echo "share: $share / 100 %"
}
set_() {
    "$QUAD" "$@" >"$out" 2>&1 || die "quad $*: $(cat "$out")"
    cat "$out"
}

says 'size=131072'
set_ set busy cpu.cap=30%
want '^cpu.cap=30$'
share 4
[ "$share" -le 3150 ] || die "more than the cap"
[ "$share" -ge "${TEST_SHARE_MIN:-500}" ] || die "much less than the cap"
set_ boost busy cpu.cap=60% --for 5s
share 3
[ "$share" -le 6300 ] || die "more than the boosted cap"
[ "$share" -gt 3150 ] || [ -z "${TEST_SHARE_MIN:-}" ] || die "the boost gave nothing"
sleep 3
set_ set busy
want '^cpu.cap=30$'
set_ set busy cpu.cap=0 cpu.shares=50
want '^cpu.shares=51 '
set_ set busy memory=160M
want '^memory=167772160$'
set_ set busy memory=256M
want '^memory=268435456$'
set_ set busy disk.0.size=96M
says 'size=196608'
if "$QUAD" set busy disk.0.size=32M >"$out" 2>&1; then die "it shrank"; fi
want 'can only grow'
if "$QUAD" set busy cpu.cop=5 >"$out" 2>&1; then die "no such key"; fi
want 'did you mean cpu.cap'
