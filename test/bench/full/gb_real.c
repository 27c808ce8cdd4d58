/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Programs of the distribution, on inputs made here.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gb.h"

const struct gb_real gb_reals[] = {
    {"real_gzip", {"/bin/gzip", "-6", "-n", "-c", "/tmp/text"}, 0, 0},
    {"real_gunzip", {"/bin/gzip", "-dc", "/tmp/text.gz"}, 0, "gzip"},
    {"real_xz", {"/usr/bin/xz", "-0", "-T1", "-c", "/tmp/text"}, 0, 0},
    {"real_sha256", {"/usr/bin/sha256sum", "/tmp/text", "/tmp/text", "/tmp/text", "/tmp/text",
      "/tmp/text", "/tmp/text"}, 0, 0},
    {"real_awk",
     {"/usr/bin/mawk", "{ for (i = 1; i <= NF; i++) { n[$i]++; l += length($i) } } "
                       "END { for (w in n) s += n[w] * length(w); print NR, l, s }",
      "/tmp/text"}, 0, 0},
    {"real_grep", {"/bin/grep", "-cE", "(ac|qe[a-g]).*[gkm]{2,3} [a-m]+ ", "/tmp/text", "/tmp/text",
      "/tmp/text", "/tmp/text"}, 0, 0},
    {"real_sort", {"/usr/bin/sort", "--parallel=1", "/tmp/text", "/tmp/text", "/tmp/text"}, 0, 0},
    {"real_sh",
     {"/bin/dash", "-c", "i=0; s=0; while [ $i -lt 20000 ]; do s=$((s + i * 3 % 7)); "
                         "case $i in *77*) t=$t.;; esac; i=$((i + 1)); done; echo $s ${#t}"}, 0, 0},
    {"real_busybox",
     {"/bin/busybox", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do /bin/busybox head -n 4000 /tmp/text | "
                                  "/bin/busybox sed 's/a/bb/g' | /bin/busybox sort -u | /bin/busybox md5sum; done"}, 0, 0},
    {"real_lua",
     {"/usr/bin/lua5.4", "-e", "local t = {} for i = 1, 60000 do t[i] = (i * 7919) % 10007 end "
      "table.sort(t) local s = 0 for i, v in ipairs(t) do s = (s * 31 + v * i) % 1000003 end "
      "local w = {} for i = 1, 20000 do w[#w + 1] = ('x%d'):format(i) end "
      "print(s, #table.concat(w), (table.concat(w):gsub('x1', 'y')):sub(1, 40))"}, 0, 0},
    {"real_perl",
     {"/usr/bin/perl", "-e", "my %n; open F, '<', '/tmp/text'; while (<F>) { $n{$_}++ for "
      "/([a-z]{3,5})/g } my $s = 0; $s = ($s * 31 + $n{$_}) % 1000003 for sort keys %n; "
      "print scalar(keys %n), \" $s\\n\""}, 0, 0},
    {"real_python",
     {"/usr/bin/python3.11", "-I", "-S", "-c", "d = {}\nfor l in open('/tmp/text'):\n"
      " for w in l.split():\n  d[w] = d.get(w, 0) + len(w)\n"
      "print(len(d), sum(d.values()), sorted(d.items())[:3])"}, 0, 0},
    {"real_ossl_sha256", {"/usr/bin/openssl", "dgst", "-sha256", "/tmp/text", "/tmp/text", "/tmp/text",
      "/tmp/text", "/tmp/text", "/tmp/text"}, 0, 0},
    {"real_ossl_aes", {"/usr/bin/openssl", "enc", "-aes-128-ctr", "-K", "000102030405060708090a0b0c0d0e0f",
      "-iv", "000102030405060708090a0b0c0d0e0f", "-in", "/tmp/text"}, 0, 0},
    {"real_tcc", {"/usr/bin/tcc", "-nostdinc", "-c", "/src/tcc.c", "-o", "/tmp/out"}, 0, 0},
    {"real_cc1", {"/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "-quiet", "-std=gnu2x", "-fpreprocessed",
      "-O2", "/src/cc1.i", "-o", "-"}, 0, 0},
    {0, {0}, 0, 0},
};

/* Lines of words of 2 to 9 letters, some of them frequent. */
static void make_text(const char *path, unsigned lines)
{
    FILE *f = fopen(path, "w");
    uint64_t x = 42;

    for (unsigned i = 0; f && i < lines; i++) {
        for (unsigned w = 0; w < 8; w++) {
            uint64_t v = gb_next(&x);
            uint64_t seed = v & 3 ? v >> 8 & 0x3ff : v >> 8 & 0xfffff;
            seed = seed * 0x9e3779b97f4a7c15u | 1;
            for (unsigned n = 2 + (unsigned)(seed >> 32 & 7); n > 0; n--)
                fputc('a' + (int)(gb_next(&seed) >> 20) % 13 * 2 % 26, f);
            fputc(w < 7 ? ' ' : '\n', f);
        }
    }
    if (f)
        fclose(f);
}

void gb_make_inputs(unsigned scale)
{
    make_text("/tmp/text", 20000 * scale);
}

static int spawn(const char *const *argv, int out)
{
    pid_t pid = fork();

    if (!pid) {
        char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "PYTHONHASHSEED=0",
                             "PERL_HASH_SEED=0", "PYTHONDONTWRITEBYTECODE=1", 0};
        dup2(out, 1);
        execve(argv[0], (char *const *)(uintptr_t)argv, env);
        _exit(127);
    }
    return pid;
}

static void prepare(const char *what)
{
    const char *const argv[] = {"/bin/gzip", "-1", "-c", "/tmp/text", 0};
    int fd = open("/tmp/text.gz", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (what)
        waitpid(spawn(argv, fd), 0, 0);
    close(fd);
}

uint64_t gb_run_real(const struct gb_real *r, int *missing)
{
    static char block[65536];
    uint64_t h = GB_FNV;
    int p[2], status = 0;
    ssize_t n;

    *missing = access(r->argv[0], X_OK) != 0;
    if (*missing || pipe(p))
        return 0;
    prepare(r->prepare);
    pid_t pid = spawn(r->argv, p[1]);
    close(p[1]);
    while ((n = read(p[0], block, sizeof(block))) > 0)
        h = gb_fnv(h, block, (uint64_t)n);
    close(p[0]);
    waitpid(pid, &status, 0);
    int fd = open("/tmp/out", O_RDONLY); /* of programs that do not write to standard output */
    while (fd >= 0 && (n = read(fd, block, sizeof(block))) > 0)
        h = gb_fnv(h, block, (uint64_t)n);
    close(fd);
    unlink("/tmp/out");
    if (status)
        fprintf(stderr, "%s: status %#x\n", r->name, (unsigned)status);
    return status ? 0 : h;
}
