#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel with a virtio disk and card: it mounts ext4 from a qcow2 image, writes, trims,
# unmounts; gets an address by DHCP and a file from this host; afterwards image and file system
# are sound and the data is there.
#
# test-timeout: 600
. "$TEST_LIB/boot.sh"
for p in mke2fs e2fsck debugfs python3; do
    command -v $p >/dev/null || skip "no $p"
done
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,virtio_net,virtio_rng,ext4,af_packet"

mkdir "$TEST_TMP/www" "$TEST_TMP/fs"
head -c 3000000 /dev/urandom >"$TEST_TMP/www/data"
sum=$(md5sum <"$TEST_TMP/www/data")
echo "from the disk" >"$TEST_TMP/fs/hello"
ext4_disk "$TEST_TMP/fs" "$TEST_TMP/disk.raw" 96M
"$QUAD" disk convert -f raw "$TEST_TMP/disk.raw" "$TEST_TMP/disk.qcow2" || die convert

serve "$TEST_TMP/www"
trap 'kill $server 2>/dev/null' EXIT

run="set -e; rm -f /mnt/data; mount -t ext4 /dev/vda /mnt; cat /mnt/hello; cat /sys/block/vda/serial"
run="$run; ip link set eth0 up; udhcpc -n -q -i eth0 -s /bin/true; ip addr add 10.0.2.15/24 dev eth0"
run="$run; wget -q -O /mnt/data http://10.0.2.2:$port/data; md5sum /mnt/data"
run="$run; dd if=/dev/zero of=/mnt/big bs=1M count=40; sync; rm /mnt/big; fstrim /mnt || true"
run="$run; umount /mnt; echo done-all"
for rings in packed split; do
quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --disk "$TEST_TMP/disk.qcow2,serial=QUAD7,rings=$rings" \
    --nic "user,rings=$rings,pcap=$TEST_TMP/net.pcap" --stats --append "console=ttyS0 quiet quad.run=\"$run\""
ends 0
want 'from the disk'
want QUAD7
want "${sum%% *}"
want '^done-all'
want 'disk0.broken_rings: 0'
want 'disk0.errors: 0'
want 'nic0.broken_rings: 0'
done
[ -s "$TEST_TMP/net.pcap" ] || die "nothing recorded"
ext4_after "$TEST_TMP/disk.qcow2" "$TEST_TMP/after.raw"
debugfs -R "dump data $TEST_TMP/data" "$TEST_TMP/after.raw" 2>/dev/null
cmp "$TEST_TMP/data" "$TEST_TMP/www/data" || die "other data on the disk"
exit 0
