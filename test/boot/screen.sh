#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The screen: GRUB's menu seen as text, as a picture and by a VNC client with a password; keys pressed
# by command and by the client choose "Power off".
#
# test-timeout: 200
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"
command -v python3 >/dev/null || skip "no python3"
bootdisk "" true 30
printf 'secret\n' >"$TEST_TMP/password"
name=screen-$$
"$QUAD" run --mode full --engine "$engine" --name "$name" --disk "$bootdisk,format=raw" \
    --display "vnc=unix:$TEST_TMP/vnc,password-file=$TEST_TMP/password" --serial null \
    </dev/null >"$out" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; "$QUAD" rm "$name" >/dev/null 2>&1' EXIT

until_text 'Power off'
until_text 'executed automatically'
press down
until_text '\*Power off'
"$QUAD" screenshot "$name" "$TEST_TMP/screen.png" || die "screenshot"
[ "$(head -c 8 "$TEST_TMP/screen.png" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || die "no PNG"
"$QUAD" key "$name" crtl-c 2>"$TEST_TMP/refused" && die "a key that there is none of was pressed"
grep -q 'no key is called' "$TEST_TMP/refused" || die "no reason: $(cat "$TEST_TMP/refused")"

# A client of our own [RFC 6143]: a wrong password is refused; with the right one it sees the menu's
# frame and presses Enter.
python3 - "$TEST_TMP/vnc" <<'CLIENT' || die "VNC"
import socket, struct, sys

def des(key8, data):  # [FIPS 46-3], as short as it gets
    IP=[58,50,42,34,26,18,10,2,60,52,44,36,28,20,12,4,62,54,46,38,30,22,14,6,64,56,48,40,32,24,16,8,57,49,41,33,25,17,9,1,59,51,43,35,27,19,11,3,61,53,45,37,29,21,13,5,63,55,47,39,31,23,15,7]
    PC1=[57,49,41,33,25,17,9,1,58,50,42,34,26,18,10,2,59,51,43,35,27,19,11,3,60,52,44,36,63,55,47,39,31,23,15,7,62,54,46,38,30,22,14,6,61,53,45,37,29,21,13,5,28,20,12,4]
    PC2=[14,17,11,24,1,5,3,28,15,6,21,10,23,19,12,4,26,8,16,7,27,20,13,2,41,52,31,37,47,55,30,40,51,45,33,48,44,49,39,56,34,53,46,42,50,36,29,32]
    E=[32,1,2,3,4,5,4,5,6,7,8,9,8,9,10,11,12,13,12,13,14,15,16,17,16,17,18,19,20,21,20,21,22,23,24,25,24,25,26,27,28,29,28,29,30,31,32,1]
    P=[16,7,20,21,29,12,28,17,1,15,23,26,5,18,31,10,2,8,24,14,32,27,3,9,19,13,30,6,22,11,4,25]
    S=[[14,4,13,1,2,15,11,8,3,10,6,12,5,9,0,7,0,15,7,4,14,2,13,1,10,6,12,11,9,5,3,8,4,1,14,8,13,6,2,11,15,12,9,7,3,10,5,0,15,12,8,2,4,9,1,7,5,11,3,14,10,0,6,13],
       [15,1,8,14,6,11,3,4,9,7,2,13,12,0,5,10,3,13,4,7,15,2,8,14,12,0,1,10,6,9,11,5,0,14,7,11,10,4,13,1,5,8,12,6,9,3,2,15,13,8,10,1,3,15,4,2,11,6,7,12,0,5,14,9],
       [10,0,9,14,6,3,15,5,1,13,12,7,11,4,2,8,13,7,0,9,3,4,6,10,2,8,5,14,12,11,15,1,13,6,4,9,8,15,3,0,11,1,2,12,5,10,14,7,1,10,13,0,6,9,8,7,4,15,14,3,11,5,2,12],
       [7,13,14,3,0,6,9,10,1,2,8,5,11,12,4,15,13,8,11,5,6,15,0,3,4,7,2,12,1,10,14,9,10,6,9,0,12,11,7,13,15,1,3,14,5,2,8,4,3,15,0,6,10,1,13,8,9,4,5,11,12,7,2,14],
       [2,12,4,1,7,10,11,6,8,5,3,15,13,0,14,9,14,11,2,12,4,7,13,1,5,0,15,10,3,9,8,6,4,2,1,11,10,13,7,8,15,9,12,5,6,3,0,14,11,8,12,7,1,14,2,13,6,15,0,9,10,4,5,3],
       [12,1,10,15,9,2,6,8,0,13,3,4,14,7,5,11,10,15,4,2,7,12,9,5,6,1,13,14,0,11,3,8,9,14,15,5,2,8,12,3,7,0,4,10,1,13,11,6,4,3,2,12,9,5,15,10,11,14,1,7,6,0,8,13],
       [4,11,2,14,15,0,8,13,3,12,9,7,5,10,6,1,13,0,11,7,4,9,1,10,14,3,5,12,2,15,8,6,1,4,11,13,12,3,7,14,10,15,6,8,0,5,9,2,6,11,13,8,1,4,10,7,9,5,0,15,14,2,3,12],
       [13,2,8,4,6,15,11,1,10,9,3,14,5,0,12,7,1,15,13,8,10,3,7,4,12,5,6,11,0,14,9,2,7,11,4,1,9,12,14,2,0,6,10,13,15,3,5,8,2,1,14,7,4,10,8,13,15,12,9,0,3,5,6,11]]
    bits=lambda b:[b[i//8]>>(7-i%8)&1 for i in range(64)]
    k=[bits(key8)[i-1] for i in PC1]; c,d=k[:28],k[28:]; keys=[]
    for r in range(16):
        n=1 if r in(0,1,8,15) else 2
        c,d=c[n:]+c[:n],d[n:]+d[:n]; keys.append([(c+d)[i-1] for i in PC2])
    out=b""
    for o in range(0,len(data),8):
        m=[bits(data[o:o+8])[i-1] for i in IP]; l,r=m[:32],m[32:]
        for kk in keys:
            x=[r[e-1]^q for e,q in zip(E,kk)]; y=[]
            for i in range(8):
                s=x[6*i:6*i+6]; v=S[i][(s[0]*2+s[5])*16+s[1]*8+s[2]*4+s[3]*2+s[4]]
                y+=[v>>j&1 for j in(3,2,1,0)]
            l,r=r,[a^y[p-1] for a,p in zip(l,P)]
        m=r+l; f=[0]*64
        for i,p in enumerate(IP): f[p-1]=m[i]
        out+=bytes(sum(f[8*j+i]<<(7-i) for i in range(8)) for j in range(8))
    return out

def take(s, n):
    b = b""
    while len(b) < n:
        p = s.recv(n - len(b))
        if not p:
            raise EOFError
        b += p
    return b

def login(password):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(sys.argv[1])
    assert take(s, 12) == b"RFB 003.008\n"
    s.sendall(b"RFB 003.008\n")
    assert 2 in take(s, take(s, 1)[0])
    s.sendall(b"\x02")
    key = bytes(int(f"{b:08b}"[::-1], 2) for b in password.ljust(8, b"\0"))
    s.sendall(des(key, take(s, 16)))
    return s, struct.unpack(">I", take(s, 4))[0]

assert login(b"wrong")[1] != 0, "a wrong password was taken"
s, refused = login(b"secret")
assert refused == 0, "the right password was refused"
s.sendall(b"\x01")
w, h = struct.unpack(">HH", take(s, 4))
take(s, 16)
take(s, struct.unpack(">I", take(s, 4))[0])
assert (w, h) == (720, 400), (w, h)
s.sendall(struct.pack(">BxHi", 2, 1, 0))  # raw only
s.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, w, h))
assert take(s, 1) == b"\0"
take(s, 1)
lit = 0
for _ in range(struct.unpack(">H", take(s, 2))[0]):
    x, y, rw, rh, enc = struct.unpack(">HHHHi", take(s, 12))
    assert enc == 0
    lit += sum(1 for i in take(s, rw * rh * 4) if i)
assert lit > 3000, "the picture is black"
print("pixels:", lit)
for down in (1, 0):
    s.sendall(struct.pack(">BBHI", 4, down, 0, 0xff0d))
try:
    while s.recv(4096):
        pass
except OSError:
    pass
CLIENT
wait $pid
rc=$?
cat "$out"
ends 0
want 'powered off'
[ ! -e "$TEST_TMP/vnc" ] || die "the socket was left behind"
