#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# quad run FILE: a disk image that somebody brought boots by its own boot loader, from an overlay, with
# a seed beside it; the file stays as it was, and the guest keeps its disk until quad rm. With --long also
# qcow2 and vmdk, one that only UEFI starts, and a CD.
#
# test-timeout: 900
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"
command -v ssh-keygen >/dev/null || skip "no ssh-keygen"
export HOME="$TEST_TMP/person" QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
mkdir -p "$HOME"
bootdisk "" 'ls -l /sys/block; dd if=/dev/vdb bs=512 count=4 2>/dev/null | grep -q CIDATA && echo a-seed
[ -d /sys/firmware/efi ] && echo by-uefi || echo by-bios
head -c 5 /dev/vda | md5sum; echo hello | dd of=/dev/vda bs=1M seek=60 2>/dev/null; sync; poweroff -f'

# boots FILE HOW NAME: it starts so, as a guest of that name, and its file is not written
boots() {
    sum=$(md5sum <"$1")
    quad "$1" -m 256M
    ends 0
    want "starts by $2"
    want "a new disk over"
    want "by-$3"
    want "^a-seed"
    [ "$(md5sum <"$1")" = "$sum" ] || die "$1 was written to"
    does 0 ls
    want "^$4 +stopped"
}

cp "$bootdisk" "$TEST_TMP/mine.img"
boots "$TEST_TMP/mine.img" 'a BIOS' bios mine
if [ -n "${QUAD_LONG:-}" ]; then # the same guest once more, on what it kept
    quad "$TEST_TMP/mine.img" -m 256M
    ends 0
    want 'its own disk over'
fi
does 0 rm mine
[ ! -e "$QUAD_DATA_DIR/guests/mine" ] || die "rm leaves its disk"
fails 1 'no guest, no image and no file' run "$TEST_TMP/nothere.img"
head -c 100 /dev/urandom >"$TEST_TMP/short.qcow2"
printf 'QFI\373\0\0\0\002' | dd of="$TEST_TMP/short.qcow2" conv=notrunc 2>/dev/null
fails 2 'cluster_bits' run "$TEST_TMP/short.qcow2" --serial null
[ ! -e "$QUAD_DATA_DIR/guests/short" ] || die "a guest of nothing"
[ -n "${QUAD_LONG:-}" ] || exit 0

"$QUAD" disk convert -f raw "$bootdisk" "$TEST_TMP/q2.qcow2" || die convert
boots "$TEST_TMP/q2.qcow2" 'a BIOS' bios q2
if command -v qemu-img >/dev/null; then
    qemu-img convert -f raw -O vmdk "$bootdisk" "$TEST_TMP/vm.vmdk" || die qemu-img
    boots "$TEST_TMP/vm.vmdk" 'a BIOS' bios vm
fi
for f in /usr/share/OVMF/OVMF_CODE_4M.fd; do
    [ -e "$f" ] || continue
    cp "$bootdisk" "$TEST_TMP/efi.img" # without a boot sector's code, its partition UEFI's
    dd if=/dev/zero of="$TEST_TMP/efi.img" bs=440 count=1 conv=notrunc 2>/dev/null
    printf '\357' | dd of="$TEST_TMP/efi.img" bs=1 seek=450 conv=notrunc 2>/dev/null
    boots "$TEST_TMP/efi.img" 'UEFI only' uefi efi
done
if command -v xorriso >/dev/null && tools/fetch-kernel -q isolinux syslinux >/dev/null 2>&1; then
    cd_image "$guests/cloud/vmlinuz" "$initrd" "$TEST_TMP/cd.iso" 0 'console=ttyS0 quiet quad.run="echo from-a-cd"'
    quad "$TEST_TMP/cd.iso" -m 256M
    ends 0
    want 'a CD that starts by a BIOS'
    want 'from-a-cd'
fi
exit 0
