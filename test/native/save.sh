#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that runs natively is saved and restored under the translator, and the other way round; its
# numbers go on without a gap.
# test-long: two systems inside one another, under a translator
# test-timeout: 240
set -eu
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/native.sh"
L2_MODULES=virtio_pci,virtio_blk l1_cpus=2
native <<'END'
"$QUAD" disk create /tmp/web.qcow2 16M >/dev/null
says "$QUAD" run -d --name web --mode native -m 128M --disk /tmp/web.qcow2 \
    --kernel "$KERNEL" --initrd "$INITRD" --append 'console=ttyS0 quiet quad.run="sh /check/count"'
counts
says "$QUAD" save web /tmp/one.quad
says "$QUAD" restore /tmp/one.quad -d --disk /tmp/web.qcow2 --engine jit
counts
says "$QUAD" save web /tmp/two.quad
says "$QUAD" restore /tmp/two.quad -d --disk /tmp/web.qcow2 --mode native
counts
says "$QUAD" rm -f web
END
ends 0
never '^BAD'
