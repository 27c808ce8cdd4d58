# SPDX-License-Identifier: GPL-2.0-or-later
#
# What `quad image build` does inside the new system, run by mmdebstrap as its last hook with the
# system's folder as $1. Variables come from the lines in front: root_uuid, keys, firstboot, unit.
set -eu
r=$1

echo "quad: settings"
echo debian >"$r/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 debian\n::1 localhost ip6-localhost\n' >"$r/etc/hosts"
printf 'UUID=%s / ext4 errors=remount-ro,discard 0 1\n' "$root_uuid" >"$r/etc/fstab"
: >"$r/etc/machine-id"
mkdir -p "$r/etc/systemd/network" "$r/usr/lib/quad" "$r/etc/systemd/system.conf.d"
printf '[Match]\nType=ether\n\n[Network]\nDHCP=yes\nIPv6AcceptRA=yes\n\n[DHCPv4]\nClientIdentifier=mac\n' \
    >"$r/etc/systemd/network/80-ether.network"
chroot "$r" systemctl -q enable systemd-networkd systemd-resolved
# nothing waits for the network to be complete
chroot "$r" systemctl -q mask systemd-networkd-wait-online.service
ln -sf ../run/systemd/resolve/stub-resolv.conf "$r/etc/resolv.conf"

# processors and memory that come while it runs are used at once
cat >"$r/etc/udev/rules.d/80-quad-hotplug.rules" <<'EOF'
SUBSYSTEM=="cpu", ACTION=="add", TEST=="online", ATTR{online}=="0", ATTR{online}="1"
SUBSYSTEM=="memory", ACTION=="add", TEST=="state", ATTR{state}=="offline", ATTR{state}="online_movable"
EOF

echo "quad: keys, first boot"
home=$r/root
mkdir -p -m 700 "$home/.ssh"
printf '%s' "$keys" >"$home/.ssh/authorized_keys"
chmod 600 "$home/.ssh/authorized_keys"
# host keys are made by the first boot, unless its seed brings one
rm -f "$r"/etc/ssh/ssh_host_*
printf '%s' "$firstboot" >"$r/usr/lib/quad/firstboot"
chmod 755 "$r/usr/lib/quad/firstboot"
printf '%s' "$unit" >"$r/etc/systemd/system/quad-firstboot.service"
chroot "$r" systemctl -q enable quad-firstboot.service ssh.service serial-getty@ttyS0.service
# a serial console is the only one that a guest always has; root needs a key or this console
mkdir -p "$r/etc/systemd/system/serial-getty@.service.d"
printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --keep-baud 115200 - $TERM\n' \
    >"$r/etc/systemd/system/serial-getty@.service.d/root.conf"
rm -f "$r"/etc/apt/sources.list.d/0000* "$r"/etc/apt/apt.conf.d/99mmdebstrap

echo "quad: initial RAM disk"
# Only what a guest's boot needs: a small one is unpacked in a blink.
printf 'MODULES=list\nBUSYBOX=auto\nCOMPRESS=zstd\nCOMPRESSLEVEL=3\n' >"$r/etc/initramfs-tools/conf.d/quad"
printf '%s\n' virtio_pci virtio_blk virtio_scsi ahci sd_mod ata_piix nvme ext4 \
    >>"$r/etc/initramfs-tools/modules"
chroot "$r" update-initramfs -u

echo "quad: boot loader"
mkdir -p "$r/boot/grub" "$r/boot/quad"
cat >"$r/boot/grub/grub.cfg" <<EOF
# Kernels are found by the links that their packages keep up to date; nothing rewrites this file.
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=1
menuentry "Debian" {
    linux /vmlinuz root=UUID=$root_uuid ro console=tty0 console=ttyS0 quiet
    initrd /initrd.img
}
menuentry "Debian, the kernel before, in rescue mode" {
    linux /vmlinuz.old root=UUID=$root_uuid ro console=tty0 console=ttyS0 systemd.unit=rescue.target
    initrd /initrd.img.old
}
EOF
printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' \
    "$root_uuid" >"$r/boot/quad/early.cfg"
modules='part_gpt part_msdos ext2 search search_fs_uuid configfile normal linux echo test cat ls
    serial terminal reboot halt sleep'
# shellcheck disable=SC2086
chroot "$r" grub-mkimage -O i386-pc -o /boot/quad/core.img -p /boot/grub \
    -c /boot/quad/early.cfg biosdisk $modules
# shellcheck disable=SC2086
chroot "$r" grub-mkimage -O x86_64-efi -o /boot/quad/bootx64.efi -p /boot/grub \
    -c /boot/quad/early.cfg $modules
cp "$r/usr/lib/grub/i386-pc/boot.img" "$r/boot/quad/boot.img"
cp "$r"/boot/vmlinuz-* "$r/boot/quad/vmlinuz"
cp "$r"/boot/initrd.img-* "$r/boot/quad/initrd.img"
