# SPDX-License-Identifier: GPL-2.0-or-later
#
# bios16: the few BIOS services that boot code in real mode asks for, at F000:0000. No firmware:
# no set-up, no disks, no video. tools/make-bios16 turns this into bios16_rom.h.
#
#   +0x0000  code                +0x8000  E820 table: u32 count, then 20 bytes each
#   +0xfff0  where a processor starts: stop
#
# Entry points are at the start, 8 bytes apart, in the order of bios16.c's vectors.

        .code16
        .text
        .globl  _start
        .set    table, 0x8000

_start:
        .balign 8
        jmp     ignore          # 0: every other vector
        .balign 8
        jmp     int10           # 1
        .balign 8
        jmp     int11           # 2
        .balign 8
        jmp     int12           # 3
        .balign 8
        jmp     failed          # 4: INT 13h: there is no disk
        .balign 8
        jmp     int15           # 5
        .balign 8
        jmp     int16           # 6
        .balign 8
        jmp     int1a           # 7
        .balign 8

ignore: iret

# The caller's flags are on the stack at sp+4 (behind ip and cs).
failed: mov     $0x86, %ah
set_cf: push    %bp
        mov     %sp, %bp
        orw     $1, 6(%bp)
        pop     %bp
        iret
clear_cf:
        push    %bp
        mov     %sp, %bp
        andw    $0xfffe, 6(%bp)
        pop     %bp
        iret

# Video: an 80-column text mode that nobody sees.
int10:  cmp     $0x0f, %ah
        je      1f
        cmp     $0x03, %ah
        je      2f
        iret
1:      mov     $0x5003, %ax
        xor     %bh, %bh
        iret
2:      xor     %dx, %dx
        mov     $0x0607, %cx
        iret

int11:  xor     %ax, %ax
        iret

int12:  push    %ds
        mov     $0x40, %ax
        mov     %ax, %ds
        mov     0x13, %ax
        pop     %ds
        iret

# Memory sizes and the A20 gate (which is always open).
int15:  cmp     $0xe820, %ax
        je      e820
        cmp     $0xe801, %ax
        je      e801
        cmp     $0x88, %ah
        je      size88
        cmp     $0x24, %ah
        jne     failed
        xor     %ah, %ah
        mov     $0x02, %al
        mov     $0x03, %bx
        jmp     clear_cf

e820:   cmp     $0x534d4150, %edx       # "SMAP"
        jne     failed
        cmp     $20, %ecx
        jb      failed
        cmp     %cs:table, %ebx
        jae     failed
        push    %ds
        push    %si
        push    %di
        push    %cs
        pop     %ds
        imul    $20, %bx, %si
        add     $(table + 4), %si
        mov     $20, %ecx
        cld
        rep movsb
        mov     $20, %ecx
        inc     %ebx
        cmp     table, %ebx
        jb      1f
        xor     %ebx, %ebx
1:      pop     %di
        pop     %si
        pop     %ds
        mov     $0x534d4150, %eax
        jmp     clear_cf

# KiB between 1 and 16 MiB, then 64-KiB blocks above; bios16.c leaves both before the table.
e801:   mov     %cs:table - 8, %ax
        mov     %cs:table - 6, %bx
        mov     %ax, %cx
        mov     %bx, %dx
        jmp     clear_cf

size88: mov     %cs:table - 4, %ax
        jmp     clear_cf

# Keyboard: nothing is ever typed.
int16:  cmp     $0x01, %ah
        je      1f
        cmp     $0x11, %ah
        je      1f
        xor     %ax, %ax
        iret
1:      push    %bp
        mov     %sp, %bp
        orw     $0x40, 6(%bp)           # ZF: no key
        pop     %bp
        iret

# Time of day: midnight; the rest (PCI BIOS) is not there.
int1a:  or      %ah, %ah
        jnz     failed
        xor     %cx, %cx
        xor     %dx, %dx
        xor     %al, %al
        jmp     clear_cf

# Where a processor starts: there is no firmware to run.
        .balign 8
        .globl  stop
stop:   cli
        hlt
        jmp     stop
