# SPDX-License-Identifier: GPL-2.0-or-later
#
# bootdisk.sh: for test scripts that boot a disk by its own boot loader; after boot.sh:
#
#   bootdisk MODULES COMMAND [SECONDS]   makes the disk image $bootdisk, whose guest loads the modules (with
#                              virtio's), runs the command and powers off; or skips. GRUB's menu waits
#                              that long. $bootkernel: which of the guests' kernels (cloud)
#   firmware FILES             skips where the firmware is not there
#   until_text REGEX           the screen of guest $name (process $pid) shows it, within $patience seconds (300)
#   installer_cd GUEST FILE    a CD image of Debian's installer with ISOLINUX; at its prompt, `install`
#   cd_image KERNEL INITRD FILE PROMPT APPEND    a CD image that ISOLINUX starts, at once or after a prompt (0, 1)
#   press KEY..., press_text TEXT    `quad key`, to it
#   undrawn                    the output without the places and colours in it: firmware draws in pieces

firmware() {
    for f_ in $1; do
        [ ! -e "$f_" ] || return 0
    done
    skip "no $1"
}

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

until_text() {
    n_=0
    until "$QUAD" screenshot --text "$name" >"$TEST_TMP/text" 2>&1 && grep -Eq "$1" "$TEST_TMP/text"; do
        n_=$((n_ + 1))
        if [ $n_ -gt $((2 * ${patience:-300})) ]; then
            cat "$TEST_TMP/text" "$out"
            die "the screen never showed /$1/"
        fi
        kill -0 "$pid" 2>/dev/null || die "the guest ended: $(cat "$out")"
        sleep 0.5
    done
    echo "seen: $1"
}
press() {
    "$QUAD" key "$name" "$@" || die "key $*"
}
press_text() {
    "$QUAD" key --text "$1" "$name" || die "key --text $1"
}

cd_image() {
    rm -rf "$TEST_TMP/cd"
    mkdir -p "$TEST_TMP/cd/isolinux"
    cp -L "$1" "$TEST_TMP/cd/linux"
    cp -L "$2" "$TEST_TMP/cd/initrd.gz"
    cp -L "$guests/isolinux/isolinux.bin" "$guests/syslinux/ldlinux.c32" "$TEST_TMP/cd/isolinux/"
    cat >"$TEST_TMP/cd/isolinux/isolinux.cfg" <<CFG
prompt $4
timeout 0
default install
label install
 kernel /linux
 append initrd=/initrd.gz $5
CFG
    xorriso -as mkisofs -quiet -R -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
        -boot-load-size 4 -boot-info-table -o "$3" "$TEST_TMP/cd" || die xorriso
    rm -r "$TEST_TMP/cd"
}

# a text mode stays one, so that the screen can be read
installer_cd() {
    cd_image "$guests/$1/linux" "$guests/$1/initrd.gz" "$2" 1 'fb=false nomodeset'
}

undrawn() {
    sed -i 's/\x1b\[[0-9;?]*[A-Za-z]//g' "$out"
}
