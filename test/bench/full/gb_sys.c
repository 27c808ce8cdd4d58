/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * System calls, processes, signals, files.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "gb.h"

static char buf[4096];

static uint64_t sys_getppid(unsigned scale)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < 200000 * scale; i++)
        n += syscall(SYS_getppid) >= 0;
    return n;
}

static uint64_t sys_read4k(unsigned scale)
{
    int fd = open("/tmp/gb", O_RDWR | O_CREAT | O_TRUNC, 0600);
    uint64_t n = 0;

    memset(buf, 5, sizeof(buf));
    n += (uint64_t)write(fd, buf, sizeof(buf));
    for (unsigned i = 0; i < 50000 * scale; i++)
        n += (uint64_t)pread(fd, buf, sizeof(buf), 0) + (uint64_t)buf[i & 4095];
    close(fd);
    return n;
}

static uint64_t sys_stat(unsigned scale)
{
    struct stat st;
    uint64_t n = 0;

    close(open("/tmp/gb", O_RDWR | O_CREAT | O_TRUNC, 0600));
    for (unsigned i = 0; i < 50000 * scale; i++)
        n += !stat("/tmp/gb", &st);
    return n;
}

static uint64_t sys_open(unsigned scale)
{
    uint64_t n = 0;

    close(open("/tmp/gb", O_RDWR | O_CREAT | O_TRUNC, 0600));
    for (unsigned i = 0; i < 30000 * scale; i++) {
        int fd = open("/tmp/gb", O_RDONLY);
        n += fd >= 0;
        close(fd);
    }
    return n;
}

static uint64_t sys_vdso(unsigned scale)
{
    struct timespec t, last = {0, 0};
    uint64_t n = 0;

    for (unsigned i = 0; i < 500000 * scale; i++) {
        clock_gettime(CLOCK_MONOTONIC, &t);
        n += t.tv_sec > last.tv_sec || (t.tv_sec == last.tv_sec && t.tv_nsec >= last.tv_nsec);
        last = t;
    }
    return n;
}

static uint64_t sys_rdtsc(unsigned scale)
{
    uint64_t n = 0, last = 0;

    for (unsigned i = 0; i < 1000000 * scale; i++) {
        uint64_t t = __rdtsc();
        n += t >= last;
        last = t;
    }
    return n;
}

static uint64_t ps_pipe(unsigned scale)
{
    int a[2], b[2];
    unsigned rounds = 8000 * scale;
    uint64_t n = 0;
    char c = 1;

    if (pipe(a) || pipe(b))
        return 0;
    pid_t pid = fork();
    if (!pid) {
        for (unsigned i = 0; i < rounds; i++)
            if (read(a[0], &c, 1) != 1 || write(b[1], &c, 1) != 1)
                break;
        _exit(0);
    }
    for (unsigned i = 0; i < rounds; i++)
        n += write(a[1], &c, 1) == 1 && read(b[0], &c, 1) == 1;
    waitpid(pid, 0, 0);
    close(a[0]), close(a[1]), close(b[0]), close(b[1]);
    return n;
}

static uint64_t ps_yield(unsigned scale)
{
    unsigned rounds = 20000 * scale;
    pid_t pid = fork();

    for (unsigned i = 0; i < rounds; i++)
        sched_yield();
    if (!pid)
        _exit(0);
    waitpid(pid, 0, 0);
    return rounds;
}

static uint64_t ps_fork(unsigned scale)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < 300 * scale; i++) {
        int status = 0;
        pid_t pid = fork();
        if (!pid)
            _exit((int)(i & 63));
        waitpid(pid, &status, 0);
        n += (unsigned)WEXITSTATUS(status);
    }
    return n;
}

static uint64_t ps_exec(unsigned scale)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < 100 * scale; i++) {
        int status = 0;
        pid_t pid = fork();
        if (!pid) {
            execl("/init", "init", "nothing", (char *)0);
            _exit(1);
        }
        waitpid(pid, &status, 0);
        n += WEXITSTATUS(status) == 7;
    }
    return n;
}

static void *thread(void *arg)
{
    return arg;
}

static uint64_t ps_thread(unsigned scale)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < 1000 * scale; i++) {
        pthread_t t;
        if (!pthread_create(&t, 0, thread, 0))
            n += !pthread_join(t, 0);
    }
    return n;
}

static volatile sig_atomic_t hits;
static sigjmp_buf env;

static void on_usr1(int s)
{
    hits += s == SIGUSR1;
}

static void on_segv(int s)
{
    hits += s == SIGSEGV;
    siglongjmp(env, 1);
}

static uint64_t sig_kill(unsigned scale)
{
    hits = 0;
    signal(SIGUSR1, on_usr1);
    for (unsigned i = 0; i < 30000 * scale; i++)
        kill(getpid(), SIGUSR1);
    return (uint64_t)hits;
}

static uint64_t sig_segv(unsigned scale)
{
    volatile char *p = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    hits = 0;
    signal(SIGSEGV, on_segv);
    for (volatile unsigned i = 0; i < 15000 * scale; i++)
        if (!sigsetjmp(env, 1))
            *p = 1;
    signal(SIGSEGV, SIG_DFL);
    return (uint64_t)hits;
}

static uint64_t fs_tmp(unsigned scale)
{
    uint64_t n = 0;
    char name[32];

    for (unsigned i = 0; i < 2000 * scale; i++) {
        snprintf(name, sizeof(name), "/tmp/f%u", i % 100);
        int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
        n += (uint64_t)write(fd, buf, sizeof(buf)) + (uint64_t)write(fd, buf, 100);
        n += (uint64_t)lseek(fd, 0, SEEK_END);
        close(fd);
        n += !unlink(name);
    }
    return n;
}

#define ROW(f) {#f, f}
const struct gb_row gb_sys_rows[] = {
    ROW(sys_getppid), ROW(sys_read4k), ROW(sys_stat), ROW(sys_open), ROW(sys_vdso),
    ROW(sys_rdtsc), ROW(ps_pipe), ROW(ps_yield), ROW(ps_fork), ROW(ps_exec), ROW(ps_thread),
    ROW(sig_kill), ROW(sig_segv), ROW(fs_tmp), {0, 0},
};
