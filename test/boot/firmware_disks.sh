#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same disk boots from SATA and from IDE by its own boot loader. Then the generic kernel's own
# drivers work on it and on a CD: queued commands, DMA, packets; what they wrote is there.
#
# test-timeout: 600
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"
bootdisk "" 'uname -r'
for bus in ahci ide; do
    quad --disk "$bootdisk,format=raw,if=$bus"
    ends 0
    undrawn
    want 'GNU GRUB'
    want "^$(version cloud)"
done

command -v xorriso >/dev/null || skip "no xorriso"
guest drivers
mkdir "$TEST_TMP/iso"
head -c 5000000 /dev/urandom >"$TEST_TMP/iso/data"
xorriso -as mkisofs -quiet -R -o "$TEST_TMP/cd.iso" "$TEST_TMP/iso" || die xorriso
cat >"$TEST_TMP/command" <<'RUN'
#!/bin/sh
set -e
md5sum /dev/sr0
mkdir /m
mount -t vfat /dev/sda1 /m
md5sum /m/vmlinuz
dd if=/dev/urandom of=/m/written bs=1M count=8
md5sum /m/written >/m/sum
umount /m
mount -t vfat /dev/sda1 /m
md5sum -c /m/sum
umount /m
dmesg | grep -iE '(ata|sd|sr).*(error|exception|failed)' || echo no-errors
grep -E 'ahci|ata_piix' /proc/interrupts
RUN
chmod +x "$TEST_TMP/command"
initrd --add "command=$TEST_TMP/command" \
    --modules "$guests/drivers/root:ata_piix,ahci,sd_mod,sr_mod,nls_cp437,nls_ascii,vfat"
for bus in ahci ide; do
    cp "$bootdisk" "$TEST_TMP/disk.img"
    quad --kernel "$guests/drivers/vmlinuz" --initrd "$initrd" --cdrom "$TEST_TMP/cd.iso,if=$bus" \
        --disk "$TEST_TMP/disk.img,format=raw,if=$bus" --append 'console=ttyS0 quiet quad.run=/command'
    ends 0
    want "$(md5sum <"$TEST_TMP/cd.iso" | cut -c 1-32)  /dev/sr0"
    want "$(md5sum <"$guests/cloud/vmlinuz" | cut -c 1-32)  /m/vmlinuz"
    want '/m/written: OK'
    want 'no-errors'
    want 'quad.run: exit 0'
    MTOOLS_SKIP_CHECK=1 mcopy -o -i "$TEST_TMP/disk.img@@1M" ::/written ::/sum "$TEST_TMP" || die mcopy
    (cd / && sed "s,/m/,$TEST_TMP/," "$TEST_TMP/sum" | md5sum -c) || die "other data on the disk"
done
