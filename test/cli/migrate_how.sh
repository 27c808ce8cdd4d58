#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ways to move a guest that writes and checks its disk (test/guest/move_load.c): over TCP, compressed,
# with a limit and cancelled under way, slowed down because it writes too fast, its disk copied to an
# image of the destination's own; the destination's disk is full; the source is killed. Never is a block
# lost or old, and it runs in one place.
# test-long: a move for each way
# test-timeout: 900
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
engine=${QUAD_ENGINE:-jit}
${CC:-cc} -O2 -static -pthread -o "$TEST_TMP/move_load" test/guest/move_load.c 2>"$TEST_TMP/cc" ||
    skip "no static C library: $(tail -n 1 "$TEST_TMP/cc")"
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk" --add "load=$TEST_TMP/move_load"
a=$TEST_TMP/a b=$TEST_TMP/b here=$a there=$b n=0
trap 'for p in "$a" "$b"; do at "$p" "$QUAD" rm -f web >/dev/null 2>&1 || :; done' EXIT

at() { # at PLACE COMMAND...
    at_=$1
    shift
    QUAD_RUN_DIR="$at_/run" QUAD_DATA_DIR="$at_/data" "$@" </dev/null
}
loads() { # what the guest said there
    at "$1" "$QUAD" logs web 2>/dev/null | tr -d '\r' | grep '^load' || :
}
goes_on() { # goes_on PLACE: it says more there, and all is well
    now=$(loads "$1" | wc -l) k=0
    until [ "$(loads "$1" | wc -l)" -gt "$now" ]; do
        [ $((k += 1)) -lt 1200 ] || die "nothing more from $1: $(at "$1" "$QUAD" logs web | tail -n 20)"
        sleep 0.1
    done
    at "$1" "$QUAD" logs web | tr -d '\r' >"$TEST_TMP/log"
    ! grep -E 'bad block|I/O error|BUG' "$TEST_TMP/log" || die "the guest complains"
    ! grep '^load' "$TEST_TMP/log" | grep -v ' bad=0 .* back=0$' || die "lost, doubled or old I/O"
}
# receiver WHERE OPTIONS...: at $there; $receiver
receiver() {
    at "$there" "$QUAD" rm web >/dev/null 2>&1 || :
    : >"$TEST_TMP/receive"
    at "$there" "$QUAD" receive "$@" -d --name web --engine "$engine" >"$TEST_TMP/receive" 2>&1 &
    receiver=$! k=0
    until grep -q 'waiting for a guest' "$TEST_TMP/receive"; do
        [ $((k += 1)) -lt 600 ] || die "no receiver: $(cat "$TEST_TMP/receive")"
        sleep 0.1
    done
}
swap() {
    wait $receiver || die "the destination: $(cat "$TEST_TMP/receive")"
    swap_=$here here=$there there=$swap_
    goes_on "$here"
}
migrate() { # migrate CODE ARGS...
    code=$1 rc=0
    shift
    at "$here" "$QUAD" migrate "$@" >"$out" 2>&1 || rc=$?
    echo "+ migrate $*: $rc: $(cat "$out")"
    [ $rc = "$code" ] || die "exit code $rc: $(cat "$out" "$TEST_TMP/receive")"
}

"$QUAD" disk create "$TEST_TMP/disk.qcow2" 48M >/dev/null
at "$here" "$QUAD" run -d --name web --mode full --engine "$engine" -m 160M --disk "$TEST_TMP/disk.qcow2" \
    --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --append 'console=ttyS0 quiet quad.run="/load /dev/vda 48 60"'
goes_on "$here"
goes_on "$here"

# a limit holds it up until somebody gives it up; the destination goes away
port=$((20000 + $$ % 20000))
receiver "tcp:127.0.0.1:$port" --disk "$TEST_TMP/disk.qcow2"
at "$here" "$QUAD" migrate --bandwidth 2M web "tcp:127.0.0.1:$port" >"$TEST_TMP/slow" 2>&1 &
slow=$! k=0
until at "$here" "$QUAD" migrate --status web | grep -q '^copy: [1-9]'; do
    [ $((k += 1)) -lt 600 ] || die "it does not begin"
    sleep 0.1
done
migrate 1 web "tcp:127.0.0.1:$port" # there is nobody at that port any more, or it moves already
migrate 0 --cancel web
! wait $slow || die "a move that was given up went through"
grep -q cancelled "$TEST_TMP/slow" || die "no reason: $(cat "$TEST_TMP/slow")"
! wait $receiver || die "the destination runs what was given up"
goes_on "$here"

# over TCP, compressed
receiver "tcp:127.0.0.1:$port" --disk "$TEST_TMP/disk.qcow2"
migrate 0 --compress web "tcp:127.0.0.1:$port"
swap

# it writes 60 MiB a second over a link of 30: slowed down until it fits
receiver "unix:$TEST_TMP/s" --disk "$TEST_TMP/disk.qcow2"
migrate 0 --json --auto-converge --bandwidth 30M --downtime 200 --rounds 12 web "unix:$TEST_TMP/s"
grep -q '"slowed":[2-8]0' "$out" || die "it was not slowed down"
swap

# its disk is copied; the old image is nobody's afterwards
"$QUAD" disk create "$TEST_TMP/small.qcow2" 47M >/dev/null
receiver "unix:$TEST_TMP/s" --disk "$TEST_TMP/small.qcow2"
migrate 1 --copy-disks web "unix:$TEST_TMP/s"
grep -q 'quad disk create' "$out" || die "no remedy"
! wait $receiver || die "it runs on a disk that is too small"
goes_on "$here"
"$QUAD" disk create "$TEST_TMP/copy.qcow2" 48M >/dev/null
receiver "unix:$TEST_TMP/s" --disk "$TEST_TMP/copy.qcow2"
migrate 0 --copy-disks web "unix:$TEST_TMP/s"
rm "$TEST_TMP/disk.qcow2"
swap
goes_on "$here"

# no room there: the guest stays
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    mkdir "$TEST_TMP/full"
    k=0
    cat >"$TEST_TMP/narrow" <<'N'
mount -t tmpfs -o size=6m none "$1" || exit 99
"$2" disk create "$1/d.qcow2" 48M && exec "$2" receive "unix:$3" --name web --disk "$1/d.qcow2"
N
    at "$there" unshare -m sh "$TEST_TMP/narrow" "$TEST_TMP/full" "$QUAD" "$TEST_TMP/f" >"$TEST_TMP/receive" 2>&1 &
    receiver=$!
    until [ -S "$TEST_TMP/f" ]; do
        [ $((k += 1)) -lt 600 ] || die "no receiver: $(cat "$TEST_TMP/receive")"
        sleep 0.1
    done
    migrate 1 --copy-disks web "unix:$TEST_TMP/f"
    grep -q 'No space left' "$out" || die "no reason"
    ! wait $receiver || die "it runs on a full disk"
    goes_on "$here"
fi

# the source dies before the commit: nobody runs it, and its disk is whole
receiver "unix:$TEST_TMP/s" --disk "$TEST_TMP/copy.qcow2"
at "$here" "$QUAD" migrate --bandwidth 2M web "unix:$TEST_TMP/s" >/dev/null 2>&1 &
slow=$! k=0
until at "$here" "$QUAD" migrate --status web | grep -q '^copy: [1-9]'; do
    [ $((k += 1)) -lt 600 ] || die "it does not begin"
    sleep 0.1
done
at "$here" "$QUAD" stop --force web
! wait $slow || die "a move whose source died went through"
! wait $receiver || die "the destination runs half a guest"
"$QUAD" disk check "$TEST_TMP/copy.qcow2"
