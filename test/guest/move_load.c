/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * move_load: a program for a guest that is saved and moved meanwhile; test/cli/migrate_load.sh builds it
 * with a static C library and runs it as
 *
 *     move_load DISK MEMORY-MIB WRITTEN-MIB-A-SECOND
 *
 * Four threads write blocks to the disk, past the page cache, and read them again: each knows what it
 * wrote last, and a block that says anything else (a write that was lost, came twice or too late) is
 * told. One writes to memory. One looks at the clock and keeps the longest time that it did not run.
 * One sends UDP packets back. Once a second:
 *
 *     load TICK writes=N reads=N bad=N gap_us=LONGEST-IN-THIS-SECOND back=CLOCK-WENT-BACK
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define WORKERS 4
#define BLOCKS 2048 /* of each worker */
#define ECHO_PORT 7777

static unsigned long n_writes, n_reads, n_bad, gap_ns, went_back;
static int disk;
static size_t memory_mib, rate_mib;

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void fill(uint64_t *p, uint64_t block, uint64_t seq)
{
    uint64_t x = (block + 1) * 0x9e3779b97f4a7c15u ^ seq * 0xff51afd7ed558ccdu;

    p[0] = block;
    p[1] = seq;
    for (size_t i = 2; i < BLOCK / 8; i++)
        p[i] = next(&x);
}

static void *work(void *opaque)
{
    uint64_t me = (uintptr_t)opaque, x = me + 12345, *want, *have;
    static uint32_t seq[WORKERS][BLOCKS];

    if (posix_memalign((void **)&want, BLOCK, BLOCK) || posix_memalign((void **)&have, BLOCK, BLOCK))
        abort();
    for (;;) {
        uint64_t i = (next(&x) >> 33) % BLOCKS, block = me * BLOCKS + i;
        fill(want, block, seq[me][i] + (next(&x) >> 33 & 1));
        if (want[1] != seq[me][i]) {
            if (pwrite(disk, want, BLOCK, (off_t)(block * BLOCK)) != BLOCK)
                __atomic_add_fetch(&n_bad, 1, __ATOMIC_RELAXED);
            seq[me][i]++;
            __atomic_add_fetch(&n_writes, 1, __ATOMIC_RELAXED);
        } else if (seq[me][i]) {
            if (pread(disk, have, BLOCK, (off_t)(block * BLOCK)) != BLOCK || memcmp(want, have, BLOCK)) {
                __atomic_add_fetch(&n_bad, 1, __ATOMIC_RELAXED);
                printf("bad block %lu: wrote %lu, reads block %lu, %lu\n", (unsigned long)block,
                       (unsigned long)want[1], (unsigned long)have[0], (unsigned long)have[1]);
            }
            __atomic_add_fetch(&n_reads, 1, __ATOMIC_RELAXED);
        }
        usleep(500);
    }
    return NULL;
}

static void *dirty(void *opaque)
{
    size_t pages = memory_mib * 256, at = 0;
    char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        abort();
    for (size_t i = 0; i < pages; i++) /* not zeros, not the same */
        *(uint64_t *)(void *)(p + i * 4096) = i * 0x9e3779b97f4a7c15u;
    for (;; usleep(10000))
        for (size_t i = 0; i < rate_mib * 256 / 100; i++, at = (at + 1) % pages)
            ++*(uint64_t *)(void *)(p + at * 4096 + 8);
    return opaque;
}

static void *watch(void *opaque)
{
    for (uint64_t last = now();; ) {
        usleep(200);
        uint64_t t = now(), gap = t - last;
        if (t < last)
            __atomic_add_fetch(&went_back, 1, __ATOMIC_RELAXED);
        else if (gap > __atomic_load_n(&gap_ns, __ATOMIC_RELAXED))
            __atomic_store_n(&gap_ns, gap, __ATOMIC_RELAXED);
        last = t;
    }
    return opaque;
}

static void *echo(void *opaque)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(ECHO_PORT)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char buf[2048];

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
        return opaque;
    for (;;) {
        socklen_t len = sizeof(a);
        ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&a, &len);
        if (n > 0)
            sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&a, len);
    }
    return opaque;
}

int main(int argc, char **argv)
{
    pthread_t t;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 4)
        return 2;
    disk = open(argv[1], O_RDWR | O_DIRECT);
    memory_mib = strtoul(argv[2], NULL, 0);
    rate_mib = strtoul(argv[3], NULL, 0);
    for (uintptr_t i = 0; disk >= 0 && i < WORKERS; i++)
        pthread_create(&t, NULL, work, (void *)i);
    if (memory_mib)
        pthread_create(&t, NULL, dirty, NULL);
    pthread_create(&t, NULL, watch, NULL);
    pthread_create(&t, NULL, echo, NULL);
    for (unsigned tick = 1;; tick++) {
        sleep(1);
        unsigned long gap = __atomic_exchange_n(&gap_ns, 0, __ATOMIC_RELAXED);
        printf("load %u writes=%lu reads=%lu bad=%lu gap_us=%lu back=%lu\n", tick, n_writes, n_reads,
               n_bad, gap / 1000, went_back);
    }
}
