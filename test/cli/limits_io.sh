#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Limits of disk and network hold within 5 %, by the counters of the guest's own kernel, and follow
# when they are changed while it runs; together they are changed or not at all. On a host that is busy with other
# things a guest may get less than its limit, never more.
# test-timeout: 600
# test-long: it measures for a minute
# test-alone: it measures
set -eu
. "$TEST_LIB/boot.sh"
command -v python3 >/dev/null || skip "no python3"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,virtio_net,af_packet" --text 'check/load=#!/bin/sh
for i in 1 2 3 4; do (while :; do dd if=/dev/vda of=/dev/null bs=16k iflag=direct 2>/dev/null; done) & done
ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
(while :; do wget -q -O /dev/null http://10.0.2.2:$1/data; done) &
while :; do
    read -r up idle </proc/uptime
    read -r reads merged sectors rest </sys/block/vda/stat
    read -r bytes </sys/class/net/eth0/statistics/rx_bytes
    echo "at $up $reads $sectors $bytes"
    sleep 0.2
done'
least=$(awk -v n="$(nproc)" '{ print $1 < n / 2 ? 0.95 : 0.5 }' /proc/loadavg)
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
mkdir "$TEST_TMP/www"
truncate -s 64M "$TEST_TMP/disk.raw" "$TEST_TMP/www/data"
serve "$TEST_TMP/www"
trap '"$QUAD" rm -f busy >/dev/null 2>&1; kill $server' EXIT
does 0 run -d --name busy --mode full --engine "${QUAD_ENGINE:-jit}" --kernel "$guests/cloud/vmlinuz" \
    --initrd "$initrd" -m 256M --disk "$TEST_TMP/disk.raw,format=raw" --nic user --append \
    "console=ttyS0 quiet quad.run=\"sh /check/load $port\""
n=0
until "$QUAD" logs busy | grep -q '^at '; do
    [ $((n += 1)) -lt 600 ] || die "it does not boot"
    sleep 0.2
done

# holds COLUMN UNIT RATE: reads (2), sectors (3) or bytes (4) a second, over ten seconds of the guest's clock
holds() {
    sleep 1 # what the bucket had
    "$QUAD" logs busy | tr -d '\r' | grep '^at ' | tail -n 1 >"$TEST_TMP/from"
    sleep 10
    "$QUAD" logs busy | tr -d '\r' | grep '^at ' | tail -n 1 >"$TEST_TMP/to"
    awk -v c="$1" -v unit="$2" -v want="$3" -v least="$least" 'NR == 1 { t = $2; v = $(c + 1) }
        NR == 2 { r = ($(c + 1) - v) * unit / ($2 - t); printf "%.0f a second, %.0f wanted: %.3f\n", r, want, r / want
                  exit !(r >= want * least && r <= want * 1.05) }' "$TEST_TMP/from" "$TEST_TMP/to" || die "a limit of $3"
}

does 0 set busy disk.0.iops=100 nic.0.rate=500K
holds 2 1 100
holds 4 1 512000
does 0 set busy disk.0.iops=250
holds 2 1 250
does 0 set busy disk.0.iops=0 disk.0.bps=1M nic.0.rate=1M
holds 3 512 1048576
holds 4 1 1048576
fails 1 'others have their old values' set busy disk.0.bps=2M nic.7.rate=1M
holds 3 512 1048576

# who asks for a boost may go: the guest's process takes it back
"$QUAD" boost busy disk.0.bps=4M --for 8s & # (and it is gone before the eight seconds are over)
wait $!
sleep 1
does 0 set busy
want '^disk.0.bps=4194304'
sleep 9
does 0 set busy
want '^disk.0.bps=1048576'
holds 3 512 1048576
