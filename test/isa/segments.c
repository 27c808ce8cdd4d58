/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa/segments: limits, access rights, what users see of the tables [SDM3 5.3, 5.10].
 */
#include "lib/isa.h"

GUEST(rights, ".code32",
      "mov $0x20, %eax\nlar %eax, %ebx\nlsl %eax, %ecx\nmov $0x48, %eax\nlsl %eax, %edx\n"
      "mov $0x30, %eax\nverw %ax\nsetz %al\nmovzx %al, %esi\nmov $0x50, %eax\nlar %eax, %edi");

static void lar_and_lsl_show_descriptors(void **state)
{
    (void)state;
    isa_start(false, 0);
    LOAD(rights);
    isa_run();
    assert_int_equal(e->o.s.r[RBX], 0xcff300);
    assert_int_equal(e->o.s.r[RCX], 0xffffffff);
    assert_int_equal(e->o.s.r[RDX], 0x1ffff);
    assert_int_equal(e->o.s.r[RSI], 0); /* code is never writable */
    assert_int_equal(e->o.s.r[RDI], 0x8b00);
    assert_int_equal(e->o.s.rflags & FL_ZF, FL_ZF);
}

GUEST(expand_down, ".code32",
      "mov $0x48, %eax\nmov %eax, %ds\nmov 0x20000, %ebx\nmov 0x1fffc, %ecx");

static void an_expand_down_segment_ends_at_its_limit(void **state)
{
    (void)state;
    isa_start(false, 0);
    LOAD(expand_down);
    isa_put(0x20000, 0x55aa, 4);
    isa_run();
    isa_assert_vector(EXC_GP);
    assert_int_equal(e->o.s.r[RBX], 0x55aa);
    assert_int_equal(isa_got(e->o.s.r[RSP], 4), 0);
    assert_int_equal(e->o.s.r[RCX], 0);
}

GUEST(sldt, ".code64", "mov $5, %ebx\nsldt %eax\nmov $6, %ebx");

static void umip_hides_table_registers_from_users(void **state)
{
    (void)state;
    isa_start(true, 3);
    LOAD(sldt);
    isa_run();
    assert_int_equal(e->o.s.r[RBX], 6);
    e->s.cr4 |= CR4_UMIP;
    isa_run();
    isa_assert_vector(EXC_GP);
    assert_int_equal(e->o.s.r[RBX], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lar_and_lsl_show_descriptors),
        cmocka_unit_test(an_expand_down_segment_ends_at_its_limit),
        cmocka_unit_test(umip_hides_table_registers_from_users),
    };
    return isa_main(tests);
}
