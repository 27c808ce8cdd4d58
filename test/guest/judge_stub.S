/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The start of a microguest under another emulator: a 64-KiB firmware image at F0000h that brings the
 * processor from reset into the state that the block at 60000h describes, and lets go with IRET.
 * The block's layout is in privileged.c (put_params). Assembled by judge_qemu.py.
 */
.set P, 0x60000

.macro wr msr, off
    mov $\msr, %ecx
    mov P + \off, %eax
    mov P + \off + 4, %edx
    wrmsr
.endm

.code16
real:
    cli
    lgdtl %cs:(gdt_desc - 0xf0000)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $8, $prot

.code32
prot:
    mov $16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x90000, %esp
    mov $0xff, %al
    out %al, $0x21
    out %al, $0xa1
    wr 0xc0000081, 0x48
    wr 0xc0000082, 0x50
    wr 0xc0000083, 0x58
    wr 0xc0000084, 0x60
    wr 0x174, 0x70
    wr 0x175, 0x78
    wr 0x176, 0x80
    mov P + 0x18, %eax
    mov %eax, %cr4
    mov P + 0x10, %eax
    mov %eax, %cr3
    wr 0xc0000080, 0x20
    wr 0xc0000102, 0x68
    andb $0xfd, 0x1000 + 20 * 8 + 5
    cmpl $0, P
    je to_real
    lgdt P + 0x28
    lidt P + 0x38
    mov P + 0x08, %eax
    mov %eax, %cr0
    cmpl $2, P
    je to_long
    ljmpl $0x18, $1f
1:  mov $16, %ax
    mov %ax, %ss
    lldt P + 0x88
    ltr P + 0x8a
    mov %cs:P + 0x92, %es
    mov %cs:P + 0x94, %fs
    mov %cs:P + 0x96, %gs
    mov %cs:P + 0x90, %ds
    mov %cs:P + 0x100, %eax
    mov %cs:P + 0x108, %ecx
    mov %cs:P + 0x110, %edx
    mov %cs:P + 0x118, %ebx
    mov %cs:P + 0x128, %ebp
    mov %cs:P + 0x130, %esi
    mov %cs:P + 0x138, %edi
    mov %cs:P + 0x98, %ss
    mov %cs:P + 0xa0, %esp
    iretl

to_long:
    ljmpl $0x08, $long

to_real:
    /* TR and LDTR as the block has them, from the image's table */
    lgdt P + 0x28
    lldt P + 0x88
    ltr P + 0x8a
    lgdt gdt_desc
    mov $0x20, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    mov %ax, %ss
    ljmpl $0x18, $(1f - 0xf0000)
.code16
1:  mov %cr0, %eax
    and $0xfe, %al
    mov %eax, %cr0
    ljmpl $0xf000, $(2f - 0xf0000)
2:  mov $0x6000, %ax
    mov %ax, %ds
    lgdtl 0x28
    lidtl 0x38
    mov 0x08, %eax
    mov %eax, %cr0
    mov 0x92, %es
    mov 0x94, %fs
    mov 0x96, %gs
    mov 0x100, %eax
    mov 0x108, %ecx
    mov 0x110, %edx
    mov 0x118, %ebx
    mov 0x128, %ebp
    mov 0x130, %esi
    mov 0x138, %edi
    mov 0x98, %ss
    mov 0xa0, %esp
    mov 0x90, %ds
    iretl

.code64
long:
    mov $16, %ax
    mov %ax, %ss
    lidt P + 0x38
    lldt P + 0x88
    ltr P + 0x8a
    mov P + 0x92, %es
    mov P + 0x94, %fs
    mov P + 0x96, %gs
    mov P + 0x90, %ds
    mov P + 0x100, %rax
    mov P + 0x108, %rcx
    mov P + 0x110, %rdx
    mov P + 0x118, %rbx
    mov P + 0x128, %rbp
    mov P + 0x130, %rsi
    mov P + 0x138, %rdi
    mov P + 0x140, %r8
    mov P + 0x148, %r9
    mov P + 0x150, %r10
    mov P + 0x158, %r11
    mov P + 0x160, %r12
    mov P + 0x168, %r13
    mov P + 0x170, %r14
    mov P + 0x178, %r15
    mov P + 0xa0, %rsp
    iretq

.balign 16
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00009b0f0000ffff
    .quad 0x000093000000ffff
gdt_desc:
    .word . - gdt - 1
    .long gdt

.org 0xfff0
.code16
    jmp real
.org 0x10000
