# SPDX-License-Identifier: GPL-2.0-or-later
#
# boot.sh: for test scripts that start guests:  . "$TEST_LIB/boot.sh"
#
#   guest NAME...          fetch what tools/fetch-kernel knows (or skip); sets guests=FOLDER
#   initrd OPTIONS...      make $initrd with our own init (tools/mkinitramfs options)
#   quad ARGS...           "$QUAD" run in full mode (or the one in $mode) with the engine under test; its output goes to
#                          the terminal and to $out; sets rc
#   converse ARGS...       the same, held by tools/expect with the script on standard input
#   version NAME           what uname -r says in it, as a regular expression
#   want REGEX, never REGEX     about $out
#   ends CODE              about rc
#   does CODE ARGS...      "$QUAD" with these arguments ends so; its output is in $out
#   fails CODE REGEX ARGS...    the same, and says so
#   serve FOLDER           a web server of the folder on the loopback address, until $server is killed; sets port.
#                          Who posts gets the MD5 sum of what came
#   ext4_disk FOLDER FILE SIZE    a raw image FILE that holds the folder; ext4_after IMAGE FILE: what the image
#                          holds now, raw, when both image and file system are sound

skip() {
    echo "skip: $*"
    exit 77
}
die() {
    echo "FAILED: $*"
    exit 1
}

[ -x "$QUAD" ] || skip "$QUAD is not built"
engine=${QUAD_ENGINE:-jit}
mode=full
out=$TEST_TMP/out
initrd=$TEST_TMP/initrd.cpio
guests=${QUAD_GUEST_DIR:-build/guest}

guest() {
    for g_; do
        tools/fetch-kernel -q "$g_" >"$TEST_TMP/fetch" 2>&1 || {
            cat "$TEST_TMP/fetch"
            skip "no guest $g_: $(tail -n 1 "$TEST_TMP/fetch")"
        }
    done
}

# version NAME: its release, as a regular expression
version() {
    sed 's/[+.]/\\&/g' "$guests/$1/version"
}

initrd() {
    guest busybox
    tools/mkinitramfs -o "$initrd" "$@"
}

quad() {
    rc=0
    echo "+ quad run $*"
    # what the guest says is shown as it comes, so that a timeout shows how far it got
    { "$QUAD" run --mode "$mode" --engine "$engine" "$@" </dev/null 2>&1 || printf '\nrc=%s\n' $?; } |
        tee "$out"
    case $(tail -n 1 "$out") in
    rc=*) rc=$(tail -n 1 "$out" | sed 's/^rc=//') ;;
    esac
}

converse() {
    echo "+ quad run $*"
    cat >"$TEST_TMP/script"
    tools/expect -v -l "$out" "$TEST_TMP/script" -- "$QUAD" run --mode "$mode" --engine "$engine" "$@"
}

want() {
    grep -Eq -- "$1" "$out" || die "the output has no /$1/"
}
never() {
    ! grep -E -- "$1" "$out" || die "the output has /$1/"
}
ends() {
    [ "$rc" = "$1" ] || die "exit code $rc, wanted $1"
}

does() {
    code_=$1 rc=0
    shift
    "$QUAD" "$@" >"$out" 2>&1 </dev/null || rc=$?
    echo "+ quad $*: $rc"
    cat "$out"
    ends "$code_"
}
fails() {
    regex_=$2
    fails_=$1
    shift 2
    does "$fails_" "$@"
    want "$regex_"
}

serve() {
    rm -f "$TEST_TMP/port"
    python3 -u - "$1" >"$TEST_TMP/port" 2>/dev/null <<'SERVE' &
import functools, hashlib, http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        body = (hashlib.md5(data).hexdigest() + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
print(s.server_port)
s.serve_forever()
SERVE
    server=$!
    until [ -s "$TEST_TMP/port" ]; do
        kill -0 "$server" || die "no web server"
        sleep 0.1
    done
    port=$(cat "$TEST_TMP/port")
}

ext4_disk() {
    mke2fs -q -t ext4 -d "$1" "$2" "$3" >/dev/null 2>&1 || die mke2fs
}
ext4_after() {
    "$QUAD" disk check "$1" || die "the image is not sound"
    "$QUAD" disk convert "$1" "$2" -O raw || die convert
    e2fsck -fn "$2" || die "the file system is not clean"
}
