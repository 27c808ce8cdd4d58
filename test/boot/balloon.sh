#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel with a memory balloon gives memory back that it used and freed, by itself: what the
# process holds shrinks.
#
# test-long: it waits for the guest to rest
# test-timeout: 300
. "$TEST_LIB/boot.sh"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_balloon"
run='mkdir /m; mount -t tmpfs -o size=200m none /m; dd if=/dev/zero of=/m/f bs=1M count=150; echo filled; sleep 2'
run="$run; rm /m/f; echo freed; sleep 8; echo rested; sleep 4"
"$QUAD" run --mode full --engine "$engine" --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --balloon --stats \
    --append "console=ttyS0 quiet quad.run=\"$run\"" </dev/null >"$out" 2>&1 &
vm=$!
trap 'kill $vm 2>/dev/null' EXIT
held() { # MiB of shared memory
    awk '/^RssShmem/ {print int($2 / 1024)}' "/proc/$vm/status"
}
reaches() {
    for _ in $(seq 1500); do
        grep -q "^$1" "$out" && return
        kill -0 $vm 2>/dev/null || break
        sleep 0.1
    done
    cat "$out"
    die "the guest never said $1"
}
reaches filled
full=$(held)
reaches rested
after=$(held)
echo "held: $full MiB, later $after MiB"
wait $vm
rc=$?
ends 0
want 'balloon.broken_rings: 0'
[ $((full - after)) -ge 100 ] || die "it gave back too little"
exit 0
