/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "guest/sandbox_ns.h"

#if HAVE_LIBSECCOMP
#include <seccomp.h>
#endif

/* Later than the headers of the oldest system that builds this. */
#define FS_REFER (UINT64_C(1) << 13)    /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL (UINT64_C(1) << 15)    /* ABI 5 */
#define NET_TCP UINT64_C(3)             /* ABI 4: bind and connect */

/* While this may still be done: no program that is run could get them. */
static void drop_bounding(void)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int drop_privileges(struct error *err)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    const struct rlimit zero = {0, 0};

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &zero);
    if (syscall(SYS_capset, &h, none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return fail_errno(err, errno, "cannot drop privileges");
    return 0;
}

/* No rule allows anything. */
static int close_files(struct error *err)
{
    struct {
        uint64_t fs, net;
    } attr = {.fs = (UINT64_C(1) << 13) - 1};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (abi < 1)
        return fail_errno(err, abi < 0 ? errno : ENOTSUP, "landlock");
    attr.fs |= (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL : 0);
    attr.net = abi >= 4 ? NET_TCP : 0;
    auto_close int fd = (int)syscall(SYS_landlock_create_ruleset, &attr,
                                     abi >= 4 ? sizeof(attr) : sizeof(attr.fs), 0);
    if (fd < 0)
        return fail_errno(err, errno, "landlock");
    if (syscall(SYS_landlock_restrict_self, fd, 0))
        return fail_errno(err, errno, "landlock");
    return 0;
}

#if HAVE_LIBSECCOMP

/* Calls that are let through whatever their arguments. */
static const char *const allowed[] = {
    /* descriptors that are open */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "lseek", "_llseek", "close", "dup", "fcntl", "fcntl64", "flock", "fstat",
    "fstat64", "newfstatat", "statx", "ftruncate", "ftruncate64", "fallocate", "fsync", "fdatasync",
    "sync_file_range", "fadvise64", "copy_file_range", "splice", "tee",
    /* waiting */
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
    "select", "pselect6", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime",
    "signalfd4", "pipe2",
    /* sockets that are open */
    "sendmsg", "recvmsg", "sendto", "recvfrom", "sendmmsg", "recvmmsg", "accept4", "shutdown",
    "getsockopt", "setsockopt", "getsockname", "getpeername",
    /* memory */
    "mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "brk", "membarrier", "mincore",
    "msync", "memfd_create", "mlock", "munlock",
    /* threads and time */
    "futex", "futex_time64", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "exit",
    "exit_group", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
    "sched_getscheduler", "set_tid_address", "gettid", "getpid", "getppid", "getuid", "geteuid",
    "getgid", "getegid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
    "sigaltstack", "restart_syscall", "nanosleep", "clock_nanosleep", "clock_gettime",
    "clock_getres", "gettimeofday", "time", "times", "getrandom", "getrusage", "sysinfo", "uname",
    "getcpu", "getpriority", "setpriority", "arch_prctl", "wait4", "waitid",
};

/* ioctl: what a terminal needs, and how much there is to read. */
static const unsigned ioctls[] = {TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCGPGRP, FIONREAD,
                                  FIONBIO};
/* And all that KVM's descriptors and userfaultfd's take: who has none can do nothing with these. A
 * request's group is its second byte; size and direction stand above [LINUX ioctl/ioctl-number]. */
static const unsigned ioctl_groups[] = {0xae, 0xaa};
static const int prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_SET_TIMERSLACK};

static int allow(scmp_filter_ctx f, const char *name)
{
    int nr = seccomp_syscall_resolve_name(name);

    return nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
}

/* Of argument n the bits in mask are those of value. */
static int allow_if(scmp_filter_ctx f, int nr, unsigned n, uint64_t mask, uint64_t value)
{
    const struct scmp_arg_cmp is = {
        .arg = n, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};

    return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, nr, 1, &is);
}

static int add_rules(scmp_filter_ctx f)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < ARRAY_LEN(allowed); i++)
        rc = allow(f, allowed[i]);
    for (size_t i = 0; !rc && i < ARRAY_LEN(ioctls); i++)
        rc = allow_if(f, SCMP_SYS(ioctl), 1, 0xffffffff, ioctls[i]);
    for (size_t i = 0; !rc && i < ARRAY_LEN(ioctl_groups); i++)
        rc = allow_if(f, SCMP_SYS(ioctl), 1, 0xff00, ioctl_groups[i] << 8);
    for (size_t i = 0; !rc && i < ARRAY_LEN(prctls); i++)
        rc = allow_if(f, SCMP_SYS(prctl), 0, UINT64_MAX, (uint64_t)prctls[i]);
    /* Threads, no processes; the library falls back from clone3, whose flags a filter cannot see. */
    if (!rc)
        rc = allow_if(f, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
    if (!rc)
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* Signals to itself; limits may be read, and its own lowered. */
    if (!rc)
        rc = allow_if(f, SCMP_SYS(tgkill), 0, UINT64_MAX, (uint64_t)getpid());
    if (!rc)
        rc = allow_if(f, SCMP_SYS(kill), 0, UINT64_MAX, (uint64_t)getpid());
    if (!rc)
        rc = allow_if(f, SCMP_SYS(prlimit64), 0, UINT64_MAX, 0);
    return rc;
}

static int filter_calls(struct error *err)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));

    if (!f)
        return fail(err, ENOMEM, "seccomp");
    int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!rc)
        rc = add_rules(f);
    if (!rc)
        rc = seccomp_load(f);
    seccomp_release(f);
    return rc ? fail_errno(err, -rc, "seccomp") : 0;
}

#else

static int filter_calls(struct error *err)
{
    return fail(err, ENOTSUP, "seccomp: built without libseccomp; install libseccomp-dev");
}

#endif

/* --------------------------------------------------------------------------------------- all */

static int count_threads(void)
{
    auto_close int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    char text[512];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    int threads = 1;

    text[MAX(n, 0)] = 0;
    const char *p = strrchr(text, ')'); /* the name in front may hold anything; the 20th field */
    for (unsigned field = 2; p && field < 20; field++)
        p = strchr(p + 1, ' ');
    return p && sscanf(p, "%d", &threads) == 1 ? threads : 1;
}

/* What does not work is noted, the first one in *first. */
static bool holds(int rc, const struct error *err, struct error *first)
{
    if (rc && !first->code)
        *first = *err;
    return !rc;
}

static unsigned own_world(struct error *first)
{
    struct error err = {0};
    bool was_root = !geteuid(), own_user = false;
    unsigned on = 0;

    if (holds(sandbox_namespaces(&own_user, &err), &err, first)) {
        on |= SANDBOX_NAMESPACES | (own_user ? SANDBOX_USER : 0);
        if (holds(sandbox_empty_root(&err), &err, first))
            on |= SANDBOX_ROOT;
    }
    drop_bounding(); /* an ordinary user without namespaces may not, and need not */
    if (was_root && !own_user && holds(sandbox_own_user(&err), &err, first))
        on |= SANDBOX_USER;
    return on;
}

void sandbox_print(unsigned layers, char out[SANDBOX_TEXT])
{
    static const char *const names[] = {"user", "namespaces", "empty root",
                                        "no privileges", "landlock", "seccomp"};
    size_t n = 0;

    out[0] = 0;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (layers & 1u << i)
            n += (size_t)snprintf(out + n, SANDBOX_TEXT - n, "%s%s", n ? ", " : "", names[i]);
}

int sandbox_enter(unsigned *on, struct error *why)
{
    struct error err = {0};

    *why = (struct error){0};
    *on = 0;
    if (count_threads() != 1) /* the others would keep what this one gives away */
        return fail(why, EBUSY, "sandbox: the process has threads already");
    *on = own_world(why);
    if (holds(drop_privileges(&err), &err, why))
        *on |= SANDBOX_PRIVILEGES;
    if (holds(close_files(&err), &err, why))
        *on |= SANDBOX_LANDLOCK;
    if (holds(filter_calls(&err), &err, why))
        *on |= SANDBOX_SECCOMP;
    return *on == SANDBOX_ALL ? 0 : -ENOTSUP;
}
