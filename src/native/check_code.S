/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tiny guests of kvm_check.c. They lie at CHECK_CODE of their memory, each is entered in the
 * mode that its row there names, and answers by an OUT of EAX to port 0xf4.
 */
#define PORT 0xf4

        .section .rodata
        .balign 16
        .globl kvm_check_code, kvm_check_code_end
kvm_check_code:

        .code16
        .globl kvm_check_real
kvm_check_real: /* a word through memory, in real mode */
        movw    $0x600, %bx
        movw    $0x1234, (%bx)
        movzwl  (%bx), %eax
        outl    %eax, $PORT

        .code32
        .globl kvm_check_paging
kvm_check_paging: /* the linear page behind the identity is the same memory */
        movl    $0x5678, 0x600
        movl    0x400600, %eax
        outl    %eax, $PORT

        .code64
        .globl kvm_check_sse
kvm_check_sse: /* vector instructions of a kernel */
        movl    $21, %eax
        movd    %eax, %xmm0
        paddd   %xmm0, %xmm0
        movdqu  %xmm0, 0x600
        movl    0x600, %eax
        outl    %eax, $PORT

        .globl kvm_check_halt
kvm_check_halt:
        hlt

        .globl kvm_check_tsc
kvm_check_tsc: /* bits 63..32 */
        rdtsc
        movl    %edx, %eax
        outl    %eax, $PORT

        .globl kvm_check_syscall, kvm_check_syscall_entry
kvm_check_syscall: /* from ring 3: which ring is entered? */
        syscall
kvm_check_syscall_entry:
        movl    %cs, %eax
        andl    $3, %eax
        orl     $0x100, %eax
        outl    %eax, $PORT

        .globl kvm_check_sysret, kvm_check_sysret_entry
kvm_check_sysret: /* there and back, which gives ring 3 ports by IOPL */
        syscall
        movl    %cs, %eax
        andl    $3, %eax
        orl     $0x200, %eax
        outl    %eax, $PORT
kvm_check_sysret_entry:
        orl     $0x3000, %r11d
        sysretq

        .globl kvm_check_int, kvm_check_int_entry
kvm_check_int: /* a software interrupt from ring 3, through the guest's table */
        int     $0x30
        ud2
kvm_check_int_entry:
        movl    %cs, %eax
        andl    $3, %eax
        orl     $0x300, %eax
        outl    %eax, $PORT

        .globl kvm_check_cpuid
kvm_check_cpuid: /* from ring 3: ours, not the host's? The port needs IOPL 3. */
        movl    $0x80000002, %eax
        cpuid
        outl    %eax, $PORT

        .globl kvm_check_vmcall
kvm_check_vmcall: /* an unknown hypercall is refused */
        movl    $0x7fff, %eax
        vmmcall
        outl    %eax, $PORT

kvm_check_code_end:

        .section .note.GNU-stack, "", @progbits
