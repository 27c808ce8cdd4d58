/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * diff: every instruction form that user mode can run, on the host CPU and on our operations,
 * compared bit for bit.
 *
 *   forms.c    the forms: the decoder's tables walked (a form without a generator fails)
 *   gen.c      a random case of a form: bytes, registers, memory
 *   host.c     runs it on the host CPU: signal frame in, single step, signal frame out
 *   ours.c     runs it on struct x86_cpu with paging, in 64-bit or compatibility mode, CPL 3
 *   compare.c  what must be equal, and what is undefined
 *   main.c     options, loop, log
 *
 * Both sides see the same addresses below 2 GiB:
 *
 *   CODE          one page, filled with INT3; the instruction somewhere in it
 *   DATA          RAM, RAM, (nothing), read-only, (nothing)     4 KiB each
 */
#ifndef QUAD_TEST_DIFF_INSN_DIFF_H
#define QUAD_TEST_DIFF_INSN_DIFF_H

#include "arch/x86/cpu.h"
#include "arch/x86/decode.h"

#define CODE UINT64_C(0x10000000)
#define CODE_SIZE 4096u
#define DATA UINT64_C(0x10010000)
#define DATA_RW 8192u         /* bytes of RAM at DATA */
#define DATA_RO (DATA + 12288) /* one page */
#define DATA_ALL (DATA_RW + 4096u)

enum { NO_FAULT = -1 };

/* The registers of a case, before or after. */
struct regs {
    uint64_t r[16], rip, rflags;
    uint64_t fs_base, gs_base;
    uint16_t sel[6];
    struct f80 fpr[8]; /* physical numbers */
    uint16_t fcw, fsw;
    uint8_t ftw; /* abridged, physical numbers */
    uint32_t mxcsr;
    union x86_ymm ymm[16];
    uint64_t fip, fdp; /* ours only */
    uint16_t fop, fcs, fds;
    /* after: */
    int vector; /* NO_FAULT */
    uint32_t error;
    uint64_t cr2;
};

/* One instruction form. */
struct form {
    const struct x86_entry *e;
    bool code64;
    uint8_t map;    /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
    uint8_t opcode, pp; /* pp: 0 none, 1 66, 2 F3, 3 F2 */
    bool vex, w, l; /* W and L of the encoding */
    int16_t reg, rm, mod; /* of ModRM where they belong to the opcode, else -1 */
    uint8_t form, size;
    uint16_t flags; /* IN_VEX IN_L256 IN_W that matter */
    char name[80];
};

struct forms {
    struct form *f;
    size_t n, room;
};

/* Random numbers: every part of a case draws from one stream. */
struct rng {
    uint64_t s;
};
uint64_t rnd(struct rng *g);
uint32_t below(struct rng *g, uint32_t n);
static inline bool one_in(struct rng *g, uint32_t n) { return below(g, n) == 0; }

/* One case. Memory: `fill` bytes go to fill_at on both sides before it runs. */
struct test_case {
    uint8_t bytes[16];
    unsigned len;
    unsigned code_at; /* offset in CODE */
    struct x86_insn in;
    const struct x86_entry *e;
    struct regs regs;
    uint64_t target; /* address of the memory operand, 0: none */
};

void forms_find(struct forms *fs);
/* Does in, as decoded by entry e, belong to form f? */
bool form_is(const struct form *f, const struct x86_insn *in, const struct x86_entry *e);

/* Fills *t; writes the data windows into both memories (host and ours). False: this form cannot be
 * made (its generator is missing). */
bool gen_case(struct test_case *t, const struct form *f, struct rng *g);

/* Host side. data: the host's DATA pages are at their address; ours at ours_data(). */
void host_init(void);
bool host_has(enum x86_feature f);
void host_regs(struct regs *r); /* selectors and bases of this process */
void host_run(const struct test_case *t, struct regs *out);
uint8_t *host_page(uint64_t lin); /* writable view of a DATA page, NULL: none */

/* The two memories that a case is made in: the host's and ours, or those of two engines. */
extern const char *sides[2]; /* their names */
extern uint8_t *(*first_page)(uint64_t lin);
extern uint8_t *(*second_page)(uint64_t lin); /* DATA pages; NULL: none */

void ours_init(void);
uint8_t *ours_page(uint64_t lin); /* CODE and DATA pages */
void ours_run(const struct test_case *t, struct regs *out);

/* NULL: equal; else what differs first. Makes both memories equal again. */
const char *compare(const struct form *f, const struct test_case *t, const struct regs *host,
                    const struct regs *ours);
/* Flags that t's instruction leaves undefined; is everything undefined? */
uint32_t undefined_flags(const struct test_case *t);
bool is_all_undefined(const struct test_case *t);
/* Registers and memory, all bits but `flags` of RFLAGS. */
const char *compare_all(const struct regs *a, const struct regs *b, uint64_t flags);

/* A machine under an engine (NULL: operations are called directly), and its processor. */
struct engine_type;
struct side;
struct side *side_create(const struct engine_type *engine);
uint8_t *side_page(struct side *s, uint64_t lin);
struct x86_cpu *side_cpu(struct side *s);
/* Under an engine another page of code lies behind CODE, elsewhere in memory. at < CODE_SIZE. */
void side_code(struct side *s, unsigned at, const uint8_t *bytes, unsigned n);
void side_load(struct side *s, const struct regs *r);
/* False: it did not end as it must, or not within the budget. */
bool side_run(struct side *s, struct regs *out, uint64_t budget);

void side_dump(struct side *s); /* the engine's counters */

/* engines.c: form f in short sequences, interpreter against translator; how many differed. */
void engines_init(void);
void engines_show_counters(void);
unsigned long engines_run_form(const struct forms *fs, const struct form *f, struct rng *g,
                               unsigned long cases, unsigned show);

/* Long sequences over all forms; *insns grows by the instructions that retired. */
unsigned long engines_run_long(const struct forms *fs, struct rng *g, unsigned long cases,
                               unsigned long *insns);

/* Why the form is not run on the host, NULL where it is. */
const char *exempt(const struct form *f);

#endif
