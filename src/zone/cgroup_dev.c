/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which devices a container may use: v1's list, or a BPF program on v2. The specification's list is
 * ordered, and a later rule overrides an earlier one. [OCI config-linux#allowed-device-list]
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "zone/cgroup.h"
#include "base/file.h"

struct dev_rule {
    bool allow;
    char type; /* a b c */
    bool any_major, any_minor;
    uint32_t major, minor;
    unsigned access; /* BPF_DEVCG_ACC_* */
};

/* What every container may use: making nodes (of what it may not open), and the standard nodes.
 * [OCI config-linux#default-devices] */
static const struct dev_rule default_rules[] = {
    {true, 'c', true, true, 0, 0, BPF_DEVCG_ACC_MKNOD},
    {true, 'b', true, true, 0, 0, BPF_DEVCG_ACC_MKNOD},
    {true, 'c', false, false, 1, 3, 7},   /* null */
    {true, 'c', false, false, 1, 8, 7},   /* random */
    {true, 'c', false, false, 1, 7, 7},   /* full */
    {true, 'c', false, false, 5, 0, 7},   /* tty */
    {true, 'c', false, false, 1, 5, 7},   /* zero */
    {true, 'c', false, false, 1, 9, 7},   /* urandom */
    {true, 'c', false, true, 136, 0, 7},  /* pts */
    {true, 'c', false, false, 5, 2, 7},   /* ptmx */
};

static struct dev_rule parse_rule(struct json_reader *r, const json_t *e, size_t i)
{
    char where[48];
    struct dev_rule d = {0};

    snprintf(where, sizeof(where), "linux.resources.devices[%zu]", i);
    const char *type = jr_string(r, e, where, "type");
    const char *access = jr_string(r, e, where, "access");
    d.allow = jr_bool(r, e, where, "allow");
    d.type = type && *type ? *type : 'a';
    if ((type && strlen(type) > 1) || !strchr("abcup", d.type))
        jr_fail(r, "%s.type \"%s\" is none of a, b, c", where, type);
    if (d.type == 'u' || d.type == 'p')
        d.type = 'c';
    int64_t major = jr_int(r, e, where, "major", -1), minor = jr_int(r, e, where, "minor", -1);
    d.any_major = major < 0;
    d.any_minor = minor < 0;
    d.major = (uint32_t)major;
    d.minor = (uint32_t)minor;
    if (!access || !*access)
        access = "rwm";
    for (const char *p = access; *p; p++) {
        if (!strchr("rwm", *p))
            jr_fail(r, "%s.access \"%s\" is not made of r, w, m", where, access);
        d.access |= *p == 'r'   ? BPF_DEVCG_ACC_READ
                    : *p == 'w' ? BPF_DEVCG_ACC_WRITE
                                : BPF_DEVCG_ACC_MKNOD;
    }
    return d;
}

static int write_v1(int fd, const struct dev_rule *rules, size_t n, struct error *err)
{
    int files[2] = {-1, -1};
    int rc = 0;

    for (size_t i = 0; i < n && !rc; i++) {
        const struct dev_rule *d = &rules[i];
        char text[64], major[12] = "*", minor[12] = "*";
        if (!d->any_major)
            snprintf(major, sizeof(major), "%u", d->major);
        if (!d->any_minor)
            snprintf(minor, sizeof(minor), "%u", d->minor);
        if (d->type == 'a' && d->any_major && d->any_minor)
            strcpy(text, "a");
        else
            snprintf(text, sizeof(text), "%c %s:%s %s%s%s", d->type, major, minor,
                     d->access & BPF_DEVCG_ACC_READ ? "r" : "",
                     d->access & BPF_DEVCG_ACC_WRITE ? "w" : "",
                     d->access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
        int *f = &files[d->allow];
        if (*f < 0)
            *f = openat(fd, d->allow ? "devices.allow" : "devices.deny", O_WRONLY | O_CLOEXEC);
        if (*f < 0 || write(*f, text, strlen(text)) < 0)
            rc = fail_errno(err, errno, "devices cgroup: %s \"%s\"", d->allow ? "allow" : "deny",
                            text);
    }
    for (int i = 0; i < 2; i++)
        if (files[i] >= 0)
            close(files[i]);
    return rc;
}

/*
 * The program sees struct bpf_cgroup_dev_ctx: access_type = access << 16 | type, major, minor. The
 * rules are asked from the last to the first; the first that speaks of the device decides: an
 * allow rule if it covers all of the access, a deny rule if it covers any of it.
 *   r2 = type, r3 = access, r4 = major, r5 = minor, r0 = result
 */
#define INSN(c, d, s, o, i) \
    ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

static size_t bpf_program(struct bpf_insn *p, const struct dev_rule *rules, size_t n)
{
    size_t k = 0;

    p[k++] = INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0);
    p[k++] = INSN(BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0);
    p[k++] = INSN(BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
    p[k++] = INSN(BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
    p[k++] = INSN(BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0);
    p[k++] = INSN(BPF_LDX | BPF_MEM | BPF_W, 5, 1, 8, 0);
    for (size_t i = n; i-- > 0;) {
        const struct dev_rule *d = &rules[i];
        size_t jumps[4], jn = 0;
        if (d->type != 'a') {
            jumps[jn++] = k;
            p[k++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 0,
                          d->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
        }
        if (d->access != 7 && d->allow) { /* any access beyond the rule's: not this rule */
            p[k++] = INSN(BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
            p[k++] = INSN(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, (int)(~d->access & 7));
            jumps[jn++] = k;
            p[k++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 1, 0, 0, 0);
        } else if (d->access != 7) {
            p[k++] = INSN(BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
            p[k++] = INSN(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, (int)d->access);
            jumps[jn++] = k;
            p[k++] = INSN(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0, 0);
        }
        if (!d->any_major) {
            jumps[jn++] = k;
            p[k++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 0, (int)d->major);
        }
        if (!d->any_minor) {
            jumps[jn++] = k;
            p[k++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 0, (int)d->minor);
        }
        p[k++] = INSN(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, d->allow);
        p[k++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
        for (size_t j = 0; j < jn; j++)
            p[jumps[j]].off = (short)(k - jumps[j] - 1);
        if (!jn)
            return k; /* it decides everything: rules before it are dead code */
    }
    p[k++] = INSN(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, 1);
    p[k++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    return k;
}

static int sys_bpf(int cmd, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* Descriptors of the device programs that are attached now. */
static size_t attached(int cgroup, int *fds, size_t max)
{
    uint32_t ids[16];
    union bpf_attr a = {.query = {.target_fd = (uint32_t)cgroup,
                                  .attach_type = BPF_CGROUP_DEVICE,
                                  .prog_ids = (uint64_t)(uintptr_t)ids,
                                  .prog_cnt = ARRAY_LEN(ids)}};
    size_t n = 0;

    if (sys_bpf(BPF_PROG_QUERY, &a) < 0)
        return 0;
    for (uint32_t i = 0; i < a.query.prog_cnt && n < max; i++) {
        union bpf_attr g = {.prog_id = ids[i]};
        int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &g);
        if (fd >= 0)
            fds[n++] = fd;
    }
    return n;
}

static int attach_bpf(int path_fd, const struct dev_rule *rules, size_t n, struct error *err)
{
    struct bpf_insn *p = xcalloc(8 + n * 10, sizeof(*p));
    static const char licence[] = "GPL";
    union bpf_attr load = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = (uint64_t)(uintptr_t)p,
        .insn_cnt = (uint32_t)bpf_program(p, rules, n),
        .license = (uint64_t)(uintptr_t)licence,
    };
    auto_fd int prog = sys_bpf(BPF_PROG_LOAD, &load);
    int code = errno;

    free(p);
    if (prog < 0)
        return fail_errno(err, code, "load the device program");
    auto_fd int cgroup = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int old[16];
    size_t old_n = attached(cgroup, old, ARRAY_LEN(old));
    union bpf_attr att = {.target_fd = (uint32_t)cgroup,
                          .attach_bpf_fd = (uint32_t)prog,
                          .attach_type = BPF_CGROUP_DEVICE,
                          .attach_flags = BPF_F_ALLOW_MULTI};
    int rc = 0;
    if (sys_bpf(BPF_PROG_ATTACH, &att) < 0)
        rc = fail_errno(err, errno, "attach the device program");
    /* the new one is in force before the old ones go: never a moment without */
    for (size_t i = 0; i < old_n; i++) {
        union bpf_attr det = {.target_fd = (uint32_t)cgroup,
                              .attach_bpf_fd = (uint32_t)old[i],
                              .attach_type = BPF_CGROUP_DEVICE};
        if (!rc)
            sys_bpf(BPF_PROG_DETACH, &det);
        close(old[i]);
    }
    return rc;
}

int cgroup_devices(struct cgroup *cg, const json_t *list, bool defaults, struct error *err)
{
    struct json_reader r = {.err = err};
    size_t n = json_array_size(list), k = 0;
    struct cgroup_dir *d = cgroup_find(cg, CG_DEVICES);

    if (!n || cg->manager == CGROUP_NONE)
        return 0;
    if (list && !json_is_array(list))
        return fail(err, EINVAL, "linux.resources.devices must be an array");
    auto_free struct dev_rule *rules = xcalloc(n + ARRAY_LEN(default_rules), sizeof(*rules));
    for (; k < n; k++)
        rules[k] = parse_rule(&r, json_array_get(list, k), k);
    if (r.rc)
        return r.rc;
    for (size_t i = 0; defaults && i < ARRAY_LEN(default_rules); i++)
        rules[k++] = default_rules[i];
    int fd = d ? cgroup_dir_fd(d) : -ENOENT;
    if (fd < 0) {
        /* rootless: the kernel gives an unprivileged runtime no device control, and its user
         * namespace no device nodes */
        return cg->rootless ? 0 : fail(err, ENOTSUP, "no cgroup for the device rules");
    }
    int rc = d->v2 ? attach_bpf(fd, rules, k, err) : write_v1(fd, rules, k, err);
    if (rc == -EPERM && cg->rootless)
        rc = 0;
    return rc;
}
