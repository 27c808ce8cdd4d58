#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# quad image without a network: a stand-in for mmdebstrap delivers a small system. What comes out is
# judged by partx, e2fsck, debugfs and mtools; an interrupted or failed build leaves nothing.
#
# test-timeout: 120
. "$TEST_LIB/boot.sh"
for p in mke2fs e2fsck debugfs partx python3 ssh-keygen; do
    command -v $p >/dev/null || [ -x /sbin/$p ] || skip "no $p"
done
[ "$(id -u)" = 0 ] || command -v fakeroot >/dev/null || skip "no fakeroot"
export HOME="$TEST_TMP/person" QUAD_DATA_DIR="$TEST_TMP/data"
mkdir -p "$TEST_TMP/bin" "$HOME/.ssh"
echo "ssh-ed25519 AAAA me" >"$HOME/.ssh/id_ed25519.pub"
PATH=$TEST_TMP/bin:$PATH:/sbin:/usr/sbin
images=$QUAD_DATA_DIR/images

nothing() { [ -z "$(ls -A "$images" 2>/dev/null)" ] || die "left: $(ls -A "$images")"; }

fails 2 "quad image build debian:12 web" image build
fails 2 'no system that can be built; try: debian:12' image build slackware x
fails 2 'at least 1G' image build debian:12 x --size 5M
fails 2 'one of: build' image frob
fails 1 'no "x" among' image rm x

printf '#!/bin/sh\necho "I: working"; echo "E: the archive is gone"; exit 7\n' >"$TEST_TMP/bin/mmdebstrap"
chmod 755 "$TEST_TMP/bin/mmdebstrap"
fails 1 'exit code 7 .E: the archive is gone' image build debian:12 web
nothing

printf '#!/bin/sh\n: >root.tar; echo "I: sleeping"; sleep 100\n' >"$TEST_TMP/bin/mmdebstrap"
"$QUAD" image build debian:12 web >"$out" 2>&1 &
pid=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    grep -q sleeping "$out" && break
    sleep 0.3
done
fails 1 'being made by another' image build debian:12 web
kill -TERM $pid
wait $pid
rc=$?
ends 1
nothing

# A small system; the hook must carry the person's key.
cat >"$TEST_TMP/bin/mmdebstrap" <<'FAKE'
#!/bin/sh
for a; do
    case $a in --customize-hook=*) echo "$a" | grep -q "keys='ssh-ed25519 AAAA me" || exit 3 ;; esac
done
mkdir -p s/boot/quad s/etc s/dev
python3 - <<'PY'
core = bytearray(40000)
core[0x1fe:0x200] = (0x820).to_bytes(2, "little")
open("s/boot/quad/core.img", "wb").write(core)
open("s/boot/quad/boot.img", "wb").write(b"\xeb\x63" + bytes(508) + b"\x55\xaa")
for f in "bootx64.efi", "vmlinuz", "initrd.img":
    open("s/boot/quad/" + f, "wb").write(f.encode() * 1000)
PY
echo small >s/etc/hostname
tar --owner=0 --group=0 -cf root.tar -C s .
rm -r s
FAKE
"$QUAD" image build debian:13 web --size 1G || die build
d=$images/web
[ "$(ls -A "$images")" = web ] || die "left: $(ls -A "$images")"
partx -g -r -o NR,START,NAME "$d/disk.raw" >"$out"
cat "$out"
want '^1 2048 bios'
want '^2 4096 efi'
want '^3 36864 root'
dd if="$d/disk.raw" of="$TEST_TMP/root.fs" bs=1M skip=18 status=none conv=sparse
e2fsck -fn "$TEST_TMP/root.fs" || die "the file system is not clean"
debugfs -R 'stat /etc/hostname' "$TEST_TMP/root.fs" >"$out" 2>&1
want 'User: *0 '
! debugfs -R 'ls /boot/quad' "$TEST_TMP/root.fs" 2>/dev/null | grep -q vmlinuz || die "boot files left"
if command -v mtype >/dev/null; then
    [ "$(mtype -i "$d/disk.raw@@2M" ::EFI/BOOT/BOOTX64.EFI | wc -c)" = 11000 ] || die "no boot loader for UEFI"
fi
[ "$(head -c 11 "$d/vmlinuz")" = vmlinuzvmli ] || die "no kernel"
"$QUAD" image ls | tee "$out"
want '^web +debian:13 +1024 M'
"$QUAD" image ls --json | python3 -c 'import json, sys; (i,) = json.load(sys.stdin); assert i["name"] == "web" and i["size"] == 1 << 30 and i["on_host"] < 200 << 20, i' || die json
fails 1 'is there already' image build debian:13 web

# run: a guest that cannot start leaves nothing; one that has a disk stands on its image
fails 1 'magic|kernel|format|bzImage' run web --serial null
want 'a new disk over'
[ ! -e "$QUAD_DATA_DIR/guests/web" ] || die "a guest that never ran"
mkdir -p "$QUAD_DATA_DIR/guests/web"
printf web >"$QUAD_DATA_DIR/guests/web/image"
fails 1 'has a disk already' run web --rm
fails 1 'no guest, no image and no file' run nothere
[ ! -e "$QUAD_DATA_DIR/guests/nothere" ] || die "a folder of nothing"
fails 3 'no guest "x"' ssh x
fails 1 'guest web stands on image web' image rm web
rm -r "$QUAD_DATA_DIR/guests/web"
"$QUAD" image rm web || die rm
nothing
