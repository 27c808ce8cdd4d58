#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# quad-oci beside crun, runc and bwrap, in one run, turn about: `run` of /bin/true with the full
# default bundle (default seccomp profile, masked and read-only paths, five namespaces, cgroups),
# exec, state, create+start+kill+delete, 20 at once; system calls, memory, size; the cost of the
# filter per call. Prints ratios to crun; fails where a bound that we promise does not hold.
# test-alone: it measures
# test-long: it measures peers
# test-timeout: 900
set -u
. test/lib/zone.sh
n=${ROUNDS:-60}
helper meter <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* meter N PARALLEL -- A... -- B... -- : each command N times, turn about. "@" in a word becomes a
 * number of its own. Prints per command: median and least wall time, median CPU time (us), peak
 * memory (KiB), failures; with PARALLEL > 1 runs per second. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}
static int cmp(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }
static pid_t start(char **v, int serial)
{
    pid_t p = vfork();
    if (p)
        return p;
    static char buf[64][256];
    static char *w[64];
    int i = 0;
    for (; v[i] && i < 63; i++) {
        char *at = strchr(v[i], '@');
        w[i] = v[i];
        if (at) {
            snprintf(buf[i], 256, "%.*s%d%s", (int)(at - v[i]), v[i], serial, at + 1);
            w[i] = buf[i];
        }
    }
    w[i] = 0;
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    execvp(w[0], w);
    _exit(126);
}
int main(int argc, char **argv)
{
    int n = atoi(argv[1]), par = atoi(argv[2]), cmds = 0, serial = 0;
    char **cmd[16];
    for (int i = 3; i < argc - 1; i++)
        if (!strcmp(argv[i], "--")) {
            argv[i] = 0;
            cmd[cmds++] = argv + i + 1;
        }
    argv[argc - 1] = 0;
    static double wall[16][10000], cpu[16][10000];
    static long rss[16], bad[16];
    for (int k = 0; k < n; k++)
        for (int c = 0; c < cmds; c++) {
            double t0 = now();
            if (par > 1) {
                for (int j = 0; j < par; j++)
                    start(cmd[c], serial++);
                for (int j = 0, st; j < par; j++)
                    if (wait(&st) > 0 && st)
                        bad[c]++;
                wall[c][k] = now() - t0;
                continue;
            }
            struct rusage ru;
            int st;
            pid_t p = start(cmd[c], serial++);
            wait4(p, &st, 0, &ru);
            wall[c][k] = now() - t0;
            cpu[c][k] = ru.ru_utime.tv_sec * 1e6 + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1e6 + ru.ru_stime.tv_usec;
            if (ru.ru_maxrss > rss[c])
                rss[c] = ru.ru_maxrss;
            bad[c] += st != 0;
        }
    for (int c = 0; c < cmds; c++) {
        qsort(wall[c], n, sizeof(double), cmp);
        qsort(cpu[c], n, sizeof(double), cmp);
        if (par > 1)
            printf("%.0f %.0f 0 0 %ld\n", par * 1e6 / wall[c][n / 2], par * 1e6 / wall[c][0], bad[c]);
        else
            printf("%.0f %.0f %.0f %ld %ld\n", wall[c][n / 2], wall[c][0], cpu[c][n / 2], rss[c], bad[c]);
    }
    return 0;
}
C
meter=$TEST_TMP/meter
bundle bench
# the distribution's default profile: its unconditional rules, by text
profile=/usr/share/containers/seccomp.json
if [ -r $profile ]; then
    names=$(perl -0777 -ne 'my @e = split /"names"\s*:/; shift @e;
        for (@e) { /^\s*\[(.*?)\](.*)/s or next; my ($n, $r) = ($1, $2);
            next unless $r =~ /"action":\s*"SCMP_ACT_ALLOW"/ && $r =~ /"args":\s*\[\s*\]/;
            next unless $r =~ /"includes":\s*\{\s*\}/ && $r =~ /"excludes":\s*\{\s*\}/;
            print "$n," }' $profile | tr -d ' \n\t' | sed 's/,$//')
    [ -n "$names" ] || die "$profile is not understood"
    names="$names,\"arch_prctl\",\"modify_ldt\",\"chroot\"" # for this processor and these capabilities
    LINUX=',"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],"syscalls":[{"names":['$names'],"action":"SCMP_ACT_ALLOW"},
{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":0,"op":"SCMP_CMP_EQ"}]},
{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":8,"op":"SCMP_CMP_EQ"}]},
{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":131072,"op":"SCMP_CMP_EQ"}]},
{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":131080,"op":"SCMP_CMP_EQ"}]},
{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":4294967295,"op":"SCMP_CMP_EQ"}]},
{"names":["socket"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"args":[{"index":0,"value":16,"op":"SCMP_CMP_EQ"},{"index":2,"value":9,"op":"SCMP_CMP_EQ"}]}]}'
    echo "seccomp profile: $(echo "$names" | tr ',' '\n' | wc -l) names"
fi
CAPS='"CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FOWNER","CAP_FSETID","CAP_KILL","CAP_NET_BIND_SERVICE","CAP_SETFCAP","CAP_SETGID","CAP_SETPCAP","CAP_SETUID","CAP_SYS_CHROOT"'
config
cp config.json run.json
ARGS='["/bin/sleep","100000"]' config
mkdir -p sleeper && sed 's|"path":"rootfs"|"path":"../rootfs"|' config.json >sleeper/config.json
cp run.json config.json

# One cgroup layout for all: crun refuses hybrid hosts, so its v2 part is hidden here.
if [ -z "${BENCH_NS:-}" ] && [ -d /sys/fs/cgroup/unified ]; then
    export BENCH_NS=1
    cd "$top" || exit 1
    exec unshare -m sh -c 'umount /sys/fs/cgroup/unified; exec sh "$0"' "$0"
fi
have="quad"
command -v crun >/dev/null && crun --root "$TEST_TMP/crun" run probe >/dev/null 2>&1 && have="$have crun"
command -v runc >/dev/null && runc --root "$TEST_TMP/runc" run probe >/dev/null 2>&1 && have="$have runc"
bin() { case $1 in quad) echo "$oci" ;; *) command -v "$1" ;; esac; }
echo "runtimes: $have; load $(cut -d' ' -f1 /proc/loadavg)"

# table LABEL PARALLEL ROUNDS WORDS...: the words after each runtime's "BIN --root DIR"
bwrap_words="bwrap --ro-bind $b/rootfs / --proc /proc --dev /dev --unshare-pid --unshare-net --unshare-ipc --unshare-uts /bin/true"
table() {
    label=$1 par=$2 rounds=$3
    shift 3
    set -- "$@"
    words=
    for r in $have; do words="$words -- $(bin $r) --root $TEST_TMP/$r $*"; done
    rows=$have
    if [ "$label" = run ] && command -v bwrap >/dev/null; then
        words="$words -- $bwrap_words"
        rows="$rows bwrap"
    fi
    # shellcheck disable=SC2086
    "$meter" "$rounds" "$par" $words -- >"$TEST_TMP/res"
    echo "== $label"
    base=$(sed -n 2p "$TEST_TMP/res")
    i=0
    for r in $rows; do
        i=$((i + 1))
        sed -n ${i}p "$TEST_TMP/res" | awk -v r=$r -v base="$base" -v par=$par -v label="$label" '{
            split(base, b, " ");
            if (par > 1) printf "%-6s %6.0f runs/s (best %6.0f)  x crun %.2f  failures %d\n", r, $1, $2, b[1] ? $1 / b[1] : 0, $5;
            else printf "%-6s wall %6.2f ms (least %6.2f)  cpu %6.2f ms  memory %5d KiB  x crun: wall %.3f least %.3f cpu %.3f  failures %d\n", r, $1/1e3, $2/1e3, $3/1e3, $4, b[1] ? $1/b[1] : 0, b[2] ? $2/b[2] : 0, b[3] ? $3/b[3] : 0, $5 }'
        [ "$r" != quad ] || [ "$(sed -n ${i}p "$TEST_TMP/res" | cut -d' ' -f5)" = 0 ] || die "$label: runs of ours failed"
    done
    first=$(sed -n 1p "$TEST_TMP/res")
}
bad=
# bound WHAT VALUE LIMIT
bound() {
    awk -v v="$2" -v l="$3" 'BEGIN { exit !(v <= l) }' && echo "ok    $1: $2 (at most $3)" ||
        { echo "ABOVE $1: $2 (at most $3)"; bad="$bad $1"; }
}
ratio() { echo "$first|$base" | awk -F'[| ]' -v f="$1" '{ print $(5 + f) ? $f / $(5 + f) : 0 }'; }
table run 1 "$n" run b@
case $have in *crun*)
    run_wall=$(ratio 1) run_cpu=$(ratio 3) ;;
esac
rss=$(echo "$first" | cut -d' ' -f4)
table "20 at once" 20 $((n / 10 + 2)) run p@
for r in $have; do
    "$(bin $r)" --root "$TEST_TMP/$r" run -d -b sleeper s >/dev/null 2>&1 </dev/null || die "$r: sleeper"
done
table exec 1 "$n" exec s /bin/true
case $have in *crun*) exec_wall=$(ratio 1) ;; esac
table state 1 "$n" state s
for r in $have; do
    "$(bin $r)" --root "$TEST_TMP/$r" kill s KILL
    sleep 0.1
    "$(bin $r)" --root "$TEST_TMP/$r" delete --force s
done
cat >"$TEST_TMP/cycle" <<'S'
#!/bin/sh
"$1" --root "$2" create -b sleeper "$3" </dev/null >/dev/null 2>&1 && "$1" --root "$2" start "$3" 2>/dev/null && "$1" --root "$2" kill "$3" KILL 2>/dev/null && "$1" --root "$2" delete --force "$3" 2>/dev/null
S
chmod +x "$TEST_TMP/cycle"
words=
for r in $have; do words="$words -- $TEST_TMP/cycle $(bin $r) $TEST_TMP/$r c@"; done
"$meter" $((n / 3)) 1 $words -- | awk -v names="$have" 'BEGIN { split(names, n, " ") } { print "cycle " n[NR] ": " $1/1e3 " ms (least " $2/1e3 "), failures " $5 }'

if command -v strace >/dev/null; then
    for r in $have; do
        strace -f -qq -o "$TEST_TMP/tr" "$(bin $r)" --root "$TEST_TMP/$r" run sc >/dev/null 2>&1 </dev/null
        c=$(grep -v 'resumed>\|+++\|---' "$TEST_TMP/tr" | grep -c '(')
        echo "system calls of run: $r $c"
        [ "$r" != quad ] || calls=$c
    done
    echo "goal 200 system calls: ${calls:-} (each capability that is dropped takes one; cgroup v1 about 75)"
fi
# what a program pays inside: host and containers turn about
helper inside <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}
#define LEAST(n, stmt) ({ double best = 1e18; for (int k_ = 0; k_ < 20; k_++) { double t_ = now(); for (int i_ = 0; i_ < (n); i_++) { stmt; } t_ = (now() - t_) / (n); if (t_ < best) best = t_; } best; })
int main(void)
{
    volatile unsigned long x = 1;
    double cpu = LEAST(2000000, x = x * 6364136223846793005ul + 1);
    double getppid_ = LEAST(100000, syscall(SYS_getppid));
    double persona = LEAST(100000, syscall(SYS_personality, 0xffffffff));
    double fault = LEAST(4, char *p = mmap(0, 1 << 22, 3, 0x22, -1, 0); for (int i = 0; i < 1 << 22; i += 4096) p[i] = 1; munmap(p, 1 << 22));
    double fork_ = LEAST(20, pid_t p = fork(); if (!p) _exit(0); waitpid(p, 0, 0));
    printf("%.3f %.1f %.1f %.0f %.0f\n", cpu, getppid_, persona, fault / 1024, fork_);
}
C
cp "$TEST_TMP/inside" rootfs/inside
ARGS='["/inside"]' config
mkdir -p in && sed 's|"path":"rootfs"|"path":"../rootfs"|' config.json >in/config.json
for i in 1 2 3 4 5; do
    "$TEST_TMP/inside" >>"$TEST_TMP/in.host"
    for r in $have; do
        "$(bin $r)" --root "$TEST_TMP/$r" run -b in i$i >>"$TEST_TMP/in.$r" 2>/dev/null </dev/null
    done
done
echo "== inside, x host, least of 100: arithmetic, getppid, personality (argument checked), page fault, fork"
for r in $have; do
    cat "$TEST_TMP/in.host" "$TEST_TMP/in.$r" | awk -v r=$r 'NR <= 5 { for (k = 1; k <= 5; k++) if (!h[k] || $k < h[k]) h[k] = $k; next }
        { for (k = 1; k <= 5; k++) if (!c[k] || $k < c[k]) c[k] = $k }
        END { printf "%-6s %.2f %.2f %.2f %.2f %.2f   (getppid %.0f ns, host %.0f)\n", r, c[1]/h[1], c[2]/h[2], c[3]/h[3], c[4]/h[4], c[5]/h[5], c[2], h[2] }'
done
bound "binary (bytes)" "$(wc -c <"$oci")" 800000
bound "peak memory (KiB)" "$rss" 1536
[ -z "${run_wall:-}" ] || bound "run, wall x crun" "$run_wall" 0.35
[ -z "${run_cpu:-}" ] || bound "run, cpu x crun" "$run_cpu" 0.35
[ -z "${exec_wall:-}" ] || bound "exec, wall x crun" "$exec_wall" 0.3
[ -z "$bad" ] || die "above the bound:$bad"
echo "bench: ok"
