#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest of a native test: it counts on its console and on its disk, and asks its network once.
if [ -e /sys/class/net/eth0 ]; then
    ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ping -c 1 -W 30 10.0.2.2 >/dev/null &&
        echo "net ok"
fi
echo "cpus $(nproc)"
i=0
while :; do
    i=$((i + 1))
    if [ -e /dev/vda ]; then
        echo "$i" | dd of=/dev/vda conv=notrunc,fsync bs=512 2>/dev/null
        read -r there </dev/vda
        [ "$there" = "$i" ] || echo "WRONG: the disk says $there, not $i"
    fi
    echo "count $i"
    sleep 0.3
done
