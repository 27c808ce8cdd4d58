#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that checks its disk (test/guest/move_load.c) is replicated; the link dies within a state, then
# its process is killed: from the last complete state it goes on at the standby, memory and disk of one
# moment, and what is lost is at most what was done since. It is not taken over by mistake.
# test-long: half a minute or more
# test-timeout: 600
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
engine=${QUAD_ENGINE:-jit}
${CC:-cc} -O2 -static -pthread -o "$TEST_TMP/move_load" test/guest/move_load.c 2>"$TEST_TMP/cc" ||
    skip "no static C library: $(tail -n 1 "$TEST_TMP/cc")"
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk" --add "load=$TEST_TMP/move_load"
a=$TEST_TMP/a b=$TEST_TMP/b
trap 'for p in "$a" "$b"; do at "$p" "$QUAD" rm -f web >/dev/null 2>&1 || :; done' EXIT

at() { # at PLACE COMMAND...
    at_=$1
    shift
    QUAD_RUN_DIR="$at_/run" QUAD_DATA_DIR="$at_/data" "$@" </dev/null
}
loads() { # what the guest said there
    at "$1" "$QUAD" logs web 2>/dev/null | tr -d '\r' | grep '^load' || :
}
ticks() { # its last second there
    loads "$1" | sed -n 's/^load \([0-9]*\) .*/\1/p' | tail -n 1
}
goes_on() { # goes_on PLACE: it says more there, and all is well
    was=$(loads "$1" | wc -l) k=0
    until [ "$(loads "$1" | wc -l)" -gt $((was + 1)) ]; do
        [ $((k += 1)) -lt 1200 ] || die "nothing more from $1: $(at "$1" "$QUAD" logs web | tail -n 20)"
        sleep 0.1
    done
    at "$1" "$QUAD" logs web | tr -d '\r' >"$TEST_TMP/log"
    ! grep -E 'bad block|I/O error|BUG' "$TEST_TMP/log" || die "the guest complains"
    ! grep '^load' "$TEST_TMP/log" | grep -v ' bad=0 .* back=0$' || die "lost, doubled or old I/O"
}
standby() { # with a new disk; $standby
    rm -rf "$TEST_TMP/copy.qcow2" "$TEST_TMP/s"
    "$QUAD" disk create "$TEST_TMP/copy.qcow2" 48M >/dev/null
    at "$b" "$QUAD" receive "unix:$TEST_TMP/s" -d --disk "$TEST_TMP/copy.qcow2" --name web \
        --engine "$engine" >"$TEST_TMP/standby" 2>&1 &
    standby=$! k=0
    until [ -S "$TEST_TMP/s" ]; do
        [ $((k += 1)) -lt 600 ] || die "no standby: $(cat "$TEST_TMP/standby")"
        sleep 0.1
    done
}
replicate() {
    at "$a" "$QUAD" replicate --every "$1" web "unix:$TEST_TMP/s" >"$out" 2>&1 ||
        die "replicate: $(cat "$out" "$TEST_TMP/standby")"
    echo "+ replicate: $(cat "$out")"
    want 'stands by, 1 states kept'
}
failover() { # failover CODE OPTIONS
    code=$1 rc=0
    shift
    at "$b" "$QUAD" failover "$@" web >"$out" 2>&1 || rc=$?
    echo "+ failover $*: $rc: $(cat "$out")"
    [ $rc = "$code" ] || die "exit code $rc, wanted $code: $(cat "$TEST_TMP/standby")"
}

failover 3
want 'nothing stands by'
"$QUAD" disk create "$TEST_TMP/disk.qcow2" 48M >/dev/null
QUAD_MOVE_FAULT=${QUAD_LONG:+epoch:cut} at "$a" "$QUAD" run -d --name web --mode full --engine "$engine" \
    -m 160M --disk "$TEST_TMP/disk.qcow2" --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" \
    --append 'console=ttyS0 quiet quad.run="/load /dev/vda 16 4"'
goes_on "$a"

if [ -n "${QUAD_LONG:-}" ]; then # the first state does not come to its end: nothing stands by
    standby
    ! at "$a" "$QUAD" replicate web "unix:$TEST_TMP/s" >"$out" 2>&1 || die "half a state counts"
    ! wait $standby || die "half a state runs"
    goes_on "$a"
fi

standby
replicate 300ms
k=0
until at "$a" "$QUAD" replicate --status --json web | grep -q '"epochs":[4-9]'; do
    [ $((k += 1)) -lt 600 ] || die "no more states: $(at "$a" "$QUAD" replicate --status web)"
    sleep 0.1
done
goes_on "$a"
at "$a" "$QUAD" replicate --status web
failover 0 --test
want 'would go on here with state'
failover 4
want 'its source is there'
goes_on "$a"

# its host is gone
last=$(ticks "$a")
kill -KILL "$(head -n 1 "$a/run/web.lock")"
sleep 0.5
failover 0
want 'goes on here with state'
wait $standby || die "the standby: $(cat "$TEST_TMP/standby")"
goes_on "$b"
first=$(loads "$b" | sed -n 's/^load \([0-9]*\) .*/\1/p' | head -n 1)
[ "$first" -ge $((last - 3)) ] && [ "$first" -le $((last + 3)) ] ||
    die "it had come to second $last and goes on with $first"
failover 3
at "$b" "$QUAD" stop --force web
"$QUAD" disk check "$TEST_TMP/copy.qcow2"
