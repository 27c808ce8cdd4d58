/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/scripts.h"

#define TEXT(symbol, file)                                                              \
    __asm__(".pushsection .rodata\n.globl " #symbol "\n.type " #symbol ", %object\n" #symbol \
            ":\n.incbin \"src/image/" file "\"\n.byte 0\n.size " #symbol ", . - " #symbol    \
            "\n.popsection\n")

TEXT(script_debian_inside, "debian_inside.sh");
TEXT(script_debian_outside, "debian_outside.sh");
TEXT(script_guest_firstboot, "guest_firstboot.sh");
TEXT(unit_guest_firstboot, "guest_firstboot.service");
