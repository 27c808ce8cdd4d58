/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest.h"

__asm__(".pushsection .note.xen, \"a\"\n"
        ".macro note type\n .long 4, 2f-1f, \\type\n .asciz \"Xen\"\n1:\n.endm\n"
        ".macro endnote\n2: .align 4\n.endm\n"
        "note 6\n .asciz \"test\"\n endnote\n"
        "note 5\n .asciz \"xen-3.0\"\n endnote\n"
        "note 8\n .asciz \"generic\"\n endnote\n"
        "note 2\n .quad hypercall_page\n endnote\n"
        ".popsection\n"
        ".pushsection .text\n .align 4096\n .globl hypercall_page\nhypercall_page: .skip 4096, 0xc3\n"
        ".popsection\n");

uint8_t shared[PAGE] PAGE_ALIGNED;
__attribute__((used)) static uint8_t stack[4 * PAGE] PAGE_ALIGNED, trap_stack[4 * PAGE] PAGE_ALIGNED, user_stack[PAGE] PAGE_ALIGNED;
uint8_t *start_info;
volatile struct trap last;
uint64_t user_trap, user_flags = 0x200;
volatile uint64_t recover;
__attribute__((used)) static uint64_t saved_sp, user_result;
static unsigned checks, failed;

__asm__(".globl _start\n_start:\n"
        "movq %rsi, start_info\n"
        "leaq stack + 4 * 4096(%rip), %rsp\n"
        "call begin\n");

/* Vector stubs: RCX and R11 first, then the error code where there is one. */
__asm__(".macro stub n, err\n.globl trap_\\n\ntrap_\\n:\n popq %rcx\n popq %r11\n"
        ".if \\err == 0\n pushq $0\n.endif\n pushq $\\n\n jmp common\n.endm\n"
        "stub 0, 0\nstub 1, 0\nstub 3, 0\nstub 4, 0\nstub 5, 0\nstub 6, 0\nstub 7, 0\n"
        "stub 10, 1\nstub 11, 1\nstub 12, 1\nstub 13, 1\nstub 14, 1\nstub 16, 0\nstub 17, 1\nstub 19, 0\n"
        "stub 32, 0\n"
        "common:\n"
        "pushq %rax\n pushq %rcx\n pushq %rdx\n pushq %rsi\n pushq %rdi\n pushq %r8\n pushq %r9\n"
        "pushq %r10\n pushq %r11\n"
        "leaq 72(%rsp), %rdi\n call on_trap\n testq %rax, %rax\n jnz leave_user\n"
        "popq %r11\n popq %r10\n popq %r9\n popq %r8\n popq %rdi\n popq %rsi\n popq %rdx\n popq %rcx\n"
        "popq %rax\n"
        "addq $16, %rsp\n"
        "pushq $0\n pushq %rcx\n pushq %r11\n pushq %rax\n movl $23, %eax\n syscall\n"
        /* back from user mode */
        ".globl on_syscall\non_syscall:\n movq %rax, user_result\n movq $0, user_trap\n"
        "leave_user: movq saved_sp, %rsp\n popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n"
        "popq %rbx\n ret\n"
        ".globl enter_user\nenter_user:\n"
        "pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
        "movq %rsp, saved_sp\n"
        "pushq $0xe02b\n leaq user_stack + 4096(%rip), %rax\n pushq %rax\n pushq user_flags\n"
        "pushq $0xe033\n pushq %rdi\n pushq $0\n pushq $0\n pushq $0\n pushq $0\n"
        "movl $23, %eax\n syscall\n");

void begin(void);
uint64_t on_trap(uint64_t *f);
void enter_user(void (*fn)(void));
void on_syscall(void);

static size_t length(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

void say(const char *text)
{
    hc(18, 0, length(text), text);
}

static void say_number(int64_t v)
{
    char b[24], *p = b + sizeof(b);
    bool minus = v < 0;
    uint64_t u = minus ? -(uint64_t)v : (uint64_t)v;

    *--p = 0;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (minus)
        *--p = '-';
    say(p);
}

void check_(const char *file, int line, const char *what, bool ok, int64_t got)
{
    checks++;
    if (ok)
        return;
    failed++;
    say(file);
    say(":");
    say_number(line);
    say(": FAILED: ");
    say(what);
    say(", got ");
    say_number(got);
    say("\n");
}

/* f: vector, error, RIP, CS, RFLAGS, RSP, SS. 1: leave user mode. */
uint64_t on_trap(uint64_t *f)
{
    last = (struct trap){.vector = (int)f[0], .error = f[1], .rip = f[2], .cs = f[3], .flags = f[4],
                         .cr2 = ld(shared, 16)};
    if ((f[3] & 3) == 3) {
        user_trap = f[0] + 1;
        return 1;
    }
    if (!recover) {
        say("a trap that nobody expected, vector ");
        say_number((int64_t)f[0]);
        say(" at ");
        say_number((int64_t)f[2]);
        say("\n");
        uint32_t reason = 3;
        hc(29, 2, &reason);
    }
    f[2] = recover;
    recover = 0;
    return 0;
}

uint64_t user(void (*fn)(void))
{
    user_result = 0;
    enter_user(fn);
    return user_result;
}

struct trap_info {
    uint8_t vector, flags;
    uint16_t cs;
    uint32_t pad;
    uint64_t address;
};

extern char trap_0[], trap_1[], trap_3[], trap_4[], trap_5[], trap_6[], trap_7[], trap_10[], trap_11[],
    trap_12[], trap_13[], trap_14[], trap_16[], trap_17[], trap_19[], trap_32[];

void begin(void)
{
#define T(n, dpl) {n, dpl | 4, 0xe033, 0, (uint64_t)trap_##n}
    const struct trap_info table[] = {T(0, 0), T(1, 0), T(3, 3), T(4, 3), T(5, 0), T(6, 0), T(7, 0),
                                      T(10, 0), T(11, 0), T(12, 0), T(13, 0), T(14, 0), T(16, 0),
                                      T(17, 0), T(19, 0), T(32, 3), {0}};
    struct {
        uint16_t type, flags;
        uint32_t pad;
        uint64_t address;
    } cb = {2, 1, 0, (uint64_t)on_syscall};

    IS(remap(shared, ld(start_info, 40) >> 12, P_P | P_RW | P_US | P_AD), 0);
    IS(hc(0, table), 0);
    IS(hc(3, 0xe02b, trap_stack + sizeof(trap_stack)), 0);
    IS(hc(30, 0, &cb), 0);
    test_main();
    say("checks: ");
    say_number(checks);
    say(", failed: ");
    say_number(failed);
    say("\n");
    uint32_t reason = 0;
    hc(29, 2, &reason);
}
