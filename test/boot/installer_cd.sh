#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's installer from a CD: the empty disk does not boot, the CD does (ISOLINUX, stock kernel and
# initrd); a person's keys lead through its first two questions, which the screen shows.
#
# test-long
# test-timeout: 900
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"
command -v xorriso >/dev/null || skip "no xorriso"
firmware "${QUAD_FIRMWARE_DIR:-/usr/share/seabios}/bios-256k.bin"
guest isolinux syslinux
name=cd-$$
trap 'kill $pid 2>/dev/null; "$QUAD" rm "$name" >/dev/null 2>&1' EXIT

until_text() {
    n=0
    until "$QUAD" screenshot --text "$name" >"$TEST_TMP/text" 2>&1 && grep -Eq "$1" "$TEST_TMP/text"; do
        n=$((n + 1))
        if [ $n -gt 600 ]; then
            cat "$TEST_TMP/text" "$out"
            die "the screen never showed /$1/"
        fi
        kill -0 $pid 2>/dev/null || die "the guest ended: $(cat "$out")"
        sleep 0.5
    done
    echo "seen: $1"
}

guest di-amd64
rm -rf "$TEST_TMP/cd"
mkdir -p "$TEST_TMP/cd/isolinux"
cp -L "$guests/di-amd64/linux" "$guests/di-amd64/initrd.gz" "$TEST_TMP/cd/"
cp -L "$guests/isolinux/isolinux.bin" "$guests/syslinux/ldlinux.c32" "$TEST_TMP/cd/isolinux/"
# a text mode stays one, so that the screen can be read
cat >"$TEST_TMP/cd/isolinux/isolinux.cfg" <<'CFG'
prompt 1
timeout 0
default install
label install
 kernel /linux
 append initrd=/initrd.gz fb=false nomodeset
CFG
xorriso -as mkisofs -quiet -R -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
    -boot-load-size 4 -boot-info-table -o "$TEST_TMP/di.iso" "$TEST_TMP/cd" || die xorriso
rm -f "$TEST_TMP/new.qcow2"
"$QUAD" disk create "$TEST_TMP/new.qcow2" 2G || die "disk create"
"$QUAD" run --mode full --engine "$engine" --name "$name" --memory 1G --serial null \
    --cdrom "$TEST_TMP/di.iso" --disk "$TEST_TMP/new.qcow2" </dev/null >"$out" 2>&1 &
pid=$!
until_text '^boot:'
"$QUAD" key "$name" ret || die key
until_text 'Select a language'
"$QUAD" key "$name" ret || die key
until_text 'Select your location'
kill $pid
wait $pid
"$QUAD" rm "$name" >/dev/null 2>&1
exit 0
