/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa/vm86: virtual-8086 mode and virtual interrupts [SDM3 20].
 */
#include "lib/isa.h"

GUEST(to_vm86, ".code32",
      "pushl $0x3003\npushl $0x3002\npushl $0x3001\npushl $0x3000\npushl $0x2000\npushl $0x800\n"
      "pushl $0x23002\npushl $0x1000\npushl $0x100\niret");
GUEST(vm86, ".code16", "mov %ds, %ax\nint $0x21");

static void vm86_is_entered_by_iret_and_left_by_int(void **state)
{
    (void)state;
    isa_start(false, 0);
    LOAD(to_vm86);
    LOAD_AT(CODE + 0x100, vm86);
    isa_run();
    isa_assert_vector(0x21);
    uint64_t sp = e->o.s.r[RSP];
    assert_int_equal(sp, STACK0 - 36);
    assert_int_equal(isa_got(sp, 4), 0x104);
    assert_int_equal(isa_got(sp + 4, 4), 0x1000);
    assert_int_equal(isa_got(sp + 8, 4), 0x23002);
    assert_int_equal(isa_got(sp + 12, 4), 0x800);
    assert_int_equal(isa_got(sp + 16, 4), 0x2000);
    assert_int_equal(isa_got(sp + 20, 4), 0x3000); /* ES DS FS GS */
    assert_int_equal(isa_got(sp + 24, 4), 0x3001);
    assert_int_equal(isa_got(sp + 28, 4), 0x3002);
    assert_int_equal(isa_got(sp + 32, 4), 0x3003);
    assert_int_equal(e->o.s.r[RAX] & 0xffff, 0x3001);
    assert_int_equal(e->o.s.seg[SEG_DS].sel, 0);
    assert_int_equal(e->o.s.rflags & FL_VM, 0);
    /* below IOPL 3 the INT is #GP(0) */
    uint8_t *flags = memmem(e->mem + CODE, 64, "\x68\x02\x30\x02\x00", 5);
    assert_non_null(flags);
    flags[2] = 0x00;
    isa_run();
    isa_assert_vector(EXC_GP);
}

GUEST(vme, ".code16",
      "sti\npushf\npop %ax\ncli\npushf\npop %bx\nint $0x21\nmov %dx, %cx\nint $0x22");
GUEST(vme_handler, ".code16", "mov $7, %dx\niret");

static void start_vm86(void)
{
    isa_start(false, 3);
    for (unsigned i = 0; i < 6; i++)
        e->s.seg[i] = (struct x86_seg){.sel = i == SEG_CS ? CODE >> 4 : DATA >> 4,
                                       .attr = 0xf3,
                                       .limit = 0xffff,
                                       .base = i == SEG_CS ? CODE : DATA};
    e->s.rflags |= FL_VM;
    e->s.r[RSP] = 0x800;
    e->s.r[X86_RIP] = 0;
    isa_put(TSS + 0x66, 0x68 + 32, 2);
}

static void vme_gives_vm86_its_own_interrupt_flag(void **state)
{
    (void)state;
    start_vm86();
    e->s.cr4 |= CR4_VME;
    e->mem[TSS + 0x68 + 4] = 0xfd; /* INT 21h goes to the task's own table, 22h does not */
    isa_put(4 * 0x21, (uint64_t)0x1100 << 16, 4);
    LOAD_AT(0x11000, vme_handler);
    LOAD(vme);
    isa_run();
    isa_assert_vector(EXC_GP); /* INT 22h below IOPL 3 */
    assert_int_equal(e->o.s.r[RAX] & (FL_IF | FL_IOPL), FL_IF | FL_IOPL);
    assert_int_equal(e->o.s.r[RBX] & (FL_IF | FL_IOPL), FL_IOPL);
    assert_int_equal(e->o.s.r[RCX] & 0xffff, 7);
    assert_int_equal(isa_got(e->o.s.r[RSP] + 12, 4) & FL_IF, 0); /* the real one was never set */
    /* without VME the first STI is #GP */
    e->s.cr4 &= ~(uint64_t)CR4_VME;
    isa_run();
    isa_assert_vector(EXC_GP);
    assert_int_equal(isa_got(e->o.s.r[RSP] + 4, 4), 0);
}

GUEST(sti, ".code32", "sti\nmov $1, %ebx");

static void pvi_gives_users_a_virtual_interrupt_flag(void **state)
{
    (void)state;
    isa_start(false, 3);
    LOAD(sti);
    e->s.cr4 |= CR4_PVI;
    isa_run();
    isa_assert_vector(EXC_GP);
    assert_int_equal(e->o.s.r[RBX], 1);
    assert_int_equal(isa_got(e->o.s.r[RSP] + 12, 4) & (FL_VIF | FL_IF), FL_VIF);
    e->s.rflags |= FL_VIP;
    isa_run();
    assert_int_equal(e->o.s.r[RBX], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vm86_is_entered_by_iret_and_left_by_int),
        cmocka_unit_test(vme_gives_vm86_its_own_interrupt_flag),
        cmocka_unit_test(pvi_gives_users_a_virtual_interrupt_flag),
    };
    return isa_main(tests);
}
