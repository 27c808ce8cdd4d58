#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test-alone: control groups are the whole host's, and the others make and remove some
#
# Limits hold, are changed while the container runs, and are rolled back where one is refused;
# device rules; freezer; cgroupsPath; nothing is left. On whatever cgroup layout the host has.
set -u
. test/lib/zone.sh
bundle lim

# file FILE_V1 FILE_V2: what the container's group says
cg() {
    for d in $(sed 's/.*:\([^:]*\):\(.*\)/\1 \2/; s/^ /unified /' "/proc/$p/cgroup" | awk '{print $1":"$2}'); do
        c=${d%%:*} path=${d#*:}
        for m in "/sys/fs/cgroup/$c$path" "/sys/fs/cgroup/unified$path" "/sys/fs/cgroup$path"; do
            for f in "$@"; do
                [ -e "$m/$f" ] && cat "$m/$f" && return
            done
        done
    done
    echo none
}
has_ctrl() { [ -d "/sys/fs/cgroup/$1" ] || grep -qw "$2" /sys/fs/cgroup/cgroup.controllers 2>/dev/null; }

RES='"devices":[{"allow":false,"access":"rwm"}],"memory":{"limit":67108864,"reservation":33554432},"cpu":{"shares":512,"quota":20000,"period":100000},"pids":{"limit":20}'
ARGS='["/bin/sleep","1000"]' config
ok q run -d a
p=$(cpid a)
has_ctrl memory memory && is "$(cg memory.limit_in_bytes memory.max)" 67108864
has_ctrl memory memory && is "$(cg memory.soft_limit_in_bytes memory.low)" 33554432
has_ctrl pids pids && is "$(cg pids.max)" 20
if has_ctrl cpu cpu; then
    v=$(cg cpu.cfs_quota_us cpu.max)
    case $v in 20000 | '20000 100000') ;; *) die "quota $v" ;; esac
fi

# pids: the 21st process is refused
if has_ctrl pids pids; then
    q exec a sh -c 'for i in $(seq 30); do sleep 5 & done' >/dev/null 2>&1
    [ "$(cg pids.current)" -le 20 ] || die "pids.current $(cg pids.current)"
    q exec a sh -c 'killall sleep' >/dev/null 2>&1
    ok q delete --force a
    ok q run -d a
    p=$(cpid a)
fi
# CPU: 20 % of one processor, within 5 %
if has_ctrl cpu cpu && has_ctrl cpuacct cpu; then
    q exec -d a sh -c 'while :; do :; done'
    sleep 1
    t0=$(cg cpuacct.usage 2>/dev/null || echo none)
    if [ "$t0" != none ]; then
        n0=$(date +%s%N)
        sleep 3
        t1=$(cg cpuacct.usage)
        n1=$(date +%s%N)
        share=$(((t1 - t0) * 1000 / (n1 - n0)))
        echo "cpu: $share/1000 of one processor where 200 are allowed"
        [ "$share" -le 210 ] || die "CPU share $share/1000"
    fi
    # live change; the share follows
    ok q update --cpu-quota 50000 --cpu-period 100000 a
    v=$(cg cpu.cfs_quota_us cpu.max)
    case $v in 50000 | '50000 100000') ;; *) die "quota $v" ;; esac
fi
# memory: the process that takes more is killed, the container lives
if has_ctrl memory memory; then
    rc=0
    q exec a sh -c 'head -c 200m /dev/zero | tail' >/dev/null 2>&1 || rc=$?
    [ $rc != 0 ] || die "200 MB fit in 64"
    is "$(status a)" running
    ok q update --memory 134217728 a
    is "$(cg memory.limit_in_bytes memory.max)" 134217728
    # atomic: the second value is refused, the first is put back
    echo '{"memory":{"limit":150994944},"cpu":{"quota":1,"period":3}}' >r.json
    no q update -r r.json a
    is "$(cg memory.limit_in_bytes memory.max)" 134217728 "rolled back"
    echo '{"pids":{"limit":33}}' | q update -r - a || die "update from standard input"
    is "$(cg pids.max)" 33
    ok q update --memory -1 --pids-limit -1 a
    is "$(cg pids.max)" max
    echo '{"memory":{"limit":1048576,"checkBeforeUpdate":true}}' >r.json
    q exec -d a sh -c 'head -c 20m /dev/zero | tail | sleep 100'
    sleep 1
    no q update -r r.json a
    want 'in use'
fi
no q update --memory nonsense a
no q update --pids-limit 99999999999999999999 a
ok q events --stats a
want '"memory":\{"usage":\{"usage":[1-9]'
want '"pids":\{"current":[1-9]'

# freeze: no progress; delete --force of a frozen container
q exec -d a sh -c 'while :; do echo x >>/tmp/progress; sleep 0.01; done'
wait_for test -s rootfs/tmp/progress
ok q pause a
s0=$(wc -c <rootfs/tmp/progress)
sleep 0.3
is "$(wc -c <rootfs/tmp/progress)" "$s0" "frozen"
ok q delete --force a
[ -z "$(ls "$state")" ] || die "state left"
find /sys/fs/cgroup -name a -type d | grep . && die "cgroups left"

# cgroupsPath: absolute, nested, relative; the container sees its own part only; removed again
LINUX=',"cgroupsPath":"/quad-test/deep/one"' RES='"pids":{"limit":5}' ARGS='["/bin/sleep","100"]' config
ok q run -d a
grep -q '/quad-test/deep/one' "/proc/$(cpid a)/cgroup" || die "cgroupsPath"
p=$(cpid a)
is "$(cg pids.max)" 5
ok q exec a sh -c 'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; true'
want '^5$' "the container sees its own group"
ok q delete --force a
find /sys/fs/cgroup -path '*quad-test*' -name one | grep . && die "cgroups left"
find /sys/fs/cgroup -depth -path '*quad-test*' -type d -exec rmdir {} + 2>/dev/null
reset_config
NS=$default_ns',{"type":"cgroup"}'
in_c 'cat /proc/self/cgroup'
want ':/$'
reset_config
# what the host has not, only where it is asked
RES='"hugepageLimits":[{"pageSize":"3MB","limit":1}]' in_c true
ends 1
RES='"hugepageLimits":[{"pageSize":"x","limit":1}]' in_c true
ends 1
want 'page size'
RES='"unified":{"../x.y":"1"}' in_c true
ends 1
RES='"unified":{"no.such":"1"}' in_c true
ends 1
RES='"memory":{"limit":20000000,"swap":10000000}' in_c true
ends 1
want 'swap'
reset_config
# managers: none at all; systemd where there is none
config
ok q --cgroup-manager disabled run m
if [ ! -S /run/systemd/private ]; then
    no q --systemd-cgroup run m
    want systemd
fi
[ -z "$(ls "$state")" ] || die "state left"

# kill --all reaches every process of a container without a pid namespace
NS='{"type":"mount"}' HOST= ARGS='["/bin/sh","-c","sleep 1000 & sleep 1000 & wait"]' config
ok q run -d n
wait_for sh -c "[ \$('$oci' --root '$state' ps --format json n | tr ',' '\n' | wc -l) = 3 ]"
all=$(q ps --format json n | tr -d '[]' | tr ',' ' ')
ok q kill --all n KILL
for x in $all; do
    for i in $(seq 100); do
        grep -q '^State:	[^Z]' "/proc/$x/status" 2>/dev/null || break
        sleep 0.02
    done
    grep -q '^State:	[^Z]' "/proc/$x/status" 2>/dev/null && die "process $x survives"
done
ok q delete --force n
echo "limits: ok"
