#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's installer from a CD, for amd64 and i386: the empty disk does not boot, the CD does (ISOLINUX,
# stock kernel and initrd); a person's keys lead through its first two questions, which the screen shows.
#
# test-long: two installers, each minutes to its questions
# test-timeout: 2400
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"
command -v xorriso >/dev/null || skip "no xorriso"
firmware "${QUAD_FIRMWARE_DIR:-/usr/share/seabios}/bios-256k.bin"
guest isolinux syslinux di-amd64
name=cd-$$
patience=1000
trap 'kill $pid 2>/dev/null; "$QUAD" rm "$name" >/dev/null 2>&1' EXIT

first_questions() {
    installer_cd "$1" "$TEST_TMP/di.iso"
    rm -f "$TEST_TMP/new.qcow2"
    "$QUAD" disk create "$TEST_TMP/new.qcow2" 2G || die "disk create"
    "$QUAD" run --mode full --engine "$engine" --name "$name" --memory 1G --serial null \
        --cdrom "$TEST_TMP/di.iso" --disk "$TEST_TMP/new.qcow2" </dev/null >"$out" 2>&1 &
    pid=$!
    until_text '^boot:'
    press ret
    until_text 'Select a language'
    press ret
    until_text 'Select your location'
    kill $pid
    wait $pid
    "$QUAD" rm "$name" >/dev/null 2>&1
}

first_questions di-amd64
if tools/fetch-kernel -q di-i386 >/dev/null 2>&1; then # the last release that has one is Debian 12
    first_questions di-i386
else
    echo "no installer for i386"
fi
exit 0
