#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Encrypted moves: by a key that both sides have and by certificates that openssl made. Another key, a
# certificate of another authority or of another host, and a side that does not encrypt are refused,
# and the guest stays. What travels is not readable on the way.
# test-timeout: 600
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
engine=${QUAD_ENGINE:-jit}
command -v openssl >/dev/null || skip "no openssl"
initrd --text 'check/count=#!/bin/sh
secret=THIS-IS-IN-THE-GUESTS-MEMORY i=0
while :; do i=$((i+1)); echo "count $i $secret"; sleep 0.2; done'
a=$TEST_TMP/a b=$TEST_TMP/b here=$a there=$b
trap 'for p in "$a" "$b"; do at "$p" "$QUAD" rm -f web >/dev/null 2>&1 || :; done' EXIT

free_port() { # one that nobody listens at, or a guess
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])' 2>/dev/null || echo $((20000 + $$ % 20000))
}
port=$(free_port)

at() { # at PLACE COMMAND...
    at_=$1
    shift
    QUAD_RUN_DIR="$at_/run" QUAD_DATA_DIR="$at_/data" "$@" </dev/null
}
counts() { # it says more in $here
    now=$(at "$here" "$QUAD" logs web 2>/dev/null | grep -c '^count' || :) k=0
    until [ "$(at "$here" "$QUAD" logs web | grep -c '^count' || :)" -gt "$now" ]; do
        [ $((k += 1)) -lt 1200 ] || die "nothing more: $(at "$here" "$QUAD" logs web | tail -n 5)"
        sleep 0.1
    done
}
# try CODE RECEIVE-OPTIONS -- MIGRATE-OPTIONS
try() {
    code=$1 theirs='' rc=0 k=0
    shift
    while [ "$1" != -- ]; do
        theirs="$theirs $1"
        shift
    done
    shift
    at "$there" "$QUAD" rm web >/dev/null 2>&1 || :
    : >"$TEST_TMP/receive"
    # shellcheck disable=SC2086 # options
    at "$there" "$QUAD" receive $theirs "tcp:127.0.0.1:$port" -d --name web --engine "$engine" \
        >"$TEST_TMP/receive" 2>&1 &
    receiver=$!
    until grep -q 'waiting for a guest' "$TEST_TMP/receive"; do
        [ $((k += 1)) -lt 600 ] || die "no receiver: $(cat "$TEST_TMP/receive")"
        sleep 0.1
    done
    at "$here" "$QUAD" migrate "$@" web "tcp:${host:-127.0.0.1}:${via:-$port}" >"$out" 2>&1 || rc=$?
    echo "+ receive$theirs, migrate $*: $rc: $(cat "$out" "$TEST_TMP/receive")"
    [ $rc = "$code" ] || die "exit code $rc, wanted $code"
    if [ "$code" = 0 ]; then
        wait $receiver || die "the destination: $(cat "$TEST_TMP/receive")"
        swap=$here here=$there there=$swap
    else
        kill $receiver 2>/dev/null || : # one that waits for the rest of a greeting
        ! wait $receiver || die "the destination runs it"
    fi
    counts
}

# certificates: two hosts of one authority, one of another
authority() { # authority FOLDER
    mkdir "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=authority" \
        -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
}
host() { # host AUTHORITY FOLDER NAME
    mkdir "$2"
    cp "$1/ca.pem" "$2"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" -keyout "$2/key.pem" \
        -out "$2/req" 2>/dev/null
    printf 'subjectAltName=%s\n' "$3" >"$2/ext"
    openssl x509 -req -in "$2/req" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 2 \
        -extfile "$2/ext" -out "$2/cert.pem" 2>/dev/null
}
t=$TEST_TMP/tls
mkdir "$t"
authority "$t/one"
authority "$t/other"
host "$t/one" "$t/a" IP:127.0.0.1
host "$t/one" "$t/b" IP:127.0.0.1
host "$t/one" "$t/far" IP:192.0.2.7
host "$t/other" "$t/stranger" IP:127.0.0.1
key=$(openssl rand -hex 32)
echo "quad:$key" >"$t/psk"
echo "quad:$(openssl rand -hex 32)" >"$t/wrong"
echo "quad:short" >"$t/short"

at "$here" "$QUAD" run -d --name web --mode full --engine "$engine" -m 128M \
    --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --append 'console=ttyS0 quiet quad.run="sh /check/count"'
counts
counts
"$QUAD" version >/dev/null
at "$here" "$QUAD" migrate --tls-psk "$t/psk" web unix:/nowhere >"$out" 2>&1 && die "moved to nowhere"
! grep -q 'built without' "$out" || skip "built without GnuTLS"

try 1 --tls-psk "$t/psk" -- --tls-psk "$t/wrong"
try 1 --tls-psk "$t/psk" -- --tls-psk "$t/short"
grep -q 'NAME:HEX' "$out" || die "no word about the key's form"
try 1 --tls "$t/b" -- --tls "$t/stranger"
try 1 --tls "$t/far" -- --tls "$t/a"
grep -q "other side's certificate" "$out" || die "no word about the certificate"
try 0 --tls "$t/b" -- --tls "$t/a"

# a relay that keeps what passes
if command -v python3 >/dev/null; then
    via=$(free_port)
    python3 - $via $port "$TEST_TMP/passed" <<'RELAY' &
import socket, sys, threading
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("127.0.0.1", int(sys.argv[1])))
l.listen(1)
open(sys.argv[3], "wb").close()
c, _ = l.accept()
s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
keep = open(sys.argv[3], "wb")
def pump(a, b, k): # a side that has heard all may close with something of the other's unread
    try:
        while d := a.recv(65536):
            if k: keep.write(d)
            b.sendall(d)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    keep.flush()
t = threading.Thread(target=pump, args=(s, c, False)); t.start()
pump(c, s, True); t.join()
RELAY
    relay=$! k=0
    until [ -e "$TEST_TMP/passed" ]; do
        [ $((k += 1)) -lt 600 ] || die "no relay"
        sleep 0.1
    done
fi
try 0 --tls-psk "$t/psk" -- --tls-psk "$t/psk"
if [ -n "${relay:-}" ]; then
    wait $relay
    [ "$(wc -c <"$TEST_TMP/passed")" -gt 10000000 ] || die "hardly anything passed"
    ! grep -q 'THIS-IS-IN-THE-GUESTS-MEMORY' "$TEST_TMP/passed" || die "readable on the way"
fi
