#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs at each boot of a guest, before ssh and the network: takes what the seed volume (label
# CIDATA) says. Without a seed it only makes what the system needs to be one of its own.
set -u
seed=/run/quad/seed
mkdir -p "$seed"
dev=$(blkid -L CIDATA || blkid -L cidata) || dev=
[ -z "$dev" ] || mount -o ro "$dev" "$seed" || dev=
q=$seed/quad

if [ -s "$q/hostname" ]; then
    name=$(cat "$q/hostname")
    if [ "$(cat /etc/hostname)" != "$name" ]; then
        echo "$name" >/etc/hostname
        sed -i "s/^127\.0\.1\.1.*/127.0.1.1 $name/" /etc/hosts
    fi
    hostname "$name"
fi
if [ -s "$q/authorized_keys" ]; then
    while read -r key; do
        grep -qxF "$key" ~root/.ssh/authorized_keys || echo "$key" >>~root/.ssh/authorized_keys
    done <"$q/authorized_keys"
fi
if [ -s "$q/host_key" ] && ! cmp -s "$q/host_key" /etc/ssh/ssh_host_ed25519_key; then
    rm -f /etc/ssh/ssh_host_*
    install -m 600 "$q/host_key" /etc/ssh/ssh_host_ed25519_key
    ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key >/etc/ssh/ssh_host_ed25519_key.pub
fi
[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key

if [ -s "$q/users" ]; then
    while read -r user; do
        id -u "$user" >/dev/null 2>&1 && continue
        useradd -m -s /bin/bash "$user"
        install -d -m 700 -o "$user" -g "$user" "/home/$user/.ssh"
        install -m 600 -o "$user" -g "$user" "$q/authorized_keys" "/home/$user/.ssh/authorized_keys"
        [ ! -d /etc/sudoers.d ] || echo "$user ALL=(ALL) NOPASSWD:ALL" >"/etc/sudoers.d/quad-$user"
    done <"$q/users"
fi

# The root partition and its file system fill a disk that has grown.
part=$(findmnt -no SOURCE /)
disk=/dev/$(lsblk -no PKNAME "$part" 2>/dev/null)
if [ -b "$disk" ]; then
    end=$(($(blockdev --getsz "$disk") - 2048))
    base=/sys/class/block/${part#/dev/}
    if [ $(($(cat "$base/start") + $(cat "$base/size"))) -lt $((end - 2048)) ]; then
        echo ', +' | sfdisk -q --no-reread --force -N "$(cat "$base/partition")" "$disk" &&
            partx -u "$disk" && resize2fs "$part"
    fi
fi

# Folders of the host: "TAG MOUNTPOINT ro|rw" a line.
if [ -s "$q/shares" ]; then
    while read -r tag at how; do
        mkdir -p "$at"
        mount -t virtiofs -o "$how" "$tag" "$at"
    done <"$q/shares"
fi

# A script of the person's own, once. Other kinds of user data need cloud-init.
if [ ! -e /var/lib/quad-user-data-done ] && head -c 2 "$seed/user-data" 2>/dev/null | grep -q '^#!'; then
    install -m 700 "$seed/user-data" /run/quad/user-data
    : >/var/lib/quad-user-data-done
    /run/quad/user-data
fi
[ -z "$dev" ] || umount "$seed"
exit 0
