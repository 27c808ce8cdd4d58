# SPDX-License-Identifier: GPL-2.0-or-later
#
# zone.sh: for the test scripts of quad-oci:  . test/lib/zone.sh
#
#   bundle NAME            make $b=$TEST_TMP/NAME with a busybox root, and enter it
#   config                 write config.json from the variables below
#   run ID ...             quad-oci run; output in $out, status in $rc
#   in_c SCRIPT            config with `sh -c SCRIPT`, then run; output in $out
#   want REGEX, never REGEX, ends CODE       about $out and $rc
#   ok CMD..., no CMD...   the command must succeed, must fail (its output in $out)
#
# config.json is text with holes; each variable holds JSON and starts empty (or as said):
#   ARGS  process.args (array)      PROC  further members of process (",..." )
#   CAPS  three names               NS    linux.namespaces (five new ones)
#   MOUNTS further mounts (",..." ) LINUX further members of linux (",..." )
#   TOP   further members           RES   linux.resources (device rules)
#   ROOT  members of root

[ "${QUAD_ZONE_NOROOT:-}" ] || [ "$(id -u)" = 0 ] || {
    echo "skip: needs root"
    exit 77
}
skip() {
    echo "skip: $*"
    exit 77
}
die() {
    echo "FAILED: $*"
    [ -s "$out" ] && tail -n 40 "$out"
    exit 1
}

oci=${QUAD_OCI:-$PWD/${QUAD_BUILD:-build}/quad-oci}
case $oci in /*) ;; *) oci=$PWD/$oci ;; esac
[ -x "$oci" ] || oci=$QUAD_BUILD/quad-oci
[ -x "$oci" ] || skip "$oci is not built"
state=$TEST_TMP/state
out=$TEST_TMP/out
top=$PWD
rc=0
q() { "$oci" --root "$state" "$@"; }

# Whatever a test leaves running goes with it.
cleanup_zone() {
    for c_ in $("$oci" --root "$state" list -q 2>/dev/null); do
        "$oci" --root "$state" delete --force "$c_" 2>/dev/null
    done
}
trap 'cleanup_zone; umount -R "$TEST_TMP"/*/* 2>/dev/null' EXIT
trap 'exit 1' INT TERM

find_busybox() {
    for bb in build/guest/busybox/busybox /bin/busybox; do
        if [ -x "$bb" ] && "$bb" true && ! ldd "$bb" >/dev/null 2>&1; then
            case $bb in /*) ;; *) bb=$PWD/$bb ;; esac
            return
        fi
    done
    tools/fetch-kernel -q busybox >"$TEST_TMP/fetch" 2>&1 ||
        skip "no static busybox: $(tail -n 1 "$TEST_TMP/fetch")"
    bb=$PWD/build/guest/busybox/busybox
}

bundle() {
    cd "$top" || exit 1
    [ "${bb:-}" ] || find_busybox
    b=$TEST_TMP/$1
    mkdir -p "$b/rootfs/bin" "$b/rootfs/proc" "$b/rootfs/sys" "$b/rootfs/dev" "$b/rootfs/etc" \
        "$b/rootfs/tmp" "$b/rootfs/root"
    cp "$bb" "$b/rootfs/bin/busybox"
    for a_ in $("$bb" --list); do
        [ "$a_" = busybox ] || ln -sf busybox "$b/rootfs/bin/$a_"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$b/rootfs/etc/passwd"
    cd "$b" || exit 1
}

default_ns='{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}'
reset_config() {
    ARGS='["/bin/true"]' PROC= MOUNTS= LINUX= TOP= ROOT= TERMINAL=false NNP=true USERJ='"uid":0,"gid":0'
    CAPS='"CAP_AUDIT_WRITE","CAP_KILL","CAP_NET_BIND_SERVICE"'
    NS=$default_ns
    RES='"devices":[{"allow":false,"access":"rwm"}]'
    HOST=',"hostname":"zone"'
    MASKED='"/proc/acpi","/proc/asound","/proc/kcore","/proc/keys","/proc/latency_stats",
        "/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/sys/firmware"'
    READONLY='"/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"'
    SYSMOUNT='{"destination":"/sys","type":"sysfs","source":"sysfs",
        "options":["nosuid","noexec","nodev","ro"]}'
    CGMOUNT=',{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup",
        "options":["nosuid","noexec","nodev","relatime","ro"]}'
    PTSOPT='"nosuid","noexec","newinstance","ptmxmode=0666","mode=0620","gid=5"'
}
reset_config

config() {
    cat >config.json <<END
{"ociVersion":"1.0.2",
"process":{"terminal":$TERMINAL,"user":{$USERJ},"args":$ARGS,
 "env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","TERM=xterm"],
 "cwd":"/","capabilities":{"bounding":[$CAPS],"effective":[$CAPS],"permitted":[$CAPS]},
 "noNewPrivileges":$NNP$PROC},
"root":{"path":"rootfs"$ROOT}$HOST,
"mounts":[
 {"destination":"/proc","type":"proc","source":"proc"},
 {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755","size=65536k"]},
 {"destination":"/dev/pts","type":"devpts","source":"devpts","options":[$PTSOPT]},
 {"destination":"/dev/shm","type":"tmpfs","source":"shm","options":["nosuid","noexec","nodev","mode=1777","size=65536k"]},
 {"destination":"/dev/mqueue","type":"mqueue","source":"mqueue","options":["nosuid","noexec","nodev"]},
 $SYSMOUNT$CGMOUNT$MOUNTS],
"linux":{"namespaces":[$NS],"resources":{$RES},
 "maskedPaths":[$MASKED],"readonlyPaths":[$READONLY]$LINUX}$TOP}
END
}

# A string as JSON.
js() { printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/\t/\\t/g' | awk 'NR>1{printf "\\n"}{printf "%s",$0}'; }

run() {
    rc=0
    q run "$@" >"$out" 2>&1 </dev/null || rc=$?
}
in_c() {
    ARGS="[\"/bin/sh\",\"-c\",\"$(js "$1")\"]"
    config
    run "t$$"
}
want() { grep -Eq -- "$1" "$out" || die "\"$1\" is missing${2:+ ($2)}"; }
never() { ! grep -Eq -- "$1" "$out" || die "\"$1\" is there${2:+ ($2)}"; }
ends() { [ "$rc" = "$1" ] || die "exit status $rc instead of $1${2:+ ($2)}"; }
ok() { "$@" >"$out" 2>&1 </dev/null || die "failed: $*"; }
no() { ! "$@" >"$out" 2>&1 </dev/null || die "did not fail: $*"; }
is() { [ "$1" = "$2" ] || die "\"$1\" instead of \"$2\"${3:+ ($3)}"; }
status() { q state "$1" | sed -n 's/.*"status": "\(.*\)".*/\1/p'; }
cpid() { q state "$1" | sed -n 's/.*"pid": \([0-9]*\).*/\1/p'; }
# wait_for CMD...: until it succeeds, at most 10 s
wait_for() {
    for w_ in $(seq 1 200); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    die "never: $*"
}
stopped() { [ "$(status "$1")" = stopped ]; }
# A static helper program from C source on standard input.
helper() {
    command -v "${CC:-cc}" >/dev/null || skip "no C compiler for the helper $1"
    "${CC:-cc}" -O1 -static -D_GNU_SOURCE -x c -o "$TEST_TMP/$1" - || die "helper $1 does not compile"
}
