/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa/paging: faults of page tables, accessed and dirty bits [SDM3 4.7, 4.8].
 */
#include "lib/isa.h"

GUEST(read, ".code64", "mov 0x40008, %eax");
GUEST(write, ".code64", "mov %eax, 0x40008");
GUEST(fetch, ".code64", "mov $0x40000, %eax\njmp *%rax");
GUEST(modify, ".code64", "lock incl 0x40008");

static void page_faults_have_the_manuals_error_codes(void **state)
{
    static const struct {
        uint64_t pte, cr4;
        unsigned cpl;
        char access; /* r w x m */
        unsigned ac, error;
        bool faults;
    } cases[] = {
        {0, 0, 0, 'r', 0, 0x00, true},
        {0, 0, 0, 'w', 0, 0x02, true},
        {0, 0, 0, 'm', 0, 0x02, true},
        {0, 0, 0, 'x', 0, 0x10, true},
        {0, 0, 3, 'r', 0, 0x04, true},
        {0, 0, 3, 'w', 0, 0x06, true},
        {0, 0, 3, 'x', 0, 0x14, true},
        {1, 0, 0, 'r', 0, 0, false},
        {1, 0, 0, 'w', 0, 0x03, true},
        {1, 0, 3, 'r', 0, 0x05, true},
        {5, 0, 3, 'r', 0, 0, false},
        {5, 0, 3, 'w', 0, 0x07, true},
        {5, 0, 3, 'm', 0, 0x07, true},
        {3, 0, 3, 'x', 0, 0x15, true},
        {7 | UINT64_C(1) << 63, 0, 0, 'x', 0, 0x11, true},
        {7 | UINT64_C(1) << 63, 0, 3, 'x', 0, 0x15, true},
        {7 | UINT64_C(1) << 63, 0, 3, 'w', 0, 0, false},
        {7 | UINT64_C(1) << 51, 0, 0, 'r', 0, 0x09, true},
        {7 | UINT64_C(1) << 51, 0, 3, 'w', 0, 0x0f, true},
        {7, CR4_SMEP, 0, 'x', 0, 0x11, true},
        {7, 0, 0, 'x', 0, 0, false},
        {7, CR4_SMAP, 0, 'r', 0, 0x01, true},
        {7, CR4_SMAP, 0, 'w', 0, 0x03, true},
        {7, CR4_SMAP, 0, 'w', FL_AC, 0, false},
        {7, CR4_SMAP, 3, 'w', 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t at = cases[i].access == 'x' ? PAGE : PAGE + 8;
        isa_start(true, cases[i].cpl);
        isa_put(PT + PAGE / 4096 * 8, PAGE | cases[i].pte, 8);
        e->mem[PAGE] = 0xf4;
        /* what the test itself runs on belongs to whom it serves */
        for (uint64_t p = 0; p < PAGE && cases[i].cr4; p += 4096)
            if (!cases[i].cpl || p < CODE || p == STACK0 - 4096)
                isa_put(PT + p / 4096 * 8, p | 3, 8);
        e->s.cr4 |= cases[i].cr4;
        e->s.rflags |= cases[i].ac;
        switch (cases[i].access) {
        case 'r': LOAD(read); break;
        case 'w': LOAD(write); break;
        case 'm': LOAD(modify); break;
        default: LOAD(fetch); break;
        }
        isa_run();
        if (!cases[i].faults) {
            /* the code's own HLT; at CPL 3 that is #GP */
            if (cases[i].cpl)
                isa_assert_vector(EXC_GP);
            else
                assert_in_range(e->o.s.r[X86_RIP], CODE, PAGE + 1);
            continue;
        }
        isa_assert_vector(EXC_PF);
        assert_int_equal(isa_got(e->o.s.r[RSP], 8), cases[i].error);
        assert_int_equal(e->o.s.cr2, at);
        if (cases[i].access == 'x')
            assert_int_equal(isa_got(e->o.s.r[RSP] + 8, 8), PAGE);
    }
}

static void accessed_and_dirty_bits_are_set(void **state)
{
    (void)state;
    isa_start(true, 0);
    LOAD(read);
    isa_run();
    assert_int_equal(isa_got(PT + PAGE / 4096 * 8, 8), PAGE | 7 | 0x20);
    assert_int_equal(isa_got(PML4, 8), PDPT | 7 | 0x20);
    isa_start(true, 0);
    LOAD(write);
    isa_run();
    assert_int_equal(isa_got(PT + PAGE / 4096 * 8, 8), PAGE | 7 | 0x60);
    /* a write that faults sets nothing dirty */
    isa_start(true, 0);
    isa_put(PT + PAGE / 4096 * 8, PAGE | 5, 8);
    LOAD(write);
    isa_run();
    assert_int_equal(isa_got(PT + PAGE / 4096 * 8, 8) & 0x40, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_faults_have_the_manuals_error_codes),
        cmocka_unit_test(accessed_and_dirty_bits_are_set),
    };
    return isa_main(tests);
}
