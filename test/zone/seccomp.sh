#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The seccomp section in force: actions, arguments, other ABIs, user namespaces, and the filter
# with and without noNewPrivileges; a notifying filter with an agent. S18, S19.
set -u
. test/lib/zone.sh
bundle sec
allow='"defaultAction":"SCMP_ACT_ALLOW"'
for nnp in true false; do
    NNP=$nnp
    LINUX=',"seccomp":{'$allow',"syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}'
    in_c 'mkdir /d; grep Seccomp: /proc/self/status; grep CapEff /proc/self/status'
    want 'Permission denied' "nnp=$nnp"
    want 'Seccomp:	2'
    want 'CapEff:	0000000020000420'
    USERJ='"uid":1000,"gid":1000' in_c 'mkdir /tmp/d; grep Seccomp: /proc/self/status; grep Cap /proc/self/status'
    want 'Permission denied' "nnp=$nnp, another user"
    want 'CapEff:	0000000000000000' "nnp=$nnp"
    want 'CapInh:	0000000000000000' "nnp=$nnp"
    want 'CapAmb:	0000000000000000' "nnp=$nnp"
    USERJ='"uid":0,"gid":0'
    # a filter that forbids nearly all that the last step needs
    LINUX=',"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"syscalls":[{"names":["execve","capset","write","exit_group","brk","mmap","arch_prctl","exit","prctl","readlink","set_tid_address","set_robust_list","rseq","prlimit64","mprotect","getrandom","uname","getuid"],"action":"SCMP_ACT_ALLOW"}]}'
    ARGS='["/bin/busybox","echo","tight"]' config
    run tight
    want tight "nnp=$nnp"
    ARGS='["/bin/busybox","echo","tight2"]' config
    ok q create t2
    ok q start t2
    ok q delete --force t2
done
reset_config
LINUX=',"seccomp":{'$allow',"syscalls":[{"names":["sync"],"action":"SCMP_ACT_KILL_PROCESS"}]}'
in_c 'sync'
ends 159 "128 + SIGSYS"
reset_config
# arguments: personality 8 yes, 0x20008 no
LINUX=',"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["personality"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":131080,"op":"SCMP_CMP_EQ"}]}]}'
in_c 'linux32 uname -m; setarch i686 -B true 2>/dev/null; echo end'
want end
for bad in '{"defaultAction":"SCMP_ACT_FOO"}' '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_FOO"]}' '{"defaultAction":"SCMP_ACT_NOTIFY"}'; do
    LINUX=',"seccomp":'$bad in_c true
    ends 1 "$bad"
done
# S18: what the profile does not know is ENOSYS; S19: no new user namespace; other ABIs are refused
helper probe <<'C'
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void report(const char *name, long r) { printf("%s %s\n", name, r < 0 ? strerrorname_np(errno) : "OK"); }
int main(void)
{
    setlinebuf(stdout);
    report("new", syscall(999));
    report("clone3", syscall(435, 0, 0));
    report("io_uring", syscall(425, 0, 0));
    report("unshare", syscall(SYS_unshare, 0x10000000));
#ifdef __x86_64__
    pid_t p = fork();
    int st = 0;
    if (!p) {
        syscall(0x40000000 | 39); /* x32 getpid */
        _exit(0);
    }
    waitpid(p, &st, 0);
    printf("x32 %s\n", WIFSIGNALED(st) ? "killed" : "ran");
    p = fork();
    if (!p) {
        int r;
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(20));
        _exit(0);
    }
    waitpid(p, &st, 0);
    printf("i386 %s\n", WIFSIGNALED(st) ? "killed" : "ran");
#endif
    return 0;
}
C
cp "$TEST_TMP/probe" rootfs/probe
ARGS='["/probe"]'
calls='"read","write","exit_group","brk","mmap","munmap","mprotect","arch_prctl","ioctl","fstat","newfstatat","fork","clone","wait4","waitid","set_robust_list","rseq","prlimit64","readlink","readlinkat","getrandom","set_tid_address","execve","futex","exit","rt_sigprocmask","rt_sigaction","gettid","getpid","capset","faccessat2"'
LINUX=',"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":['$calls'],"action":"SCMP_ACT_ALLOW"}]}'
config
run probe
want '^new ENOSYS'
want '^io_uring EPERM'
want '^unshare EPERM'
if [ "$(uname -m)" = x86_64 ]; then
    want '^x32 killed'
    want '^i386 killed'
fi
reset_config

# SCMP_ACT_NOTIFY: the agent gets the listener and the state, and answers
helper agent <<'C'
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(a.sun_path, argv[1]);
    if (bind(s, (void *)&a, sizeof a) || listen(s, 1))
        return 1;
    int c = accept(s, 0, 0);
    char data[65536], ctl[256];
    struct iovec v = {data, sizeof data - 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl};
    ssize_t n = recvmsg(c, &m, 0);
    data[n > 0 ? n : 0] = 0;
    int fd = *(int *)CMSG_DATA(CMSG_FIRSTHDR(&m));
    printf("state %s\n", data);
    fflush(stdout);
    for (;;) {
        struct seccomp_notif q = {0};
        struct seccomp_notif_resp r = {0};
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &q))
            return 0;
        r.id = q.id;
        r.error = -66; /* EREMOTE */
        printf("notified %d\n", q.data.nr);
        fflush(stdout);
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r);
    }
}
C
"$TEST_TMP/agent" "$TEST_TMP/agent.sock" >"$TEST_TMP/agent.out" &
wait_for test -S "$TEST_TMP/agent.sock"
LINUX=',"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"'$TEST_TMP'/agent.sock","listenerMetadata":"meta","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_NOTIFY"}]}'
in_c 'mkdir /x'
wait
want 'remote' "the agent's answer"
grep -q '"metadata":"meta"' "$TEST_TMP/agent.out" || die "metadata: $(cat "$TEST_TMP/agent.out")"
grep -q '"fds":\["seccompFd"\]' "$TEST_TMP/agent.out" || die "fds"
grep -q notified "$TEST_TMP/agent.out" || die "no notification"
LINUX=',"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}'
in_c true
ends 1
want listenerPath
[ -z "$(ls "$state")" ] || die "the state is not empty"
echo "seccomp: ok"
