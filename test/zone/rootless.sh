#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test-alone: control groups are the whole host's, and the others make and remove some
#
# A user without privileges: run, exec, kill, delete; one id and a range of ids; S10.
set -u
. test/lib/zone.sh
bundle rl
command -v setpriv >/dev/null || skip "setpriv (util-linux) is missing"
uid=54321
chmod 755 "$TEST_TMP"
home=$TEST_TMP/home
mkdir -p "$home/run" && cp -a "$b" "$home/" && cp "$oci" "$home/quad-oci"
chown -R $uid:$uid "$home"
oci=$home/quad-oci state=$home/state
as() { setpriv --reuid $uid --regid $uid --clear-groups env HOME="$home" XDG_RUNTIME_DIR="$home/run" "$@"; }
q() { as "$oci" --root "$state" "$@"; }
as true 2>/dev/null || skip "cannot become another user"
as unshare -U true 2>/dev/null || skip "this host lets nobody make user namespaces"
cd "$home/rl" || exit 1

rm -f config.json
ok q spec --rootless
grep -q '"hostID": 54321' config.json || die "spec --rootless"
NS='{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"user"}' RES=
maps='"uidMappings":[{"containerID":0,"hostID":'$uid',"size":1}],"gidMappings":[{"containerID":0,"hostID":'$uid',"size":1}]'
SYSMOUNT='{"destination":"/sys","type":"none","source":"/sys","options":["rbind","nosuid","noexec","nodev","ro"]}'
PTSOPT='"nosuid","noexec","newinstance","ptmxmode=0666","mode=0620"'
LINUX=",$maps"
in_c 'id -u; echo x >/dev/null && echo dev; ls -ld /bin/sh >/dev/null; touch /made && echo made; for f in $(find /sys/fs/cgroup -maxdepth 3 -name cgroup.procs 2>/dev/null); do (echo 0 >$f) 2>/dev/null && echo "wrote $f"; done; touch /sys/x 2>&1; true'
ends 0
want '^0$'
want '^dev$'
want '^made$'
never wrote S10
is "$(stat -c %u rootfs/made)" $uid
ARGS='["/bin/sleep","1000"]' config
ok q create r
is "$(status r)" created
ok q start r
ok q exec r sh -c 'id -u; hostname; grep CapEff /proc/self/status'
want '^0$'
rc=0
q exec r sh -c 'exit 9' || rc=$?
ends 9
ok q list
want '^r '
ok q kill r KILL
wait_for stopped r
ok q delete r
# with a network namespace of its own, sysfs is its own too
NS=$NS',{"type":"network"}'
reset_sys='{"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]}'
SYSMOUNT=$reset_sys in_c 'ls /sys/class/net'
want '^lo$'
# gid=5 of devpts has no place here and is left out
PTSOPT='"newinstance","ptmxmode=0666","mode=0620","gid=5"' in_c 'echo pts'
want pts
# a limit that cannot be set is an error that names it
RES='"pids":{"limit":5}' in_c true
[ $rc = 0 ] || want 'pids|cgroup'
RES=
# ranges, by newuidmap where the user has some
if command -v newuidmap >/dev/null && [ -w /etc/subuid ]; then
    getent passwd $uid >/dev/null || { echo "qzt:x:$uid:$uid::$home:/bin/sh" >>/etc/passwd; added=1; }
    grep -q '^qzt:' /etc/subuid 2>/dev/null || echo 'qzt:700000:1000' >>/etc/subuid
    grep -q '^qzt:' /etc/subgid 2>/dev/null || echo 'qzt:700000:1000' >>/etc/subgid
    maps='"uidMappings":[{"containerID":0,"hostID":'$uid',"size":1},{"containerID":1,"hostID":700000,"size":1000}],"gidMappings":[{"containerID":0,"hostID":'$uid',"size":1},{"containerID":1,"hostID":700000,"size":1000}]'
    LINUX=",$maps" USERJ='"uid":5,"gid":6' in_c 'id -u; id -g; cat /proc/self/uid_map'
    sed -i '/^qzt:/d' /etc/subuid /etc/subgid
    [ "${added:-}" ] && sed -i '/^qzt:/d' /etc/passwd
    want '^5$'
    want '^6$'
    want '700000 +1000'
else
    echo "note: newuidmap is missing (package uidmap): ranges not tested"
fi
[ -z "$(ls "$state")" ] || die "state left"
echo "rootless: ok"
