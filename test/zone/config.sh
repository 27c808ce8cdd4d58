#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test-alone: control groups are the whole host's, and the others make and remove some
#
# Every section of config.json that Linux has, by what a process inside sees. [OCI config]
set -u
. test/lib/zone.sh
bundle config

# root.readonly, hostname, domainname
ROOT=',"readonly":true' HOST=',"hostname":"zone1","domainname":"example.org"'
touch f0
MOUNTS=',{"destination":"/made-for-it","type":"bind","source":"'$b'/f0","options":["bind"]}'
in_c 'hostname; cat /proc/sys/kernel/domainname; touch /x 2>&1'
want '^zone1$'
want '^example.org$'
want 'Read-only file system'
reset_config
in_c 'touch /x && echo writable'
want writable

# process: user, groups, umask, cwd (made where missing), env, args
USERJ='"uid":1000,"gid":1001,"additionalGids":[5,6],"umask":63'
PROC=',"oomScoreAdj":300'
in_c 'id -u; id -g; id -G; umask; cat /proc/self/oom_score_adj; echo home=$HOME'
want '^1000$'
want '^1001$'
want '^1001 5 6$'
want '^0077$'
want '^300$'
want '^home=/$'
reset_config
ARGS='["/bin/pwd"]' config
sed -i 's|"cwd":"/"|"cwd":"/new/dir"|' config.json
run cwd
want '^/new/dir$'
[ -d rootfs/new/dir ] || die "cwd is not made"
sed -i 's|/new/dir|relative|' config.json
run cwd
ends 1
want 'absolute'
reset_config
in_c 'echo home=$HOME'
want 'home=/root'

# terminal needs a socket where nobody waits
TERMINAL=true
config
no q create tty
want 'console-socket'
reset_config

# rlimits
PROC=',"rlimits":[{"type":"RLIMIT_NOFILE","soft":100,"hard":200},{"type":"RLIMIT_CORE","soft":0,"hard":18446744073709551615}]'
in_c 'ulimit -S -n; ulimit -H -n; grep -E "core" /proc/self/limits'
want '^100$'
want '^200$'
want 'Max core file size +0 '
PROC=',"rlimits":[{"type":"RLIMIT_NONSENSE","soft":1,"hard":1}]'
in_c true
ends 1
want 'RLIMIT_NONSENSE'
PROC=',"rlimits":[{"type":"RLIMIT_CORE","soft":0,"hard":0},{"type":"RLIMIT_CORE","soft":0,"hard":0}]'
in_c true
ends 1
want 'twice'
reset_config

# capabilities: the five sets; unknown ones are ignored with a word
config
caps='"bounding":["CAP_CHOWN","CAP_KILL","CAP_NET_RAW"],"permitted":["CAP_CHOWN","CAP_KILL"],"effective":["CAP_CHOWN"],"inheritable":["CAP_KILL"],"ambient":["CAP_KILL"]'
USERJ='"uid":7,"gid":7'
ARGS='["/bin/grep","Cap","/proc/self/status"]'
config
sed -i 's|"capabilities":{[^}]*}|"capabilities":{'"$caps"'}|' config.json
run caps
want 'CapInh:	0000000000000020'
want 'CapPrm:	0000000000000020' 'ambient for another user'
want 'CapBnd:	0000000000002021'
want 'CapAmb:	0000000000000020'
reset_config
CAPS='"CAP_KILL","CAP_FLY"' in_c 'grep CapBnd /proc/self/status'
want 'unknown capability CAP_FLY'
want 'CapBnd:	0000000000000020'
reset_config
config
sed -i 's|"capabilities":{[^}]*},||' config.json
ARGS= run nocaps
ends 0

# noNewPrivileges
in_c 'grep NoNewPrivs /proc/self/status'
want 'NoNewPrivs:	1'
NNP=false in_c 'grep NoNewPrivs /proc/self/status'
want 'NoNewPrivs:	0'
reset_config

# scheduler, ioPriority, personality, affinity for exec
PROC=',"scheduler":{"policy":"SCHED_BATCH","nice":5},"ioPriority":{"class":"IOPRIO_CLASS_BE","priority":6}'
LINUX=',"personality":{"domain":"LINUX32"}'
in_c 'cut -d" " -f 19,41 /proc/self/stat; ionice -p $$; uname -m'
want '^5 3$'
want 'best-effort: prio 6'
want 'i686'
PROC=',"scheduler":{"policy":"SCHED_FIFO","nice":0,"runtime":5}'
in_c true
ends 1
want 'SCHED_DEADLINE'
reset_config
PROC=',"execCPUAffinity":{"initial":"0","final":"1"}' ARGS='["/bin/sleep","100"]' config
ok q run -d aff
if [ "$(nproc)" -ge 2 ]; then
    ok q exec aff grep Cpus_allowed_list /proc/self/status
    want '	1$'
fi
ok q delete --force aff
reset_config

# mounts: options, bind, rbind, recursive flags, tmpcopyup, propagation, sizes, relative destination
mkdir -p src/sub rootfs/copy rootfs/copyro && echo r >rootfs/copyro/r && echo data >src/f && echo image >rootfs/copy/h
chmod 751 rootfs/copy
mount -t tmpfs tmpfs src/sub && echo deep >src/sub/g
MOUNTS=',{"destination":"/b","type":"bind","source":"'$b'/src","options":["rbind","ro","nosuid"]},
{"destination":"/r","type":"bind","source":"'$b'/src","options":["rbind","rro"]},
{"destination":"/n","type":"none","source":"'$b'/src","options":["bind"]},
{"destination":"/file","type":"bind","source":"'$b'/src/f","options":["bind"]},
{"destination":"/copy","type":"tmpfs","source":"tmpfs","options":["tmpcopyup","size=1m","noexec"]},{"destination":"/copyro","type":"tmpfs","source":"tmpfs","options":["tmpcopyup","ro"]},
{"destination":"/rot","type":"tmpfs","source":"tmpfs","options":["ro"]},
{"destination":"rel/ative","type":"tmpfs","source":"tmpfs","options":["noatime","nodiratime","nosymfollow"]}'
in_c 'cat /b/f /b/sub/g /file /copy/h; stat -c %a /copy; touch /b/x; touch /b/sub/x && echo subw; touch /r/sub/x; ls /n/sub | wc -l; touch /rot/x; touch /n/y && echo nw
grep -E " /(b|copy|rel/ative) " /proc/self/mountinfo'
want '^data$'
want '^deep$'
want '^image$'
want '^751$'
want "/b/x: Read-only"
want '^subw$' 'ro of rbind is for the top mount'
want "/r/sub/x: Read-only" 'rro is for all'
want '^0$' 'bind is not recursive'
want "/rot/x: Read-only"
want '^nw$'
want ' /b ro,nosuid'
want ' /copy rw,noexec.* rw,size=1024k'
want ' /rel/ative rw,noatime,nodiratime,nosymfollow'
umount src/sub
MOUNTS=',{"destination":"/x","type":"bind","source":"/no/such/source","options":["bind"]}'
in_c true
ends 1
want '/no/such/source'
MOUNTS=',{"destination":"/mntx","type":"nosuchfs","source":"x"}'
in_c true
ends 1
want 'nosuchfs'
reset_config

# linux.devices, default devices, device rules
LINUX=',"devices":[{"path":"/dev/my/null","type":"c","major":1,"minor":3,"fileMode":432,"uid":5,"gid":6},{"path":"/dev/pipe","type":"p"}]'
RES='"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"r"}]'
CAPS='"CAP_MKNOD"' in_c 'stat -c "%n %t:%T %a %u:%g" /dev/my/null /dev/zero; test -p /dev/pipe && echo pipe; readlink /dev/fd; readlink /dev/ptmx; mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg; mknod /tmp/d b 254 0 && cat /tmp/d'
want '/dev/my/null 1:3 660 5:6'
want '/dev/zero 1:5 666 0:0'
want '^pipe$'
want '/proc/self/fd'
want 'kmsg.*Operation not permitted'
want '/tmp/d.*Operation not permitted'
reset_config
rm -f rootfs/tmp/*

# namespaces: each kind new; none at all; joined by path; twice is an error
for kind in pid network ipc uts mount cgroup user time; do
    NS=$default_ns
    case $kind in
    cgroup | time) NS=$NS',{"type":"'$kind'"}' ;;
    user)
        NS=$NS',{"type":"user"}'
        LINUX=',"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],"gidMappings":[{"containerID":0,"hostID":100000,"size":65536}]'
        chmod 755 "$TEST_TMP"
        ;;
    esac
    file=$kind
    case $kind in network) file=net ;; mount) file=mnt ;; esac
    in_c "readlink /proc/self/ns/$file"
    ends 0 "$kind"
    never "^$(readlink /proc/self/ns/$file | sed 's/[][]/\\&/g')\$" "$kind is new"
    reset_config
done
NS='{"type":"mount"},{"type":"pid"}' HOST=
in_c 'readlink /proc/self/ns/net; readlink /proc/self/ns/uts'
want "$(readlink /proc/self/ns/net | tr -d '[]' | sed 's/net:/net:./')"
NS='{"type":"mount"},{"type":"mount"}'
in_c true
ends 1
want twice
NS='{"type":"mount"},{"type":"bogus"}'
in_c true
ends 1
want bogus
reset_config
NS='{"type":"mount"},{"type":"pid"}'
in_c true
ends 1
want 'hostname needs a uts'
reset_config
ARGS='["/bin/sleep","100"]' config
ok q run -d peer
p=$(cpid peer)
NS='{"type":"mount"},{"type":"pid","path":"/proc/'$p'/ns/pid"},{"type":"network","path":"/proc/'$p'/ns/net"},{"type":"ipc","path":"/proc/'$p'/ns/ipc"},{"type":"uts","path":"/proc/'$p'/ns/uts"}'
in_c 'readlink /proc/self/ns/net; readlink /proc/self/ns/pid; ps'
want "$(readlink "/proc/$p/ns/net" | tr -d '[]' | sed 's/net:/net:./')"
want 'sleep 100'
ok q delete --force peer
reset_config

# user namespace: maps, files' owners through an id-mapped mount
NS=$default_ns',{"type":"user"}'
maps='"uidMappings":[{"containerID":0,"hostID":100000,"size":1000}],"gidMappings":[{"containerID":0,"hostID":100000,"size":1000}]'
mkdir -p own rootfs/id rootfs/plain rootfs/other && touch own/f && chown 0:0 own/f && chmod 755 "$TEST_TMP" "$b" own
LINUX=",$maps" MOUNTS=',{"destination":"/id","type":"bind","source":"'$b'/own","options":["bind","idmap"]},
{"destination":"/plain","type":"bind","source":"'$b'/own","options":["bind"]},
{"destination":"/other","type":"bind","source":"'$b'/own","options":["bind"],"uidMappings":[{"containerID":0,"hostID":100007,"size":10}],"gidMappings":[{"containerID":0,"hostID":100007,"size":10}]}'
in_c 'cat /proc/self/uid_map; stat -c "%n %u" /id/f /plain/f /other/f; echo x >/dev/null && echo devok; id -u'
if grep -q 'not every file system can' "$out"; then
    echo "note: the file system of $TEST_TMP cannot be id-mapped by this kernel"
else
    ends 0
    want ' 0 +100000 +1000'
    want '/id/f 0'
    want '/plain/f 65534'
    want '/other/f 7'
    want devok
fi
# without maps its root is who makes it
LINUX= MOUNTS=
in_c 'cat /proc/self/uid_map'
ends 0
want ' 0 +0 +1$'
reset_config

# timeOffsets
NS=$default_ns',{"type":"time"}' LINUX=',"timeOffsets":{"boottime":{"secs":1000000},"monotonic":{"secs":500000}}'
in_c 'cut -d. -f1 /proc/uptime'
[ "$(head -n 1 "$out")" -gt 1000000 ] || die "uptime $(head -n 1 "$out")"
reset_config

# netDevices: moved and renamed, with its address; loopback is up
if ip link add qv0 type veth peer name qv1 2>/dev/null; then
    ip addr add 10.99.7.1/24 dev qv0
    LINUX=',"netDevices":{"qv0":{"name":"eth7"}}'
    in_c 'ip addr show eth7; ip addr show lo'
    ip link del qv1 2>/dev/null
    want '10.99.7.1/24'
    want 'eth7.*UP'
    want 'LOOPBACK,UP'
    LINUX=',"netDevices":{"nosuch0":{}}'
    in_c true
    ends 1
    want nosuch0
fi
reset_config

# sysctl: of the container's namespaces only
LINUX=',"sysctl":{"net.ipv4.ip_forward":"1","kernel.shmmni":"555"}'
in_c 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni'
want '^1$'
want '^555$'
for s in kernel.core_pattern vm.swappiness kernel.sysrq ../../etc net/../kernel.sysrq; do
    LINUX=',"sysctl":{"'$s'":"1"}'
    in_c true
    ends 1 "$s"
    want sysctl
done
NS='{"type":"mount"},{"type":"pid"}' HOST= LINUX=',"sysctl":{"net.ipv4.ip_forward":"1"}'
in_c true
ends 1
want 'network namespace'
reset_config

# maskedPaths, readonlyPaths: also in the image, and what does not exist
mkdir -p rootfs/secret/d && echo s >rootfs/secret/f && echo s >rootfs/secret/d/g
MASKED='"/proc/kcore","/secret/f","/secret/d","/nowhere","/proc/sys/kernel"' READONLY='"/secret","/proc/sys"'
in_c 'wc -c </secret/f; ls /secret/d | wc -l; touch /secret/x; touch /secret/d/x; ls /proc/sys/kernel | wc -l; cat /proc/kcore | wc -c'
is "$(sed -n '1,2p' "$out" | tr '\n' ' ')" '0 0 '
want '/secret/x: Read-only'
want '/secret/d/x: Read-only'
reset_config

# rootfsPropagation; a shared volume reaches the host
mkdir -p shared && mount --bind shared shared && mount --make-shared shared
LINUX=',"rootfsPropagation":"rshared"' MOUNTS=',{"destination":"/s","type":"bind","source":"'$b'/shared","options":["rbind","rshared"]}'
CAPS='"CAP_SYS_ADMIN"' in_c 'mkdir -p /s/m && mount -t tmpfs tmpfs /s/m && touch /s/m/seen; grep " / / " /proc/self/mountinfo | head -1'
[ -e shared/m/seen ] || die "a mount on a shared volume does not reach the host"
umount shared/m
umount shared
for p in private:'0 / ' slave:master shared:shared: unbindable:unbindable rprivate:'' rslave: runbindable:; do
    LINUX=',"rootfsPropagation":"'${p%%:*}'"'
    in_c 'sed -n "/ \/ /p" /proc/self/mountinfo | head -n 1'
    ends 0 "rootfsPropagation $p"
    case ${p%%:*} in
    shared) want 'shared:' "$p" ;;
    unbindable) want 'unbindable' "$p" ;;
    private | slave) never 'shared:' "$p" ;;
    esac
done
LINUX=',"rootfsPropagation":"sideways"'
in_c true
ends 1
reset_config

# resources are tested by limits.sh, seccomp by seccomp.sh and unit/zone/seccomp, hooks by hooks.sh
# intelRdt and memoryPolicy where there is hardware; their refusals everywhere
if [ ! -e /sys/fs/resctrl/schemata ]; then
    LINUX=',"intelRdt":{"closID":"x","schemata":["L3:0=f"]}'
    in_c true
    ends 1
    want resctrl
fi
LINUX=',"memoryPolicy":{"mode":"MPOL_NONE"}'
in_c true
ends 1
want MPOL_NONE
LINUX=',"memoryPolicy":{"mode":"MPOL_PREFERRED","nodes":"0"}'
in_c 'head -n 1 /proc/self/numa_maps 2>/dev/null; echo ran'
want ran
reset_config

# annotations show in state; ociVersion and types are checked
TOP=',"annotations":{"org.example.key":"value"}' ARGS='["/bin/sleep","9"]' config
ok q create ann
q state ann | grep -q '"org.example.key": "value"' || die "no annotation in the state"
ok q delete --force ann
for edit in 's/"1.0.2"/"2.0.0"/' 's/"1.0.2"/1/' 's/"uid":0/"uid":-1/' 's/"uid":0/"uid":"root"/' \
    's/"args":\[/"args":7,"x":[/' 's/"terminal":false/"terminal":"no"/' \
    's/"destination":"\/proc"/"destination":5/' 's/^{/{"process":{},/' 's/"path":"rootfs"/"path":"nope"/'; do
    config
    sed -i "$edit" config.json
    run bad
    ends 1 "$edit"
done
echo '{' >config.json
run bad
ends 1
want 'config.json:'
[ -z "$(ls "$state")" ] || die "the state is not empty: $(ls "$state")"
echo "config: ok"
