/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loaders: what they choose, where things end up in guest memory, the state at entry; every
 * truncation and thousands of mutations are refused or loaded, never followed out of the file or
 * out of the guest.
 */
#include "board/loader.h"

#include "arch/x86/cpu.h"
#include "core/machine.h"
#include "lib/kernel_gen.h"
#include "lib/test.h"

#define RAM (UINT64_C(64) << 20)

struct bench {
    struct machine m;
    struct memmap map;
    struct x86_cpu cpu;
    struct vcpu vcpu;
};

/* A machine of memory and one processor, no devices. */
static struct bench *bench_create(void)
{
    struct bench *b = xcalloc(1, sizeof(*b));
    struct error err = {0};

    machine_init(&b->m, NULL, NULL, true);
    memmap_pc(&b->map, RAM, 0);
    b->map.rsdp = 0xe0000;
    assert_int_equal(mem_add(&b->m.mem, "low", SLOT_RAM, 0, PC_LOW_RAM_END, NULL, &err), 0);
    assert_int_equal(mem_add(&b->m.mem, "rom", SLOT_ROM, PC_ROM_BASE, 0x40000, NULL, &err), 0);
    assert_int_equal(mem_add(&b->m.mem, "main", SLOT_RAM, PC_ROM_END, RAM - PC_ROM_END, NULL, &err),
                     0);
    b->vcpu = (struct vcpu){.machine = &b->m, .cpu = &b->cpu};
    b->m.vcpus[0] = &b->vcpu;
    b->m.nvcpus = 1;
    return b;
}

static void bench_destroy(struct bench *b)
{
    b->m.nvcpus = 0; /* the processor is ours */
    machine_fini(&b->m);
    free(b);
}

static uint64_t rd64(struct bench *b, uint64_t gpa)
{
    uint8_t raw[8];

    assert_true(mem_read(&b->m.mem, gpa, raw, sizeof(raw)));
    return ld_le64(raw);
}

static uint32_t rd32(struct bench *b, uint64_t gpa)
{
    return (uint32_t)rd64(b, gpa);
}

static void rd_text(struct bench *b, uint64_t gpa, char *text, size_t size)
{
    assert_true(mem_read(&b->m.mem, gpa, text, size));
    text[size - 1] = 0;
}

static const uint8_t initrd[5000] = {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4};

static void load(struct bench *b, enum kernel_gen kind, const char *type, struct loader *l)
{
    static uint8_t file[KERNEL_GEN_MAX];
    size_t size = kernel_gen(kind, file);
    struct error err = {0};

    if (loader_open_bytes(l, type, file, size, "console=ttyS0", &err) ||
        loader_add_module(l, initrd, sizeof(initrd), "initrd.img arg", &err) ||
        loader_load(l, &b->m, &b->map, &err))
        fail_msg("%s: %s", kernel_gen_names[kind], err.text);
}

static void auto_chooses_by_content(void **state)
{
    (void)state;
    for (unsigned k = 0; k < KERNEL_GENS; k++) {
        struct bench *b = bench_create();
        struct loader l;
        load(b, (enum kernel_gen)k, NULL, &l);
        assert_string_equal(l.type->name, kernel_gen_names[k]);
        assert_true(rd64(b, KERNEL_GEN_AT) == KERNEL_GEN_CODE);
        assert_true(b->cpu.s.rflags == FL_1);
        loader_close(&l);
        bench_destroy(b);
    }
}

/* Walk the page tables that the entry left, by hand. */
static uint64_t translate(struct bench *b, uint64_t va)
{
    uint64_t e = rd64(b, b->cpu.s.cr3 + 8 * (va >> 39 & 511));

    assert_true(e & 1);
    e = rd64(b, (e & ~UINT64_C(0xfff)) + 8 * (va >> 30 & 511));
    assert_true(e & 1);
    e = rd64(b, (e & ~UINT64_C(0xfff)) + 8 * (va >> 21 & 511));
    assert_true((e & 0x81) == 0x81);
    return (e & UINT64_C(0xfffffffe00000)) | (va & 0x1fffff);
}

static void linux64_enters_long_mode(void **state)
{
    struct bench *b = bench_create();
    const struct x86_state *s = &b->cpu.s;
    struct loader l;
    char text[16];

    (void)state;
    load(b, KERNEL_BZIMAGE, "linux64", &l);
    assert_true(s->r[X86_RIP] == KERNEL_GEN_AT + 0x200);
    assert_true((s->efer & (EFER_LME | EFER_LMA)) == (EFER_LME | EFER_LMA));
    assert_true((s->cr0 & (CR0_PE | CR0_PG)) == (CR0_PE | CR0_PG) && (s->cr4 & CR4_PAE));
    assert_true((s->seg[SEG_CS].attr & SEG_A_L) && !(s->seg[SEG_CS].attr & SEG_A_DB));
    assert_int_equal(s->seg[SEG_CS].sel, 0x10);
    assert_int_equal(s->seg[SEG_DS].sel, 0x18);
    static const uint64_t vas[] = {0, 0x1000000, 0x3fffffff, 0x40000000, 0xfee00123, 0xffffffff};
    for (size_t i = 0; i < ARRAY_LEN(vas); i++)
        assert_true(translate(b, vas[i]) == vas[i]);
    uint64_t bp = s->r[RSI];
    assert_int_equal(rd32(b, bp + 0x1fe) & 0xffff, 0xaa55);
    assert_int_equal(rd32(b, bp + 0x210) & 0xff, 0xff);
    assert_true(rd64(b, bp + 0x70) == 0xe0000);
    rd_text(b, rd32(b, bp + 0x228), text, sizeof(text));
    assert_string_equal(text, "console=ttyS0");
    assert_int_equal(rd32(b, bp + 0x21c), sizeof(initrd));
    assert_int_equal(rd32(b, rd32(b, bp + 0x218)), 0xefbeadde);
    /* E820: RAM at 0 and at 1 MiB, all of it. */
    assert_int_equal(rd32(b, bp + 0x1e8) & 0xff, b->map.n);
    assert_true(rd64(b, bp + 0x2d0) == 0 && rd64(b, bp + 0x2d8) == 0xa0000);
    assert_true(rd64(b, bp + 0x2d0 + 40) == 0x100000 && rd64(b, bp + 0x2d0 + 48) == RAM - 0x100000);
    loader_close(&l);
    bench_destroy(b);
}

static void assert_flat32(const struct x86_state *s)
{
    assert_true(s->cr0 == (CR0_PE | CR0_ET) && !s->cr4 && !s->efer);
    assert_true((s->seg[SEG_CS].attr & SEG_A_DB) && !(s->seg[SEG_CS].attr & SEG_A_L));
    assert_true(s->seg[SEG_CS].limit == 0xffffffff && s->seg[SEG_SS].limit == 0xffffffff);
    assert_true(!s->seg[SEG_CS].base && !s->seg[SEG_DS].base);
}

static void linux32_enters_flat_mode(void **state)
{
    struct bench *b = bench_create();
    struct loader l;

    (void)state;
    load(b, KERNEL_BZIMAGE_32, "linux32", &l);
    assert_flat32(&b->cpu.s);
    assert_true(b->cpu.s.r[X86_RIP] == KERNEL_GEN_AT);
    assert_int_equal(rd32(b, b->cpu.s.r[RSI] + 0x202), 0x53726448);
    assert_true(!b->cpu.s.r[RBX] && !b->cpu.s.r[RBP] && !b->cpu.s.r[RDI]);
    loader_close(&l);
    bench_destroy(b);
}

static void linux16_starts_the_setup_code(void **state)
{
    struct bench *b = bench_create();
    const struct x86_state *s = &b->cpu.s;
    struct loader l;

    (void)state;
    load(b, KERNEL_BZIMAGE, "linux16", &l);
    assert_true(!(s->cr0 & CR0_PE) && s->seg[SEG_CS].limit == 0xffff);
    assert_int_equal(s->seg[SEG_CS].sel, s->seg[SEG_DS].sel + 0x20);
    uint64_t setup = s->seg[SEG_DS].base;
    assert_int_equal(rd32(b, setup + 0x202), 0x53726448);
    assert_int_equal(rd32(b, setup + 0x211) & 0x81, 0x81);
    assert_true(s->r[RSP] > rd32(b, setup + 0x224) % 0x10000);
    assert_true(rd64(b, 0x100000) == KERNEL_GEN_CODE);
    loader_close(&l);
    bench_destroy(b);
}

static void pvh_gets_start_info(void **state)
{
    struct bench *b = bench_create();
    struct loader l;
    char text[16];

    (void)state;
    load(b, KERNEL_PVH, NULL, &l);
    assert_flat32(&b->cpu.s);
    assert_true(b->cpu.s.r[X86_RIP] == KERNEL_GEN_AT + 16);
    uint64_t si = b->cpu.s.r[RBX];
    assert_int_equal(rd32(b, si), 0x336ec578);
    assert_int_equal(rd32(b, si + 4), 1);
    assert_int_equal(rd32(b, si + 12), 1);
    uint64_t mod = rd64(b, si + 16);
    assert_true(rd64(b, mod + 8) == sizeof(initrd));
    assert_int_equal(rd32(b, rd64(b, mod)), 0xefbeadde);
    rd_text(b, rd64(b, mod + 16), text, 15);
    assert_string_equal(text, "initrd.img arg");
    rd_text(b, rd64(b, si + 24), text, 14);
    assert_string_equal(text, "console=ttyS0");
    assert_true(rd64(b, si + 32) == 0xe0000);
    assert_int_equal(rd32(b, si + 48), b->map.n);
    loader_close(&l);
    bench_destroy(b);
}

static void multiboot_gets_its_record(void **state)
{
    static const enum kernel_gen kinds[] = {KERNEL_MULTIBOOT, KERNEL_MULTIBOOT_FLAT};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct bench *b = bench_create();
        struct loader l;
        char text[22];
        load(b, kinds[k], NULL, &l);
        assert_flat32(&b->cpu.s);
        assert_true(b->cpu.s.r[RAX] == 0x2badb002);
        assert_true(b->cpu.s.r[X86_RIP] == KERNEL_GEN_AT + 16);
        uint64_t info = b->cpu.s.r[RBX];
        assert_int_equal(rd32(b, info) & 0x249, 0x249 & ~2u);
        rd_text(b, rd32(b, info + 16), text, sizeof(text));
        assert_string_equal(text, "(bytes) console=ttyS0");
        assert_int_equal(rd32(b, info + 20), 1);
        uint32_t mod = rd32(b, info + 24);
        assert_int_equal(rd32(b, mod + 4) - rd32(b, mod), sizeof(initrd));
        assert_int_equal(rd32(b, rd32(b, mod)), 0xefbeadde);
        assert_int_equal(rd32(b, info + 44), 24 * b->map.n);
        loader_close(&l);
        bench_destroy(b);
    }
}

static void multiboot2_gets_its_tags(void **state)
{
    struct bench *b = bench_create();
    bool seen[32] = {0};
    struct loader l;

    (void)state;
    load(b, KERNEL_MULTIBOOT2, NULL, &l);
    assert_true(b->cpu.s.r[RAX] == 0x36d76289);
    assert_true(b->cpu.s.r[X86_RIP] == KERNEL_GEN_AT + 16);
    uint64_t at = b->cpu.s.r[RBX], end = at + rd32(b, at);
    for (at += 8; at < end; at = ALIGN_UP(at + rd32(b, at + 4), UINT64_C(8))) {
        assert_in_range(rd32(b, at), 0, 31);
        assert_in_range(rd32(b, at + 4), 8, end - at);
        seen[rd32(b, at)] = true;
        if (rd32(b, at) == 3)
            assert_int_equal(rd32(b, rd32(b, at + 8)), 0xefbeadde);
    }
    assert_true(at == ALIGN_UP(end, UINT64_C(8)));
    assert_true(seen[0] && seen[1] && seen[2] && seen[3] && seen[4] && seen[6] && seen[15]);
    loader_close(&l);
    bench_destroy(b);
}

static void too_small_is_refused_with_the_remedy(void **state)
{
    static uint8_t file[KERNEL_GEN_MAX];
    static const enum kernel_gen kinds[] = {KERNEL_BZIMAGE, KERNEL_PVH, KERNEL_VMLINUX};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct bench *b = bench_create();
        struct error err = {0};
        struct loader l;
        size_t size = kernel_gen(kinds[k], file);
        memmap_pc(&b->map, 18 << 20, 0);
        assert_int_equal(loader_open_bytes(&l, NULL, file, size, "", &err), 0);
        assert_int_equal(loader_load(&l, &b->m, &b->map, &err), -ENOMEM);
        assert_non_null(strstr(err.text, "try: --memory 32M"));
        loader_close(&l);
        bench_destroy(b);
    }
}

static void long_command_line_is_refused(void **state)
{
    static uint8_t file[KERNEL_GEN_MAX];
    struct bench *b = bench_create();
    struct error err = {0};
    struct loader l;
    char cmdline[300];

    (void)state;
    memset(cmdline, 'x', sizeof(cmdline));
    cmdline[sizeof(cmdline) - 1] = 0;
    size_t size = kernel_gen(KERNEL_BZIMAGE, file);
    assert_int_equal(loader_open_bytes(&l, "linux64", file, size, cmdline, &err), 0);
    assert_int_equal(loader_load(&l, &b->m, &b->map, &err), -E2BIG);
    loader_close(&l);
    bench_destroy(b);
}

static void foreign_files_are_named(void **state)
{
    static const struct {
        const char *start, *said;
    } files[] = {{"070701000000000000000000000000", "cpio"},
                 {"#!/bin/sh\necho hello world\n", "script"},
                 {"MZ000000000000000000000000000000", "EFI"},
                 {"hello, hello, hello, hello, hello", "bzImage"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct error err = {0};
        struct loader l;
        assert_true(loader_open_bytes(&l, NULL, (const uint8_t *)files[i].start,
                                      strlen(files[i].start), "", &err) < 0);
        assert_non_null(strstr(err.text, files[i].said));
    }
}

static unsigned n_refused, n_loaded, n_load_refused;

/* Open and load whatever this is; both may fail, neither may do harm. */
static void try_all(struct bench *b, const uint8_t *file, size_t size)
{
    for (size_t i = 0; loader_types[i]; i++) {
        struct error err = {0};
        struct loader l;
        if (loader_open_bytes(&l, loader_types[i]->name, file, size, "a=b", &err)) {
            assert_true(err.code && *err.text);
            n_refused++;
            continue;
        }
        assert_int_equal(loader_add_module(&l, initrd, sizeof(initrd), "m", &err), 0);
        if (loader_load(&l, &b->m, &b->map, &err)) {
            assert_true(err.code && *err.text);
            n_load_refused++;
        } else {
            n_loaded++;
        }
        loader_close(&l);
    }
}

static void truncated_files_do_no_harm(void **state)
{
    static uint8_t file[KERNEL_GEN_MAX];
    struct bench *b = bench_create();

    (void)state;
    for (unsigned k = 0; k < KERNEL_GENS; k++) {
        size_t size = kernel_gen((enum kernel_gen)k, file);
        for (size_t n = 0; n < size; n += n < 700 || test_long() ? 1 : 37) {
            /* Exactly n bytes, so that a sanitizer sees a step too far. */
            uint8_t *cut = malloc(n ? n : 1);
            memcpy(cut, file, n);
            try_all(b, cut, n);
            free(cut);
        }
    }
    bench_destroy(b);
}

static void mutated_files_do_no_harm(void **state)
{
    static uint8_t file[KERNEL_GEN_MAX];
    static const uint8_t bytes[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct bench *b = bench_create();
    uint64_t rng = test_seed() | 1;
    unsigned rounds = test_long() ? 100000 : 1500;

    (void)state;
    for (unsigned r = 0; r < rounds; r++) {
        size_t size = kernel_gen((enum kernel_gen)(r % KERNEL_GENS), file);
        unsigned changes = 1 + test_random(&rng) % 6;
        for (unsigned i = 0; i < changes; i++) {
            /* Headers are where the numbers are: three of four hits go there. */
            static const size_t from[] = {0, 0x1f0, 0x1000, 0}, span[] = {0x80, 0x90, 0xa0, 0};
            unsigned area = test_random(&rng) & 3;
            size_t at = from[area] + test_random(&rng) % (span[area] ? span[area] : size);
            file[at] = test_random(&rng) & 1 ? (uint8_t)test_random(&rng)
                                             : bytes[test_random(&rng) % ARRAY_LEN(bytes)];
        }
        try_all(b, file, size);
    }
    /* All three ends were met, often. */
    assert_in_range(n_refused, rounds / 10, UINT32_MAX);
    assert_in_range(n_load_refused, rounds / 100, UINT32_MAX);
    assert_in_range(n_loaded, rounds / 10, UINT32_MAX);
    bench_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_chooses_by_content),
        cmocka_unit_test(linux64_enters_long_mode),
        cmocka_unit_test(linux32_enters_flat_mode),
        cmocka_unit_test(linux16_starts_the_setup_code),
        cmocka_unit_test(pvh_gets_start_info),
        cmocka_unit_test(multiboot_gets_its_record),
        cmocka_unit_test(multiboot2_gets_its_tags),
        cmocka_unit_test(too_small_is_refused_with_the_remedy),
        cmocka_unit_test(long_command_line_is_refused),
        cmocka_unit_test(foreign_files_are_named),
        cmocka_unit_test(truncated_files_do_no_harm),
        cmocka_unit_test(mutated_files_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
