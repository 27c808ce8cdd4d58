/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gb SCALE [PREFIX...]: run the rows whose names begin with a prefix (all without one), each in a
 * process of its own, and tell of each
 *
 *     >NAME                     begins
 *     <NAME CHECKSUM CPU-US     is over
 *     !NAME why                 cannot
 *
 * As a guest's init (process 1) it mounts what it needs, talks on the serial port and powers off.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gb.h"

static void as_init(void)
{
    mkdir("/dev", 0755);
    mkdir("/tmp", 0755);
    mkdir("/proc", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
    mount("proc", "/proc", "proc", 0, 0);
    mount("tmpfs", "/tmp", "tmpfs", 0, 0);
    int fd = open("/dev/hvc0", O_RDWR); /* there is one under the Xen PV interface only */
    if (fd < 0)
        fd = open("/dev/ttyS0", O_RDWR);
    for (int i = 0; fd >= 0 && i < 3; i++)
        dup2(fd, i);
}

/* Natively, in a mount namespace of its own: what a guest has. */
static void as_root(void)
{
    mount("tmpfs", "/tmp", "tmpfs", 0, 0);
    mount("tmpfs", "/dev", "tmpfs", 0, 0);
    mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3));
    mknod("/dev/urandom", S_IFCHR | 0666, makedev(1, 9));
}

static int wanted(const char *name, char **prefixes)
{
    if (!*prefixes)
        return 1;
    for (; *prefixes; prefixes++)
        if (!strncmp(name, *prefixes, strlen(*prefixes)))
            return 1;
    return 0;
}

static uint64_t cpu_us(void)
{
    struct rusage r;

    getrusage(RUSAGE_CHILDREN, &r);
    return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

struct result {
    uint64_t sum;
    int missing;
};

static void row(const char *name, const struct gb_row *r, const struct gb_real *real, unsigned scale)
{
    struct result res = {0, 0};
    int p[2], status = 0;
    uint64_t before = cpu_us();

    if (pipe(p))
        return;
    printf(">%s\n", name);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        res.sum = real ? gb_run_real(real, &res.missing) : r->run(scale);
        _exit(write(p[1], &res, sizeof(res)) != (ssize_t)sizeof(res));
    }
    close(p[1]);
    ssize_t n = read(p[0], &res, sizeof(res));
    close(p[0]);
    waitpid(pid, &status, 0);
    if (n != (ssize_t)sizeof(res) || status || (real && !res.missing && !res.sum))
        printf("!%s died with status %#x\n", name, (unsigned)status);
    else if (res.missing)
        printf("!%s %s is not there\n", name, real->argv[0]);
    else
        printf("<%s %016" PRIx64 " %" PRIu64 "\n", name, res.sum, cpu_us() - before);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct gb_row *const groups[] = {gb_cpu_rows, gb_mem_rows, gb_sys_rows};
    char *none[] = {0};

    if (argc == 2 && !strcmp(argv[1], "nothing"))
        return 7;
    if (getpid() == 1)
        as_init();
    else if (!geteuid() && access("/dev/null", F_OK))
        as_root();
    unsigned scale = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    char **prefixes = argc > 2 ? argv + 2 : none;
    printf("=ready\n");
    fflush(stdout);
    for (unsigned g = 0; g < 3; g++)
        for (const struct gb_row *r = groups[g]; r->name; r++)
            if (wanted(r->name, prefixes))
                row(r->name, r, 0, scale);
    gb_make_inputs(scale);
    for (const struct gb_real *r = gb_reals; r->name; r++)
        if (wanted(r->name, prefixes))
            row(r->name, 0, r, scale);
    printf("=done\n");
    fflush(stdout);
    if (getpid() == 1)
        reboot(RB_POWER_OFF);
    return 0;
}
