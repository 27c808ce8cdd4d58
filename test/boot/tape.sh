#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A deterministic guest that is typed at, reads and writes a disk and talks to a network is recorded;
# played back, with nobody at its terminal and no network, it says the same, byte for byte, under
# the same engine and (--long) under the other one; a tape of another guest, and a damaged one, are refused.
#
# test-timeout: 900
# test-engines: jit
. "$TEST_LIB/boot.sh"
"$QUAD" list engines | grep -Eq '(^|[ /])jit ' || skip "this build has no engine jit"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,virtio_net,virtio_rng,af_packet"
head -c 4000000 /dev/urandom >"$TEST_TMP/disk.orig"
tape=$TEST_TMP/tape
cpus=${QUAD_LONG:+2}
cpus=${cpus:-1}

run() { # run ENGINE OPTION...: the guest, its serial port in $TEST_TMP/ENGINE.out
    e=$1
    shift
    cp "$TEST_TMP/disk.orig" "$TEST_TMP/disk.raw"
    "$QUAD" run --mode full --engine "$e" --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" \
        --memory 192M --cpus $cpus --disk "$TEST_TMP/disk.raw,format=raw" --nic user \
        --serial "socket:$TEST_TMP/serial" --append 'console=ttyS0' "$@" >"$TEST_TMP/$e.log" 2>&1
}
listen() { # listen NAME: what comes over the serial socket, into a file
    i=0
    until [ -S "$TEST_TMP/serial" ]; do
        i=$((i + 1))
        [ $i -lt 300 ] || die "no serial port: $(cat "$TEST_TMP/"*.log)"
        sleep 0.1
    done
    tools/expect -l "$TEST_TMP/$1.out" --connect "$TEST_TMP/serial" "$TEST_TMP/$1.script"
}

cat >"$TEST_TMP/record.script" <<'END'
expect 300 /quad-guest:.*# /
send ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ping -c 3 10.0.2.2 | tail -n 3
expect 120 /3 packets received/
expect 60 /quad-guest:.*# /
send md5sum /dev/vda; dd if=/dev/urandom of=/dev/vda bs=64k count=9 conv=fsync; md5sum /dev/vda
expect 120 /9\+0 records out(.|\n)*vda/
expect 60 /quad-guest:.*# /
send date; cat /proc/uptime /proc/interrupts; poweroff -f
expect 120 /reboot: Power down\s*\n/
END
printf '%s\n' 'expect 600 /reboot: Power down\s*\n/' >"$TEST_TMP/replay.script"

run jit --record "$tape" &
listen record || die "the recording: $(tail -n 5 "$TEST_TMP/jit.log")"
wait $! || die "the recorded guest ended with $?: $(tail -n 3 "$TEST_TMP/jit.log")"
cp "$TEST_TMP/disk.raw" "$TEST_TMP/disk.recorded"
for e in jit ${QUAD_LONG:+interp}; do
    run $e --replay "$tape" &
    listen replay || die "replay under $e: $(tail -n 5 "$TEST_TMP/$e.log")"
    wait $! || die "the replayed guest ended with $?: $(tail -n 3 "$TEST_TMP/$e.log")"
    cmp "$TEST_TMP/record.out" "$TEST_TMP/replay.out" || {
        diff "$TEST_TMP/record.out" "$TEST_TMP/replay.out" | head -n 20
        die "under $e it said something else"
    }
    cmp "$TEST_TMP/disk.raw" "$TEST_TMP/disk.recorded" || die "under $e it wrote something else"
done
grep -q 'packets received' "$TEST_TMP/replay.out" || die "no network in the replay"

rc=0
run jit --replay "$tape" --memory 200M || rc=$?
[ $rc != 0 ] && grep -q 'another machine.*memory=192M.*memory=200M' "$TEST_TMP/jit.log" ||
    die "a tape of another guest: $(cat "$TEST_TMP/jit.log")"
head -c -3 "$tape" >"$TEST_TMP/short"
rc=0
run jit --replay "$TEST_TMP/short" || rc=$?
[ $rc != 0 ] && grep -q 'ends within a record' "$TEST_TMP/jit.log" ||
    die "a short tape: $(cat "$TEST_TMP/jit.log")"
