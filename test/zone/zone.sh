#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# quad run --mode zone and the life of zones: foreground, terminal, background, exec, cp, volumes, published
# ports, every limit changed live and measured, stop, start, snapshot, clone, revert, death of the
# host process, init zones, autostart, what is refused. No daemon runs at the end.
# test-timeout: 300
# test-alone: it publishes ports and measures limits
set -u
. test/lib/zone.sh
command -v nft >/dev/null || skip "nft is missing"
export QUAD_DATA_DIR="$TEST_TMP/data" QUAD_RUN_DIR="$TEST_TMP/qrun" NO_COLOR=1
quad() { "$QUAD" "$@"; }
end_zones() {
    for z_ in $(quad ls -q 2>/dev/null); do quad rm -f "$z_" >/dev/null 2>&1; done
    cleanup_zone
}
trap end_zones EXIT
bundle zone
mkdir -p rootfs/sbin rootfs/run rootfs/var
ln -sf ../bin/busybox rootfs/sbin/init
printf '::sysinit:/bin/touch /run/booted\n::respawn:/bin/sleep 1000\n::shutdown:/bin/true\n' >rootfs/etc/inittab
ok quad image import rootfs bb
want 'mode zone'
# in: exec in zone w
in_w() { quad exec w -- sh -c "$1"; }

# ---- foreground: streams, status, nothing kept
echo 'from outside' | quad run bb --mode zone --rm -- sh -c 'read x; echo "got $x"; id -u; hostname; exit 7' >"$out" 2>&1
is $? 7
want '^got from outside$'
want '^0$'
want '^bb-[0-9]+$'
is "$(quad ls -q)" ""
rc=0
quad run bb --mode zone --rm -- nosuch >"$out" 2>&1 || rc=$?
ends 1
want 'nosuch'
[ ! -e "$QUAD_RUN_DIR/zones/bb" ] && [ -z "$(ls "$QUAD_RUN_DIR/zones")" ] || die "state is left"
if command -v script >/dev/null; then
    timeout 60 script -qec "$QUAD run bb --mode zone -it --rm -- sh -c 'tty; echo done'" /dev/null >"$out" 2>&1 </dev/null
    want '/dev/(pts/0|console)'
    want done
fi
# auto takes a zone where the image has no kernel
quad run bb --rm -e A=B -w /tmp --run-as 7:8 -- sh -c 'echo $A; pwd; id -u; id -g; cat /proc/self/uid_map' >"$out" 2>&1
want '^B$'
want '^/tmp$'
want '^7$'
want '^8$'
want '0 1000000000 +65536'
# what a zone cannot have
no quad run bb --mode zone --kernel /vmlinuz
want "this host's kernel"
no quad run bb --mode zone --share nothing:/x -- true
want 'volume nothing'
no quad run nothing --mode zone
want 'no image "nothing"'
no quad run bb --mode zone --brand linux-99.1 -- true
want 'cannot be newer'
quad rm -f bb >/dev/null 2>&1

# ---- two processes, a volume, a published port
mkdir -p vol
echo outside >vol/in
port=18$((100 + $$ % 800))
ok quad run -d --name w bb --mode zone --share "$PWD/vol:/vol" --forward "127.0.0.1:$port:80" -- \
    sh -c 'trap "exit 5" TERM; mkdir -p /www; echo page >/www/index.html; httpd -p 80 -h /www; while :; do sleep 0.1; done'
page() { [ "$(timeout 5 "$bb" wget -qO- "http://127.0.0.1:$port/" 2>/dev/null)" = "${1:-page}" ]; }
wait_for page
quad ls >"$out"
want "^w +running +zone .* $port->80"
quad stat w >"$out"
want '^stage: running'
want '^address: 10\.'
is "$(in_w 'cat /vol/in')" outside
in_w 'echo inside >/vol/out'
is "$(cat vol/out)" inside
is "$(stat -c %u vol/out)" 0 "root of the zone is the volume's root"
[ "$(in_w 'ls -d /proc/[0-9]*' | wc -l)" -ge 4 ] || die "processes"
rc=0
in_w 'exit 9' || rc=$?
ends 9
is "$(echo pipe | quad exec w -- cat)" pipe
is "$(quad exec -u 12:13 w -- id -u)" 12
mkdir -p site/sub
echo hi >site/sub/f
ok quad cp site w:/tmp
is "$(in_w 'cat /tmp/site/sub/f; stat -c %u /tmp/site')" "hi
0"
mkdir -p got
ok quad cp w:/tmp/site got
is "$(cat got/site/sub/f)" hi
in_w 'ln -s / /tmp/up'
no quad cp w:/tmp/nothing got
# no more in the host process than one process for all, none for each
pid=$(quad stat w | sed -n 's/^pid: //p')
ok quad run -d --name v bb --mode zone --net none -- sleep 1000
is "$(quad stat v | sed -n 's/^pid: //p')" "$pid" "one host process"
is "$(ps -o pid= --ppid "$pid" | wc -l)" 2 "its children are the zones themselves"

# ---- every limit, live; measured within 5 %
set_() { ok quad set "$@"; }
val() { # controller, v1 file, v2 file
    if [ -e "/sys/fs/cgroup/$1/quad/w/$2" ]; then cat "/sys/fs/cgroup/$1/quad/w/$2"; else cat "/sys/fs/cgroup/quad/w/$3"; fi
}
set_ w memory=32M swap=8M cpu-cap=30 cpu_share=50 processes=40 io-ops=500 io_rate=10M net-rate=4M
is "$(val memory memory.limit_in_bytes memory.max)" 33554432
is "$(val pids pids.max pids.max)" 40
rc=0
in_w 'i=0; while [ $i -lt 60 ]; do sleep 1 & i=$((i+1)); done' >/dev/null 2>"$out" || rc=$?
grep -q 'fork' "$out" || die "processes are not limited"
sleep 1.5 # those are gone then
# memory: what is beyond it is killed, what is below lives
quad exec w -- sh -c 'head -c 60000000 /dev/zero | tail -c 55000000 >/dev/null' >/dev/null 2>&1 && die "memory is not limited"
ok quad exec w -- sh -c 'head -c 9000000 /dev/zero | tail -c 8000000 >/dev/null'
if [ "${QUAD_LONG:-}" ]; then # the rest is measured by the clock
used() { val cpuacct cpuacct.usage cpu.stat | awk '/usage_usec/ {print $2 * 1000; d = 1} NR == 1 && !/ / {v = $1} END {if (!d) print v}'; }
in_w 'while :; do :; done' >/dev/null 2>&1 &
hog=$!
sleep 1
share() { # percent of one processor over 4 s of the zone's time
    u0=$(used) t0=$(date +%s%N)
    sleep 4
    u1=$(used) t1=$(date +%s%N)
    echo $(((u1 - u0) * 1000 / (t1 - t0)))
}
within() { # VALUE WANTED: per mille of a processor
    [ "$1" -ge $(($2 * 95 / 100)) ] && [ "$1" -le $(($2 * 105 / 100)) ]
}
s=$(share)
echo "cpu-cap=30: $s per mille"
[ "$s" -le 315 ] || die "cpu-cap 30: $s per mille"
within "$s" 300 || echo "note: the host is too busy for the whole share"
set_ w cpu-cap=10
s=$(share)
echo "cpu-cap=10: $s per mille"
[ "$s" -le 105 ] || die "cpu-cap 10: $s per mille"
in_w "kill \$(ps | awk '/while :; do :; done/ {print \$1}')" 2>/dev/null
kill $hog 2>/dev/null
set_ w cpu-cap=0
# network: 4 MiB/s each way, 12 MiB take 3 s
in_w 'head -c 12582912 /dev/zero >/www/big'
t0=$(date +%s%N)
timeout 60 "$bb" wget -qO "$TEST_TMP/big" "http://127.0.0.1:$port/big" || die "download"
ms=$((($(date +%s%N) - t0) / 1000000))
echo "net-rate=4M: 12 MiB in $ms ms"
[ $ms -ge 2850 ] || die "net-rate: 12 MiB in $ms ms"
[ $ms -le 3200 ] || echo "note: the host is too busy for the whole rate"
set_ w net-rate=0
t0=$(date +%s%N)
timeout 60 "$bb" wget -qO "$TEST_TMP/big" "http://127.0.0.1:$port/big" || die "download"
[ $((($(date +%s%N) - t0) / 1000000)) -le 2000 ] || die "net-rate=0 still limits"
# disk: 10 MiB/s, direct writes
if in_w 'dd if=/dev/zero of=/direct bs=1M count=1 oflag=direct' >/dev/null 2>&1; then
    t0=$(date +%s%N)
    in_w 'dd if=/dev/zero of=/direct bs=1M count=30 oflag=direct' >/dev/null 2>&1
    ms=$((($(date +%s%N) - t0) / 1000000))
    echo "io-rate=10M: 30 MiB in $ms ms"
    [ $ms -ge 2850 ] || die "io-rate: 30 MiB in $ms ms"
else
    echo "note: no direct writes here; the disk's rate is not measured"
fi
fi
# all or none, and refusals by name
no quad set w memory=64M nosuch=1
no quad set w memory=1
want 'not in'
no quad set w proceses=5
want 'did you mean processes'
is "$(quad set w | sed -n 's/^processes=//p')" 40
set_ w memory=0 swap=0 processes=0 io-rate=0 io-ops=0
is "$(quad set w | sed -n 's/^memory=//p')" 0

# ---- pause, snapshot, clone, stop, start, revert
ok quad pause w
is "$(quad ls --json | tr -d '\n' | sed 's/.*"name": "w",[^}]*"state": "\([a-z]*\)".*/\1/')" paused
ok quad resume w
in_w 'echo before >/mark'
ok quad zone snapshot w one
no quad zone snapshot w one
in_w 'echo after >/mark'
is "$(quad zone snapshots w)" one
ok quad zone clone w@one c1
ok quad zone clone w c2
no quad zone clone w c2
ok quad start c1 c2
is "$(quad exec c1 -- cat /mark)" before
is "$(quad exec c2 -- cat /mark)" after
quad exec c1 -- sh -c 'echo mine >/mark'
is "$(in_w 'cat /mark')" after
no quad zone revert w one
want 'runs'
quad zone ls >"$out"
want '^w +running +bb +- +10\.'
ok quad stop w
quad ls >"$out"
want '^w +stopped'
quad zone ls >"$out"
want '^w +installed +bb'
[ ! -d /sys/fs/cgroup/pids/quad/w ] && [ ! -d /sys/fs/cgroup/quad/w ] || die "groups are left"
! page || die "the port still answers"
ok quad start w
wait_for page
is "$(in_w 'cat /mark')" after
ok quad stop w
ok quad zone revert w one
ok quad start w
wait_for page
is "$(in_w 'cat /mark')" before
# the host process dies: the zones live on, the next one takes them over
init=$(quad stat w | sed -n 's/^init: //p')
kill -9 "$(quad stat w | sed -n 's/^pid: //p')"
sleep 0.3
page || die "the zone died with its host process"
ok quad start v
ok quad stat w
is "$(quad stat w | sed -n 's/^init: //p')" "$init" "the same zone"
is "$(in_w 'cat /mark')" before
page || die "no page after the take-over"
# restart
ok quad reset w
wait_for page
[ "$(quad stat w | sed -n 's/^init: //p')" != "$init" ] || die "not restarted"

# ---- a zone that boots an init; its console; states; autostart
ok quad run -d --name i bb --mode zone --init --autostart 2
wait_for quad exec i -- test -e /run/booted
is "$(quad exec i -- cat /proc/1/comm)" init
ok quad exec i -- hostname newname
is "$(quad exec i -- hostname)" newname
ok quad stop -t 20 i
ok quad zone autostart
wait_for quad exec i -- test -e /run/booted
# nothing is left
ok quad rm -f w v c1 c2 i
is "$(quad ls -q)" ""
is "$(ls "$QUAD_DATA_DIR/layers" 2>/dev/null)" "" "layers"
is "$(ls "$QUAD_RUN_DIR/zones")" "" "states"
ok quad image rm bb
wait_for sh -c "! kill -0 $(cat "$QUAD_RUN_DIR/.zones.lock" 2>/dev/null || echo 999999) 2>/dev/null"
echo "zone: ok"
