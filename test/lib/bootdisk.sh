# SPDX-License-Identifier: GPL-2.0-or-later
#
# bootdisk.sh: for test scripts that boot a disk by its own boot loader; after boot.sh:
#
#   bootdisk MODULES COMMAND [SECONDS]   makes the disk image $bootdisk, whose guest loads the modules (with
#                              virtio's), runs the command and powers off; or skips. GRUB's menu waits
#                              that long. $bootkernel: which of the guests' kernels (cloud)
#   firmware KIND              skips where the firmware is not there

firmware() {
    for f_ in $1; do
        [ ! -e "$f_" ] || return 0
    done
    skip "no $1"
}

engine=${QUAD_ENGINE:-jit}

bootdisk() {
    bootdisk=$TEST_TMP/boot.img
    firmware "${QUAD_FIRMWARE_DIR:-/usr/share/seabios}/bios-256k.bin"
    command -v mformat >/dev/null || skip "no mformat (package mtools)"
    bootkernel=${bootkernel:-cloud}
    guest "$bootkernel" grub grub-pc grub-efi
    "$guests/grub/grub-mkimage" --version >/dev/null 2>&1 || skip "GRUB's grub-mkimage does not run here"
    printf '#!/bin/sh\n%s\n' "$2" >"$TEST_TMP/command"
    chmod +x "$TEST_TMP/command"
    # GRUB quotes blanks in a command line in its own way: the command is a file
    initrd --modules "$guests/$bootkernel/root:virtio_pci,virtio_blk${1:+,$1}" --add "command=$TEST_TMP/command"
    tools/mkbootdisk -o "$bootdisk" --kernel "$guests/$bootkernel/vmlinuz" --initrd "$initrd" \
        --append 'console=ttyS0 quiet quad.run=/command' --timeout "${3:-1}" || die "mkbootdisk"
}
