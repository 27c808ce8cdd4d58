/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa/gates: interrupt and call gates, SYSCALL, SYSENTER [SDM3 5.8, 6.12, 6.14].
 */
#include "lib/isa.h"

GUEST(int80, ".code64", "mov $1, %eax\nint $0x80");

static void an_interrupt_from_user_mode_switches_stacks(void **state)
{
    (void)state;
    isa_start(true, 3);
    e->s.rflags |= FL_IF | FL_CF;
    LOAD(int80);
    isa_run();
    isa_assert_vector(0x80);
    uint64_t sp = e->o.s.r[RSP];
    assert_int_equal(sp, STACK0 - 40);
    assert_int_equal(isa_got(sp, 8), CODE + 7);
    assert_int_equal(isa_got(sp + 8, 8), CODE64_3 + 3);
    assert_int_equal(isa_got(sp + 16, 8), FL_IF | FL_CF | FL_1);
    assert_int_equal(isa_got(sp + 24, 8), STACK3);
    assert_int_equal(isa_got(sp + 32, 8), DATA3 + 3);
    assert_int_equal(e->o.s.seg[SEG_CS].sel, CODE64);
    assert_int_equal(e->o.s.seg[SEG_SS].sel, 0);
    assert_int_equal(e->o.s.rflags, FL_CF | FL_1);
}

static void an_ist_gate_takes_its_stack_aligned(void **state)
{
    (void)state;
    isa_start(true, 0);
    isa_idt_set(0x80, CODE64, 0x8e, 1);
    isa_put(TSS + 0x24, STACK_IST - 5, 8);
    LOAD(int80);
    isa_run();
    isa_assert_vector(0x80);
    assert_int_equal(e->o.s.r[RSP], STACK_IST - 16 - 40);
}

GUEST(syscall, ".code64", "stc\nsyscall\nmov $7, %ebx\nsyscall");
GUEST(kernel, ".code64", "cmp $7, %ebx\nje 1f\nmov %r11, %rdx\nmov %rcx, %rsi\nsysretq\n1:");

static void syscall_and_sysret_go_there_and_back(void **state)
{
    (void)state;
    isa_start(true, 3);
    e->s.rflags |= FL_IF;
    LOAD(syscall);
    LOAD_AT(HANDLERS + 0x200, kernel);
    isa_run();
    assert_int_equal(e->o.end, MICRO_HALT);
    assert_int_equal(e->o.s.r[RDX], FL_IF | FL_CF | FL_1);
    assert_int_equal(e->o.s.r[RSI], CODE + 3);
    assert_int_equal(e->o.s.r[RCX], CODE + 10);
    assert_int_equal(e->o.s.seg[SEG_CS].sel, CODE64);
    assert_int_equal(e->o.s.seg[SEG_CS].attr & 0x2ff, 0x29b);
    assert_int_equal(e->o.s.seg[SEG_SS].sel, CODE64 + 8);
    assert_int_equal(e->o.s.rflags & FL_IF, 0);
    assert_int_equal(e->o.s.r[RSP], STACK3); /* nobody touched it */
}

GUEST(sysenter, ".code64", "sysenter");

static void sysenter_is_undefined_in_long_mode(void **state)
{
    (void)state;
    isa_start(true, 0);
    e->s.sysenter_cs = CODE64;
    LOAD(sysenter);
    isa_run();
    isa_assert_vector(EXC_UD);
}

GUEST(call_gate64, ".code64", "lcall *1f(%rip)\nmov $9, %ebx\n1: .long 0\n.word 0x3b");
GUEST(callee64, ".code64", "mov %cs, %ecx\nmov 24(%rsp), %rdx\nlretq");

static void a_64_bit_call_gate_switches_stacks(void **state)
{
    (void)state;
    isa_start(true, 3);
    isa_put(GDT + GATE, isa_gate(CODE64, HANDLERS + 0x200, 0xec, 0), 8);
    isa_put(GDT + GATE + 8, 0, 8);
    LOAD(call_gate64);
    LOAD_AT(HANDLERS + 0x200, callee64);
    isa_run();
    assert_int_equal(e->o.s.r[RBX], 9);
    assert_int_equal(e->o.s.r[RCX], CODE64);
    assert_int_equal(e->o.s.r[RDX], DATA3 + 3);
}

GUEST(call_gate, ".code32", "push $0x22\npush $0x11\nlcall $0x3b, $0\nmov $9, %ebx");
GUEST(callee, ".code32", "mov 8(%esp), %ecx\nmov 12(%esp), %edx\nmov %cs, %esi\nlret $8");

static void a_call_gate_copies_parameters_and_returns(void **state)
{
    (void)state;
    isa_start(false, 3);
    isa_put(GDT + GATE, isa_gate(CODE32, HANDLERS + 0x200, 0xec, 2), 8);
    LOAD(call_gate);
    LOAD_AT(HANDLERS + 0x200, callee);
    isa_run();
    isa_assert_vector(EXC_GP); /* HLT at CPL 3 */
    assert_int_equal(e->o.s.r[RBX], 9);
    assert_int_equal(e->o.s.r[RCX], 0x11);
    assert_int_equal(e->o.s.r[RDX], 0x22);
    assert_int_equal(e->o.s.r[RSI] & 0xffff, CODE32);
    assert_int_equal(isa_got(STACK0 - 8, 4), STACK3); /* both stacks released */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupt_from_user_mode_switches_stacks),
        cmocka_unit_test(an_ist_gate_takes_its_stack_aligned),
        cmocka_unit_test(syscall_and_sysret_go_there_and_back),
        cmocka_unit_test(sysenter_is_undefined_in_long_mode),
        cmocka_unit_test(a_64_bit_call_gate_switches_stacks),
        cmocka_unit_test(a_call_gate_copies_parameters_and_returns),
    };
    return isa_main(tests);
}
