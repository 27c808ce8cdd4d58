/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A process taken over: after sandbox_enter() it tries what an attacker would, call by call, and gets
 * nothing; what a guest needs still works.
 */
#include "guest/sandbox.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/sandbox_ns.h"
#include "lib/test.h"

static int work_fd, dir_fd, pair[2];
static unsigned layers;

static void must_fail(const char *what, long rc)
{
    if (rc >= 0) {
        fprintf(stderr, "the sandbox let pass: %s (%ld)\n", what, rc);
        _exit(2);
    }
}
#define DENIED(call) must_fail(#call, (long)(call))

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "the sandbox broke: %s: %s\n", what, strerror(errno));
        _exit(3);
    }
}

static void attack(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char *argv[] = {"/bin/true", NULL};

    DENIED(open("/etc/passwd", O_RDONLY));
    DENIED(openat(dir_fd, "file", O_RDONLY));
    DENIED(open("/", O_RDONLY | O_DIRECTORY));
    DENIED(open("/proc/self/mem", O_RDWR));
    DENIED(open("/proc/self/fd/0", O_RDWR));
    DENIED(open("/dev/null", O_RDWR));
    DENIED(openat(dir_fd, "new", O_RDWR | O_CREAT, 0600));
    DENIED(syscall(SYS_openat2, dir_fd, "file", NULL, 0));
    DENIED(mkdirat(dir_fd, "d", 0700));
    DENIED(symlinkat("a", dir_fd, "b"));
    DENIED(linkat(dir_fd, "file", dir_fd, "c", 0));
    DENIED(renameat(dir_fd, "file", dir_fd, "moved"));
    DENIED(unlinkat(dir_fd, "file", 0));
    DENIED(truncate("/etc/passwd", 0));
    DENIED(chmod("/etc/passwd", 0777));
    DENIED(chdir("/"));
    DENIED(chroot("/"));
    DENIED(mount("none", "/mnt", "tmpfs", 0, NULL));
    DENIED(unshare(CLONE_NEWUSER));
    DENIED(setns(dir_fd, 0));
    DENIED(socket(AF_INET, SOCK_STREAM, 0));
    DENIED(socket(AF_UNIX, SOCK_STREAM, 0));
    DENIED(socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}));
    DENIED(connect(pair[0], (struct sockaddr *)&in, sizeof(in)));
    DENIED(bind(pair[0], (struct sockaddr *)&in, sizeof(in)));
    DENIED(execve(argv[0], argv, NULL));
    DENIED(fork());
    DENIED(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
#ifdef SYS_vfork
    DENIED(syscall(SYS_vfork));
#endif
    DENIED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
    DENIED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
    DENIED(kill(getppid(), SIGTERM));
    DENIED(setuid(0));
    DENIED(setresuid(1, 1, 1));
    DENIED(syscall(SYS_bpf, 0, NULL, 0));
    DENIED(syscall(SYS_io_uring_setup, 4, NULL));
    DENIED(syscall(SYS_userfaultfd, 0));
    DENIED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    DENIED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    DENIED(syscall(SYS_add_key, "user", "x", "y", 1, -1));
    DENIED(ioctl(0, 0x5412 /* TIOCSTI */, "x"));
}

static void *thread(void *opaque)
{
    *(int *)opaque = 7;
    return NULL;
}

static void work(void)
{
    int seen = 0, fd;
    pthread_t t;
    char c = 'x';

    must(write(work_fd, "data", 4) == 4 && pread(work_fd, &c, 1, 0) == 1 && c == 'd', "a file");
    must(!ftruncate(work_fd, 2) && !fsync(work_fd), "a file's end");
    must(write(pair[0], "y", 1) == 1 && read(pair[1], &c, 1) == 1 && c == 'y', "a socket");
    must(!pthread_create(&t, NULL, thread, &seen) && !pthread_join(t, NULL) && seen == 7, "a thread");
    fd = memfd_create("jit", MFD_CLOEXEC);
    must(fd >= 0 && !ftruncate(fd, 4096), "memory for code");
    must(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) != MAP_FAILED, "code");
    must(eventfd(0, EFD_CLOEXEC) >= 0, "an event");
}

static void taken_over_gets_nothing(void **state)
{
    char path[] = "/tmp/quad-sandbox-XXXXXX";
    struct error err = {0};
    int status;

    (void)state;
    assert_non_null(mkdtemp(path));
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    work_fd = openat(dir_fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(dir_fd >= 0 && work_fd >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    if (!pid) {
        sandbox_enter(&layers, &err);
        if (!(layers & SANDBOX_LANDLOCK) || !(layers & SANDBOX_SECCOMP))
            _exit(77);
        attack();
        work();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    unlinkat(dir_fd, "file", 0);
    rmdir(path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        test_skip("this host lacks a layer of the sandbox");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* The layer under the filter: what is left of the host's files once all of that were gone. */
static void the_root_is_empty(void **state)
{
    int status;

    (void)state;
    pid_t pid = fork();
    if (!pid) {
        struct error err = {0};
        bool own_user, was_root = !geteuid();
        struct stat st;
        if (sandbox_namespaces(&own_user, &err) || sandbox_empty_root(&err))
            _exit(77);
        if (was_root && !own_user && sandbox_own_user(&err))
            _exit(77);
        DENIED(open("/etc/passwd", O_RDONLY));
        DENIED(open("/proc/self/status", O_RDONLY));
        DENIED(open("/dev/null", O_RDWR));
        DENIED(open("/x", O_RDWR | O_CREAT, 0600));
        DENIED(mkdir("/x", 0700));
        DENIED(open("..", O_RDONLY | O_TMPFILE | O_RDWR, 0600));
        must(!stat("/", &st) && st.st_nlink == 2, "an empty root");
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        DENIED(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&in, sizeof(in)));
        must(!was_root || own_user || geteuid() != 0, "a user of its own");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        test_skip("this host gives no namespaces");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void *sleeper(void *opaque)
{
    (void)opaque;
    pause();
    return NULL;
}

/* What holds is said; nothing is entered half by a process whose threads would stay outside. */
static void the_report_is_true(void **state)
{
    int status;

    (void)state;
    pid_t pid = fork();
    if (!pid) {
        struct error err = {0};
        char text[SANDBOX_TEXT];
        pthread_t t;
        int rc = sandbox_enter(&layers, &err);
        bool ok = (rc == 0) == (layers == SANDBOX_ALL) && (rc == 0 || err.text[0]);
        sandbox_print(SANDBOX_ALL, text);
        ok = ok && !strcmp(text, "user, namespaces, empty root, no privileges, landlock, seccomp");
        _exit(ok && !pthread_create(&t, NULL, sleeper, NULL) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    pid = fork();
    if (!pid) {
        struct error err = {0};
        pthread_t t;
        bool ok = !pthread_create(&t, NULL, sleeper, NULL) && sandbox_enter(&layers, &err) &&
                  !layers && strstr(err.text, "threads");
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_over_gets_nothing),
        cmocka_unit_test(the_root_is_empty),
        cmocka_unit_test(the_report_is_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
