#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest writes and syncs files on an ext4 disk, and its process dies by kill -9 at a random moment:
# the image is sound, the file system recovers by its journal, and every file that the guest said was
# synced is there, whole. QUAD_KILLS: how often (3).
#
# test-long: several boots
# test-timeout: 3000
. "$TEST_LIB/boot.sh"
for p in mke2fs e2fsck debugfs; do
    command -v $p >/dev/null || [ -x /sbin/$p ] || skip "no $p"
done
PATH=$PATH:/sbin:/usr/sbin
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,ext4"
pid=
trap '[ -z "$pid" ] || kill -9 $pid 2>/dev/null' EXIT
run='mkdir /m; mount -t ext4 -o errors=panic /dev/vda /m || exit 1; i=0; while true; do i=$((i + 1))'
run="$run; rm -f /m/t*; seq \$i \$((i + 20000)) >/m/t\$i; sync; mv /m/t\$i /m/f\$((i % 50)); sync; echo synced \$i; done"
for round in $(seq "${QUAD_KILLS:-3}"); do
    rm -f "$TEST_TMP/disk.raw" "$TEST_TMP/disk.qcow2"
    mke2fs -q -t ext4 "$TEST_TMP/disk.raw" 256M >/dev/null 2>&1 || die mke2fs
    "$QUAD" disk convert -f raw "$TEST_TMP/disk.raw" "$TEST_TMP/disk.qcow2" || die convert
    "$QUAD" run --mode full --engine "$engine" --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" -q \
        --disk "$TEST_TMP/disk.qcow2" --append "console=ttyS0 quiet quad.run=\"$run\"" </dev/null >"$out" 2>&1 &
    pid=$!
    for _ in $(seq 1800); do
        grep -q '^synced' "$out" && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    grep -q '^synced' "$out" || { cat "$out"; die "the guest wrote nothing"; }
    sleep "$(awk -v r="$round" -v s="${QUAD_SEED:-1}" 'BEGIN {srand(s + r); print 0.5 + rand() * 4}')"
    kill -9 $pid
    wait $pid 2>/dev/null
    pid=
    last=$(tr -d '\r' <"$out" | sed -n 's/^synced \([0-9]*\)$/\1/p' | tail -n 1)
    "$QUAD" disk check "$TEST_TMP/disk.qcow2" >"$TEST_TMP/check" 2>&1
    grep -q '^corruptions: 0' "$TEST_TMP/check" || { cat "$TEST_TMP/check"; die "round $round: the image is corrupt"; }
    if command -v qemu-img >/dev/null; then
        qemu-img check -r leaks "$TEST_TMP/disk.qcow2" >"$TEST_TMP/check" 2>&1 || { cat "$TEST_TMP/check"; die "round $round: qemu-img"; }
    fi
    rm -f "$TEST_TMP/after.raw"
    "$QUAD" disk convert "$TEST_TMP/disk.qcow2" "$TEST_TMP/after.raw" -O raw || die convert
    e2fsck -p "$TEST_TMP/after.raw" >"$TEST_TMP/fsck" 2>&1
    [ $? -le 1 ] || { cat "$TEST_TMP/fsck"; die "round $round: the journal was not enough"; }
    e2fsck -fn "$TEST_TMP/after.raw" >"$TEST_TMP/fsck" 2>&1 || { cat "$TEST_TMP/fsck"; die "round $round: the file system"; }
    # the newest that was said to be synced, and one before it if there is one
    for i in $last $((last - 1)); do
        [ "$i" -gt 0 ] || continue
        debugfs -R "dump f$((i % 50)) $TEST_TMP/file" "$TEST_TMP/after.raw" 2>/dev/null
        first=$(head -n 1 "$TEST_TMP/file")
        # a later round of 50 may have taken its place; then that one must be whole
        [ "$(((first - i) % 50))" = 0 ] && [ "$first" -ge "$i" ] || die "round $round: file $i begins with $first"
        seq "$first" $((first + 20000)) | cmp -s - "$TEST_TMP/file" || die "round $round: file $i is not whole"
    done
    echo "round $round: synced $last files; sound"
done
exit 0
