/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * FXSAVE, FXRSTOR and the XSAVE family: images against the host's, then the rules that a process
 * cannot try on the host (#GP, #UD, #NM, supervisor forms).
 */
#include "unit/arch/simd_host.h"
#include "base/endian.h"

#define AREA 1024u

static struct x86_cpu *cpu;

static int setup(void **state)
{
    (void)state;
    cpu = fake_cpu_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_cpu_destroy(cpu);
    return 0;
}

static int call(x86_sem_fn *fn, uint64_t rfbm, unsigned flags)
{
    struct x86_insn in = fake_insn(FORM_MR, 8, flags);

    cpu->s.r[RAX] = (uint32_t)rfbm;
    cpu->s.r[RDX] = rfbm >> 32;
    return fake_cpu_call(cpu, fn, &in);
}

/* An image that every form accepts. */
static void random_image(uint8_t *area, uint64_t *seed)
{
    for (unsigned i = 0; i < AREA; i += 8)
        st_le64(area + i, test_random(seed));
    area[0] |= 0x3f; /* all masked: nothing pends */
    area[3] &= 0x7f;
    area[2] &= 0x7f;
    st_le32(area + 24, (uint32_t)test_random(seed) & 0xffff);
    memset(area + 512, 0, 64);
    area[512] = test_random(seed) & 7;
}

#if defined(__x86_64__)

enum form { FXSAVE, FXSAVE64, XSAVE, XSAVE64, XSAVEOPT64, XSAVEC64, FORMS };

static void host_restore(const uint8_t *area, bool fx)
{
    if (fx)
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
    else
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(7), "d"(0) : "memory");
}

static void host_save(uint8_t *area, enum form form, unsigned rfbm)
{
    switch (form) {
    case FXSAVE: __asm__ volatile("fxsave (%0)" : : "r"(area) : "memory"); break;
    case FXSAVE64: __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory"); break;
    case XSAVE: __asm__ volatile("xsave (%0)" : : "r"(area), "a"(rfbm), "d"(0) : "memory"); break;
    case XSAVE64:
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(rfbm), "d"(0) : "memory");
        break;
    case XSAVEOPT64:
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(rfbm), "d"(0) : "memory");
        break;
    default: __asm__ volatile("xsavec64 (%0)" : : "r"(area), "a"(rfbm), "d"(0) : "memory"); break;
    }
}

/* Restore an image and save it again, on the host with no instruction between that uses the
 * registers; the compiler keeps nothing in them over the two calls' asm. */
__attribute__((noinline, target("general-regs-only"))) static void
host_round_trip(const uint8_t *image, bool fx, uint8_t *out, enum form form, unsigned rfbm)
{
    static uint8_t own[4096] __attribute__((aligned(64)));

    memset(own + 512, 0, 64);
    __asm__ volatile("xsave64 (%0)" : : "r"(own), "a"(7), "d"(0) : "memory");
    host_restore(image, fx);
    host_save(out, form, rfbm);
    __asm__ volatile("xrstor64 (%0)" : : "r"(own), "a"(7), "d"(0) : "memory");
}

static void images_are_the_hosts(void **state)
{
    static x86_sem_fn *const fn[FORMS] = {sem_fxsave, sem_fxsave,   sem_xsave,
                                          sem_xsave,  sem_xsaveopt, sem_xsavec};
    static uint8_t image[AREA] __attribute__((aligned(64)));
    static uint8_t host[AREA] __attribute__((aligned(64)));
    uint8_t *ours = fake_cpu_mem(cpu);
    uint64_t seed = test_seed();

    (void)state;
    for (unsigned k = 0; k < 3000; k++) {
        enum form form = k % FORMS;
        bool fx = form <= FXSAVE64;
        unsigned rfbm = fx ? 7 : test_random(&seed) & 7, flags = form & 1 ? IN_W : 0;

        if (form == XSAVEOPT64)
            flags = IN_W;
        random_image(image, &seed);
        memcpy(ours, image, AREA);
        assert_int_equal(call(fx ? sem_fxrstor : sem_xrstor, 7, IN_W), FAKE_NO_FAULT);
        memset(ours, 0xaa, AREA);
        memset(ours + 512, 0, 64);
        memcpy(host, ours, AREA);
        host_round_trip(image, fx, host, form, rfbm);
        assert_int_equal(call(fn[form], rfbm, flags), FAKE_NO_FAULT);
        /* FOP, FIP, FDP: the host keeps them only with exceptions pending; MXCSR_MASK */
        memcpy(host + 6, ours + 6, 18);
        memcpy(host + 28, ours + 28, 4);
        /* x87 and YMM state in use: implementations differ in how well they know */
        if (form == XSAVEOPT64 || form == XSAVEC64) {
            unsigned differ = host[512] ^ ours[512];

            if (differ & 1) {
                memcpy(host, ours, 24);
                memcpy(host + 32, ours + 32, 128);
            }
            if (differ & 2)
                memcpy(host + 160, ours + 160, 256);
            if (differ & 2 && form == XSAVEC64)
                memcpy(host + 24, ours + 24, 8);
            if (differ & 4)
                memcpy(host + 576, ours + 576, 256);
        }
        assert_int_equal(ours[512] & ~host[512], 0);
        host[512] = ours[512];
        for (unsigned i = 0; i < AREA; i++)
            if (host[i] != ours[i])
                fail_msg("form %d rfbm %u byte %u: host %02x ours %02x", form, rfbm, i, host[i],
                         ours[i]);
    }
}

#endif

static void a_round_trip_keeps_all(void **state)
{
    uint64_t seed = test_seed();
    uint8_t *area = fake_cpu_mem(cpu);
    static const struct {
        x86_sem_fn *save, *restore;
    } pair[] = {{sem_xsave, sem_xrstor},
                {sem_xsaveopt, sem_xrstor},
                {sem_xsavec, sem_xrstor},
                {sem_xsaves, sem_xrstors}};

    (void)state;
    for (unsigned k = 0; k < 400; k++) {
        struct x86_state before;

        random_image(area, &seed);
        assert_int_equal(call(sem_xrstor, 7, IN_W), FAKE_NO_FAULT);
        before = cpu->s;
        memset(area, 0, AREA);
        assert_int_equal(call(pair[k % 4].save, 7, IN_W), FAKE_NO_FAULT);
        memset(cpu->s.ymm, 0x11, sizeof(cpu->s.ymm));
        memset(cpu->s.fpr, 0x11, sizeof(cpu->s.fpr));
        cpu->s.mxcsr = 0x1fbf;
        cpu->s.fcw = 0x27f;
        assert_int_equal(call(pair[k % 4].restore, 7, IN_W), FAKE_NO_FAULT);
        assert_memory_equal(cpu->s.ymm, before.ymm, sizeof(before.ymm));
        for (unsigned i = 0; i < 8; i++) {
            assert_int_equal(cpu->s.fpr[i].mant, before.fpr[i].mant);
            assert_int_equal(cpu->s.fpr[i].se, before.fpr[i].se);
        }
        assert_int_equal(cpu->s.mxcsr, before.mxcsr);
        assert_int_equal(cpu->s.fcw, before.fcw);
        assert_int_equal(cpu->s.fsw, before.fsw);
        assert_int_equal(cpu->s.ftw, before.ftw);
    }
}

/* Change the image at one offset and expect #GP(0) with no change of state. */
static void gp_after(x86_sem_fn *restore, unsigned offset, unsigned flip)
{
    uint8_t *area = fake_cpu_mem(cpu);
    struct x86_state before = cpu->s;

    area[offset] ^= (uint8_t)flip;
    assert_int_equal(call(restore, 7, IN_W), EXC_GP);
    assert_memory_equal(cpu->s.ymm, before.ymm, sizeof(before.ymm));
    assert_int_equal(cpu->s.mxcsr, before.mxcsr);
    area[offset] ^= (uint8_t)flip;
}

static void bad_images_are_refused(void **state)
{
    uint8_t *area = fake_cpu_mem(cpu);

    (void)state;
    memset(area, 0, AREA);
    assert_int_equal(call(sem_xsave, 7, 0), FAKE_NO_FAULT);
    gp_after(sem_fxrstor, 26, 1);  /* MXCSR bit 16 */
    gp_after(sem_xrstor, 26, 1);
    gp_after(sem_xrstor, 512, 8);  /* XSTATE_BV beyond XCR0 */
    gp_after(sem_xrstor, 520, 1);  /* XCOMP_BV, standard */
    gp_after(sem_xrstor, 528, 1);  /* reserved, standard looks at 16 bytes */
    gp_after(sem_xrstors, 0, 0);   /* standard layout */
    assert_int_equal(call(sem_xrstor, 7, 0), FAKE_NO_FAULT);
    area[536] = 1; /* and not beyond */
    assert_int_equal(call(sem_xrstor, 7, 0), FAKE_NO_FAULT);

    memset(area, 0, AREA);
    cpu->s.ymm[3].q[1] = 5;
    cpu->s.ymm[3].q[3] = 5;
    cpu->s.mxcsr = 0x1fa0;
    assert_int_equal(call(sem_xsavec, 6, 0), FAKE_NO_FAULT);
    assert_int_equal(ld_le64(area + 512), 6);
    assert_int_equal(ld_le64(area + 520), 6 | BIT64(63));
    gp_after(sem_xrstor, 512, 1);  /* not in XCOMP_BV */
    gp_after(sem_xrstor, 520, 8);  /* not in XCR0 */
    gp_after(sem_xrstor, 575, 1);  /* reserved: all of it */
    gp_after(sem_xrstor, 26, 1);
    assert_int_equal(call(sem_xrstor, 7, 0), FAKE_NO_FAULT);
    area[512] = 4; /* SSE to its initial state: MXCSR with it, and not read */
    area[26] = 1;
    assert_int_equal(call(sem_xrstor, 7, 0), FAKE_NO_FAULT);
    assert_int_equal(cpu->s.mxcsr, 0x1f80);
    assert_int_equal(cpu->s.ymm[3].q[1], 0);
    assert_int_equal(cpu->s.ymm[3].q[3], 5);
}

static void privilege_and_availability(void **state)
{
    (void)state;
    memset(fake_cpu_mem(cpu), 0, AREA);
    assert_int_equal(call(sem_xsave, 7, 0), FAKE_NO_FAULT);
    cpu->cpl = 3;
    assert_int_equal(call(sem_xsaves, 7, 0), EXC_GP);
    assert_int_equal(call(sem_xrstors, 7, 0), EXC_GP);
    assert_int_equal(call(sem_xsetbv, 7, 0), EXC_GP);
    cpu->cpl = 0;
    cpu->s.cr0 |= CR0_TS;
    assert_int_equal(call(sem_xsave, 7, 0), EXC_NM);
    assert_int_equal(call(sem_fxsave, 7, 0), EXC_NM);
    assert_int_equal(call(sem_ldmxcsr, 7, 0), EXC_NM);
    cpu->s.cr4 &= ~(uint64_t)CR4_OSXSAVE;
    assert_int_equal(call(sem_xsave, 7, 0), EXC_UD);
    assert_int_equal(call(sem_xgetbv, 7, 0), EXC_UD);
    cpu->s.cr4 |= CR4_OSXSAVE;
    cpu->s.cr0 &= ~(uint64_t)CR0_TS;

    struct x86_insn in = fake_insn(FORM_MR, 8, 0);
    in.disp += 16;
    assert_int_equal(fake_cpu_call(cpu, sem_xsave, &in), EXC_GP);
    assert_int_equal(fake_cpu_call(cpu, sem_fxsave, &in), FAKE_NO_FAULT);
    in.disp += 8;
    assert_int_equal(fake_cpu_call(cpu, sem_fxsave, &in), EXC_GP);

    cpu->s.r[RCX] = 0;
    static const uint8_t good[] = {1, 3, 7}, bad[] = {0, 2, 4, 5, 6, 8, 15};
    for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(call(sem_xsetbv, good[i], 0), FAKE_NO_FAULT);
        assert_int_equal(cpu->s.xcr0, good[i]);
    }
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(call(sem_xsetbv, bad[i], 0), EXC_GP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
        cmocka_unit_test_setup_teardown(images_are_the_hosts, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(a_round_trip_keeps_all, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_images_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(privilege_and_availability, setup, teardown),
    };
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2"))
        test_skip("the host CPU has no AVX2 to compare with");
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
