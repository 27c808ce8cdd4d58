#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A kernel without openat2, the mount interface by descriptor, clone3 and close_range: a filter makes
# each of them ENOSYS, and the runtime has to manage by the older calls. Also each alone.
set -u
. test/lib/zone.sh
bundle old
helper without <<'C'
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
/* without N,N,... CMD...: these system calls do not exist */
int main(int argc, char **argv)
{
    struct sock_filter f[128] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)}};
    int n = 1;
    for (char *p = argv[1]; *p; p += *p == ',') {
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, strtoul(p, &p, 10), 0, 1);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog prog = {n, f};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
        return 125;
    execv(argv[2], argv + 2);
    return 126;
}
C
mkdir -p vol && echo v >vol/f
ln -s etc rootfs/lnk
MOUNTS=',{"destination":"/vol","type":"bind","source":"'$b'/vol","options":["rbind","ro"]},{"destination":"/lnk/deep/er","type":"tmpfs","source":"t","options":["noexec"]}'
LINUX=',"sysctl":{"net.ipv4.ip_forward":"1"}' ROOT=',"readonly":true'
ARGS="[\"/bin/sh\",\"-c\",\"$(js 'cat /vol/f; touch /vol/x; touch /ro; echo x >/dev/null && echo dev; wc -c </proc/kcore; touch /proc/sys/kernel/x; cat /proc/sys/net/ipv4/ip_forward; grep -c " /etc/deep/er " /proc/self/mountinfo; ls /proc/self/fd | wc -l; true')\"]"
config
# the same numbers on every processor from 424 on
openat2=437 clone3=435 close_range=436 mount_setattr=442 open_tree=428 move_mount=429 fsopen=430 fsconfig=431 fsmount=432
all=$openat2,$clone3,$close_range,$mount_setattr,$open_tree,$move_mount,$fsopen,$fsconfig,$fsmount
for missing in $all $openat2 $mount_setattr $mount_setattr,$open_tree,$move_mount,$fsopen,$fsconfig,$fsmount $close_range $clone3; do
    rc=0
    "$TEST_TMP/without" $missing "$oci" --root "$state" run o >"$out" 2>&1 </dev/null || rc=$?
    ends 0 "without $missing"
    want '^v$' "without $missing"
    want '/vol/x: Read-only' "without $missing"
    want '/ro: Read-only' "without $missing"
    want '^dev$' "without $missing"
    is "$(grep -c '^4$' "$out")" 1 "descriptors, without $missing"
    want '^1$' "without $missing"
    [ ! -e rootfs/etc/deep ] || [ -d rootfs/etc/deep/er ] || die "destination through a link"
done
# exec, and what has no old form
reset_config
ARGS='["/bin/sleep","100"]' config
ok "$TEST_TMP/without" $all "$oci" --root "$state" run -d e
ok "$TEST_TMP/without" $all "$oci" --root "$state" exec e id -u
ok q delete --force e
[ -z "$(ls "$state")" ] || die "state left"
echo "oldkernel: ok"
