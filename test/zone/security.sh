#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test-alone: control groups are the whole host's, and the others make and remove some
#
# The attacks that container runtimes fell to, one by one: S1..S23 of doc/threat-model.md.
# Races are forced where that can be: the racer runs all the time while the runtime is slowed down
# by strace's delays, or the racer's result is there before the runtime looks.
set -u
. test/lib/zone.sh
bundle sec
sum0=$(sha256sum <"$oci")

# ---- S1 CVE-2019-5736: the runtime's own program by /proc/self/exe
printf '#!/proc/self/exe\n' >rootfs/bin/shebang
chmod +x rootfs/bin/shebang
ln -s /proc/self/exe rootfs/bin/self
for p in /proc/self/exe /bin/shebang /bin/self; do
    ARGS="[\"$p\"]" config
    timeout 20 "$oci" --root "$state" run s1 >"$out" 2>&1 && die "S1: $p runs"
    [ $? != 124 ] || die "S1: $p never ends"
done
helper racer <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* For every process that appears: open its program, and open that for writing by our own fd. */
int main(int argc, char **argv)
{
    long hits = 0, seen = 0;
    setlinebuf(stdout);
    for (long n = 0; n < atol(argv[1]); n++) {
        for (int pid = 2; pid < 400; pid++) {
            char p[64], l[256];
            snprintf(p, sizeof p, "/proc/%d/exe", pid);
            int fd = open(p, O_RDONLY);
            if (fd < 0)
                continue;
            ssize_t k = readlink(p, l, sizeof l - 1);
            l[k > 0 ? k : 0] = 0;
            if (pid != getpid() && strcmp(l, "/racer") && strcmp(l, "/bin/busybox"))
                seen++;
            snprintf(p, sizeof p, "/proc/self/fd/%d", fd);
            int w = open(p, O_WRONLY);
            if (w >= 0) {
                struct { char b[4]; } x;
                if (pread(w, &x, 0, 0) >= 0 || 1) {
                    snprintf(p, sizeof p, "/proc/self/fd/%d", w);
                    k = readlink(p, l, sizeof l - 1);
                    l[k > 0 ? k : 0] = 0;
                    if (!strstr(l, "/racer") && !strstr(l, "busybox")) {
                        hits++;
                        printf("writable: %s\n", l);
                    }
                }
                close(w);
            }
            close(fd);
        }
    }
    printf("racer done seen=%ld hits=%ld\n", seen, hits);
    return 0;
}
C
cp "$TEST_TMP/racer" rootfs/racer
ARGS='["/bin/sleep","1000"]'
CAPS='"CAP_SYS_PTRACE","CAP_DAC_OVERRIDE","CAP_KILL"' config
ok q run -d s1
q exec s1 /racer 100000 >"$TEST_TMP/racer.out" 2>&1 &
racer=$!
for i in $(seq 40); do
    q exec s1 /bin/true || die "S1: exec $i"
done
ok q exec s1 /bin/killall racer
wait $racer 2>/dev/null
! grep writable "$TEST_TMP/racer.out" || die "S1: a program of the host was opened for writing"
# what the container can see of a joining process is the sealed image
is "$(sha256sum <"$oci")" "$sum0" "S1: the runtime's program"

# ---- S20: exec joins a hostile container: ptrace, its memory, its descriptors
helper tracer <<'C'
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* Attach to every new process, look at its descriptors, steal them. */
int main(int argc, char **argv)
{
    long leaks = 0, attached = 0;
    setlinebuf(stdout);
    for (long n = 0; n < atol(argv[1]); n++)
        for (int pid = 2; pid < 400; pid++) {
            char p[64], l[256];
            if (pid == getpid())
                continue;
            int pfd = syscall(434, pid, 0);
            if (pfd < 0)
                continue;
            for (int fd = 3; fd < 24; fd++) {
                int got = syscall(438, pfd, fd, 0);
                if (got < 0)
                    continue;
                snprintf(p, sizeof p, "/proc/self/fd/%d", got);
                ssize_t k = readlink(p, l, sizeof l - 1);
                l[k > 0 ? k : 0] = 0;
                struct stat;
                /* a directory or file of the host shows as unreachable or with a host's path */
                if (*l == '/' && access(l, F_OK) != 0 && !strstr(l, "memfd:")) {
                    printf("leak: %s\n", l);
                    leaks++;
                }
                close(got);
            }
            close(pfd);
            if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
                attached++;
                ptrace(PTRACE_DETACH, pid, 0, 0);
            }
        }
    printf("tracer done leaks=%ld\n", leaks);
    return 0;
}
C
cp "$TEST_TMP/tracer" rootfs/tracer
q exec s1 /tracer 100000 >"$TEST_TMP/tracer.out" 2>&1 &
tracer=$!
for i in $(seq 40); do
    q exec s1 /bin/true >/dev/null 2>&1
done
if command -v strace >/dev/null; then # held for a while at each step of joining
    for i in $(seq 6); do
        strace -f -qq -o /dev/null -e trace=setns,clone,clone3,execveat,execve,capset \
            -e inject=setns,clone,execveat,execve,capset:delay_enter=20000:delay_exit=20000 \
            "$oci" --root "$state" exec s1 /bin/true >/dev/null 2>&1 </dev/null
    done
fi
q exec s1 /bin/killall tracer >/dev/null 2>&1
wait $tracer 2>/dev/null
! grep leak: "$TEST_TMP/tracer.out" || die "S20: a descriptor of the host was stolen"
ok q delete --force s1
reset_config

# ---- S2 CVE-2024-21626: a leaked descriptor as working directory
exec 7<.
for n in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 20; do
    # one that is a directory of the container (the runtime's own) is as good as its path
    ARGS='["/bin/sh","-c","test $(stat -c %d:%i .) = $(stat -c %d:%i $(/bin/pwd)) && echo inside"]'
    config
    sed -i "s|\"cwd\":\"/\"|\"cwd\":\"/proc/self/fd/$n\"|" config.json
    run s2
    [ $rc != 0 ] || want inside "S2: cwd /proc/self/fd/$n"
done
in_c 'ls /proc/self/fd | wc -l; ls -l /proc/self/fd'
want '^4$' 'S2: three streams and ls'\''s own'
ARGS='["/bin/sleep","1000"]' config
ok q run -d s2
ok q exec s2 sh -c 'ls /proc/self/fd | wc -l'
want '^4$'
for n in 3 4 5 6 7 8 9; do
    no q exec --cwd /proc/self/fd/$n s2 /bin/true
done
ok q delete --force s2
exec 7<&-
reset_config

# ---- S3 CVE-2025-31133, S4 CVE-2025-52565, S6: the image's /dev is full of links
echo host >"$TEST_TMP/victim"
ln -sf "$TEST_TMP/victim" rootfs/dev/null
ln -sf /proc/sysrq-trigger rootfs/dev/console
ln -sf /proc/sysrq-trigger rootfs/dev/ptmx
in_c 'stat -c %t:%T /dev/null; echo x >/dev/null; wc -c </proc/kcore'
want '^1:3$'
is "$(cat "$TEST_TMP/victim")" host S3
# without a tmpfs over /dev the links are in the way of the nodes themselves
config
sed -i '/"destination":"\/dev/d' config.json
run s3
is "$(cat "$TEST_TMP/victim")" host S3
[ -c rootfs/dev/null ] && rm -f rootfs/dev/*
# a host whose /dev/null is something else
if unshare -m true 2>/dev/null; then
    config
    unshare -m sh -c "mount -t tmpfs t /mnt && echo core >/mnt/f && mount --bind /mnt/f /dev/null &&
        '$oci' --root '$state' run s3b" >"$out" 2>&1 </dev/zero && die "S3: a false null device is used"
    want 'null'
fi
rm -rf rootfs/dev rootfs/proc.away
mkdir -p "$TEST_TMP/outside"
for link in dev proc sys; do
    rm -rf "rootfs/$link"
    ln -s ../../../../../../../../"$TEST_TMP/outside" "rootfs/$link"
    ARGS='["/bin/true"]' config
    run s6
    [ -z "$(ls "$TEST_TMP/outside")" ] || die "S6: made outside of the root: $(ls "$TEST_TMP/outside")"
    rm -f "rootfs/$link"
    mkdir "rootfs/$link"
done
ln -s /etc/passwd rootfs/etc/link
ln -s ../../../../../../etc rootfs/up
MOUNTS=',{"destination":"/up/new-by-zone","type":"tmpfs","source":"x"},{"destination":"/../../../etc/n2-by-zone","type":"tmpfs","source":"x"}'
in_c 'ls -d /etc/new-by-zone /etc/n2-by-zone'
ends 0 "S6: links stay inside the root"
[ ! -e /etc/new-by-zone ] && [ ! -e /etc/n2-by-zone ] || die "S6: made on the host"
reset_config

# ---- S5, S7, S8: the root is shared with a container that exchanges directories for links
mkdir -p rootfs/vol/real "$TEST_TMP/host/dir"
ln -sfn ../../../../../../../../"$TEST_TMP/host" rootfs/vol/evil
helper exchange <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    for (;;)
        syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], 2 /* RENAME_EXCHANGE */);
}
C
before=$(find "$TEST_TMP/host" | sort)
"$TEST_TMP/exchange" rootfs/vol/real rootfs/vol/evil &
ex=$!
MOUNTS=',{"destination":"/vol/real/dir","type":"tmpfs","source":"x"},{"destination":"/vol/real/made/deep","type":"tmpfs","source":"x"},{"destination":"/vol/real/file","type":"bind","source":"/etc/hostname","options":["bind"]}'
config
won=0
for i in $(seq 80); do
    q run "s7-$i" >/dev/null 2>&1 && won=$((won + 1))
done
# the windows by construction: the runtime stands still before each step while the racer turns
if command -v strace >/dev/null; then
    for i in $(seq 12); do
        strace -f -qq -o /dev/null -e trace=openat2,move_mount,mkdirat,openat \
            -e inject=openat2,move_mount,mkdirat:delay_enter=$((i * 300)) \
            "$oci" --root "$state" run "s7w-$i" >/dev/null 2>&1 </dev/null
    done
fi
kill $ex
wait $ex 2>/dev/null
is "$(find "$TEST_TMP/host" | sort)" "$before" "S7, S8: the host's files"
grep -q "$TEST_TMP/host" /proc/self/mountinfo && die "S7: mounted on the host"
echo "S7: $won of 80 runs got through, none outside"
rm -rf rootfs/vol
reset_config
# S5: /proc itself is exchanged with a directory that looks like it, while sysctl is written and
# paths are masked
mkdir -p rootfs/fake/sys/kernel rootfs/fake/sys/net/ipv4
echo untouched >rootfs/fake/sys/kernel/shmmni
"$TEST_TMP/exchange" rootfs/proc rootfs/fake &
ex=$!
LINUX=',"sysctl":{"kernel.shmmni":"777"}'
ARGS='["/bin/sh","-c","cat /proc/sys/kernel/shmmni"]' config
for i in $(seq 50); do
    q run "s5-$i" >"$TEST_TMP/s5" 2>&1
done
kill $ex
wait $ex 2>/dev/null
for f in rootfs/proc rootfs/fake; do
    [ ! -f $f/sys/kernel/shmmni ] || is "$(cat $f/sys/kernel/shmmni)" untouched S5
done
rm -rf rootfs/fake rootfs/proc
mkdir rootfs/proc
reset_config

# ---- S9, S10: cgroups cannot be written, release_agent least of all
CAPS='"CAP_SYS_ADMIN"' in_c 'for f in $(find /sys/fs/cgroup -maxdepth 2 -name release_agent -o -maxdepth 2 -name cgroup.procs); do (echo 0 >$f) 2>/dev/null && echo "wrote $f"; done; find /sys/fs/cgroup -name release_agent; echo end'
want '^end$'
never 'wrote'
never 'release_agent'
reset_config

# ---- S11: inheritable stays empty, in run and exec
ARGS='["/bin/sleep","1000"]' config
ok q run -d s11
for x in "" "--cap CAP_NET_RAW" "-u 1000"; do
    ok q exec $x s11 grep CapInh /proc/self/status
    want 'CapInh:	0000000000000000' "S11 $x"
done
# ---- S12: the user is decimal ids and nothing else
for u in '' ' 0' '0x0' '-1' '+0' '4294967295' '4294967296' '18446744073709551616' '0:' ':0' 'root' '0:0:0' \
    '1000 ' '0:-1' '1e3' '00000000000000000000000000000000000000000z'; do
    no q exec -u "$u" s11 /bin/true
done
ok q delete --force s11
reset_config

# ---- S13: very many entries
big=
for i in $(seq 400); do
    big="$big,{\"destination\":\"/m/$i\",\"type\":\"tmpfs\",\"source\":\"t\",\"options\":[\"size=4k\"]}"
done
MOUNTS=$big in_c 'grep -c " /m/" /proc/self/mountinfo'
want '^400$'
reset_config
NS=$default_ns',{"type":"user"}'
maps=$(seq 0 9999 | awk '{printf "%s{\"containerID\":%d,\"hostID\":%d,\"size\":1}", (NR>1?",":""), $1, $1+100000}')
LINUX=",\"uidMappings\":[$maps],\"gidMappings\":[$maps]"
config
run s13
ends 1 "S13: the kernel takes 340 maps; more is an error, never a container without a namespace"
reset_config

# ---- S14: control files planted in the image
for f in .krun_config.json krun_config.json .quad config.json state.json; do
    echo '{"cpus":64}' >"rootfs/$f"
done
mkfifo rootfs/etc/passwd.fifo
mv rootfs/etc/passwd rootfs/etc/passwd.real
ln -s passwd.fifo rootfs/etc/passwd
in_c 'echo alive'
want alive "S14: a pipe as /etc/passwd must not hold us"
rm rootfs/etc/passwd
mv rootfs/etc/passwd.real rootfs/etc/passwd

# ---- S15: what of /proc and /sys can be written: only what is the process's own
CAPS='"CAP_SYS_ADMIN","CAP_DAC_OVERRIDE","CAP_SYS_RESOURCE"'
in_c 'for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /proc/irq/default_smp_affinity /sys/kernel/uevent_helper /sys/power/state /proc/kcore /proc/timer_list /proc/sys/kernel/modprobe /proc/sys/fs/binfmt_misc/register; do
  [ -e $f ] && (: >>$f) 2>/dev/null && [ -f $f ] && echo "writable $f"; done
find /proc -maxdepth 2 -type f -perm /222 2>/dev/null | grep -v "^/proc/[0-9]" | while read f; do (: >>$f) 2>/dev/null && echo "writable $f"; done; echo end'
want '^end$'
# none of these does anything without a capability that this container lacks
never 'writable /proc/sys(rq|/)' S15
never 'writable /sys/' S15
reset_config

# ---- S16: nodes of the host's devices
CAPS='"CAP_MKNOD","CAP_DAC_OVERRIDE"' in_c 'mknod /tmp/disk b 254 0; cat /tmp/disk | head -c 1 | wc -c; mknod /tmp/mem c 1 1; cat /tmp/mem | head -c 1 | wc -c'
never '^1$' S16
rm -f rootfs/tmp/*
reset_config

# ---- S17: keyring of its own, no abstract socket of ours
in_c 'cat /proc/keys 2>/dev/null | wc -l; cat /proc/net/unix'
never '@.*(oci|quad)' S17
in_c 'grep -o "_ses[^ ]*" /proc/keys; echo end'
want end
grep -a '@' /proc/net/unix | grep -q 'quad' && die "S17: an abstract socket of ours on the host"

# ---- S21: ids and cgroup paths cannot climb
for id in .. ../../etc x/../../y; do
    no q create "$id"
    no q state "$id"
    no q delete --force "$id"
done
LINUX=',"cgroupsPath":"/../../../../s21"' in_c 'echo ran'
want ran
[ ! -e /s21 ] && [ ! -e /sys/s21 ] || die S21
reset_config
LINUX=',"cgroupsPath":"/"' in_c true
ends 1
reset_config

# ---- S23: images of another's are read by criu alone; nothing is written among them
cat >"$TEST_TMP/criu" <<'END'
#!/bin/sh
[ "$1" = check ] && exit 0
echo "$@" >"$0.args"
while [ $# -gt 0 ]; do
    case $1 in --pidfile) pidfile=$2 ;; --work-dir) work=$2 ;; esac
    shift
done
echo "(0.1) Error (image): hostile" >"$work/restore.log"
[ -e "$0.bad" ] && exit 1
sleep 1000 >/dev/null 2>&1 &
echo $! >"$pidfile"
END
chmod +x "$TEST_TMP/criu"
mkdir -p "$TEST_TMP/img"
echo untouched >"$TEST_TMP/victim"
for f in restore.log restore.pid inventory.img descriptors.json stats-restore; do
    ln -sf ../victim "$TEST_TMP/img/$f"
done
config
for bad in '' yes; do
    rm -f "$TEST_TMP/criu.bad"
    if [ "$bad" ]; then
        : >"$TEST_TMP/criu.bad"
        no q --criu "$TEST_TMP/criu" restore -d --image-path "$TEST_TMP/img" s23
        want 'Error .image.: hostile'
        no q state s23
    elif command -v strace >/dev/null; then
        strace -o "$TEST_TMP/s23.tr" "$oci" --root "$state" --criu "$TEST_TMP/criu" restore -d \
            --image-path "$TEST_TMP/img" s23 </dev/null >"$out" 2>&1 || die "restore: $(cat "$out")"
        grep -E '^(open|openat|openat2|creat|unlink|rename)[a-z0-9]*\(.*/img' "$TEST_TMP/s23.tr" && die "the runtime looks into the images"
    else
        ok q --criu "$TEST_TMP/criu" restore -d --image-path "$TEST_TMP/img" s23
    fi
    [ "$bad" ] || { is "$(status s23)" running; ok q delete --force s23; }
    is "$(cat "$TEST_TMP/victim")" untouched
    is "$(ls "$TEST_TMP/img" | wc -l)" 5
done

# ---- S22 is in config.sh (sysctl), S18 and S19 in seccomp.sh
is "$(sha256sum <"$oci")" "$sum0" "the runtime's program"
[ -z "$(ls "$state")" ] || die "the state is not empty: $(ls "$state")"
echo "security: ok"
