#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --board micro: a stock kernel without any part of an old PC, one and two processors, disk and network.
# test-engines: jit
set -eu
. "$TEST_LIB/boot.sh"
engine=${QUAD_ENGINE:-jit}
guest cloud
cat >"$TEST_TMP/look" <<'END'
nproc
cat /proc/interrupts
ls /sys/class/rtc
dd if=/dev/urandom of=/dev/vda bs=64k count=8 2>&1
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ping -c 1 -W 30 10.0.2.2 >/dev/null && echo "net ok"
END
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,virtio_net" --add check/look="$TEST_TMP/look"
truncate -s 4M "$TEST_TMP/disk.raw"
quad --board micro --cpus 2 --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 192M \
    --disk "$TEST_TMP/disk.raw,format=raw" --nic user --stats \
    --append 'console=ttyS0 quad.run="sh /check/look"'
ends 0
want '^2'
want '^8.0 records out'
want '^net ok'
want 'No PS.2 controller found'
never 'XT-PIC|rtc0|Kernel panic|BUG:|Oops|soft lockup'
never '^(pit|pic|hpet|rtc|kbd)\.'
