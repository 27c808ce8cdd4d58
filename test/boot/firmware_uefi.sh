#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The disk that boots through a BIOS boots through UEFI too: OVMF, GRUB's EFI program, the kernel by
# its EFI entry. Variables are kept: the second time firmware has less to write.
#
# test-timeout: 600
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"
firmware "${QUAD_FIRMWARE_DIR:-/usr/share/OVMF}/OVMF_CODE_4M.fd"
bootdisk "" 'echo "EFI here: $(ls -d /sys/firmware/efi)"; dmesg | grep "efi: EFI v"'
for i in 1 2; do
    quad --firmware uefi --firmware-vars "$TEST_TMP/vars.fd" --disk "$bootdisk,format=raw" --stats
    ends 0
    undrawn
    want 'GNU GRUB'
    want 'EFI here: /sys/firmware/efi'
    want 'by EDK II'
    want 'flash.write_errors: 0'
    eval "programmed$i=$(sed -n 's/^flash.programmed: //p' "$out")"
done
[ "$programmed1" -gt 0 ] && [ "$programmed2" -lt "$programmed1" ] ||
    die "flash: $programmed1 bytes written, then $programmed2"
cp "$TEST_TMP/vars.fd" "$TEST_TMP/short.fd"
truncate -s 4096 "$TEST_TMP/short.fd"
quad --firmware uefi --firmware-vars "$TEST_TMP/short.fd" --disk "$bootdisk,format=raw"
ends 1
want 'has 4096 bytes'
