#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A Debian image here and under QEMU's translator, the same disk, kernel and seed, side by side: time and
# processor seconds from exec to an ssh login; fio and iperf3 inside. Prints figures and ratios.
#
# test-long: minutes of work
# test-timeout: 3000
#
# QUAD_IMAGE_DIR: a data folder whose image "bench" was built with
#     quad image build debian:12 bench --package fio --package iperf3
. "$TEST_LIB/boot.sh"
for p in qemu-system-x86_64 qemu-img ssh iperf3 python3; do
    command -v $p >/dev/null || skip "no $p"
done
[ -n "${QUAD_IMAGE_DIR:-}" ] || skip "QUAD_IMAGE_DIR names no folder with an image"
export QUAD_DATA_DIR="$QUAD_IMAGE_DIR"
image=${QUAD_BENCH_IMAGE:-bench}
dir=$QUAD_DATA_DIR/images/$image
[ -f "$dir/disk.raw" ] || skip "no image $image"
name=bench-$$
engine=${QUAD_ENGINE:-jit}
pid=
finish() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    rm -rf "$QUAD_DATA_DIR/guests/$name"
}
trap finish EXIT
now() { date +%s.%N; }
cpu() { awk -v hz="$(getconf CLK_TCK)" '{print ($14 + $15) / hz}' "/proc/$pid/stat"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
append=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["append"])' "$dir/image.json")
guest_dir=$QUAD_DATA_DIR/guests/$name

start_quad() {
    port=$(free_port)
    "$QUAD" run "$image" --name "$name" --mode full --engine "$engine" -m 768M --serial null --forward "$port:22" -q \
        >"$TEST_TMP/quad.log" 2>&1 &
    pid=$!
}
start_qemu() { # after a run of ours, whose seed it takes
    port=$(free_port)
    qemu-img create -q -f qcow2 -b "$dir/disk.raw" -F raw "$TEST_TMP/q.qcow2"
    qemu-system-x86_64 -machine q35 -accel tcg -cpu max -m 768 -nographic -serial null -monitor none \
        -kernel "$dir/vmlinuz" -initrd "$dir/initrd.img" -append "$append" \
        -drive "file=$TEST_TMP/q.qcow2,if=virtio,cache=writeback" \
        -drive "file=$TEST_TMP/seed.img,if=virtio,format=raw,readonly=on" \
        -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=n \
        >"$TEST_TMP/qemu.log" 2>&1 &
    pid=$!
}
key=
[ ! -f "$QUAD_DATA_DIR/key" ] || key="-i $QUAD_DATA_DIR/key"
inside() {
    # shellcheck disable=SC2086
    ssh -q -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null $key \
        -p "$port" root@127.0.0.1 "$@"
}
fio_row() { # NAME RW BS
    inside "fio --name=x --filename=/var/tmp/f --size=128M --rw=$2 --bs=$3 --iodepth=16 --ioengine=libaio --direct=1 \
        --runtime=6 --time_based --output-format=json" >"$TEST_TMP/fio.json" 2>/dev/null || die "fio $1"
    python3 -c 'import json, sys; j = json.load(open(sys.argv[1]))["jobs"][0]; print(round(max(j["read"]["bw"], j["write"]["bw"]) / 1024, 2))' \
        "$TEST_TMP/fio.json"
}
net_row() { # [-R]
    p=$(free_port)
    iperf3 -s -1 -p "$p" >/dev/null 2>&1 &
    sleep 0.5
    inside "iperf3 -c 10.0.2.2 -p $p -t 5 -J $*" >"$TEST_TMP/net.json" 2>/dev/null || die iperf3
    python3 -c 'import json, sys; print(round(json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"] / 1e6, 1))' \
        "$TEST_TMP/net.json"
}
measure() { # WHO
    t0=$(now)
    "start_$1"
    until inside true 2>/dev/null; do
        kill -0 $pid 2>/dev/null || { cat "$TEST_TMP/$1.log"; die "$1 ended"; }
        sleep 0.2
    done
    t1=$(now)
    {
        python3 -c "print(round($t1 - $t0, 1))"
        cpu
        fio_row randread randread 4k
        fio_row randwrite randwrite 4k
        fio_row read read 1m
        fio_row write write 1m
        net_row
        net_row -R
    } >"$TEST_TMP/$1.figures"
    cp "$guest_dir/seed.img" "$TEST_TMP/seed.img" 2>/dev/null || true
    inside poweroff
    wait $pid || true
    pid=
}
measure quad
measure qemu
paste - "$TEST_TMP/quad.figures" "$TEST_TMP/qemu.figures" <<'ROWS' | tee "$TEST_TMP/table"
to ssh, s (less is better)
to ssh, CPU s (less is better)
fio randread 4k, MiB/s
fio randwrite 4k, MiB/s
fio read 1m, MiB/s
fio write 1m, MiB/s
iperf3 out, Mbit/s
iperf3 in, Mbit/s
ROWS
awk -F'\t' '{r = NR <= 2 ? $3 / $2 : $2 / $3; printf "%-32s quad %10s   qemu %10s   %.2f times\n", $1, $2, $3, r}' "$TEST_TMP/table"
exit 0
