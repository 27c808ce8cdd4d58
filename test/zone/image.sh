#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# quad image import: directories and archives as tar and find see them; container images as podman
# makes them (docker and OCI archives, OCI layouts; a layer that removes files), judged by what podman
# itself exports; damaged and hostile ones are refused and leave nothing.
# test-timeout: 200
set -u
. test/lib/zone.sh
export QUAD_DATA_DIR="$TEST_TMP/data"
images=$QUAD_DATA_DIR/images
quad() { "$QUAD" "$@"; }
fails() { # REGEX ARGS...: refused so, and nothing is left
    why=$1
    shift
    no quad image import "$@"
    want "$why"
    [ ! -e "$images/bad" ] || die "an image is left: $*"
    [ -z "$(ls -A "$images" | grep '^\.')" ] || die "remains: $(ls -A "$images")"
}
# one line for each file: kind, mode, owner, size of files, name, target of links
listing() { (cd "$1" && find . ! -path ./dev/\* \( -type f -printf '%y %m %U:%G %s %P %n\n' -o -printf '%y %m %U:%G - %P %l\n' \) | LC_ALL=C sort); }
same() {
    listing "$1" >"$TEST_TMP/la"
    listing "$2" >"$TEST_TMP/lb"
    diff "$TEST_TMP/la" "$TEST_TMP/lb" >"$out" || die "$2 differs from $1"
    (cd "$1" && find . -type f -exec sha256sum {} +) | LC_ALL=C sort >"$TEST_TMP/la"
    (cd "$2" && find . -type f -exec sha256sum {} +) | LC_ALL=C sort >"$TEST_TMP/lb"
    diff "$TEST_TMP/la" "$TEST_TMP/lb" >"$out" || die "contents of $2 differ from $1"
}
ok quad image ls
bundle img
mkdir -p tree/bin tree/deep/er tree/sticky tree/dev
cp rootfs/bin/busybox tree/bin/
ln -s busybox tree/bin/sh
ln tree/bin/busybox tree/hard
printf 'x%.0s' $(seq 1 200) >tree/deep/er/file
truncate -s 3M tree/hole
chmod 4755 tree/hard
chmod 1777 tree/sticky
chown 12:34 tree/deep/er/file
mkfifo tree/pipe
mknod tree/dev/sda b 8 0 2>/dev/null
touch -d '2001-02-03 04:05:06' tree/deep/er
ln -s /etc/passwd tree/abs
ok quad image import tree dir
want 'try: quad run dir --mode zone'
same tree "$images/dir/rootfs"
[ ! -e "$images/dir/rootfs/dev/sda" ] || die "a device was made"
is "$(stat -c %y "$images/dir/rootfs/deep/er" | cut -c1-19)" '2001-02-03 04:05:06'
[ "$(stat -c %b "$images/dir/rootfs/hole")" -lt 100 ] || die "the hole is filled"
for z in gzip xz zstd; do
    tar -C tree --$z -cf x.tar .
    ok quad image import --force x.tar tar
    same tree "$images/tar/rootfs"
done
ok quad image ls
want '^dir '
want '^tar '
# refused: what is no root, what is damaged, what is not there, a name that is none
echo nonsense >text
mkdir -p empty
fails 'no archive that is understood|damaged' text bad
fails 'no root file system' empty bad
head -c 5000 x.tar >cut.tar
fails 'damaged|understood|cut' cut.tar bad
fails 'No such file' nothing.tar bad
fails 'is no name' x.tar ../bad
fails 'already' x.tar tar
no quad run tar --mode full
want 'without a kernel of its own.*--mode zone'

# an OCI layout by hand: two layers, the second removes; digests by sha256sum
mkdir -p oci/blobs/sha256 l1/bin l1/gone/sub l2/gone
cp rootfs/bin/busybox l1/bin/
echo 1 >l1/gone/sub/a
echo 2 >l1/keep
echo 3 >l1/remove
echo 4 >l2/gone/b
touch l2/gone/.wh..wh..opq l2/.wh.remove
blob() { # FILE: into the layout, its digest
    d_=$(sha256sum <"$1" | cut -d' ' -f1)
    cp "$1" "oci/blobs/sha256/$d_"
    echo "sha256:$d_"
}
tar -C l1 -cf l1.tar .
tar -C l2 -cf l2.tar .
id1=sha256:$(sha256sum <l1.tar | cut -d' ' -f1) id2=sha256:$(sha256sum <l2.tar | cut -d' ' -f1)
gzip -k l1.tar
zstd -q l2.tar 2>/dev/null || { cp l2.tar l2.tar.zst; }
layout() { # ARCH OS
    echo '{"imageLayoutVersion":"1.0.0"}' >oci/oci-layout
    echo "{\"architecture\":\"$1\",\"os\":\"$2\",\"config\":{\"Cmd\":[\"/bin/busybox\",\"true\"],\"Env\":[\"A=B\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"$id1\",\"$id2\"]}}" >c.json
    b1=$(blob l1.tar.gz) b2=$(blob l2.tar.zst) bc=$(blob c.json)
    echo "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"$bc\",\"size\":1},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"$b1\",\"size\":1},{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+zstd\",\"digest\":\"$b2\",\"size\":1}]}" >m.json
    bm=$(blob m.json)
    echo "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"$bm\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}" >oci/index.json
}
arch=$("$QUAD" image ls --json | sed -n 's/.*"architecture": "\(.*\)".*/\1/p' | head -n 1)
arch=${arch:-$(case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac)}
layout "$arch" linux
ok quad image import oci lay --tag v1
want 'from 2 layers'
r=$images/lay/rootfs
[ -e "$r/gone/b" ] && [ -e "$r/keep" ] && [ ! -e "$r/gone/sub" ] && [ ! -e "$r/remove" ] || die "layers"
grep -q '"A=B"' "$images/lay/image.json" || die "its configuration"
tar -C oci -cf oci.tar .
ok quad image import oci.tar lay2
same "$r" "$images/lay2/rootfs"
fails 'no "v2"' oci bad --tag v2
# one byte of a layer, of the manifest: not what the digest says
cp -a oci good
printf X | dd of="oci/blobs/sha256/${b1#sha256:}" bs=1 seek=20 conv=notrunc 2>/dev/null
fails 'not what the image says' oci bad
rm -r oci && cp -a good oci
echo ' ' >>"oci/blobs/sha256/${bm#sha256:}"
fails 'not what the image says' oci bad
rm -r oci && cp -a good oci
# a blob that is a link out of the layout
mv "oci/blobs/sha256/${b1#sha256:}" l1.blob
ln -s "$PWD/l1.blob" "oci/blobs/sha256/${b1#sha256:}"
fails "the image's blobs" oci bad
rm -r oci && mkdir -p oci/blobs/sha256
layout "$arch" freebsd
fails 'machine only .--mode full' oci bad
layout s390x linux
fails 'is for s390x' oci bad
[ "$arch" = s390x ] || ok quad image import oci other --arch s390x

# what podman saves
if command -v podman >/dev/null && command -v conmon >/dev/null; then
    mkdir -p "$TEST_TMP/pg" "$TEST_TMP/pr"
    p() {
        podman --root "$TEST_TMP/pg" --runroot "$TEST_TMP/pr" --tmpdir "$TEST_TMP/pt" --cgroup-manager cgroupfs \
            --events-backend file --runtime "$oci" "$@"
    }
    trap 'p rm -fa -t 0 >/dev/null 2>&1; umount "$TEST_TMP"/pg/overlay 2>/dev/null; cleanup_zone' EXIT
    if tar -C rootfs -c . | p import - localhost/base >"$out" 2>&1; then
        ok p run --name change --network none localhost/base sh -c \
            'rm /bin/vi; rm -r /tmp; mkdir /tmp; echo n >/tmp/new; ln /bin/busybox /bin/linked; chown 5:6 /etc/passwd; chmod 4711 /bin/busybox'
        ok p commit --change 'CMD ["sh","-c","echo from image"]' --change 'USER 7:8' change localhost/both
        mkdir judge
        p export change | tar -C judge -x || die "podman export"
        for form in docker-archive oci-archive docker-dir oci-dir; do
            case $form in docker-dir) continue ;; oci-dir) o=saved ;; *) o=$form.tar ;; esac
            ok p save --format $form -o $o localhost/both
            ok quad image import $o $form
            # podman's export has the mount points that its run made
            for d in dev proc sys run etc tmp; do rm -rf "judge/$d/.containerenv"; done
            listing judge | grep -vE ' (etc/(hosts|hostname|resolv.conf|mtab)|run.*|sys|proc|dev|etc|tmp|root|bin|) ?[0-9]*$' >"$TEST_TMP/la"
            listing "$images/$form/rootfs" | grep -vE ' (etc/(hosts|hostname|resolv.conf|mtab)|run.*|sys|proc|dev|etc|tmp|root|bin|) ?[0-9]*$' >"$TEST_TMP/lb"
            diff "$TEST_TMP/la" "$TEST_TMP/lb" >"$out" || die "$form is not what podman exports"
            [ -s "$TEST_TMP/lb" ] || die "an empty list"
            grep -q 'echo from image' "$images/$form/image.json" || die "$form: configuration"
        done
    else
        echo "note: podman import: $(tail -n 1 "$out" | cut -c1-100)"
    fi
fi
# a disk as quad image build makes it: its root is a zone's, and the disk stays as it is
PATH=$PATH:/sbin:/usr/sbin
if command -v sfdisk >/dev/null && command -v mke2fs >/dev/null && [ -e /dev/loop-control ]; then
    export QUAD_RUN_DIR="$TEST_TMP/qrun"
    mkdir -p "$images/disk" rootfs/etc
    ln -sf ../run/resolve/stub.conf rootfs/etc/resolv.conf
    truncate -s 24M "$images/disk/disk.raw"
    printf 'label: gpt\nstart=2048, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n' | sfdisk -q "$images/disk/disk.raw" || die sfdisk
    mke2fs -q -F -t ext4 -d rootfs -E offset=1048576 "$images/disk/disk.raw" 20M || die mke2fs
    echo '{"source":"hand","built":"now","disk":"disk.raw","format":"raw"}' >"$images/disk/image.json"
    sum=$(sha256sum <"$images/disk/disk.raw")
    ok quad run disk --mode zone --rm --net none -- sh -c 'echo on >/made; cat /made; id -u'
    want '^on$'
    is "$(sha256sum <"$images/disk/disk.raw")" "$sum" "the disk"
    [ -z "$(losetup -a 2>/dev/null | grep "$images")" ] || die "a loop device is left"
    # one without such a partition needs its own kernel
    truncate -s 0 "$images/disk/disk.raw" && truncate -s 24M "$images/disk/disk.raw"
    no quad run disk --mode zone --rm -- true
    want 'needs a kernel of its own; try: quad run disk --mode full'
    ok quad image rm disk
fi
ok quad image rm dir tar
echo "image: ok"
