/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the comparison with Zydis does not see of the decoder: too few bytes, too many, flags of
 * blocks, repeat prefixes, where operands are put; on every host.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/decode.h"
#include "arch/x86/disasm.h"
#include "lib/test.h"

#define M64 (MODE_CODE64 | MODE_PROT | MODE_LMA)
#define M32 (MODE_CODE32 | MODE_PROT | MODE_STACK32)

/* Every cut of an instruction asks for more bytes; whole, it is what it is with a tail. */
static void test_short(void **state)
{
    uint64_t seed = test_seed() | 1;
    unsigned n = 0;

    (void)state;
    for (unsigned k = 0; k < 200000; k++) {
        uint32_t mode = k & 1 ? M64 : M32;
        struct x86_insn in, cut;
        uint8_t b[15];

        for (unsigned i = 0; i < 15; i++)
            b[i] = (uint8_t)(test_random(&seed) >> 32);
        if (k & 2)
            b[0] = 0x0f;
        if (x86_decode(&in, b, 15, mode) != X86_DECODE_OK)
            continue;
        n++;
        for (unsigned i = 0; i < in.len; i++)
            if (x86_decode(&cut, b, i, mode) != X86_DECODE_SHORT)
                fail_msg("%02x%02x%02x: %u of %u bytes are enough", b[0], b[1], b[2], i, in.len);
        assert_int_equal(x86_decode(&cut, b, in.len, mode), X86_DECODE_OK);
        assert_memory_equal(&in, &cut, sizeof in);
    }
    assert_true(n > 50000);
}

/* Fifteen bytes are the most [SDM2 2.3.11]. */
static void test_long_insn(void **state)
{
    uint8_t b[15];
    struct x86_insn in;

    (void)state;
    memset(b, 0x66, sizeof b);
    b[14] = 0x90;
    assert_int_equal(x86_decode(&in, b, 15, M64), X86_DECODE_OK);
    assert_int_equal(in.len, 15);
    b[14] = 0xb0; /* and its immediate */
    assert_int_equal(x86_decode(&in, b, 15, M64), X86_DECODE_LONG);
    assert_ptr_equal(in.fn, sem_too_long);
    assert_int_equal(x86_decode(&in, b, 14, M64), X86_DECODE_SHORT);
}

/* Bytes, mode, text, flags that must be set and that must not. */
static const struct sample {
    uint32_t mode;
    uint8_t bytes[15], len;
    const char *text;
    unsigned set, clear;
} samples[] = {
    {M64, {0x48, 0x01, 0xd8}, 3, "add rax, rbx", IN_W | IN_REX, IN_BRANCH | IN_ENDBLOCK},
    {M64, {0xf3, 0xa4}, 2, "rep movsb byte es:[rdi], byte [rsi]", IN_REP | IN_F3, IN_REPNE},
    {M64, {0xf3, 0x0f, 0xb8, 0xc1}, 4, "popcnt eax, ecx", IN_F3, IN_REP},
    {M64, {0xf0, 0xff, 0x00}, 3, "lock inc dword [rax]", IN_LOCK, IN_ENDBLOCK},
    {M64, {0x88, 0xe0}, 2, "mov al, ah", 0, IN_REX},
    {M64, {0x40, 0x88, 0xe0}, 3, "mov al, spl", IN_REX, 0},
    {M64, {0x64, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0}, 8, "mov eax, dword fs:[0x10]", IN_SEGOVR, 0},
    {M64, {0x2e, 0x8b, 0x00}, 3, "mov eax, dword [rax]", 0, IN_SEGOVR},
    {M64, {0x74, 0xfe}, 2, "jz 0x1000", IN_BRANCH, IN_ENDBLOCK},
    {M64, {0xf4}, 1, "hlt", IN_ENDBLOCK, IN_BRANCH},
    {M64, {0xfb}, 1, "sti", IN_ENDBLOCK, IN_BRANCH},
    {M64, {0x8e, 0xd0}, 2, "mov ss, ax", IN_ENDBLOCK, 0},
    {M64, {0x8e, 0xd8}, 2, "mov ds, ax", 0, IN_ENDBLOCK},
    {M64, {0x0f, 0x22, 0xd8}, 3, "mov cr3, rax", IN_ENDBLOCK, 0},
    {M64, {0x0f, 0x05}, 2, "syscall", IN_BRANCH | IN_ENDBLOCK, 0},
    {M64, {0xc5, 0xf4, 0x58, 0xc2}, 4, "vaddps ymm0, ymm1, ymm2", IN_VEX | IN_L256, 0},
    {M64, {0x0f, 0xfc, 0xc1}, 3, "paddb mm0, mm1", IN_MMX, 0},
    {M32, {0xc4, 0x00}, 2, "les eax, fword [eax]", 0, IN_VEX},
    {M32, {0x40}, 1, "inc eax", 0, IN_REX},
    {M32, {0x66, 0xe8, 0xfc, 0xff}, 4, "call 0x1000", IN_BRANCH, 0},
    {MODE_PROT, {0x8b, 0x42, 0x10}, 3, "mov ax, word [bp+si*1+0x10]", 0, 0},
};

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct sample *s = &samples[i];
        const struct x86_entry *e;
        struct x86_insn in;
        char text[128];

        assert_int_equal(x86_decode_entry(&in, s->bytes, 15, s->mode, &e), X86_DECODE_OK);
        x86_disasm(text, sizeof text, &in, e, s->mode, 0x1000);
        assert_string_equal(text, s->text);
        assert_int_equal(in.len, s->len);
        assert_int_equal(in.flags & s->set, s->set);
        assert_int_equal(in.flags & s->clear, 0);
    }
}

/* Every operation of the list has a place in the maps, and every place a function. */
static void test_all_used(void **state)
{
    static bool used[X86_OP_COUNT];
    uint64_t seed = 1;
    unsigned missing = 0;

    (void)state;
    for (unsigned k = 0; k < 6000000; k++) {
        uint64_t r = test_random(&seed), r2 = test_random(&seed);
        static const uint8_t px[] = {0x66, 0xf3, 0xf2};
        struct x86_insn in;
        uint8_t b[15];
        unsigned n = 0;

        memcpy(b, &r, 8);
        memcpy(b + 7, &r2, 8);
        if (r2 & 1) { /* VEX */
            b[n++] = 0xc4;
            b[n++] = 0xe0 | (1 + (r2 >> 8) % 3);
            b[n++] |= 0x78;
        } else {
            if (r2 & 6)
                b[n++] = px[(r2 >> 8) % 3];
            if (r2 & 8)
                b[n++] = 0x48;
            if (r2 & 0x30)
                b[n++] = 0x0f;
            if (r2 & 0x20)
                b[n++] = r2 & 0x40 ? 0x38 : 0x3a;
            else if (r2 & 0x10 && (r2 >> 10 & 15) == 0)
                b[n++] = 0x01; /* the fullest group */
        }
        if (x86_decode(&in, b, 15, r2 & 0x80 ? M64 : M32) != X86_DECODE_OK)
            continue;
        used[in.op] = true;
        assert_non_null(in.fn);
        assert_ptr_not_equal(in.fn, sem_notyet);
    }
    for (unsigned i = 0; i < X86_OP_COUNT; i++)
        if (!used[i] && missing++ < 10)
            print_error("no encoding gives %s\n", x86_ops[i].name);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_long_insn),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_all_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
