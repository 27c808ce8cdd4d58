/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa/modes: real mode, and the way through all modes [SDM3 9.9, 20.1].
 */
#include "lib/isa.h"

GUEST(real_int, ".code16", "stc\nint $0x30");

static void real_mode_takes_the_vector_table(void **state)
{
    (void)state;
    isa_start_real();
    e->s.rflags |= FL_IF;
    LOAD(real_int);
    isa_run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.seg[SEG_CS].sel, HANDLERS >> 4);
    assert_int_equal(e->o.s.r[X86_RIP], 0x31);
    assert_int_equal(e->o.s.r[RSP], 0x1000 - 6);
    assert_int_equal(isa_got(DATA + 0x1000 - 6, 2), 3);
    assert_int_equal(isa_got(DATA + 0x1000 - 4, 2), CODE >> 4);
    assert_int_equal(isa_got(DATA + 0x1000 - 2, 2), FL_IF | FL_CF | FL_1);
    assert_int_equal(e->o.s.rflags & FL_IF, 0);
}

/* From reset's mode to 64-bit code and on to 16-bit protected and real mode again. */
GUEST(modes, ".code16",
      "mov %cr0, %eax\nor $1, %al\nmov %eax, %cr0\n"
      "ljmpl $0x30, $(1f - code_modes + 0x10000)\n"
      ".code32\n1: mov $0x10, %eax\nmov %eax, %ds\nmov %eax, %ss\nmov $0x21000, %esp\n"
      "mov $0x20, %eax\nmov %eax, %cr4\nmov $0x5000, %eax\nmov %eax, %cr3\n"
      "mov $0xc0000080, %ecx\nrdmsr\nor $0x100, %eax\nwrmsr\nmov %eax, 0x30000\n"
      "mov %cr0, %eax\nor $0x80000000, %eax\nmov %eax, %cr0\n"
      "rdmsr\nmov %eax, 0x30004\n"
      "ljmp $0x08, $(2f - code_modes + 0x10000)\n"
      ".code64\n2: mov $0x123456789abcdef0, %rax\nmov %rax, 0x30008\n"
      "push $0x30\nlea 3f - code_modes + 0x10000, %rax\npush %rax\nlretq\n"
      ".code32\n3: mov %cr0, %eax\nand $0x7fffffff, %eax\nmov %eax, %cr0\n"
      "mov $0xc0000080, %ecx\nrdmsr\nmov %eax, 0x30010\n"
      "ljmp $0x70, $(4f - code_modes)\n"
      ".code16\n4: mov $0x78, %ax\nmov %ax, %ds\nmov %cr0, %eax\nand $0xfe, %al\nmov %eax, %cr0\n"
      "ljmp $0x1000, $(5f - code_modes)\n"
      "5: mov $0x3000, %ax\nmov %ax, %ds\nmovw $0x77, 0x14");

static void a_guest_walks_through_all_modes(void **state)
{
    (void)state;
    isa_start_real();
    e->lma = true; /* only for the tables' sake */
    LOAD(modes);
    e->s.gdtr = (struct x86_dtable){GDT, GDT_END - 1};
    isa_run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.seg[SEG_CS].sel, 0x1000);
    assert_int_equal(isa_got(DATA, 4), EFER_LME);
    assert_int_equal(isa_got(DATA + 4, 4), EFER_LME | EFER_LMA);
    assert_int_equal(isa_got(DATA + 8, 8), UINT64_C(0x123456789abcdef0));
    assert_int_equal(isa_got(DATA + 0x10, 4), EFER_LME);
    assert_int_equal(isa_got(DATA + 0x14, 2), 0x77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_mode_takes_the_vector_table),
        cmocka_unit_test(a_guest_walks_through_all_modes),
    };
    return isa_main(tests);
}
