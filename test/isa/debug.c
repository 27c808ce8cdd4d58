/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa/debug: single step and breakpoints [SDM3 17].
 */
#include "lib/isa.h"

GUEST(read, ".code64", "mov 0x40008, %eax");
GUEST(write, ".code64", "mov %eax, 0x40008");

GUEST(step, ".code64", "pushfq\norl $0x100, (%rsp)\npopfq\nnop\nnop");

static void tf_traps_after_the_next_instruction(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(step);
    isa_run();
    isa_assert_vector(EXC_DB);
    uint64_t at = CODE + (uint64_t)(guest_step.end - guest_step.start) - 2; /* after the first NOP */
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), at);
    assert_int_equal(isa_got(e->o.s.r[RSP] + 16, 8) & FL_TF, FL_TF);
    assert_int_equal(e->o.s.rflags & FL_TF, 0);
    assert_int_equal(e->o.s.dr[6], 0xffff4ff0);
}

GUEST(step_ss, ".code64",
      "mov $0x10, %ecx\npushfq\norl $0x100, (%rsp)\npopfq\nmov %ecx, %ss\nnop\nnop");

static void mov_ss_holds_the_trap_back(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(step_ss);
    isa_run();
    isa_assert_vector(EXC_DB);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8),
                     CODE + (uint64_t)(guest_step_ss.end - guest_step_ss.start) - 2);
}

GUEST(exec_bp, ".code64", "nop\nnop\nmov $5, %ebx");
GUEST(resume, ".code64", "incl 0x30000\ncmpl $1, 0x30000\nja 1f\norl $0x10000, 16(%rsp)\niretq\n1:");

static void rf_passes_an_instruction_breakpoint_once(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(exec_bp);
    LOAD_AT(HANDLERS + 0x300, resume);
    isa_put(IDT + 16 * EXC_DB, isa_gate(CODE64, HANDLERS + 0x300, 0x8e, 0), 8);
    e->s.dr[0] = CODE + 1;
    e->s.dr[7] = 0x401;
    isa_run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.r[RBX], 5);
    assert_int_equal(isa_got(DATA, 4), 1);
    assert_int_equal(e->o.s.dr[6] & 15, 1);
}

static void a_data_breakpoint_traps_after_the_write(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(write);
    e->s.r[RAX] = 0x1234;
    e->s.dr[1] = PAGE + 8;
    e->s.dr[7] = 0x404 | 1 << 20 | 3 << 22; /* L1, write, 4 bytes */
    isa_run();
    isa_assert_vector(EXC_DB);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), CODE + 7);
    assert_int_equal(e->o.s.dr[6] & 15, 2);
    assert_int_equal(isa_got(PAGE + 8, 4), 0x1234);
    /* reads do not trip it */
    isa_start(true, 0);
    LOAD(read);
    e->s.dr[1] = PAGE + 8;
    e->s.dr[7] = 0x404 | 1 << 20 | 3 << 22;
    isa_run();
    assert_int_equal(e->o.s.dr[6] & 15, 0);
}

GUEST(general_detect, ".code64", "mov %dr0, %rax");

static void gd_guards_the_debug_registers(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(general_detect);
    e->s.dr[7] = 0x2400;
    isa_run();
    isa_assert_vector(EXC_DB);
    assert_int_equal(e->o.s.dr[6], 0xffff2ff0);
    assert_int_equal(e->o.s.dr[7], 0x400);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), CODE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tf_traps_after_the_next_instruction),
        cmocka_unit_test(mov_ss_holds_the_trap_back),
        cmocka_unit_test(rf_passes_an_instruction_breakpoint_once),
        cmocka_unit_test(a_data_breakpoint_traps_after_the_write),
        cmocka_unit_test(gd_guards_the_debug_registers),
    };
    return isa_main(tests);
}
