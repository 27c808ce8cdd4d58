#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest does not know what runs it: one that this host's translator runs is saved in the midst of a
# checksum, and the aarch64 build, under qemu-user, restores it and finishes the checksum.
# test-timeout: 7200
# test-long: an emulator inside an emulator
# test-engines: jit
set -eu
. "$TEST_LIB/boot.sh"
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) ||
    skip "qemu-user is missing (tools/setup peers)"
command -v aarch64-linux-gnu-gcc >/dev/null || skip "aarch64-linux-gnu-gcc is missing"
tools/fetch-cross aarch64 || skip "no libraries for aarch64"
make -s CROSS=aarch64-linux-gnu- build/aarch64/quad
guest cloud
initrd --text 'check/sum=#!/bin/sh
x=begin i=0
while [ $((i += 1)) -le 24 ]; do
    x=$(echo "$x" | sha256sum | cut -c 1-64)
    echo "sum $i $x"
    [ $i -gt 8 ] || sleep 0.4
done'
x=begin i=0
while [ $((i += 1)) -le 24 ]; do x=$(echo "$x" | sha256sum | cut -c 1-64); done
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f web >/dev/null 2>&1 || :' EXIT
"$QUAD" run -d --name web --mode full --engine "$engine" --kernel "$guests/cloud/vmlinuz" \
    --initrd "$initrd" -m 128M --append 'console=ttyS0 quiet quad.run="sh /check/sum"'
n=0
until "$QUAD" logs web | grep -q '^sum 2 '; do
    [ $((n += 1)) -lt 1200 ] || die "it does not begin"
    sleep 0.1
done
"$QUAD" save web "$TEST_TMP/web.quad"
! "$QUAD" logs web | grep -q '^sum 24 ' || die "it had finished before it was saved"
"$qemu" -L /usr/aarch64-linux-gnu build/aarch64/quad restore "$TEST_TMP/web.quad" --name other \
    --engine interp --serial stdio </dev/null 2>&1 | tee "$out"
want "^sum 24 $x"
want 'quad.run: exit 0'
