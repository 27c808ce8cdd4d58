#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest with two processors, a disk and a network runs natively, goes over to the translator and to the
# interpreter and back, several times, and does not notice; one with one processor is bounced between all
# three while it boots.
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
for round in 1 2 3; do
    for engine in jit interp; do # a translator in a translator, with two processors: short slices
        says "$QUAD" set web engine=$engine
        sleep 1
    done
    says "$QUAD" set web engine=kvm
    counts
done
says "$QUAD" pause web
sleep 3
says "$QUAD" resume web
counts
"$QUAD" stat web | grep -E 'kvm|engine'
says "$QUAD" ls
says "$QUAD" rm -f web
"$QUAD" run --mode native --switch-every 700 --kernel "$KERNEL" --initrd "$INITRD" --memory 128M --stats \
    --append 'console=ttyS0 quiet quad.check' >/tmp/bounce 2>&1 || bad "$(cat /tmp/bounce)"
grep -E 'quad.check|engine_switches' /tmp/bounce | sed 's/^/bounced: /'
END
ends 0
want '^bounced: quad.check: ok'
want '^bounced: engine_switches: [1-9][0-9]'
want '^net ok'
want '^cpus 2'
want '^vcpu1.kvm.runs: [1-9]'
want '^engine_switches: 9'
want 'web .* native'
