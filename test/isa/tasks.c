/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa/tasks: task switches and the map of ports [SDM3 7, SDM1 18.5.2].
 */
#include "lib/isa.h"

GUEST(call_task, ".code32", "mov $3, %ebx\nlcall $0x60, $0\nmov $4, %ecx");
GUEST(task_b, ".code32", "mov $7, %edx\nstr %ax\nmov %ax, 0x30000\niret");

static void a_task_is_called_and_returns(void **state)
{
    static const unsigned segs[6] = {DATA0, CODE32, DATA0, DATA0, DATA0, DATA0};

    (void)state;
    isa_start(false, 0);
    LOAD(call_task);
    LOAD_AT(HANDLERS + 0x200, task_b);
    for (unsigned i = 0; i < 6; i++)
        isa_put(TSS_B + 0x48 + 4 * i, segs[i], 2);
    isa_put(TSS_B + 0x20, HANDLERS + 0x200, 4);
    isa_put(TSS_B + 0x24, 2, 4);
    isa_put(TSS_B + 0x38, STACK_IST, 4);
    isa_run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.r[RBX], 3);
    assert_int_equal(e->o.s.r[RCX], 4);
    assert_int_equal(e->o.s.r[RDX], 0); /* the other task's own */
    assert_int_equal(isa_got(DATA, 2), SEL_TSS_B);
    assert_int_equal(isa_got(TSS_B, 2), SEL_TSS);        /* link */
    assert_int_equal(isa_got(TSS_B + 0x30, 4), 7);       /* its EDX */
    assert_int_equal(isa_got(TSS_B + 0x24, 4) & FL_NT, 0);
    assert_int_equal(isa_got(GDT + SEL_TSS_B + 5, 1), 0x89); /* available again */
    assert_int_equal(isa_got(GDT + SEL_TSS + 5, 1), 0x8b);
    assert_int_equal(e->o.s.seg[SEG_TR].sel, SEL_TSS);
    assert_int_equal(e->o.s.cr0 & CR0_TS, CR0_TS);
}

GUEST(ports, ".code32", "in $0x40, %al\nin $0x41, %al");

static void the_io_map_lets_single_ports_through(void **state)
{
    (void)state;
    isa_start(false, 3);
    LOAD(ports);
    e->mem[TSS + 0x68 + 8] = 0xfe; /* port 40h */
    e->s.r[RAX] = 0;
    isa_run();
    isa_assert_vector(EXC_GP);
    assert_int_equal(isa_got(e->o.s.r[RSP] + 4, 4), CODE + 2);
    assert_int_equal(e->o.s.r[RAX], 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_is_called_and_returns),
        cmocka_unit_test(the_io_map_lets_single_ports_through),
    };
    return isa_main(tests);
}
