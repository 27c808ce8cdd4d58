#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's installer from a CD to its end on an empty disk, by keys that are typed at its screen: boot
# line, root's password, the disk's partitions, the last note. The other questions are answered by a
# preseed file that this host serves; packages come from the archive. Then that system boots from its
# disk, by its own boot loader, and root logs in with the password typed before.
#
# test-long: a whole installation
# test-timeout: 14400
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"
for p in xorriso python3; do
    command -v $p >/dev/null || skip "no $p"
done
firmware "${QUAD_FIRMWARE_DIR:-/usr/share/seabios}/bios-256k.bin"
guest isolinux syslinux di-amd64
name=install-$$ password=quadrivium7
patience=7200 # a screen that comes after hundreds of packages
mirror=${QUAD_MIRROR:-} # HOST of a Debian archive
[ -n "$mirror" ] || skip "QUAD_MIRROR names no archive"
python3 - "http://$mirror/debian" <<'LOOK' || skip "the archive has no installer components"
import lzma, re, sys, urllib.request
def get(path):
    return urllib.request.urlopen(sys.argv[1] + "/" + path, timeout=60).read()
names = lzma.decompress(get("dists/bookworm/main/debian-installer/binary-amd64/Packages.xz")).decode()
get(re.search(r"^Filename: (\S*/base-installer_\S*)", names, re.M)[1])
LOOK
mkdir -p "$TEST_TMP/www"
cat >"$TEST_TMP/www/p" <<PRESEED
d-i debian-installer/locale string en_US.UTF-8
d-i keyboard-configuration/xkb-keymap select us
d-i netcfg/get_hostname string alpha
d-i netcfg/get_domain string example.org
d-i mirror/country string manual
d-i mirror/http/hostname string $mirror
d-i mirror/http/directory string /debian
d-i mirror/http/proxy string
d-i passwd/make-user boolean false
d-i clock-setup/utc boolean true
d-i clock-setup/ntp boolean false
d-i time/zone string UTC
d-i partman-auto/method string regular
d-i partman-auto/disk string /dev/vda
d-i partman-auto/choose_recipe select atomic
d-i partman-partitioning/confirm_write_new_label boolean true
d-i partman/choose_partition select finish
d-i apt-setup/services-select multiselect
d-i apt-setup/cdrom/set-first boolean false
d-i base-installer/install-recommends boolean false
d-i base-installer/kernel/image string linux-image-cloud-amd64
tasksel tasksel/first multiselect
d-i pkgsel/include string openssh-server
d-i pkgsel/upgrade select none
popularity-contest popularity-contest/participate boolean false
d-i grub-installer/only_debian boolean true
d-i grub-installer/bootdev string /dev/vda
d-i preseed/late_command string in-target systemctl enable serial-getty@ttyS0.service
PRESEED
serve "$TEST_TMP/www"
pid=
trap 'kill $pid $server 2>/dev/null; "$QUAD" rm "$name" >/dev/null 2>&1' EXIT

installer_cd di-amd64 "$TEST_TMP/di.iso"
rm -f "$TEST_TMP/new.qcow2"
"$QUAD" disk create "$TEST_TMP/new.qcow2" 4G || die "disk create"
"$QUAD" run --mode full --engine "$engine" --name "$name" --memory 1G --serial null --nic user \
    --cdrom "$TEST_TMP/di.iso" --disk "$TEST_TMP/new.qcow2" --on-reboot exit </dev/null >"$out" 2>&1 &
pid=$!
until_text '^boot:'
press_text "install fb=false auto=true priority=critical url=http://10.0.2.2:$port/p"
press ret
until_text 'Root password'
press_text "$password"
press ret
until_text '(Re-enter|verify)'
press_text "$password"
press ret
until_text 'Write the changes to disks'
press left
press ret
until_text 'Installation complete'
press ret
wait $pid
rc=$?
ends 13 # --on-reboot exit
"$QUAD" disk check "$TEST_TMP/new.qcow2" || die "the image is not sound"

converse --memory 512M --disk "$TEST_TMP/new.qcow2" <<SCRIPT || die "the system that was installed"
expect 900 /alpha login: /
send root
expect 120 /Password: /
send $password
expect 300 /# /
send uname -sm; findmnt -no FSTYPE /; systemctl is-active ssh; echo \$((40 + 2))
expect 60 /Linux x86_64/
expect 60 /ext4/
expect 60 /active/
expect 60 /42/
send poweroff
wait 300 0
SCRIPT
exit 0
