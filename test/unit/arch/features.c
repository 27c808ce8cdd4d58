/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A processor model without an instruction's CPUID feature has no such instruction; LZCNT and TZCNT
 * are BSR and BSF there.
 */
#include "arch/x86/insn.h"
#include "arch/x86/cpu.h"
#include "arch/x86/model.h"
#include "arch/x86/optab.h"
#include "lib/test.h"

#define M64 (MODE_CODE64 | MODE_PROT | MODE_LMA)

/* What each is, and where its feature is told [SDM2, APM3]: leaf, register (1 EBX, 2 ECX, 3 EDX), bit. */
static const struct {
    const char *name;
    uint8_t bytes[9];
    uint32_t leaf;
    uint8_t reg, bit;
    bool v2, v3;
} known[] = {
    {"addps", {0x0f, 0x58, 0xc1}, 1, 3, 25, true, true},
    {"pshufb xmm", {0x66, 0x0f, 0x38, 0x00, 0xc1}, 1, 2, 9, true, true},
    {"pcmpistri", {0x66, 0x0f, 0x3a, 0x63, 0xc1, 0}, 1, 2, 20, true, true},
    {"aesenc", {0x66, 0x0f, 0x38, 0xdc, 0xc1}, 1, 2, 25, true, true},
    {"cmpxchg16b", {0x48, 0x0f, 0xc7, 0x08}, 1, 2, 13, true, true},
    {"popcnt", {0xf3, 0x0f, 0xb8, 0xc1}, 1, 2, 23, true, true},
    {"sha256rnds2", {0x0f, 0x38, 0xcb, 0xc1}, 7, 1, 29, true, true},
    {"rdfsbase", {0xf3, 0x0f, 0xae, 0xc0}, 7, 1, 0, true, true},
    {"movbe", {0x0f, 0x38, 0xf0, 0x00}, 1, 2, 22, false, true},
    {"vaddps xmm", {0xc5, 0xf0, 0x58, 0xc2}, 1, 2, 28, false, true},
    {"vpaddb ymm", {0xc5, 0xf5, 0xfc, 0xc2}, 7, 1, 5, false, true},
    {"vfmadd231ps", {0xc4, 0xe2, 0x71, 0xb8, 0xc2}, 1, 2, 12, false, true},
    {"vcvtph2ps", {0xc4, 0xe2, 0x79, 0x13, 0xc1}, 1, 2, 29, false, true},
    {"andn", {0xc4, 0xe2, 0x70, 0xf2, 0xc2}, 7, 1, 3, false, true},
    {"pdep", {0xc4, 0xe2, 0x73, 0xf5, 0xc2}, 7, 1, 8, false, true},
    {"adcx", {0x66, 0x0f, 0x38, 0xf6, 0xc1}, 7, 1, 19, false, true},
    {"clwb", {0x66, 0x0f, 0xae, 0x30}, 7, 1, 24, false, false},
    {"monitor", {0x0f, 0x01, 0xc8}, 1, 2, 3, false, false},
};

static bool model_says(const struct x86_model *m, uint32_t leaf, unsigned reg, unsigned bit)
{
    for (const struct x86_leaf *l = m->leaves; l->leaf != UINT32_MAX; l++)
        if (l->leaf == leaf)
            return (reg == 1 ? l->ebx : reg == 2 ? l->ecx : l->edx) >> bit & 1;
    return false;
}

static void test_known(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const struct x86_model *m = x86_model_find(k ? "v3" : "v2");
        uint64_t features = x86_model_features(m);
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
            struct x86_insn in;
            int rc = x86_decode_for(&in, known[i].bytes, sizeof(known[i].bytes), M64, features);
            bool want = k ? known[i].v3 : known[i].v2;
            if (model_says(m, known[i].leaf, known[i].reg, known[i].bit) != want)
                fail_msg("%s: CPUID of %s", known[i].name, m->name);
            if (rc != (want ? X86_DECODE_OK : X86_DECODE_UD) || (in.fn == sem_ud) == want)
                fail_msg("%s on %s: decoded with %d", known[i].name, m->name, rc);
        }
    }
}

static void test_counts(void **state)
{
    static const uint8_t tzcnt[] = {0xf3, 0x0f, 0xbc, 0xc1}, lzcnt[] = {0xf3, 0x0f, 0xbd, 0xc1},
                         bsf[] = {0x0f, 0xbc, 0xc1};
    struct x86_insn in, plain;
    uint64_t v2 = x86_model_features(x86_model_find("v2"));
    uint64_t v3 = x86_model_features(x86_model_find("v3"));

    (void)state;
    assert_int_equal(x86_decode_for(&in, tzcnt, 4, M64, v3), X86_DECODE_OK);
    assert_int_equal(in.op, X86_OP_tzcnt);
    assert_int_equal(x86_decode_for(&in, tzcnt, 4, M64, v2), X86_DECODE_OK);
    assert_int_equal(in.op, X86_OP_bsf);
    assert_int_equal(in.len, 4);
    assert_int_equal(x86_decode(&plain, bsf, 3, M64), X86_DECODE_OK);
    assert_ptr_equal(in.fn, plain.fn);
    assert_int_equal(x86_decode_for(&in, lzcnt, 4, M64, v2), X86_DECODE_OK);
    assert_int_equal(in.op, X86_OP_bsr);
    assert_int_equal(x86_decode_for(&in, lzcnt, 4, M64, v3), X86_DECODE_OK);
    assert_int_equal(in.op, X86_OP_lzcnt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
