#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# 96 MiB and 8 GiB of memory boot, and the guest sees what was asked for.
# test-timeout: 1800
# test-long: two whole boots
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
for mib in 96 8192; do
    quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory ${mib}M \
        --append 'console=ttyS0 quad.run="grep MemTotal /proc/meminfo"'
    ends 0
    want '^quad.run: exit 0'
    kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB.*/\1/p' "$out")
    # the kernel keeps some for itself: between 40 and 100 % of what was asked for
    [ "$kib" -gt $((mib * 1024 * 2 / 5)) ] && [ "$kib" -le $((mib * 1024)) ] ||
        die "asked for $mib MiB, the guest has $kib KiB"
done
