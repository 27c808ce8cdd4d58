#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests that firmware started are saved, restored and moved, while their boot loader shows its menu
# and when their kernel works: SeaBIOS with a disk on SATA and one on IDE, OVMF with its variables in a
# file, which the destination writes afterwards.
# test-long: several boots by firmware
# test-timeout: 900
set -eu
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"

export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f a b >/dev/null 2>&1 || :' EXIT
cat >"$TEST_TMP/count" <<'RUN'
i=0
while :; do
    i=$((i+1))
    for d in /dev/sda /dev/vda; do
        [ ! -b $d ] || echo "$i" | dd of=$d bs=512 seek=9 conv=notrunc,fsync 2>/dev/null ||
            echo "bad write of $i"
    done
    echo "count $i"
    sleep 0.2
done
RUN
bootkernel=drivers
bootdisk "ata_piix,ahci,sd_mod" "$(cat "$TEST_TMP/count")" 4

# says GUEST REGEX NUMBER: until its console has that many such lines
says() {
    n=0
    until [ "$("$QUAD" logs "$1" 2>/dev/null | tr -d '\r' | grep -Ec -- "$2" || :)" -ge "$3" ]; do
        [ $((n += 1)) -lt 3000 ] || die "$1 does not say $2: $("$QUAD" logs "$1" | tail -n 20)"
        sleep 0.1
    done
}

# move FROM TO OPTIONS...
move() {
    from=$1 to=$2
    shift 2
    rm -f "$TEST_TMP/sock"
    "$QUAD" receive "unix:$TEST_TMP/sock" -d --name "$to" --engine "$engine" "$@" &
    n=0
    until [ -S "$TEST_TMP/sock" ]; do
        [ $((n += 1)) -lt 600 ] || die "no receiver"
        sleep 0.1
    done
    "$QUAD" migrate "$from" "unix:$TEST_TMP/sock"
    wait $!
}

# it NAME HOST-OPTIONS -- GUEST-OPTIONS: menu, saved, restored, moved; kernel, moved, saved, restored
it() {
    echo "+ $1"
    shift
    host=
    while [ "$1" != -- ]; do
        host="$host $1"
        shift
    done
    shift
    cp "$bootdisk" "$TEST_TMP/disk.img"
    rm -rf "$QUAD_DATA_DIR"
    # shellcheck disable=SC2086 # options
    "$QUAD" run -d --name a --mode full --engine "$engine" $host "$@"
    says a 'GNU GRUB' 1
    "$QUAD" save a "$TEST_TMP/menu.quad"
    "$QUAD" restore "$TEST_TMP/menu.quad" --name a -d --engine "$engine" $host
    move a b $host
    says b '^count' 2
    move b a $host
    says a '^count' 4
    "$QUAD" save a "$TEST_TMP/kernel.quad"
    "$QUAD" restore --verify "$TEST_TMP/kernel.quad" --name b -d --engine "$engine" $host
    last=$("$QUAD" logs a | tr -d '\r' | sed -n 's/^count //p' | tail -n 1)
    says b "^count $((last + 3))\$" 1
    for g in a b; do
        "$QUAD" logs $g | tr -d '\r' >"$TEST_TMP/log.$g"
        ! grep -E '^bad|error|BUG|Oops' "$TEST_TMP/log.$g" || die "$g complains"
    done
    "$QUAD" stop --force b
    disk=$(dd if="$TEST_TMP/disk.img" bs=512 skip=9 count=1 2>/dev/null | tr -d '\0' | head -n 1)
    [ "$disk" -ge $((last + 2)) ] || die "the disk says $disk, the console was at $last and more"
    "$QUAD" rm -f a b
}

it sata --disk "$TEST_TMP/disk.img,format=raw,if=ahci" --
it ide --disk "$TEST_TMP/disk.img,format=raw,if=ide" --
firmware "${QUAD_FIRMWARE_DIR:-/usr/share/OVMF}/OVMF_CODE_4M.fd"
it uefi --disk "$TEST_TMP/disk.img,format=raw" --firmware-vars "$TEST_TMP/vars.fd" -- --firmware uefi
