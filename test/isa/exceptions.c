/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa/exceptions: faults within faults, bad gates, x87 errors, alignment, strings, NMI [SDM3 6].
 */
#include "lib/isa.h"

GUEST(read, ".code64", "mov 0x40008, %eax");

static void a_fault_in_a_fault_is_a_double_fault(void **state)
{
    (void)state;
    isa_start(true, 0);
    isa_put(PT + PAGE / 4096 * 8, 0, 8);
    isa_idt_set(EXC_PF, CODE64, 0x0e, 0); /* not present */
    LOAD(read);
    isa_run();
    isa_assert_vector(EXC_DF);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), 0);
    assert_int_equal(isa_got(e->o.s.r[RSP] + 8, 8), CODE);

    isa_idt_set(EXC_DF, CODE64, 0x0e, 0);
    isa_run();
    assert_int_equal(e->o.end, MICRO_SHUTDOWN);
}

GUEST(ud2, ".code64", "ud2");
GUEST(int80, ".code64", "mov $1, %eax\nint $0x80");

static void a_bad_gate_names_its_vector(void **state)
{
    (void)state;
    isa_start(true, 3);
    isa_idt_set(0x80, CODE64, 0x8e, 0); /* DPL 0 */
    LOAD(int80);
    isa_run();
    isa_assert_vector(EXC_GP);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), 0x80 * 8 + 2);
    assert_int_equal(isa_got(e->o.s.r[RSP] + 8, 8), CODE + 5); /* at the INT */

    isa_start(true, 3);
    isa_idt_set(0x80, CODE64, 0x6e, 0); /* not present */
    LOAD(int80);
    isa_run();
    isa_assert_vector(EXC_NP);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), 0x80 * 8 + 2);

    isa_start(true, 0);
    isa_idt_set(EXC_UD, 0, 0x8e, 0); /* null selector, EXT set: the #UD is no program's */
    LOAD(ud2);
    isa_run();
    isa_assert_vector(EXC_GP);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), 1);
}

GUEST(real_int, ".code16", "stc\nint $0x30");

GUEST(divide, ".code64", "fninit\nmovw $0x37b, 0x30000\nfldcw 0x30000\nfld1\nfldz\n"
                         "fdivrp\nnop\nfwait\nmov $1, %ebx");

/* With CR0.NE the next instruction that waits has #MF; without it the processor waits there for an
 * interrupt that nobody sends. */
static void an_x87_error_is_told_by_mf_or_waits_outside(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(divide);
    isa_run();
    isa_assert_vector(EXC_MF);
    uint64_t at = isa_got(e->o.s.r[RSP], 8);
    assert_int_equal(e->mem[at], 0x9b);

    isa_start(true, 0);
    e->s.cr0 &= ~(uint64_t)CR0_NE;
    LOAD(divide);
    isa_run();
    assert_int_equal(e->o.end, MICRO_BUDGET);
    assert_int_equal(e->o.s.r[X86_RIP], at);
    assert_true(e->o.s.ferr);
    assert_int_equal(e->o.s.r[RBX], 0);
}

GUEST(misaligned, ".code64", "mov 0x30001, %eax");

static void misaligned_data_faults_for_users_who_ask(void **state)
{
    (void)state;
    isa_start(true, 3);
    LOAD(misaligned);
    e->s.cr0 |= CR0_AM;
    e->s.rflags |= FL_AC;
    isa_run();
    isa_assert_vector(EXC_AC);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), 0);
    e->s.rflags &= ~(uint64_t)FL_AC;
    isa_run();
    isa_assert_vector(EXC_GP); /* the HLT behind it */
}

GUEST(rep_fault, ".code64", "mov $0x30000, %esi\nmov $0x3fff0, %edi\nmov $0x100, %ecx\nrep movsb");

static void a_repeated_string_faults_where_it_is(void **state)
{
    (void)state;
    isa_start(true, 0);
    isa_put(PT + PAGE / 4096 * 8, 0, 8);
    LOAD(rep_fault);
    isa_run();
    isa_assert_vector(EXC_PF);
    assert_int_equal(e->o.s.r[RCX], 0xf0);
    assert_int_equal(e->o.s.r[RSI], DATA + 0x10);
    assert_int_equal(e->o.s.r[RDI], PAGE);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), 2);
    assert_int_equal(isa_got(e->o.s.r[RSP] + 8, 8), CODE + 15);
    assert_int_equal(e->o.s.cr2, PAGE);
}

GUEST(cx16, ".code64", "lock cmpxchg16b 0x30008");

static void cmpxchg16b_wants_alignment(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(cx16);
    isa_run();
    isa_assert_vector(EXC_GP);
}

GUEST(nmi_iret, ".code64", "hlt");

static void an_nmi_waits_behind_mov_ss(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(nmi_iret);
    e->s.nmi_pending = true;
    isa_run();
    isa_assert_vector(EXC_NMI);
    assert_true(e->o.s.nmi_blocked);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), CODE);
    /* after MOV SS it waits for the next instruction */
    e->s.intr_shadow = e->s.shadow_is_mov_ss = true;
    e->mem[CODE] = 0x90;
    isa_run();
    isa_assert_vector(EXC_NMI);
    assert_int_equal(isa_got(e->o.s.r[RSP], 8), CODE + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_in_a_fault_is_a_double_fault),
        cmocka_unit_test(a_bad_gate_names_its_vector),
        cmocka_unit_test(an_x87_error_is_told_by_mf_or_waits_outside),
        cmocka_unit_test(misaligned_data_faults_for_users_who_ask),
        cmocka_unit_test(a_repeated_string_faults_where_it_is),
        cmocka_unit_test(cmpxchg16b_wants_alignment),
        cmocka_unit_test(an_nmi_waits_behind_mov_ss),
    };
    return isa_main(tests);
}
