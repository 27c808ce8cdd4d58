/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "base/log.h"

#define X32_BIT 0x40000000u
#define RET_NONE UINT32_MAX

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

const char *const seccomp_action_names[] = {
    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO",  "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP", NULL,
};
static const uint32_t action_values[] = {
    SECCOMP_RET_ALLOW,       SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS,
    SECCOMP_RET_KILL_THREAD, SECCOMP_RET_LOG,   SECCOMP_RET_USER_NOTIF,  SECCOMP_RET_TRACE,
    SECCOMP_RET_TRAP,
};

enum op { OP_NE, OP_LT, OP_LE, OP_EQ, OP_GE, OP_GT, OP_MASKED_EQ };
const char *const seccomp_operator_names[] = {
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
    "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL,
};

const char *const seccomp_flag_names[] = {
    "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL,
};
static const unsigned flag_values[] = {
    0, /* TSYNC: the process that loads the filter has one thread */
    SECCOMP_FILTER_FLAG_LOG,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};

/* The names of the specification. The ABIs that this compiler knows come first, in enum order;
 * a program for a foreign machine's ABI could never run here, so the others need no code. */
const char *const seccomp_arch_names[] = {
    "SCMP_ARCH_X86_64",  "SCMP_ARCH_X86",       "SCMP_ARCH_X32",        "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_ARM",     "SCMP_ARCH_RISCV64",   "SCMP_ARCH_MIPS",       "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64",   "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",     "SCMP_ARCH_PPC64",     "SCMP_ARCH_PPC64LE",    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",   "SCMP_ARCH_PARISC",    "SCMP_ARCH_PARISC64",   "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",    "SCMP_ARCH_SH",        "SCMP_ARCH_SHEB",       NULL,
};

static const struct abi_info {
    uint32_t audit;
    bool wide; /* arguments of 64 bits; a 32-bit ABI's high words are not looked at */
} abi_info[ABI_COUNT] = {
    [ABI_X86_64] = {AUDIT_ARCH_X86_64, true},   [ABI_X86] = {AUDIT_ARCH_I386, false},
    [ABI_X32] = {AUDIT_ARCH_X86_64, false},     [ABI_AARCH64] = {AUDIT_ARCH_AARCH64, true},
    [ABI_ARM] = {AUDIT_ARCH_ARM, false},        [ABI_RISCV64] = {AUDIT_ARCH_RISCV64, true},
};

static const struct {
    enum abi native;
    enum abi others[2];
    unsigned other_count;
} families[] = {
    [FAMILY_X86] = {ABI_X86_64, {ABI_X32, ABI_X86}, 2},
    [FAMILY_ARM] = {ABI_AARCH64, {ABI_ARM}, 1},
    [FAMILY_RISCV] = {ABI_RISCV64, {0}, 0},
};

/* x86's socketcall(2) and ipc(2): one number for many calls, told apart by the first argument. */
static const struct {
    const char *name;
    uint8_t ipc, call;
} mux_calls[] = {
    {"accept", 0, 5},      {"accept4", 0, 18},    {"bind", 0, 2},        {"connect", 0, 3},
    {"getpeername", 0, 7}, {"getsockname", 0, 6}, {"getsockopt", 0, 15}, {"listen", 0, 4},
    {"recv", 0, 10},       {"recvfrom", 0, 12},   {"recvmmsg", 0, 19},   {"recvmsg", 0, 17},
    {"send", 0, 9},        {"sendmmsg", 0, 20},   {"sendmsg", 0, 16},    {"sendto", 0, 11},
    {"setsockopt", 0, 14}, {"shutdown", 0, 13},   {"socket", 0, 1},      {"socketpair", 0, 8},
    {"msgctl", 1, 14},     {"msgget", 1, 13},     {"msgrcv", 1, 12},     {"msgsnd", 1, 11},
    {"semctl", 1, 3},      {"semget", 1, 2},      {"semop", 1, 1},       {"semtimedop", 1, 4},
    {"shmat", 1, 21},      {"shmctl", 1, 24},     {"shmdt", 1, 22},      {"shmget", 1, 23},
};

struct cond {
    uint8_t index;
    uint8_t op;
    uint64_t value, mask; /* MASKED_EQ: (arg & mask) == value */
};

struct rule {
    uint32_t ret;
    unsigned cond_count;
    struct cond cond[6];
};

/* One system call number of one ABI that one rule speaks of. */
struct use {
    uint32_t nr;
    uint32_t rule;
    uint32_t seq;
};

/* From `start` to the next range: `ret`, or where that is RET_NONE the rules of
 * uses[first..first+count). */
struct range {
    uint32_t start, ret;
    uint32_t first, count;
};

struct compiler {
    struct rule *rules;
    size_t rule_count, rule_cap;
    struct use *uses[ABI_COUNT];
    size_t use_count[ABI_COUNT], use_cap[ABI_COUNT];
    uint32_t highest[ABI_COUNT];
    uint32_t default_ret;
    bool enosys;
    bool listed[ABI_COUNT];
    /* generator: instructions in reverse order, so that every jump's target is already placed */
    struct sock_filter *code;
    size_t n, cap;
    struct {
        uint32_t ret;
        size_t at;
    } rets[64]; /* where a return was last placed */
    unsigned ret_count;
};

static void *grow(void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return p;
    size_t want = *cap ? *cap * 2 : 128;
    while (want < need)
        want *= 2;
    p = realloc(p, want * size);
    if (!p)
        abort();
    *cap = want;
    return p;
}

/* ------------------------------------------------------------------------- the profile's rules */

static void parse_action(struct json_reader *r, const json_t *o, const char *where,
                         const char *key, const char *errno_key, uint32_t *ret)
{
    const char *name = jr_string(r, o, where, key);
    unsigned i = 0;

    while (seccomp_action_names[i] && (!name || strcmp(name, seccomp_action_names[i]) != 0))
        i++;
    if (!seccomp_action_names[i]) {
        jr_fail(r, "%s.%s \"%s\" is unknown", where, key, name ? name : "");
        return;
    }
    *ret = action_values[i];
    bool takes_errno = *ret == SECCOMP_RET_ERRNO || *ret == SECCOMP_RET_TRACE;
    bool given = json_is_integer(json_object_get(o, errno_key));
    uint64_t e = jr_uint(r, o, where, errno_key, UINT32_MAX, EPERM);
    if (given && !takes_errno)
        jr_fail(r, "%s.%s is only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE", where, errno_key);
    if (takes_errno)
        *ret |= (uint32_t)e & SECCOMP_RET_DATA;
}

static void parse_cond(struct json_reader *r, const json_t *o, struct cond *c)
{
    static const char where[] = "linux.seccomp.syscalls[].args[]";
    const char *op = jr_string(r, o, where, "op");
    unsigned i = 0;

    c->index = (uint8_t)jr_uint(r, o, where, "index", 5, 0);
    c->value = jr_uint(r, o, where, "value", UINT64_MAX, 0);
    while (seccomp_operator_names[i] && (!op || strcmp(op, seccomp_operator_names[i]) != 0))
        i++;
    if (!seccomp_operator_names[i])
        jr_fail(r, "%s.op \"%s\" is unknown", where, op ? op : "");
    c->op = (uint8_t)i;
    c->mask = UINT64_MAX;
    if (i == OP_MASKED_EQ) {
        c->mask = c->value;
        c->value = jr_uint(r, o, where, "valueTwo", UINT64_MAX, 0);
    }
}

static uint32_t rule_add(struct compiler *c, const struct rule *rule)
{
    c->rules = grow(c->rules, &c->rule_cap, c->rule_count + 1, sizeof(*c->rules));
    c->rules[c->rule_count] = *rule;
    return (uint32_t)c->rule_count++;
}

static void use_add(struct compiler *c, enum abi abi, uint32_t nr, uint32_t rule)
{
    c->uses[abi] = grow(c->uses[abi], &c->use_cap[abi], c->use_count[abi] + 1, sizeof(struct use));
    c->uses[abi][c->use_count[abi]] =
        (struct use){.nr = nr, .rule = rule, .seq = (uint32_t)c->use_count[abi]};
    c->use_count[abi]++;
}

static void add_mux(struct compiler *c, const char *name, const struct rule *rule)
{
    if (rule->cond_count)
        return; /* the arguments are behind a pointer: not to be seen by a filter */
    for (size_t i = 0; i < ARRAY_LEN(mux_calls); i++)
        if (!strcmp(mux_calls[i].name, name)) {
            struct rule m = {
                .ret = rule->ret,
                .cond_count = 1,
                .cond = {{.op = OP_EQ, .value = mux_calls[i].call, .mask = UINT64_MAX}},
            };
            use_add(c, ABI_X86, mux_calls[i].ipc ? 117 : 102, rule_add(c, &m));
        }
}

/* Rule numbers first..first+count apply to each name of `e`; count 0 only notes the numbers. */
static void add_names(struct compiler *c, struct json_reader *r, const json_t *e,
                      const struct rule *rules, size_t count)
{
    const json_t *names = jr_array(r, e, "linux.seccomp.syscalls[]", "names");
    size_t first = c->rule_count;

    if (!json_array_size(names))
        jr_fail(r, "linux.seccomp.syscalls[].names must not be empty");
    for (size_t i = 0; i < count; i++)
        rule_add(c, &rules[i]);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name) {
            jr_fail(r, "linux.seccomp.syscalls[].names[] must be strings");
            return;
        }
        /* the launch stage writes what happens to it, and who could answer waits for that */
        if (!strcmp(name, "write") && count &&
            (rules[0].ret & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
            jr_fail(r, "linux.seccomp: SCMP_ACT_NOTIFY cannot be used for the write syscall");
        const struct syscall_row *row = syscall_find(name);
        for (enum abi abi = 0; row && abi < ABI_COUNT; abi++) {
            int nr = syscall_number(row, abi);
            if (nr < 0 || !c->listed[abi])
                continue;
            if (nr < 0xf0000)
                c->highest[abi] = MAX(c->highest[abi], (uint32_t)nr);
            for (size_t k = 0; k < count; k++)
                use_add(c, abi, (uint32_t)nr, (uint32_t)(first + k));
        }
        if (c->listed[ABI_X86])
            for (size_t k = 0; k < count; k++)
                add_mux(c, name, &rules[k]);
    }
}

static void parse_syscalls(struct compiler *c, struct json_reader *r, const json_t *profile)
{
    const json_t *list = jr_array(r, profile, "linux.seccomp", "syscalls");

    for (size_t i = 0; i < json_array_size(list) && !r->rc; i++) {
        const json_t *e = json_array_get(list, i);
        const json_t *args = jr_array(r, e, "linux.seccomp.syscalls[]", "args");
        struct rule rules[6] = {0};
        size_t n = json_array_size(args), count = 1;
        unsigned seen = 0;
        bool twice = false;

        if (n > 6) {
            jr_fail(r, "linux.seccomp.syscalls[%zu].args: more than 6", i);
            return;
        }
        parse_action(r, e, "linux.seccomp.syscalls[]", "action", "errnoRet", &rules[0].ret);
        for (size_t k = 0; k < n; k++) {
            struct cond *cond = &rules[0].cond[k];
            parse_cond(r, json_array_get(args, k), cond);
            twice |= seen >> cond->index & 1;
            seen |= 1u << cond->index;
        }
        rules[0].cond_count = (unsigned)n;
        /* Two conditions on one argument: each is a rule of its own, as runc and crun read it. */
        if (twice) {
            count = n;
            for (size_t k = 1; k < n; k++) {
                rules[k] = (struct rule){.ret = rules[0].ret, .cond_count = 1};
                rules[k].cond[0] = rules[0].cond[k];
            }
            rules[0].cond_count = 1;
        }
        if (rules[0].ret == c->default_ret)
            count = 0;
        add_names(c, r, e, rules, count);
    }
}

static void parse_arches(struct compiler *c, struct json_reader *r, const json_t *profile,
                         enum abi_family family)
{
    size_t n;
    auto_free const char **arches = jr_strings(r, profile, "linux.seccomp", "architectures", &n);

    c->listed[families[family].native] = true;
    for (size_t i = 0; i < n; i++) {
        unsigned k = 0;
        while (seccomp_arch_names[k] && strcmp(arches[i], seccomp_arch_names[k]) != 0)
            k++;
        if (!seccomp_arch_names[k])
            jr_fail(r, "linux.seccomp.architectures: \"%s\" is unknown", arches[i]);
        for (unsigned o = 0; o < families[family].other_count; o++)
            if (families[family].others[o] == k)
                c->listed[k] = true;
    }
}

static void parse_flags(struct json_reader *r, const json_t *profile, struct seccomp_program *prog)
{
    size_t n;
    auto_free const char **flags = jr_strings(r, profile, "linux.seccomp", "flags", &n);

    /* a profile that says nothing of it does not ask for the slow mitigation (runc's choice) */
    if (!json_object_get(profile, "flags"))
        prog->flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    for (size_t i = 0; i < n; i++) {
        unsigned k = 0;
        while (seccomp_flag_names[k] && strcmp(flags[i], seccomp_flag_names[k]) != 0)
            k++;
        if (!seccomp_flag_names[k])
            jr_fail(r, "linux.seccomp.flags: \"%s\" is unknown", flags[i]);
        else
            prog->flags |= flag_values[k];
    }
}

/* ---------------------------------------------------------------------------------- generation */

static size_t put(struct compiler *c, uint16_t op, uint32_t k, uint8_t jt, uint8_t jf)
{
    c->code = grow(c->code, &c->cap, c->n + 1, sizeof(*c->code));
    c->code[c->n] = (struct sock_filter){op, jt, jf, k};
    return c->n++;
}

/* A target is a place in the reversed code, or a return value to be placed where it is near. */
struct target {
    bool is_ret;
    uint32_t ret;
    size_t at;
};

static struct target to_ret(uint32_t ret)
{
    return (struct target){.is_ret = true, .ret = ret};
}

static struct target to_place(size_t at)
{
    return (struct target){.at = at};
}

/* The place of a target that an instruction at most `slack` places later can reach in 8 bits. */
static size_t reach(struct compiler *c, struct target t, size_t slack)
{
    if (!t.is_ret) {
        if (c->n + slack - t.at <= 255)
            return t.at;
        return put(c, BPF_JMP | BPF_JA, (uint32_t)(c->n - t.at - 1), 0, 0);
    }
    unsigned i = 0;
    while (i < c->ret_count && c->rets[i].ret != t.ret)
        i++;
    if (i < c->ret_count && c->n + slack - c->rets[i].at <= 255)
        return c->rets[i].at;
    if (i == ARRAY_LEN(c->rets))
        i = 0;
    else if (i == c->ret_count)
        c->ret_count++;
    c->rets[i].ret = t.ret;
    c->rets[i].at = put(c, BPF_RET | BPF_K, t.ret, 0, 0);
    return c->rets[i].at;
}

static struct target jump(struct compiler *c, uint16_t op, uint32_t k, struct target yes,
                          struct target no)
{
    size_t y = reach(c, yes, 2), n = reach(c, no, 1);
    size_t at = c->n;

    /* reaching `no` may have pushed `yes` out of range by one: the slack of 2 above allows it */
    put(c, BPF_JMP | op | BPF_K, k, (uint8_t)(at - y - 1), (uint8_t)(at - n - 1));
    return to_place(at);
}

/* Execution comes to a place: it must be the next instruction. */
static void fall_to(struct compiler *c, struct target t)
{
    if (t.is_ret)
        put(c, BPF_RET | BPF_K, t.ret, 0, 0);
    else if (t.at + 1 != c->n)
        put(c, BPF_JMP | BPF_JA, (uint32_t)(c->n - t.at - 1), 0, 0);
}

static struct target load(struct compiler *c, uint32_t offset, struct target then)
{
    fall_to(c, then);
    return to_place(put(c, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0));
}

static struct target masked(struct compiler *c, uint32_t mask, uint32_t offset, struct target then)
{
    fall_to(c, then);
    if (mask != UINT32_MAX)
        put(c, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    return to_place(put(c, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0));
}

static struct target gen_cond(struct compiler *c, const struct cond *cond, bool wide,
                              struct target yes, struct target no)
{
    /* struct seccomp_data is little-endian on every ABI of the table */
    uint32_t lo_off = 16 + 8u * cond->index, hi_off = lo_off + 4;
    uint32_t lo = (uint32_t)cond->value, hi = (uint32_t)(cond->value >> 32);
    uint32_t mask_lo = (uint32_t)cond->mask, mask_hi = (uint32_t)(cond->mask >> 32);
    struct target t;

    switch ((enum op)cond->op) {
    case OP_NE:
        return gen_cond(c, &(struct cond){cond->index, OP_EQ, cond->value, cond->mask}, wide, no,
                        yes);
    case OP_LT:
        return gen_cond(c, &(struct cond){cond->index, OP_GE, cond->value, cond->mask}, wide, no,
                        yes);
    case OP_LE:
        return gen_cond(c, &(struct cond){cond->index, OP_GT, cond->value, cond->mask}, wide, no,
                        yes);
    case OP_EQ:
    case OP_MASKED_EQ:
        t = masked(c, mask_lo, lo_off, jump(c, BPF_JEQ, lo, yes, no));
        if (!wide || (!mask_hi && !hi))
            return t;
        return masked(c, mask_hi, hi_off, jump(c, BPF_JEQ, hi, t, no));
    case OP_GE:
    case OP_GT:
        t = load(c, lo_off, jump(c, cond->op == OP_GE ? BPF_JGE : BPF_JGT, lo, yes, no));
        if (!wide)
            return t;
        return load(c, hi_off, jump(c, BPF_JGT, hi, yes, jump(c, BPF_JEQ, hi, t, no)));
    }
    return no;
}

static struct target gen_chain(struct compiler *c, enum abi abi, const struct range *range)
{
    struct target next = to_ret(c->default_ret);

    for (uint32_t i = range->count; i-- > 0;) {
        const struct rule *rule = &c->rules[c->uses[abi][range->first + i].rule];
        struct target t = to_ret(rule->ret);
        for (unsigned k = rule->cond_count; k-- > 0;)
            t = gen_cond(c, &rule->cond[k], abi_info[abi].wide, t, next);
        next = t;
    }
    return next;
}

static bool same_chain(const struct compiler *c, enum abi abi, const struct range *a,
                       const struct range *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (c->uses[abi][a->first + i].rule != c->uses[abi][b->first + i].rule)
            return false;
    return true;
}

struct range_list {
    struct range *v;
    enum abi *abi;
    struct target *target;
    size_t n, cap, cap2, cap3;
};

static void range_add(struct compiler *c, struct range_list *l, enum abi abi, struct range r)
{
    if (l->n && l->v[l->n - 1].start == r.start)
        l->n--; /* an empty range: the later one replaces it */
    if (l->n) {
        const struct range *p = &l->v[l->n - 1];
        if (p->ret == r.ret &&
            (r.ret != RET_NONE || (l->abi[l->n - 1] == abi && same_chain(c, abi, p, &r))))
            return;
    }
    l->v = grow(l->v, &l->cap, l->n + 1, sizeof(*l->v));
    l->abi = grow(l->abi, &l->cap2, l->n + 1, sizeof(*l->abi));
    l->v[l->n] = r;
    l->abi[l->n++] = abi;
}

static int use_cmp(const void *a, const void *b)
{
    const struct use *x = a, *y = b;

    if (x->nr != y->nr)
        return x->nr < y->nr ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Append the ranges of one ABI, its numbers offset by `bit`. */
static void add_ranges(struct compiler *c, struct range_list *l, enum abi abi, uint32_t bit)
{
    struct use *u = c->uses[abi];
    size_t n = c->use_count[abi];

    if (n)
        qsort(u, n, sizeof(*u), use_cmp);
    range_add(c, l, abi, (struct range){.start = bit, .ret = c->default_ret});
    bool ended = false;
    for (size_t i = 0; i < n;) {
        size_t k = i;
        uint32_t ret = RET_NONE;
        for (; k < n && u[k].nr == u[i].nr; k++)
            if (ret == RET_NONE && !c->rules[u[k].rule].cond_count)
                ret = c->rules[u[k].rule].ret;
        if (c->enosys && !ended && u[i].nr > c->highest[abi]) {
            range_add(c, l, abi, (struct range){.start = bit + c->highest[abi] + 1,
                                                .ret = SECCOMP_RET_ERRNO | ENOSYS});
            ended = true;
        }
        range_add(c, l, abi, (struct range){.start = bit + u[i].nr, .ret = ret,
                                            .first = (uint32_t)i, .count = (uint32_t)(k - i)});
        range_add(c, l, abi, (struct range){.start = bit + u[i].nr + 1,
                                            .ret = ended ? SECCOMP_RET_ERRNO | ENOSYS
                                                         : c->default_ret});
        i = k;
    }
    if (c->enosys && !ended)
        range_add(c, l, abi, (struct range){.start = bit + c->highest[abi] + 1,
                                            .ret = SECCOMP_RET_ERRNO | ENOSYS});
}

static struct target gen_tree(struct compiler *c, const struct range_list *l, size_t lo, size_t hi)
{
    if (hi - lo == 1)
        return l->target[lo];
    size_t mid = (lo + hi) / 2;
    struct target right = gen_tree(c, l, mid, hi);
    struct target left = gen_tree(c, l, lo, mid);
    return jump(c, BPF_JGE, l->v[mid].start, right, left);
}

/* All ABIs that share one audit architecture: x86_64 and x32 differ in bit 30 of the number. */
static struct target gen_arch(struct compiler *c, uint32_t audit, enum abi_family family)
{
    struct range_list l = {0};
    bool any = false;

    for (enum abi abi = 0; abi < ABI_COUNT; abi++) {
        if (abi_info[abi].audit != audit || !c->listed[abi])
            continue;
        add_ranges(c, &l, abi, abi == ABI_X32 ? X32_BIT : 0);
        if (abi == ABI_X86_64 && !c->listed[ABI_X32])
            range_add(c, &l, abi, (struct range){.start = X32_BIT, .ret = SECCOMP_RET_KILL_THREAD});
        any = true;
    }
    /* -1: a tracer cancelled the call; nothing runs, and killing for it would break ptrace */
    if (any && family == FAMILY_X86 && audit == AUDIT_ARCH_X86_64)
        range_add(c, &l, ABI_X86_64, (struct range){.start = UINT32_MAX, .ret = c->default_ret});
    if (!any)
        return to_ret(SECCOMP_RET_KILL_THREAD);

    l.target = xcalloc(l.n, sizeof(*l.target));
    for (size_t i = 0; i < l.n; i++) {
        l.target[i] = to_ret(l.v[i].ret);
        if (l.v[i].ret != RET_NONE)
            continue;
        size_t k = 0;
        while (k < i && !(l.v[k].ret == RET_NONE && l.abi[k] == l.abi[i] &&
                          same_chain(c, l.abi[i], &l.v[k], &l.v[i])))
            k++;
        l.target[i] = k < i ? l.target[k] : gen_chain(c, l.abi[i], &l.v[i]);
    }
    struct target t = load(c, offsetof(struct seccomp_data, nr), gen_tree(c, &l, 0, l.n));
    free(l.v);
    free(l.abi);
    free(l.target);
    return t;
}

static void generate(struct compiler *c, enum abi_family family)
{
    struct target other = to_ret(SECCOMP_RET_KILL_THREAD);
    uint32_t native = abi_info[families[family].native].audit;

    for (unsigned i = 0; i < families[family].other_count; i++) {
        uint32_t audit = abi_info[families[family].others[i]].audit;
        if (audit == native || !c->listed[families[family].others[i]])
            continue;
        struct target block = gen_arch(c, audit, family);
        other = jump(c, BPF_JEQ, audit, block, other);
    }
    struct target block = gen_arch(c, native, family);
    load(c, offsetof(struct seccomp_data, arch), jump(c, BPF_JEQ, native, block, other));

    for (size_t i = 0; i < c->n / 2; i++) {
        struct sock_filter t = c->code[i];
        c->code[i] = c->code[c->n - 1 - i];
        c->code[c->n - 1 - i] = t;
    }
}

int seccomp_compile(const json_t *profile, const struct seccomp_options *opt,
                    struct seccomp_program *prog, struct error *err)
{
    struct json_reader r = {.err = err};
    struct compiler c = {0};

    *prog = (struct seccomp_program){0};
    parse_action(&r, profile, "linux.seccomp", "defaultAction", "defaultErrnoRet", &c.default_ret);
    parse_arches(&c, &r, profile, opt->family);
    parse_flags(&r, profile, prog);
    parse_syscalls(&c, &r, profile);
    uint32_t act = c.default_ret & SECCOMP_RET_ACTION_FULL;
    c.enosys = !opt->no_enosys && act != SECCOMP_RET_ALLOW && act != SECCOMP_RET_LOG &&
               act != SECCOMP_RET_TRACE;
    if (act == SECCOMP_RET_USER_NOTIF)
        jr_fail(&r, "linux.seccomp: SCMP_ACT_NOTIFY cannot be the default action");
    for (size_t i = 0; i < c.rule_count; i++)
        prog->notify |= (c.rules[i].ret & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF;
    prog->listener_path = jr_string(&r, profile, "linux.seccomp", "listenerPath");
    prog->listener_metadata = jr_string(&r, profile, "linux.seccomp", "listenerMetadata");
    if (prog->notify && (!prog->listener_path || !*prog->listener_path))
        jr_fail(&r, "linux.seccomp: SCMP_ACT_NOTIFY needs listenerPath");
    if (!r.rc && !(c.rule_count == 0 && act == SECCOMP_RET_ALLOW))
        generate(&c, opt->family);
    if (!r.rc && c.n > BPF_MAXINSNS)
        jr_fail(&r, "linux.seccomp: the filter has %zu instructions, more than %d", c.n,
                BPF_MAXINSNS);
    free(c.rules);
    for (enum abi abi = 0; abi < ABI_COUNT; abi++)
        free(c.uses[abi]);
    if (r.rc) {
        free(c.code);
        return r.rc;
    }
    prog->insn = c.code;
    prog->count = c.n;
    return 0;
}

void seccomp_program_fini(struct seccomp_program *prog)
{
    free(prog->insn);
    *prog = (struct seccomp_program){0};
}
