/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa: for the tests of privileged behaviour, case by case: each is a microguest whose outcome the
 * manual tells. isa_main() runs them on every engine of full, or on QUAD_ENGINE.
 *
 * isa_start() fills `e` with a processor and tables; LOAD() puts guest code at CODE; isa_run()
 * leaves what came out in e->o. A handler of vector v is one HLT at HANDLERS + v: RIP tells which
 * one ran, the stack how.
 */
#ifndef QUAD_TEST_LIB_ISA_H
#define QUAD_TEST_LIB_ISA_H

#include "lib/micro.h"
#include "lib/test.h"

enum {
    GDT = 0x1000, IDT = 0x2000, TSS = 0x3000, TSS_B = 0x3400, PML4 = 0x5000, PDPT = 0x6000,
    PD = 0x7000, HANDLERS = 0x8000, PT = 0x9000, CODE = 0x10000, STACK0 = 0x21000,
    STACK3 = 0x23000, STACK_IST = 0x25000, DATA = 0x30000, PAGE = 0x40000,
};

/* Selectors. */
enum {
    CODE64 = 0x08, DATA0 = 0x10, CODE32_3 = 0x18, DATA3 = 0x20, CODE64_3 = 0x28, CODE32 = 0x30,
    GATE = 0x38, DOWN = 0x48, SEL_TSS = 0x50, SEL_TSS_B = 0x60, CODE16 = 0x70, DATA16 = 0x78,
    GDT_END = 0x80,
};

struct isa_env {
    struct x86_state s;
    struct micro_outcome o;
    bool lma;
    uint8_t mem[MICRO_MEM];
};

extern struct isa_env *e;

struct isa_guest {
    const char *name;
    const uint8_t *start, *end;
};

/* Guest code: position-independent or for address 10000h. The compiler assembles it on x86-64
 * hosts; others take the bytes from lib/isa_code.c, which tools/make-isa-code writes. */
#if defined(__x86_64__)
#define GUEST(name_, mode, text)                                                              \
    __asm__(".pushsection .rodata\ncode_" #name_ ":\n" mode "\n" text "\nhlt\ncode_" #name_    \
            "_end:\n.code64\n.popsection");                                                   \
    extern const uint8_t code_##name_[], code_##name_##_end[];                                \
    static const struct isa_guest guest_##name_                                               \
        __attribute__((used, aligned(8), section("isa_guests"))) = {#name_, code_##name_,     \
                                                                    code_##name_##_end}
#else
#define GUEST(name, mode, text) extern const struct isa_guest guest_##name
#endif
#define LOAD_AT(at, name) isa_load(at, &guest_##name)
#define LOAD(name) LOAD_AT(CODE, name)

void isa_load(uint64_t at, const struct isa_guest *guest);
void isa_put(uint64_t at, uint64_t v, unsigned n); /* n bytes of the guest's image */
uint64_t isa_got(uint64_t at, unsigned n);         /* of its memory afterwards */

uint64_t isa_descriptor(uint32_t base, uint32_t limit, unsigned attr);
uint64_t isa_gate(unsigned sel, uint32_t off, unsigned type, unsigned low);
void isa_idt_set(unsigned v, unsigned sel, unsigned type, unsigned low);
void isa_seg_set(unsigned seg, unsigned sel); /* a register from the GDT */

/* Flat, privilege cpl, at CODE; 64-bit or 32-bit (without paging). */
void isa_start(bool lma, unsigned cpl);
void isa_start_real(void);
void isa_run(void);
void isa_assert_vector(unsigned v); /* it ended in that handler */

/* All tests on each engine; the program's exit code. */
#define isa_main(tests) isa_run_all(tests, ARRAY_LEN(tests))
int isa_run_all(const struct CMUnitTest *tests, size_t n);

#endif
