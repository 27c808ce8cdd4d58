#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Native beside its peers in the same host (on this one: a stock kernel under QEMU's translator): time from
# exec to the guest's init, memory of the process beyond the guest's RAM, exits until init.
# test-long: a benchmark
# test-timeout: 400
set -eu
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/native.sh"
qemu=$(command -v qemu-system-x86_64) || skip "no qemu-system-x86_64; tools/setup test"
l1_files="usr/bin/qemu-system-x86_64=$qemu"
for lib in $(ldd "$qemu" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p'); do
    l1_files="$l1_files $lib=$(readlink -f "$lib")"
done
for rom in bios-256k.bin bios-microvm.bin linuxboot_dma.bin pvh.bin kvmvapic.bin; do
    for dir in /usr/share/seabios /usr/share/qemu; do
        [ ! -f "$dir/$rom" ] || l1_files="$l1_files usr/share/seabios/$rom=$(readlink -f "$dir/$rom")"
    done
done
l1_memory=2048M native_seconds=360
native <<'END'
now() { cut -d ' ' -f 1 /proc/uptime; }
# time_to NAME COMMAND...: until the guest says that its init runs; then its memory
time_to() {
    name=$1 began=$(now)
    shift
    rm -f /tmp/said
    "$@" </dev/null >/tmp/said 2>&1 &
    pid=$!
    k=0
    until grep -q 'init is there' /tmp/said 2>/dev/null; do
        [ $((k += 1)) -lt 1200 ] || { echo "bench: $name: not there: $(tail -n 3 /tmp/said)"; kill $pid; return; }
        sleep 0.1
    done
    ended=$(now)
    exits=$(cat /sys/kernel/debug/kvm/exits)
    # What belongs to the process alone, less the guest's memory, which is the largest mapping of all.
    awk -v name="$name" -v a="$began" -v b="$ended" -v exits="$exits" '
        /^[0-9a-f]+-/ { ram = 0 }
        /^Size:/ { size = $2; ram = size >= 60000 }
        /^(Private_Clean|Private_Dirty|Shared_Dirty):/ { if (ram) guest += $2; else own += $2 }
        END { printf "bench: %-14s %6.1f s to init %6d KiB beyond the guest %8d exits\n", name, b - a, own, exits }' \
        /proc/$pid/smaps
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
}
append='console=ttyS0 quiet reboot=t panic=-1 quad.run="echo init is there; sleep 1000"'
for round in 1; do
    time_to quad-micro "$QUAD" run --mode native --board micro -m 128M --kernel "$KERNEL" --initrd "$INITRD" \
        --append "$append"
    time_to quad-pc "$QUAD" run --mode native -m 128M --kernel "$KERNEL" --initrd "$INITRD" --append "$append"
    for m in microvm pc; do
        time_to qemu-$m qemu-system-x86_64 -accel kvm -cpu host -M $m -m 128 -nodefaults -display none \
            -no-reboot -serial stdio -L /usr/share/seabios -kernel "$KERNEL" -initrd "$INITRD" -append "$append"
    done
done
END
ends 0
grep '^bench:' "$out"
want '^bench: quad-micro .* s to init'
