#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest under load moves to and fro between two processes in two network namespaces; the other one is
# another user in a mount namespace of its own, where the disk has another path. Four threads in the
# guest write its disk and know what must be there; one writes memory; the longest times that it did
# not run are measured in it (test/guest/move_load.c) and by UDP packets that it sends back. $QUAD_MOVES
# says how often (10), $QUAD_MOVE_MEMORY how many MiB it has (1024).
# test-long: many moves of a loaded guest
# test-timeout: 3600
set -eu
. "$TEST_LIB/boot.sh"
[ "$(id -u)" = 0 ] || skip "needs root, for namespaces and another user"
command -v setpriv >/dev/null && command -v ip >/dev/null && command -v python3 >/dev/null ||
    skip "needs setpriv, ip and python3"
guest cloud
engine=${QUAD_ENGINE:-jit}
moves=${QUAD_MOVES:-10} memory=${QUAD_MOVE_MEMORY:-1024}
${CC:-cc} -O2 -static -pthread -o "$TEST_TMP/move_load" test/guest/move_load.c 2>"$TEST_TMP/cc" ||
    skip "no static C library: $(tail -n 1 "$TEST_TMP/cc")"
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,virtio_net" --add "load=$TEST_TMP/move_load" \
    --text "check/run=#!/bin/sh
ip addr add 10.99.7.9/24 dev eth0; ip link set eth0 up
exec /load /dev/vda $((memory / 4)) 40"

# ---- two places: root's, and somebody else's
id=$$ shared=$(mktemp -d /tmp/quad-move-XXXXXX)
chmod 755 "$shared"
mkdir "$shared/disks" "$shared/elsewhere" "$shared/a" "$shared/b"
chown nobody "$shared/b"
{ mknod "$shared/tun" c 10 200 && chmod 666 "$shared/tun"; } 2>/dev/null || skip "no device nodes here"
end() {
    for p in a b; do at $p "$QUAD" rm -f web >/dev/null 2>&1 || :; done
    [ -z "${pinger:-}" ] || kill "$pinger" 2>/dev/null || :
    for n in qa$id qb$id qc$id; do ip netns del $n 2>/dev/null || :; done
    rm -rf "$shared"
}
trap end EXIT
ip netns add qc$id 2>"$TEST_TMP/ip" || skip "no network namespaces: $(cat "$TEST_TMP/ip")"
ip -n qc$id link add br0 type bridge 2>"$TEST_TMP/ip" || skip "no bridges here: $(cat "$TEST_TMP/ip")"
ip -n qc$id addr add 10.99.7.3/24 dev br0
ip -n qc$id link set br0 up
: >"$TEST_TMP/receive"
n=1
for p in a b; do
    ip netns add q$p$id
    ip -n q$p$id link add br0 type bridge
    ip -n q$p$id addr add 10.99.7.$n/24 dev br0
    ip -n q$p$id link add up0 type veth peer name to-$p netns qc$id 2>"$TEST_TMP/ip" ||
        skip "no veth: $(cat "$TEST_TMP/ip")"
    ip -n q$p$id tuntap add dev tap0 mode tap user nobody 2>"$TEST_TMP/ip" ||
        skip "no tap: $(cat "$TEST_TMP/ip")"
    for l in up0 tap0; do
        ip -n q$p$id link set $l master br0
        ip -n q$p$id link set $l up
    done
    ip -n q$p$id link set br0 up
    ip -n qc$id link set to-$p master br0
    ip -n qc$id link set to-$p up
    n=$((n + 1))
done

# at PLACE COMMAND...
at() {
    at_=$1
    shift
    set -- env QUAD_RUN_DIR="$shared/$at_/run" QUAD_DATA_DIR="$shared/$at_/data" "$@"
    if [ $at_ = b ]; then
        ip netns exec qb$id unshare -m sh -c 'mount --bind "$1/disks" "$1/elsewhere" &&
            mount --bind "$1/tun" /dev/net/tun && mount -t tmpfs none "$1/disks" && shift &&
            exec setpriv --reuid nobody --regid nogroup --clear-groups "$@"' - "$shared" "$@" </dev/null
    else
        ip netns exec qa$id "$@" </dev/null
    fi
}
at b test -x "$QUAD" || skip "another user cannot run $QUAD"
disk() { # its path in a place
    [ "$1" = a ] && echo "$shared/disks/disk.qcow2" || echo "$shared/elsewhere/disk.qcow2"
}
loads() { # what the guest said of its load in a place
    at "$1" "$QUAD" logs web 2>/dev/null | tr -d '\r' | grep '^load' || :
}
counts() { # it says more in a place
    now=$(loads "$1" | wc -l) k=0
    until [ "$(loads "$1" | wc -l)" -gt $((now + ${2:-0})) ]; do
        [ $((k += 1)) -lt 1200 ] || die "nothing from $1: $(at "$1" "$QUAD" logs web | tail -n 20)"
        sleep 0.1
    done
}

"$QUAD" disk create "$(disk a)" 64M >/dev/null
chown nobody "$(disk a)"
chmod 666 "$(disk a)"
at a "$QUAD" run -d --name web --mode full --engine "$engine" -m ${memory}M --disk "$(disk a)" \
    --nic tap,interface=tap0 --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" \
    --append 'console=ttyS0 quiet quad.run="sh /check/run"'
counts a 2
ip netns exec qc$id python3 - >"$TEST_TMP/pings" 2>&1 <<'PING' &
import select, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.99.7.9", 7777))
s.setblocking(False)
last, worst, mark = None, 0.0, time.monotonic()
while True:
    try:
        s.send(b"x")
    except OSError:
        pass
    if select.select([s], [], [], 0.002)[0]:
        try:
            while True:
                s.recv(100)
                now = time.monotonic()
                if last:
                    worst = max(worst, now - last)
                last = now
        except OSError:
            pass
    if time.monotonic() - mark >= 1:
        mark = time.monotonic()
        # one that goes on counts, too
        print("ping %.1f" % (1000 * max(worst, mark - last if last else 0)), flush=True)
        worst = 0.0
PING
pinger=$!
counts a 5
grep -q '^ping [1-9]' "$TEST_TMP/pings" || die "no answers over the network: $(tail -n 3 "$TEST_TMP/pings")"
still_console=$(loads a | tail -n 5) still_pings=$(tail -n 5 "$TEST_TMP/pings")
: >"$TEST_TMP/pings"

# ---- the moves
here=a there=b i=0
: >"$TEST_TMP/moved"
while [ $((i += 1)) -le "$moves" ]; do
    [ $there = a ] && host=1 || host=2
    port=$((4700 + i % 200))
    at $there "$QUAD" rm web >/dev/null 2>&1 || :
    : >"$TEST_TMP/receive"
    at $there "$QUAD" receive "tcp:10.99.7.$host:$port" -d --name web --engine "$engine" \
        --disk "$(disk $there)" --nic tap,interface=tap0 >"$TEST_TMP/receive" 2>&1 &
    receiver=$! k=0
    until grep -q 'waiting for a guest' "$TEST_TMP/receive"; do
        [ $((k += 1)) -lt 600 ] || die "no receiver: $(cat "$TEST_TMP/receive")"
        sleep 0.1
    done
    at $here "$QUAD" migrate --json web "tcp:10.99.7.$host:$port" >"$out" 2>&1 ||
        die "move $i: $(cat "$out" "$TEST_TMP/receive")"
    wait $receiver || die "move $i: $(cat "$TEST_TMP/receive")"
    cat "$out" >>"$TEST_TMP/moved"
    loads $here >>"$TEST_TMP/said"
    [ $here = a ] && here=b there=a || here=a there=b
    counts $here 1
done
loads $here >>"$TEST_TMP/said"

# ---- what it cost, and that nothing was lost
python3 - "$TEST_TMP" <<SUM || die "figures"
import json, re, sys
def of(text, what):
    return sorted(float(x) for x in re.findall(what + r'[= ]([0-9.]+)', text))
def show(name, v):
    if v: print("%s: median %.1f, p99 %.1f, longest %.1f ms (%d)" % (name, v[len(v) // 2], v[int(len(v) * .99)], v[-1], len(v)))
d = sys.argv[1]
show("stood still", sorted(json.loads(l)["stopped_us"] / 1000 for l in open(d + "/moved") if l[0] == "{"))
def per_move(values): # the longest ones, one for each move
    return sorted(values)[-$moves:]
show("gap in the guest, moved", per_move([g / 1000 for g in of(open(d + "/said").read(), "gap_us")]))
show("gap in the guest, unmoved seconds", [g / 1000 for g in of("""$still_console""", "gap_us")])
show("gap of the echo, moved", per_move(of(open(d + "/pings").read(), "ping")))
show("gap of the echo, unmoved seconds", of("""$still_pings""", "ping"))
SUM
tail -n 1 "$TEST_TMP/said"
! grep -Ev ' bad=0 .* back=0$' "$TEST_TMP/said" || die "lost or doubled I/O, or a clock that went back"
! at $here "$QUAD" logs web | grep -E 'bad block|I/O error|BUG|soft lockup|stall' || die "complaints"
at $here "$QUAD" rm -f web >/dev/null
"$QUAD" disk check "$(disk a)" || die "the image is damaged"
