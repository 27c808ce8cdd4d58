#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel's e1000 driver on the gigabit card: an address by DHCP, a file from the host and back with the
# same sum (long segments are cut by the card), under load of both at once; the card goes on after a restore.
# test-long: megabytes through a card that is driven register by register
# test-timeout: 300
. "$TEST_LIB/boot.sh"
command -v python3 >/dev/null || skip "python3 is missing"
guest drivers
initrd --modules "$guests/drivers/root:e1000" --text 'check/script=#!/bin/sh
case $1 in
deconfig) ip link set $interface up ;;
bound) ip addr add $ip/24 dev $interface; ip route add default via $router; echo bound $ip ;;
esac'
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
cat >"$TEST_TMP/host.py" <<'EOF'
# port 1: 8 MB for each caller; port 2: takes a stream and prints its MD5
import hashlib, os, socket, sys, threading
data = os.urandom(1 << 20) * 8
def out(c):
    try: c.sendall(data)
    finally: c.close()
def into(c):
    h = hashlib.md5()
    while True:
        b = c.recv(65536)
        if not b: break
        h.update(b)
    print("got", h.hexdigest(), flush=True)
    c.close()
def serve(l, f):
    while True:
        c, _ = l.accept()
        threading.Thread(target=f, args=(c,), daemon=True).start()
ls = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print("ports", ls[0].getsockname()[1], ls[1].getsockname()[1], flush=True)
print("sent", hashlib.md5(data).hexdigest(), flush=True)
threading.Thread(target=serve, args=(ls[0], out), daemon=True).start()
serve(ls[1], into)
EOF
python3 "$TEST_TMP/host.py" >"$TEST_TMP/host.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; "$QUAD" rm -f net >/dev/null 2>&1 || :' EXIT
n=0
until grep -q '^sent' "$TEST_TMP/host.log"; do
    [ $((n += 1)) -lt 100 ] || die "no server: $(cat "$TEST_TMP/host.log")"
    sleep 0.1
done
read -r _ from into <"$TEST_TMP/host.log"
sent=$(sed -n 's/^sent //p' "$TEST_TMP/host.log")
run="chmod +x /check/script; udhcpc -i eth0 -q -n -s /check/script; while :; do nc 10.0.2.2 $from </dev/null >/tmp/f; echo sum=\$(md5sum </tmp/f);"
run="$run nc 10.0.2.2 $from </dev/null >/tmp/g & nc 10.0.2.2 $into </tmp/f; wait; echo both=\$(md5sum </tmp/g); sleep 1; done"
"$QUAD" run -d --name net --mode full --engine "${QUAD_ENGINE:-jit}" --kernel "$guests/drivers/vmlinuz" --initrd "$initrd" \
    --nic user,model=e1000 --append "console=ttyS0 quiet quad.run=\"$run\"" >"$out" 2>&1 || die "$(cat "$out")"
says() {
    n=0
    until "$QUAD" logs net 2>/dev/null | grep -q "$1"; do
        [ $((n += 1)) -lt 600 ] || { "$QUAD" logs net; die "the console does not say $1"; }
        sleep 0.2
    done
}
says 'bound 10\.0\.2\.15'
says "^sum=$sent"
says "^both=$sent"
grep -q "^got $sent" "$TEST_TMP/host.log" || die "what came back is something else: $(cat "$TEST_TMP/host.log")"
"$QUAD" save net "$TEST_TMP/net.save" >"$out" 2>&1 || die "$(cat "$out")"
"$QUAD" restore "$TEST_TMP/net.save" -d --name net >"$out" 2>&1 || die "$(cat "$out")"
says "^both=$sent"
"$QUAD" stat net >"$out"
want 'nic0.tx_dropped: 0'
exit 0
