#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest moves live from KVM to the translator and back; its numbers go on without a gap.
# test-long: two systems inside one another, under a translator
# test-timeout: 240
set -eu
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/native.sh"
L2_MODULES=virtio_pci,virtio_blk l1_cpus=2
native <<'END'
# move TO-FOLDER MODE
move() {
    QUAD_RUN_DIR=$1/run QUAD_DATA_DIR=$1/data "$QUAD" receive unix:$1.sock -d --disk /tmp/web.qcow2 \
        --mode $2 >/tmp/receive 2>&1 </dev/null &
    k_=0
    until [ -S $1.sock ]; do
        [ $((k_ += 1)) -lt 100 ] || bad "no receiver: $(cat /tmp/receive)"
        sleep 0.2
    done
    said_=$(last)
    says "$QUAD" migrate web unix:$1.sock
    wait $! || bad "the receiver: $(cat /tmp/receive)"
    export QUAD_RUN_DIR=$1/run QUAD_DATA_DIR=$1/data
    counts
    first=$("$QUAD" logs web | tr -d '\r' | sed -n 's/^count \([0-9][0-9]*\)$/\1/p' | head -n 1)
    [ "$first" -gt "$said_" ] || bad "it said $said_ before the move and $first after it"
    says "$QUAD" ls
}
"$QUAD" disk create /tmp/web.qcow2 16M >/dev/null
says "$QUAD" run -d --name web --mode native -m 128M --disk /tmp/web.qcow2 \
    --kernel "$KERNEL" --initrd "$INITRD" --append 'console=ttyS0 quiet quad.run="sh /check/count"'
counts
move /tmp/b full
move /tmp/c native
says "$QUAD" rm -f web
END
ends 0
never '^BAD'
