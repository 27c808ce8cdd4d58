#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel with a memory balloon gives memory back that it used and freed, by itself: what the
# process holds shrinks. Asked for half of its memory it gives that within 5 %, and gets it back.
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

export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
# whoever reads its output sees the end of it: no helper keeps it open
"$QUAD" run -d --name m --mode full --engine "$engine" --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --balloon \
    --nic user --append "console=ttyS0 quiet quad.run=\"echo there; sleep 1000\"" 2>&1 | cat
trap '"$QUAD" rm --force m' EXIT
for _ in $(seq 600); do
    "$QUAD" logs m | grep -q ^there && break
    sleep 0.2
done
is() { # ASKED MIB: within 5 %
    "$QUAD" set m "memory=$1" | tee "$out"
    got=$(sed -n 's/^memory=\([0-9]*\).*/\1/p' "$out")
    [ "$((got >> 20))" -ge $(($2 * 95 / 100)) ] && [ "$((got >> 20))" -le $(($2 * 105 / 100)) ] || die "memory is $got"
}
is 256M 256
is 512M 512
"$QUAD" set m memory=1G && die "more than it has"
exit 0
