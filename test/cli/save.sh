#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# quad save, quad restore, quad set engine=: a guest with a disk and a network counts on; what the
# restoring command line does not grant is not opened.
# test-timeout: 900
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtio_blk,virtio_net" --text 'check/count=#!/bin/sh
i=0
while :; do i=$((i+1)); echo "count $i"; echo "$i" | dd of=/dev/vda conv=notrunc,fsync bs=512 2>/dev/null; sleep 0.5; done'
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f web two c-1 c-2 c-3 >/dev/null 2>&1 || :' EXIT
engine=${QUAD_ENGINE:-jit}
disk=$TEST_TMP/disk.qcow2 saved=$TEST_TMP/web.quad

last() { # the last number on the console
    "$QUAD" logs web 2>/dev/null | sed -n 's/^count \([0-9]*\).*/\1/p' | tail -n 1
}

counts() { # counts MORE-THAN
    n=0
    until [ "$(last || echo 0)" -gt "$1" ] 2>/dev/null; do
        [ $((n += 1)) -lt 1200 ] || die "it does not count beyond $1: $("$QUAD" logs web | tail -n 5)"
        sleep 0.1
    done
}

"$QUAD" disk create "$disk" 16M >/dev/null
does 0 run -d --name web --mode full --engine "$engine" --kernel "$guests/cloud/vmlinuz" \
    --initrd "$initrd" -m 128M --disk "$disk" --nic user \
    --append 'console=ttyS0 quad.run="sh /check/count"'
counts 2
does 0 set web engine=interp
want 'engine=interp'
does 1 set web engine=bogus
want 'no engine is called'
counts $(($(last) + 1))
does 0 set web engine="$engine"

# a snapshot of memory and disk: it counts on from there, and its disk is that of then
disk_says() { # what the guest wrote last
    rm -f "$TEST_TMP/raw"; "$QUAD" disk convert -O raw "$1" "$TEST_TMP/raw" >/dev/null 2>&1
    head -c 512 "$TEST_TMP/raw" | tr -d '\0' | head -n 1
}
at_=$(last)
does 0 snapshot create web one
does 1 snapshot create web one
want 'has a snapshot one'
does 0 snapshot ls web
want '^one '
does 4 snapshot restore web one
counts $((at_ + 5))
does 0 stop --force web
[ "$(disk_says "$disk")" -gt $((at_ + 3)) ] || die "the disk says $(disk_says "$disk")"
rm -f "$QUAD_DATA_DIR/guests/web/console.log"
does 0 snapshot restore web one --engine "$engine"
counts "$at_"
first=$("$QUAD" logs web | sed -n 's/^count \([0-9]*\).*/\1/p' | head -n 1)
[ "$first" -le $((at_ + 3)) ] || die "it goes on with $first, the snapshot was at $at_"
does 0 stop --force web
[ "$(disk_says "$disk")" -le $(($(last) + 1)) ] || die "the disk says $(disk_says "$disk")"
does 0 snapshot restore web one --engine "$engine"
does 0 snapshot rm web one
does 0 snapshot ls web
never '^one '
does 3 snapshot rm web two
counts "$at_"

# a copy while it goes on, then the guest itself
does 0 save --go-on --compress web "$TEST_TMP/copy.quad"
counts $(($(last) + 1))
before=$(last)
does 0 save web "$saved"
does 0 ls
does 3 save bogus "$TEST_TMP/x"
does 2 save web

does 0 restore --show "$saved"
want "--disk '$disk"
does 2 restore "$saved"
want 'has 1 disk'
does 2 restore "$saved" --disk "$disk" --memory 1G
want 'memory belongs to the saved guest'
does 0 restore --verify "$saved" -d --disk "$disk"
counts $((before + 1))
"$QUAD" logs web >"$TEST_TMP/log"
for i in 1 $((before - 1)) "$before" $((before + 1)); do # none is lost, none comes twice
    [ "$(grep -c "^count $i[^0-9]*$" "$TEST_TMP/log")" -le 1 ] || die "count $i came twice"
done
does 4 restore "$saved" --disk "$disk"
does 0 stop --force web

# three from one file: each counts on by itself, on a disk of its own
does 0 clone -n 3 "$saved" --name c --disk "$disk"
want 'c-1 to c-3 run'
for i in 1 2 3; do
    n=0
    until "$QUAD" logs c-$i | grep -q "^count $((before + 2))[^0-9]*$"; do
        [ $((n += 1)) -lt 600 ] || die "c-$i does not count: $("$QUAD" logs c-$i | tail -n 3)"
        sleep 0.1
    done
    "$QUAD" disk info "$QUAD_DATA_DIR/guests/c-$i/disk0.qcow2" | grep -q "$disk" || die "no overlay of c-$i"
done
does 1 clone "$saved" --name c --disk "$disk"
want 'there is a guest called c-1'
does 0 rm -f c-1 c-2 c-3

# damage is told before anything runs
cp "$saved" "$TEST_TMP/bad"
printf X | dd of="$TEST_TMP/bad" bs=1 seek=3000 conv=notrunc 2>/dev/null
does 1 restore "$TEST_TMP/bad" --disk "$disk"
want 'damaged'
head -c 100000 "$saved" >"$TEST_TMP/short"
does 1 restore "$TEST_TMP/short" --disk "$disk"
does 1 restore "$guests/cloud/vmlinuz"
want 'no saved guest'
does 0 restore --as-saved "$TEST_TMP/copy.quad" -d --name two
does 0 stop --force two
