#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest with two processors, a disk and a network runs natively, goes over to the translator and to the
# interpreter and back, several times, and does not notice.
# test-long: two systems inside one another, under a translator
# test-timeout: 240
set -eu
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/native.sh"
L2_MODULES=virtio_pci,virtio_blk,virtio_net l1_cpus=2
native <<'END'
"$QUAD" disk create /tmp/web.qcow2 16M >/dev/null
says "$QUAD" run -d --name web --mode native -c 2 -m 128M --disk /tmp/web.qcow2 --nic user \
    --kernel "$KERNEL" --initrd "$INITRD" --append 'console=ttyS0 quiet quad.run="sh /check/count"'
counts
"$QUAD" logs web | grep -E 'net ok|cpus'
for engine in jit interp kvm; do
    says "$QUAD" set web engine=$engine
    counts 1
done
for engine in jit interp kvm; do # short slices: translators under a translator are slow
    says "$QUAD" set web engine=$engine
    sleep 1
done
counts
says "$QUAD" pause web
sleep 3
says "$QUAD" resume web
counts
"$QUAD" stat web | grep -E 'kvm|engine'
says "$QUAD" ls
says "$QUAD" rm -f web
END
ends 0
want '^net ok'
want '^cpus 2'
want '^vcpu1.kvm.runs: [1-9]'
want '^engine_switches: 6'
want 'web .* native'
