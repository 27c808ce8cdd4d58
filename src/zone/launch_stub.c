/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The code of the last step (launch.h). It is copied out of this program into an image of its own:
 * it may call nothing, refer to nothing but its data, and needs no C library. One platform file:
 * the entry and the system call instruction are per processor.
 */
#include "zone/launch_stub.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "zone/launch.h"
#include "zone/seccomp.h"

#define STR_(x) #x
#define STR(x) STR_(x)
#define STUB_FN                                                                          \
    __attribute__((section("quad_stub"), used, noinline, no_sanitize("address", "undefined")))

/* clang-format off */
#if defined(__x86_64__)
const enum abi_family host_family = FAMILY_X86;
__asm__(".pushsection quad_stub,\"ax\",@progbits\n"
        ".globl stub_entry\n.type stub_entry,@function\n"
        "stub_entry:\n"
        "    xorl %ebp, %ebp\n"
        "    andq $-16, %rsp\n"
        "    movl $(0x10000000 + 0x10000), %edi\n"
        "    call stub_main\n"
        "    ud2\n"
        ".popsection\n");
static inline __attribute__((always_inline)) long sys6(long n, long a, long b, long c, long d,
                                                       long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return r;
}
#elif defined(__aarch64__)
const enum abi_family host_family = FAMILY_ARM;
__asm__(".pushsection quad_stub,\"ax\",@progbits\n"
        ".globl stub_entry\n.type stub_entry,@function\n"
        "stub_entry:\n"
        "    mov x29, #0\n"
        "    mov x30, #0\n"
        "    movz x0, #0x1001, lsl #16\n"
        "    bl stub_main\n"
        "    brk #1\n"
        ".popsection\n");
static inline __attribute__((always_inline)) long sys6(long n, long a, long b, long c, long d,
                                                       long e)
{
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                     : "memory");
    return x0;
}
#elif defined(__riscv)
const enum abi_family host_family = FAMILY_RISCV;
__asm__(".pushsection quad_stub,\"ax\",@progbits\n"
        ".globl stub_entry\n.type stub_entry,@function\n"
        "stub_entry:\n"
        "    li a0, 0x10010000\n"
        "    call stub_main\n"
        "    ebreak\n"
        ".popsection\n");
static inline __attribute__((always_inline)) long sys6(long n, long a, long b, long c, long d,
                                                       long e)
{
    register long a7 __asm__("a7") = n;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
    return a0;
}
#else
#error "launch_stub.c: this processor needs its entry and system call instruction here"
#endif
/* clang-format on */

_Static_assert(STUB_BASE + STUB_DATA_OFF == 0x10010000ul, "the entry code loads this address");

#define SYS(n, ...) SYS_(n, __VA_ARGS__, 0, 0, 0, 0, 0)
#define SYS_(n, a, b, c, d, e, ...) \
    sys6((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static inline __attribute__((always_inline, noreturn)) void die(int fd, uint32_t kind, long rc)
{
    struct launch_report r;

    r.kind = kind;
    r.value = (int32_t)-rc;
    if (fd >= 0)
        SYS(SYS_write, fd, &r, sizeof(r));
    SYS(SYS_exit_group, 1);
    SYS(SYS_exit, 1);
    __builtin_trap(); /* a filter that forbids even that */
}

/* Wait until `start` connects and sends a byte; its connection is where failures are reported. */
static inline __attribute__((always_inline)) int wait_start(const struct stub_data *d)
{
    for (;;) {
        long fd = SYS(SYS_accept4, d->wait_fd, 0, 0, SOCK_CLOEXEC);
        char byte;
        if (fd == -EINTR || fd == -ECONNABORTED)
            continue;
        if (fd < 0)
            die(-1, 0, fd);
        if (SYS(SYS_read, fd, &byte, 1) == 1)
            return (int)fd;
        SYS(SYS_close, fd);
    }
}

void stub_main(struct stub_data *d);
STUB_FN void stub_main(struct stub_data *d)
{
    int report = d->report_fd;
    long rc;

    /* They had to pass the exec of this image, and must not pass the next. Where they are closed
     * already, this image was run a second time: as the program "/proc/self/exe", or by a script
     * that names it as its interpreter. That ends here. */
    if (report >= 0 && SYS(SYS_fcntl, report, F_SETFD, FD_CLOEXEC) < 0)
        die(-1, 0, 0);
    if (d->wait_fd >= 0 && SYS(SYS_fcntl, d->wait_fd, F_SETFD, FD_CLOEXEC) < 0)
        die(-1, 0, 0);
    if (d->proc_fd >= 0)
        SYS(SYS_fcntl, d->proc_fd, F_SETFD, FD_CLOEXEC);

    if (d->fork) {
        rc = SYS(SYS_clone, CLONE_PARENT | SIGCHLD);
        if (rc < 0)
            die(report, LAUNCH_FORK_FAIL, rc);
        if (rc > 0) {
            struct launch_report r;
            r.kind = LAUNCH_PID;
            r.value = (int32_t)rc;
            SYS(SYS_write, report, &r, sizeof(r));
            SYS(SYS_exit_group, 0);
            __builtin_trap();
        }
    }
    if (d->session) {
        SYS(SYS_setsid, 0);
        if (d->tty) {
            rc = SYS(SYS_ioctl, 0, TIOCSCTTY, 0);
            if (rc < 0)
                die(report, LAUNCH_TTY_FAIL, rc);
        }
    }
    if (d->wait_fd >= 0) {
        int fd = wait_start(d);
        if (report < 0)
            report = fd;
    }
    if (d->fifo_path) {
        long fd = SYS(SYS_openat, d->proc_fd, d->fifo_path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            die(report, LAUNCH_FIFO_FAIL, fd);
        SYS(SYS_write, fd, "0", 1);
        SYS(SYS_close, fd);
        SYS(SYS_close, d->fifo_fd);
    }
    if (d->label_path) {
        long fd = SYS(SYS_openat, d->proc_fd, d->label_path, O_WRONLY | O_CLOEXEC);
        rc = fd < 0 ? fd : SYS(SYS_write, fd, d->label, d->label_len);
        if (rc < 0)
            die(report, LAUNCH_LABEL_FAIL, rc);
    }
    if (d->prog.len) {
        rc = SYS(SYS_seccomp, SECCOMP_SET_MODE_FILTER, d->filter_flags, &d->prog);
        if (rc < 0)
            die(report, LAUNCH_SECCOMP_FAIL, rc);
    }
    if (d->set_caps) {
        rc = SYS(SYS_capset, &d->cap_header, d->caps);
        if (rc < 0)
            die(report, LAUNCH_CAPS_FAIL, rc);
    }
    rc = SYS(SYS_execve, d->program, d->argv, d->envp);
    die(report, LAUNCH_EXEC_FAIL, rc);
}
