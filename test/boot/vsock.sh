#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Sockets between a stock kernel and the host, both ways: a megabyte each, several callers at once, a
# port where nobody listens, a peer that goes away; a restored guest's new connections work.
# test-timeout: 300
. "$TEST_LIB/boot.sh"
command -v python3 >/dev/null || skip "python3 is missing"
${CC:-cc} -O1 -static -o "$TEST_TMP/echo" test/guest/vsock_echo.c 2>"$TEST_TMP/cc" ||
    skip "no static C library: $(head -n 1 "$TEST_TMP/cc")"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,vmw_vsock_virtio_transport" --add "bin/echo-vsock=$TEST_TMP/echo"
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f talk >/dev/null 2>&1 || :' EXIT
run='echo-vsock serve 5000 & while :; do sleep 1; date | echo-vsock call 700 >/tmp/a && echo host said $(cat /tmp/a) && break; done;'
run="$run dd if=/dev/urandom of=/tmp/r bs=1k count=1000 2>/dev/null; echo-vsock call 700 </tmp/r >/tmp/s && cmp /tmp/r /tmp/s && echo same;"
run="$run echo-vsock call 701 </dev/null || echo nobody=\$?; while :; do sleep 1; done"
"$QUAD" run -d --name talk --mode full --engine "${QUAD_ENGINE:-jit}" --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" \
    --vsock "cid=42,unix=$TEST_TMP/v" --append "console=ttyS0 quiet quad.run=\"$run\"" >"$out" 2>&1 || die "$(cat "$out")"
says() {
    n=0
    until "$QUAD" logs talk 2>/dev/null | grep -q "$1"; do
        [ $((n += 1)) -lt 600 ] || { "$QUAD" logs talk; die "the console does not say $1"; }
        sleep 0.2
    done
}
says serving
# to the guest: CALLERS at once send BYTES each and want them back in capitals
cat >"$TEST_TMP/host.py" <<'EOF'
import os, socket, sys, threading, time
path = sys.argv[1]
def connect(port):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(b"CONNECT %d\n" % port)
    line = b""
    while not line.endswith(b"\n"):
        c = s.recv(1)
        if not c:
            return None, line
        line += c
    return s, line
def caller(n, size, bad):
    s, line = connect(5000)
    if s is None or not line.startswith(b"OK "):
        bad.append(line); return
    data = (b"abc%d" % n) * size
    def send():
        s.sendall(data); s.shutdown(socket.SHUT_WR)
    t = threading.Thread(target=send); t.start()
    got = b""
    while True:
        b = s.recv(65536)
        if not b: break
        got += b
    t.join()
    if got != data.upper():
        bad.append("%d of %d bytes, or others" % (len(got), len(data)))
if sys.argv[2] == "serve":   # echo at port 700
    l = socket.socket(socket.AF_UNIX); l.bind(path + "_700"); l.listen(4)
    while True:
        c, _ = l.accept()
        def echo(c=c):
            while True:
                b = c.recv(65536)
                if not b: break
                c.sendall(b)
            c.close()
        threading.Thread(target=echo, daemon=True).start()
bad = []
ts = [threading.Thread(target=caller, args=(n, int(sys.argv[3]), bad)) for n in range(int(sys.argv[2]))]
[t.start() for t in ts]; [t.join() for t in ts]
assert not bad, bad
s, line = connect(5001)
assert s is None and not line, ("nobody listens there", line)
s, line = connect(5000)
s.send(b"x"); s.close()   # gone in the middle
print("callers: ok")
EOF
host() {
    timeout 60 python3 "$TEST_TMP/host.py" "$TEST_TMP/v" "$@" >"$out" 2>&1 || { cat "$out"; die "host: $*"; }
    want '^callers: ok'
}
host 1 10
host 1 250000
host 5 20000
python3 "$TEST_TMP/host.py" "$TEST_TMP/v" serve &
server=$!
trap 'kill $server 2>/dev/null; "$QUAD" rm -f talk >/dev/null 2>&1 || :' EXIT
says 'host said .*20'
says '^same'
says 'nobody=2'
"$QUAD" save talk "$TEST_TMP/talk.save" >"$out" 2>&1 || die "$(cat "$out")"
"$QUAD" restore "$TEST_TMP/talk.save" -d --name talk --vsock "cid=42,unix=$TEST_TMP/v" >"$out" 2>&1 || die "$(cat "$out")"
host 2 1000
"$QUAD" stat talk >"$out"
want 'vsock.broken_rings: 0'
exit 0
