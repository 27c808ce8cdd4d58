#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# quad disk, judged by qemu-img: what one makes the other reads, checks and finds the same.
#
# test-timeout: 240
. "$TEST_LIB/boot.sh"
command -v qemu-img >/dev/null && command -v qemu-io >/dev/null || skip "no qemu-img (package qemu-utils)"
cd "$TEST_TMP" || exit 1
case $QUAD in /*) ;; *) QUAD=$OLDPWD/$QUAD ;; esac

ok() { # what it must do, quietly
    "$@" >"$TEST_TMP/said" 2>&1 || { cat "$TEST_TMP/said"; die "$*"; }
}
fails() { # code text command...
    want_code=$1 want_text=$2
    shift 2
    "$@" >"$TEST_TMP/said" 2>&1
    [ $? = "$want_code" ] || { cat "$TEST_TMP/said"; die "$*: wanted exit code $want_code"; }
    grep -q "$want_text" "$TEST_TMP/said" || { cat "$TEST_TMP/said"; die "$*: wanted $want_text"; }
}

# zeroes, text, noise, a hole, and an end that is no whole cluster
{ head -c 300000 /dev/zero; seq 1 200000; head -c 2000000 /dev/urandom; } >a.raw
truncate -s 20000256 a.raw

for o in compat=0.10 cluster_size=512 cluster_size=2M refcount_bits=1 refcount_bits=64 \
    lazy_refcounts=on preallocation=metadata; do
    ok qemu-img convert -O qcow2 -o $o a.raw b.qcow2
    ok "$QUAD" disk check b.qcow2
    ok "$QUAD" disk convert b.qcow2 c.raw -O raw --force
    cmp -n 20000256 a.raw c.raw || die "$o: another content"
done
for t in zlib zstd; do
    ok qemu-img convert -c -O qcow2 -o compression_type=$t a.raw b.qcow2
    ok "$QUAD" disk convert b.qcow2 c.raw -O raw --force
    cmp -n 20000256 a.raw c.raw || die "compressed by $t: another content"
done

for o in "" --compress "--compress --zstd" --v2 "--cluster 512" "--cluster 2M"; do
    # shellcheck disable=SC2086
    ok "$QUAD" disk convert -f raw a.raw d.qcow2 --force $o
    ok qemu-img check d.qcow2
    ok qemu-img compare -f raw -F qcow2 a.raw d.qcow2
done

# other programs' formats, for reading
for f in vdi vdi,static=on vmdk vmdk,subformat=streamOptimized vhdx vhdx,subformat=fixed vhdx,block_size=1M; do
    o=${f#*,}
    rm -f x.img
    if [ "$o" = "$f" ]; then
        ok qemu-img convert -f raw -O "$f" a.raw x.img
    else
        ok qemu-img convert -f raw -O "${f%%,*}" -o "$o" a.raw x.img
    fi
    ok "$QUAD" disk convert x.img c.raw -O raw --force
    ok qemu-img compare -f raw -F raw a.raw c.raw
    fails 1 "only be read" "$QUAD" disk resize x.img +1M
done

# a damaged header is refused by name; with the other one whole it is read
qemu-img convert -f raw -O vhdx a.raw x.img
printf x | dd of=x.img bs=1 seek=65600 conv=notrunc 2>/dev/null
ok "$QUAD" disk info x.img
printf x | dd of=x.img bs=1 seek=131136 conv=notrunc 2>/dev/null
fails 2 "neither of its headers is sound" "$QUAD" disk convert x.img c.raw -O raw --force

# overlays, both ways
ok "$QUAD" disk create over.qcow2 --backing d.qcow2
ok qemu-io -c 'write -P 9 1M 3M' over.qcow2
ok "$QUAD" disk check over.qcow2
ok qemu-img compare -f raw -F qcow2 a.raw d.qcow2
ok "$QUAD" disk convert over.qcow2 e.raw -O raw
ok qemu-img compare e.raw over.qcow2

# snapshots
ok "$QUAD" disk snapshot d.qcow2 --take one
ok qemu-io -c 'write -P 7 0 4M' -c 'discard 8M 4M' d.qcow2
ok "$QUAD" disk check d.qcow2
ok "$QUAD" disk convert d.qcow2 s.raw -O raw --snapshot one
cmp -n 20000256 a.raw s.raw || die "the snapshot changed"
ok qemu-img snapshot -c two d.qcow2
ok "$QUAD" disk snapshot d.qcow2 --apply one
ok qemu-img check d.qcow2
ok qemu-img compare -f raw -F qcow2 a.raw d.qcow2
ok "$QUAD" disk snapshot d.qcow2 --delete one
ok "$QUAD" disk snapshot d.qcow2 --delete two
ok qemu-img check d.qcow2
ok qemu-img compare -f raw -F qcow2 a.raw d.qcow2

# sizes
ok "$QUAD" disk resize d.qcow2 +10G
ok qemu-img check d.qcow2
fails 2 shrink "$QUAD" disk resize d.qcow2 10M
ok "$QUAD" disk resize d.qcow2 10M --shrink
ok qemu-img check d.qcow2

# what must not be done
fails 1 "exists already" "$QUAD" disk create d.qcow2 1G
fails 2 "did you mean\|knows no" "$QUAD" disk creat d.qcow2 1G
qemu-io -c 'sleep 4000' b.qcow2 >/dev/null 2>&1 &
sleep 1
fails 1 "in use" "$QUAD" disk resize b.qcow2 +1M
kill $! 2>/dev/null

# damage: found, named, and repaired where it can be
ok "$QUAD" disk create f.qcow2 10M
ok qemu-io -c 'write 0 1M' f.qcow2
printf '\0\0' | dd of=f.qcow2 bs=1 seek=131082 conv=notrunc 2>/dev/null # a refcount
fails 1 "is corrupt" "$QUAD" disk check f.qcow2
ok "$QUAD" disk check f.qcow2 --repair
ok qemu-img check f.qcow2
ok "$QUAD" disk check f.qcow2
exit 0
