#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests are portable among host architectures: the aarch64 build of the interpreter, under qemu-user,
# boots the stock amd64 kernel to its init.
# test-timeout: 7200
# test-long: an emulator inside an emulator
# test-engines: interp
set -eu
. "$TEST_LIB/boot.sh"
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) ||
    skip "qemu-user is missing (tools/setup peers)"
command -v aarch64-linux-gnu-gcc >/dev/null || skip "aarch64-linux-gnu-gcc is missing"
tools/fetch-cross aarch64 || skip "no libraries for aarch64"
make -s CROSS=aarch64-linux-gnu- build/aarch64/quad
guest cloud
initrd
rc=0
"$qemu" -L /usr/aarch64-linux-gnu build/aarch64/quad run --mode full --engine interp \
    --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 256M \
    --append 'console=ttyS0 quad.check' </dev/null 2>&1 | tee "$out" || rc=$?
ends 0
want "Linux quad-guest $(version cloud) "
want '^quad.check: ok'
