#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A debugger at a guest: the distribution's gdb on --gdb, both engines. The guest is a stock kernel
# with two vCPUs, without symbols: what is asked for is where it starts, what single instructions
# do to registers and memory, and what breakpoints and ctrl-c find.
# test-timeout: 600
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
command -v gdb >/dev/null || skip "no gdb"
guest cloud
initrd
sock=$TEST_TMP/gdb.sock
"$QUAD" run --mode full --engine "$engine" --gdb "unix:$sock" --cpus 2 --memory 256M \
    --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --loader linux64 \
    --append 'console=ttyS0 quad.run="sleep 4; sha256sum /init"' </dev/null >"$out" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null || true' EXIT
n=0
until [ -S "$sock" ]; do
    n=$((n + 1))
    [ $n -lt 100 ] || die "no socket"
    sleep 0.1
done
cat >"$TEST_TMP/script" <<'END'
set pagination off
set confirm off
set architecture i386:x86-64
END
echo "target remote $sock" >>"$TEST_TMP/script"
cat >>"$TEST_TMP/script" <<'END'
info threads
printf "start rip=%#lx cr0pe=%d cs=%#x\n", $rip, (int)$cr0 & 1, $cs

# code of our own in low memory: a counted loop that stores
#   mov ecx,5 / l: inc rax / mov [rbx],rax / loop l
#   mov rdx,cr4 / bts edx,9 / mov cr4,rdx / pxor xmm0,xmm0 / movq xmm1,rax / jmp .
set var $keep_rip = $rip
set var *(unsigned char *)0x9000 = 0xb9
set var *(unsigned char *)0x9001 = 0x5
set var *(unsigned char *)0x9002 = 0x0
set var *(unsigned char *)0x9003 = 0x0
set var *(unsigned char *)0x9004 = 0x0
set var *(unsigned char *)0x9005 = 0x48
set var *(unsigned char *)0x9006 = 0xff
set var *(unsigned char *)0x9007 = 0xc0
set var *(unsigned char *)0x9008 = 0x48
set var *(unsigned char *)0x9009 = 0x89
set var *(unsigned char *)0x900a = 0x3
set var *(unsigned char *)0x900b = 0xe2
set var *(unsigned char *)0x900c = 0xf8
set var *(unsigned char *)0x900d = 0xf
set var *(unsigned char *)0x900e = 0x20
set var *(unsigned char *)0x900f = 0xe2
set var *(unsigned char *)0x9010 = 0xf
set var *(unsigned char *)0x9011 = 0xba
set var *(unsigned char *)0x9012 = 0xea
set var *(unsigned char *)0x9013 = 0x9
set var *(unsigned char *)0x9014 = 0xf
set var *(unsigned char *)0x9015 = 0x22
set var *(unsigned char *)0x9016 = 0xe2
set var *(unsigned char *)0x9017 = 0x66
set var *(unsigned char *)0x9018 = 0xf
set var *(unsigned char *)0x9019 = 0xef
set var *(unsigned char *)0x901a = 0xc0
set var *(unsigned char *)0x901b = 0x66
set var *(unsigned char *)0x901c = 0x48
set var *(unsigned char *)0x901d = 0xf
set var *(unsigned char *)0x901e = 0x6e
set var *(unsigned char *)0x901f = 0xc8
set var *(unsigned char *)0x9020 = 0xeb
set var *(unsigned char *)0x9021 = 0xfe
x/10i 0x9000
set var $keep_rax = $rax
set var $keep_rbx = $rbx
set var $keep_rcx = $rcx
set var $keep_rdx = $rdx
set var $keep_eflags = $eflags
set var $rip = 0x9000
set var $rax = 100
set var $rbx = 0x9100
set var $eflags = 2
stepi
printf "step1 rip=%#lx rcx=%ld\n", $rip, $rcx
stepi
printf "step2 rip=%#lx rax=%ld\n", $rip, $rax
stepi
printf "step3 rip=%#lx mem=%ld\n", $rip, *(long *)0x9100
stepi
printf "step4 rip=%#lx rcx=%ld\n", $rip, $rcx
# a breakpoint in the middle of a loop that one block holds, met each time round
break *0x9008
continue
printf "break1 rip=%#lx rax=%ld mem=%ld\n", $rip, $rax, *(long *)0x9100
continue
printf "break2 rip=%#lx rax=%ld mem=%ld\n", $rip, $rax, *(long *)0x9100
delete
hbreak *0x900d
continue
printf "hbreak rip=%#lx rax=%ld rcx=%ld mem=%ld\n", $rip, $rax, $rcx, *(long *)0x9100
delete
stepi 5
printf "xmm rip=%#lx xmm0=%ld xmm1=%ld\n", $rip, $xmm0.v2_int64[0], $xmm1.v2_int64[0]
set var $xmm1.v2_int64[1] = 77
printf "xmm1h=%ld\n", $xmm1.v2_int64[1]
# what was written is code: it must not be run from a cache
set var *(unsigned char *)0x9020 = 0x90
set var *(unsigned char *)0x9021 = 0xf4
stepi
printf "patched rip=%#lx\n", $rip

set var $rip = $keep_rip
set var $rax = $keep_rax
set var $rbx = $keep_rbx
set var $rcx = $keep_rcx
set var $rdx = $keep_rdx
set var $eflags = $keep_eflags
# the guest's own entry into its decompressed kernel and so on: run to the middle of the boot
END
# ctrl-c comes from outside, once the kernel speaks
(
    n=0
    until grep -q 'Linux version' "$out"; do
        n=$((n + 1))
        [ $n -lt 1200 ] || exit
        sleep 0.2
    done
    sleep 1
    kill -INT "$(cat "$TEST_TMP/gdb.pid")"
) &
cat >>"$TEST_TMP/script" <<'END'
continue
printf "interrupted rip=%#lx cpl=%d lma=%d fsgs=%d\n", $rip, $cs & 3, ((int)$efer >> 10) & 1, $gs_base != 0
info threads
thread 2
set var $here = $rip
printf "thread2 %d\n", $rip == $here
thread 1
stepi
stepi
stepi
set var $there = $rip
printf "stepped lma=%d\n", ((int)$efer >> 10) & 1
detach
END
sh -c 'echo $$ >"$1/gdb.pid"; exec gdb -nx -q -batch -x "$1/script"' sh "$TEST_TMP" \
    >"$TEST_TMP/gdb.out" 2>&1 </dev/null || true
cat "$TEST_TMP/gdb.out"
wait $pid && rc=0 || rc=$?
trap - EXIT
tail -n 3 "$out"
said() { grep -q "^$1\$" "$TEST_TMP/gdb.out" || die "gdb did not say: $1"; }
said 'start rip=.* cr0pe=1 cs=.*'
said 'step1 rip=0x9005 rcx=5'
said 'step2 rip=0x9008 rax=101'
said 'step3 rip=0x900b mem=101'
said 'step4 rip=0x9005 rcx=4'
said 'break1 rip=0x9008 rax=102 mem=101'
said 'break2 rip=0x9008 rax=103 mem=102'
said 'hbreak rip=0x900d rax=105 rcx=0 mem=105'
said 'xmm rip=0x9020 xmm0=0 xmm1=105'
said 'xmm1h=77'
said 'patched rip=0x9021'
said 'interrupted rip=.* lma=1 .*'
said 'thread2 1'
said 'stepped lma=1'
[ "$(grep -c 'Thread [0-9].*vCPU' "$TEST_TMP/gdb.out")" -ge 4 ] || die "threads are not listed"
want '^quad.run: exit 0' # after it was detached, the guest ran on to its end
ends 0
