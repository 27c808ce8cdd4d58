# SPDX-License-Identifier: GPL-2.0-or-later
#
# From the new system's tar archive to the files of the image, in the image's new folder. Variables
# come from the lines in front: root_uuid, root_offset, root_blocks. An ordinary user runs it under
# fakeroot.
set -eu
mkdir root
echo "quad: unpacking"
tar --numeric-owner --xattrs --xattrs-include='*' -xf root.tar -C root
rm root.tar
for f in boot.img core.img bootx64.efi vmlinuz initrd.img; do
    mv "root/boot/quad/$f" "$f"
done
rm -r root/boot/quad
rm -f root/var/cache/apt/archives/*.deb root/var/log/*.log root/var/log/apt/*
echo "quad: file system"
mke2fs -q -F -t ext4 -b 4096 -L root -U "$root_uuid" -m 1 -E "offset=$root_offset,lazy_itable_init=1" \
    -d root disk.raw "$root_blocks" 2>mke2fs.log || { cat mke2fs.log; exit 1; }
rm -rf root mke2fs.log
