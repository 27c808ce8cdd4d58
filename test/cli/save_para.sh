#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest of the Xen PV interface is saved, restored and moved while it counts, writes its disk and
# talks to its network; engines are switched under it. $QUAD_SAVES says how often it is saved and
# restored (1), $QUAD_MOVES how often it moves between two processes (1); the long run is 200 and 50.
# test-timeout: 3600
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
saves=${QUAD_SAVES:-1} moves=${QUAD_MOVES:-1} cpus=${QUAD_CPUS:-2}
# What is written to the disk is read again past the cache; a mismatch is told.
initrd --modules "$guests/cloud/root:xen_blkfront,xen_netfront" --text 'check/count=#!/bin/sh
ip addr add 10.0.2.15/24 dev eth0 2>/dev/null; ip link set eth0 up
(while :; do :; done) &
i=0
while :; do
    i=$((i+1))
    echo "$i" | dd of=/dev/xvda conv=notrunc,fsync bs=512 2>/dev/null
    echo 3 >/proc/sys/vm/drop_caches
    r=$(dd if=/dev/xvda bs=512 count=1 2>/dev/null | head -n 1)
    [ "$r" = "$i" ] || echo "WRONG $r for $i"
    ping -c 1 -W 2 10.0.2.2 >/dev/null && p=$((${p:-0}+1))
    echo "count $i pings ${p:-0}"
    sleep 0.1
done'
place=a other=b
at() { # at PLACE COMMAND...
    at_=$TEST_TMP/$1
    shift
    QUAD_RUN_DIR="$at_/run" QUAD_DATA_DIR="$at_/data" "$@" </dev/null
}
trap 'for p in a b; do at $p "$QUAD" rm -f web >/dev/null 2>&1 || :; done' EXIT
engine=${QUAD_ENGINE:-jit} disk=$TEST_TMP/disk.qcow2 saved=$TEST_TMP/web.quad

does() { # ARGS...
    at $place "$QUAD" "$@" >"$out" 2>&1 || die "quad $*: $(cat "$out")"
}
last() { at $place "$QUAD" logs web 2>/dev/null | sed -n 's/^count \([0-9]*\) .*/\1/p' | tail -n 1; }
counts() { # counts MORE-THAN
    n=0
    until [ "$(last || echo 0)" -gt "$1" ] 2>/dev/null; do
        [ $((n += 1)) -lt 1200 ] || die "it does not count beyond $1: $(at $place "$QUAD" logs web | tail -n 15)"
        sleep 0.1
    done
    ! at $place "$QUAD" logs web | grep -a 'WRONG\|BUG:\|Oops\|soft lockup\|I/O error' || die "see above"
}

"$QUAD" disk create "$disk" 16M >/dev/null
does run -d --name web --mode para --engine "$engine" --kernel "$guests/cloud/vmlinuz" \
    --initrd "$initrd" -m 192M -c "$cpus" --disk "$disk" --nic user \
    --append 'console=hvc0 noreplace-smp quiet quad.run="sh /check/count"'
counts 2

does set web engine=interp
counts $(($(last) + 1))
does set web engine="$engine"
counts $(($(last) + 1))

i=0
while [ $((i += 1)) -le "$saves" ]; do
    at=$(last)
    rm -f "$saved"
    does save web "$saved"
    does restore "$saved" -d --disk "$disk" --nic user
    counts $((at + 1))
done
echo "saved and restored $saves times, at $(last)"
at $place "$QUAD" logs web | grep -a 'pings [1-9]' >/dev/null || die "nothing of its pings came back"

i=0
while [ $((i += 1)) -le "$moves" ]; do
    at_count=$(last) sock=$TEST_TMP/sock$i
    at $other "$QUAD" receive "unix:$sock" -d --disk "$disk" --nic user --engine "$engine" \
        >"$TEST_TMP/receive" 2>&1 &
    receiver=$! n=0
    until [ -S "$sock" ]; do
        [ $((n += 1)) -lt 300 ] || die "no receiver: $(cat "$TEST_TMP/receive")"
        sleep 0.1
    done
    does migrate web "unix:$sock"
    wait $receiver || die "the receiver: $(cat "$TEST_TMP/receive")"
    was=$place place=$other other=$was
    counts $((at_count + 1))
done
echo "moved $moves times, at $(last)"
