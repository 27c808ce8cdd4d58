#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel under the Xen PV interface with a disk and a card: it mounts ext4 from a qcow2 image,
# writes, trims, unmounts; gets a file from this host both ways; afterwards image and file system are
# sound and the data is there. Two vCPUs, so both have two queues.
#
# test-timeout: 600
# test-engines: jit
. "$TEST_LIB/boot.sh"
mode=para
for p in mke2fs e2fsck debugfs python3; do
    command -v $p >/dev/null || skip "no $p"
done
guest cloud
initrd --modules "$guests/cloud/root:xen-blkfront,xen-netfront,ext4,af_packet"

mkdir "$TEST_TMP/www" "$TEST_TMP/fs"
head -c 2000000 /dev/urandom | base64 -w 0 >"$TEST_TMP/www/data" # text: wget posts no other
sum=$(md5sum <"$TEST_TMP/www/data")
echo "from the disk" >"$TEST_TMP/fs/hello"
mke2fs -q -t ext4 -d "$TEST_TMP/fs" "$TEST_TMP/disk.raw" 96M >/dev/null 2>&1 || die mke2fs
"$QUAD" disk convert -f raw "$TEST_TMP/disk.raw" "$TEST_TMP/disk.qcow2" || die convert

python3 -u - "$TEST_TMP/www" >"$TEST_TMP/port" 2>/dev/null <<'SERVE' &
import functools, hashlib, http.server, sys
class H(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        body = (hashlib.md5(data).hexdigest() + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
s = http.server.HTTPServer(("127.0.0.1", 0), functools.partial(H, directory=sys.argv[1]))
print(s.server_port)
s.serve_forever()
SERVE
server=$!
trap 'kill $server 2>/dev/null' EXIT
while [ ! -s "$TEST_TMP/port" ]; do sleep 0.1; done
port=$(cat "$TEST_TMP/port")

run="set -e; rm -f /mnt/data; mount -t ext4 /dev/xvda /mnt; cat /mnt/hello"
run="$run; ip link set eth0 up; udhcpc -n -q -i eth0 -s /bin/true; ip addr add 10.0.2.15/24 dev eth0"
run="$run; wget -q -O /mnt/data http://10.0.2.2:$port/data; md5sum /mnt/data"
run="$run; wget -q -O - --post-file=/mnt/data http://10.0.2.2:$port/ | sed s/^/posted:/"
run="$run; dd if=/dev/zero of=/mnt/big bs=1M count=40; sync; rm /mnt/big; fstrim /mnt || true"
run="$run; umount /mnt; echo done-all"
quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --disk "$TEST_TMP/disk.qcow2" --cpus 2 \
    --nic user --append "console=hvc0 noreplace-smp quiet quad.run=\"$run\""
ends 0
want 'from the disk'
want "^${sum%% *}"
want "^posted:${sum%% *}"
want '^done-all'
never 'no sense|BUG:|WARNING:'
"$QUAD" disk check "$TEST_TMP/disk.qcow2" || die "the image is not sound"
"$QUAD" disk convert "$TEST_TMP/disk.qcow2" "$TEST_TMP/after.raw" -O raw || die convert
e2fsck -fn "$TEST_TMP/after.raw" || die "the file system is not clean"
debugfs -R "dump data $TEST_TMP/data" "$TEST_TMP/after.raw" 2>/dev/null
cmp "$TEST_TMP/data" "$TEST_TMP/www/data" || die "other data on the disk"
exit 0
