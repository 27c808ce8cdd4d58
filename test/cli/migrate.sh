#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A running guest with a disk moves between processes; link cut, process killed, failure at each stage
# of either side. After each of them it runs in one place and has lost nothing that it said: the
# numbers on its consoles are 1, 2, 3 ... without a gap and without a double.
# test-timeout: 900
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk" --text 'check/count=#!/bin/sh
i=0
while :; do i=$((i+1)); echo "count $i"; echo "$i" | dd of=/dev/vda conv=notrunc,fsync bs=512 2>/dev/null; sleep 0.1; done'
here=$TEST_TMP/a there=$TEST_TMP/b disk=$TEST_TMP/disk.qcow2 n=0
engine=${QUAD_ENGINE:-jit}

at() { # at PLACE COMMAND...
    at_=$1
    shift
    QUAD_RUN_DIR="$at_/run" QUAD_DATA_DIR="$at_/data" "$@" </dev/null
}
trap 'for p in "$here" "$there"; do at "$p" "$QUAD" rm -f web >/dev/null 2>&1 || :; done' EXIT

last() {
    at "$here" "$QUAD" logs web 2>/dev/null | tr -d '\r' | sed -n 's/^count \([0-9][0-9]*\)$/\1/p' |
        tail -n 1
}
counts() { # it goes on counting in $here
    now=$(last) k=0
    until [ "$(last)" -gt $((${now:-0} + 1)) ] 2>/dev/null; do
        [ $((k += 1)) -lt 900 ] || die "it does not count beyond ${now:-0} in $here"
        sleep 0.1
    done
}

# move CODE FAULT-THERE: from $here to $there
move() {
    n=$((n + 1)) rc=0 sock=$TEST_TMP/sock$n
    QUAD_MOVE_FAULT=$2 at "$there" "$QUAD" receive "unix:$sock" -d --disk "$disk" \
        --engine "$engine" >"$TEST_TMP/receive" 2>&1 &
    receiver=$!
    k=0
    until [ -S "$sock" ]; do
        [ $((k += 1)) -lt 300 ] || die "no receiver: $(cat "$TEST_TMP/receive")"
        sleep 0.1
    done
    at "$here" "$QUAD" migrate web "unix:$sock" >"$out" 2>&1 || rc=$?
    there_rc=0
    wait $receiver || there_rc=$?
    echo "+ move, fault there: ${2:-none}: here $rc, there $there_rc: $(cat "$out")"
    [ "$rc" = "$1" ] || die "exit code $rc, wanted $1: $(cat "$out" "$TEST_TMP/receive")"
}
swap() {
    swap_=$here
    here=$there
    there=$swap_
}

"$QUAD" disk create "$disk" 16M >/dev/null
at "$here" "$QUAD" run -d --name web --mode full --engine "$engine" -m 128M --disk "$disk" \
    --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" \
    --append 'console=ttyS0 quad.run="sh /check/count"'
counts
at "$here" "$QUAD" migrate --check web >"$out" || die "something is in the way: $(cat "$out")"
grep -q "mind: disk0 is $disk" "$out" || die "no word about the disk"
at "$here" "$QUAD" pause web
at "$here" "$QUAD" migrate --check web >"$out" && die "nothing is in a paused guest's way"
grep -q 'in the way: the guest is paused' "$out" || die "no blocker named"
at "$here" "$QUAD" resume web

# the destination fails: the guest stays, and goes on
for fault in ready:fail ready:kill loaded:fail loaded:cut loaded:kill; do
    [ -n "${QUAD_LONG:-}" ] || case $fault in ready:kill | loaded:kill) continue ;; esac
    move 1 $fault
    [ $there_rc != 0 ] || die "a destination that failed says it did not"
    counts
done
# ... dies with the guest in its hands: nobody runs it until a person says so
move 1 went:kill
grep -q 'resolve here' "$out" || die "no word about what to do"
at "$here" "$QUAD" ls | grep -q 'web .*paused' || die "a guest in doubt is not paused"
before=$(last)
at "$here" "$QUAD" resume web >"$out" 2>&1 && die "resume runs a guest in doubt"
sleep 1
[ "$(last)" = "$before" ] || die "it ran in doubt"
at "$here" "$QUAD" migrate --resolve here web
counts

# the source fails: each process has its fault for its turn as a source
for fault in hello:cut round:cut round:fail stopped:cut stopped:fail go:cut go:fail; do
    [ -n "${QUAD_LONG:-}" ] || case $fault in round:* | stopped:cut | hello:cut | go:cut) continue ;; esac
    move 0 $fault
    swap
    counts
    move 1 ''
    [ $there_rc != 0 ] || die "a destination runs what never came"
    counts
done
# ... the link dies just after the word: the destination runs, and its lock keeps the source off
move 0 running:cut
swap
counts
move 1 ''
[ $there_rc = 0 ] || die "the destination had the word and does not run"
at "$here" "$QUAD" migrate --resolve here web >"$out" 2>&1 && die "it runs twice"
echo "+ resolve here: $(cat "$out")"
at "$here" "$QUAD" migrate --resolve there web
swap
counts

# all that was said, in the order of the moves, is 1 2 3 ...
for p in "$here" "$there"; do
    at "$p" "$QUAD" logs web | tr -d '\r' | sed -n 's/^count \([0-9][0-9]*\)$/\1/p'
done | sort -n >"$TEST_TMP/said"
[ -z "$(uniq -d "$TEST_TMP/said")" ] || die "said twice: $(uniq -d "$TEST_TMP/said" | tr '\n' ' ')"
