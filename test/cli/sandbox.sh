#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest whose process is closed: it boots, has its disk, network, console and limits, and the kernel
# says that the process has no privileges and a filter; its names in the run directory go at the end.
# test-timeout: 600
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,virtio_net"
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f closed >/dev/null 2>&1 || :' EXIT
truncate -s 16M "$TEST_TMP/disk.raw"
"$QUAD" run -d --name closed --sandbox require --mode full --engine "${QUAD_ENGINE:-jit}" -m 256M -c 2 \
    --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --disk "$TEST_TMP/disk.raw,format=raw" \
    --nic user --wait boot >"$out" 2>&1 || {
    cat "$out"
    grep -q 'sandbox require' "$out" && skip "this host lacks a layer of the sandbox"
    die "it does not boot"
}
pid=$("$QUAD" ls --json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
grep -E '^(CapEff|CapBnd|CapPrm|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tee "$out"
want '^NoNewPrivs:.1'
want '^Seccomp:.2'
want '^CapEff:.0000000000000000'
[ -z "$(ls -A "/proc/$pid/root")" ] || die "its root directory is not empty"
for ns in mnt net ipc uts; do
    [ "$(readlink "/proc/$pid/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ] || die "no $ns namespace of its own"
done
{
    echo 'ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ping -c 1 -W 20 10.0.2.2 && echo net ok'
    echo 'dd if=/dev/urandom of=/dev/vda bs=64k count=16 oflag=sync 2>/dev/null; sync; echo disk $((40 + 2))'
    n=0
    until grep -q 'disk 42' "$TEST_TMP/console" 2>/dev/null || [ $((n += 1)) -gt 600 ]; do sleep 0.1; done
} | timeout 100 "$QUAD" console closed >"$TEST_TMP/console" 2>&1 &
n=0
until grep -q 'disk 42' "$TEST_TMP/console" 2>/dev/null; do
    [ $((n += 1)) -lt 900 ] || die "no answer: $(cat "$TEST_TMP/console")"
    sleep 0.1
done
cp "$TEST_TMP/console" "$out"
want '^net ok'
"$QUAD" set closed cpu.cap=50% disk.0.size=32M disk.0.iops=1000
# all or none: what was taken before a refusal goes back
"$QUAD" set closed cpu.cap=70% disk.0.size=16M disk.0.iops=7 2>"$out" && die "a disk shrank"
cat "$out"
want 'others have their old values'
"$QUAD" set closed >"$out"
want '^cpu.cap=50'
want '^disk.0.iops=1000'
"$QUAD" pause closed
"$QUAD" resume closed
"$QUAD" stat closed >"$out"
want '^vcpu1.cpu_ms'
# another engine's device is handed in; whether it can run this guest is another matter
if [ -w /dev/kvm ]; then
    "$QUAD" set closed engine=kvm >"$out" 2>&1 || :
    cat "$out"
    never 'does not open|there is no /dev/kvm'
    "$QUAD" set closed "engine=${QUAD_ENGINE:-jit}"
fi
"$QUAD" reset closed
"$QUAD" stop -t 1 closed
[ -z "$(ls "$QUAD_RUN_DIR")" ] || die "something is left behind"
n=0
while grep -q '^State:.[^Z]' "/proc/$pid/status" 2>/dev/null; do
    [ $((n += 1)) -lt 300 ] || die "the process is still there"
    sleep 0.1
done
"$QUAD" wait closed
