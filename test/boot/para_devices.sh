#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel under the Xen PV interface with a disk and a card: it mounts ext4 from a qcow2 image,
# writes, trims, unmounts; gets a file from this host both ways; afterwards image and file system are
# sound and the data is there. Two vCPUs, so both have two queues.
#
# test-timeout: 600
# test-engines: jit
. "$TEST_LIB/boot.sh"
mode=para
for p in mke2fs e2fsck debugfs python3; do
    command -v $p >/dev/null || skip "no $p"
done
guest cloud
initrd --modules "$guests/cloud/root:xen-blkfront,xen-netfront,ext4,af_packet"

mkdir "$TEST_TMP/www" "$TEST_TMP/fs"
head -c 2000000 /dev/urandom | base64 -w 0 >"$TEST_TMP/www/data" # text: wget posts no other
sum=$(md5sum <"$TEST_TMP/www/data")
echo "from the disk" >"$TEST_TMP/fs/hello"
ext4_disk "$TEST_TMP/fs" "$TEST_TMP/disk.raw" 96M
"$QUAD" disk convert -f raw "$TEST_TMP/disk.raw" "$TEST_TMP/disk.qcow2" || die convert

serve "$TEST_TMP/www"
trap 'kill $server 2>/dev/null' EXIT

run="set -e; rm -f /mnt/data; mount -t ext4 /dev/xvda /mnt; cat /mnt/hello"
run="$run; ip link set eth0 up; udhcpc -n -q -i eth0 -s /bin/true; ip addr add 10.0.2.15/24 dev eth0"
run="$run; wget -q -O /mnt/data http://10.0.2.2:$port/data; md5sum /mnt/data"
run="$run; wget -q -O - --post-file=/mnt/data http://10.0.2.2:$port/ | sed s/^/posted:/"
run="$run; dd if=/dev/zero of=/mnt/big bs=1M count=40; sync; rm /mnt/big; fstrim /mnt || true"
run="$run; umount /mnt; echo done-all"
quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --disk "$TEST_TMP/disk.qcow2" --cpus 2 \
    --nic user --append "console=hvc0 noreplace-smp quiet quad.run=\"$run\""
ends 0
want 'from the disk'
want "^${sum%% *}"
want "^posted:${sum%% *}"
want '^done-all'
never 'no sense|BUG:|WARNING:'
ext4_after "$TEST_TMP/disk.qcow2" "$TEST_TMP/after.raw"
debugfs -R "dump data $TEST_TMP/data" "$TEST_TMP/after.raw" 2>/dev/null
cmp "$TEST_TMP/data" "$TEST_TMP/www/data" || die "other data on the disk"
exit 0
