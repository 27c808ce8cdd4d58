/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/process.h"

#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/file.h"
#include "base/root.h"
#include "zone/spec_tab.h"

#ifndef CAP_LAST_KNOWN
#define CAP_LAST_KNOWN (CAP_NAMES - 1)
#endif

void caps_held(struct held_caps *h)
{
    struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2] = {0};

    syscall(SYS_capget, &hdr, d);
    h->effective = d[0].effective | (uint64_t)d[1].effective << 32;
    h->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
    h->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
}

bool caps_have(unsigned cap)
{
    static struct held_caps held;
    static bool known;

    if (!known)
        caps_held(&held);
    known = true;
    return held.effective >> cap & 1;
}

static int caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];

    for (int i = 0; i < 2; i++) {
        d[i].effective = (uint32_t)(effective >> (32 * i));
        d[i].permitted = (uint32_t)(permitted >> (32 * i));
        d[i].inheritable = (uint32_t)(inheritable >> (32 * i));
    }
    return syscall(SYS_capset, &hdr, d) < 0 ? -errno : 0;
}

int process_oom(const struct spec_process *p, pid_t pid, struct error *err)
{
    char path[48], text[16];

    if (!p->oom_given)
        return 0;
    snprintf(text, sizeof(text), "%d", p->oom_score_adj);
    if (pid)
        snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    else
        snprintf(path, sizeof(path), "/proc/self/oom_score_adj");
    int rc = file_write(AT_FDCWD, path, text);
    if ((rc == -EACCES || rc == -EPERM) && !caps_have(CAP_SYS_RESOURCE)) {
        log_warn("oomScoreAdj %d is not set: CAP_SYS_RESOURCE is missing", p->oom_score_adj);
        return 0;
    }
    return rc ? fail_errno(err, -rc, "oomScoreAdj %d", p->oom_score_adj) : 0;
}

bool parse_cpu_list(const char *text, unsigned long *mask, unsigned max)
{
    const unsigned bits = 8 * sizeof(*mask);

    while (*text) {
        char *end;
        unsigned long a, b;
        if (*text < '0' || *text > '9')
            return false;
        a = b = strtoul(text, &end, 10);
        if (*end == '-') {
            text = end + 1;
            if (*text < '0' || *text > '9')
                return false;
            b = strtoul(text, &end, 10);
        }
        if (a > b || b >= max)
            return false;
        for (; a <= b; a++)
            mask[a / bits] |= 1UL << (a % bits);
        if (*end && *end != ',')
            return false;
        text = end + (*end == ',');
    }
    return true;
}

void process_affinity_reset(void)
{
    unsigned long mask[1024 / 8 / sizeof(unsigned long)];

    memset(mask, 0xff, sizeof(mask));
    syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask);
}

int process_affinity(const char *cpus, struct error *err)
{
    unsigned long mask[1024 / 8 / sizeof(unsigned long)] = {0};

    if (!cpus || !*cpus)
        return 0;
    if (!parse_cpu_list(cpus, mask, 1024))
        return fail(err, EINVAL, "CPU list \"%s\"", cpus);
    if (syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) < 0)
        return fail_errno(err, errno, "CPU affinity %s", cpus);
    log_debug("nsexec: affinity: 0x%lx", mask[0]);
    return 0;
}

/* struct sched_attr [sched_setattr(2)], not in the C library's headers */
struct kernel_sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};

static int apply_mempolicy(const json_t *o, struct error *err)
{
    static const struct name_value modes[] = {
        {"MPOL_DEFAULT", 0},    {"MPOL_PREFERRED", 1}, {"MPOL_BIND", 2},
        {"MPOL_INTERLEAVE", 3}, {"MPOL_LOCAL", 4},     {"MPOL_PREFERRED_MANY", 5},
        {"MPOL_WEIGHTED_INTERLEAVE", 6}, {NULL, 0},
    };
    static const struct name_value flags[] = {
        {"MPOL_F_STATIC_NODES", 1 << 15},
        {"MPOL_F_RELATIVE_NODES", 1 << 14},
        {"MPOL_F_NUMA_BALANCING", 1 << 13},
        {NULL, 0},
    };
    struct json_reader r = {.err = err};
    unsigned long mask[1024 / 8 / sizeof(unsigned long)] = {0};
    uint64_t mode = 0, flag = 0;
    size_t n = 0;

    const char *name = jr_string(&r, o, "linux.memoryPolicy", "mode");
    const char *nodes = jr_string(&r, o, "linux.memoryPolicy", "nodes");
    auto_free const char **list = jr_strings(&r, o, "linux.memoryPolicy", "flags", &n);
    if (!name || !name_find(modes, name, &mode))
        jr_fail(&r, "linux.memoryPolicy: invalid memory policy mode \"%s\"", name ? name : "");
    for (size_t i = 0; i < n; i++) {
        if (!name_find(flags, list[i], &flag))
            jr_fail(&r, "linux.memoryPolicy: invalid memory policy flag \"%s\"", list[i]);
        mode |= flag;
    }
    if (nodes && !parse_cpu_list(nodes, mask, 1024))
        jr_fail(&r, "linux.memoryPolicy: invalid memory policy node list \"%s\"", nodes);
    if (r.rc)
        return r.rc;
    bool any = nodes && *nodes;
    if (syscall(SYS_set_mempolicy, (int)mode, any ? mask : NULL, any ? 1024UL : 0UL) < 0)
        return fail_errno(err, errno, "set_mempolicy %s", name);
    return 0;
}

int process_sched(const struct spec *s, const struct spec_process *p, struct error *err)
{
    if (p->sched.given) {
        struct kernel_sched_attr a = {
            .size = sizeof(a),
            .policy = p->sched.policy,
            .flags = p->sched.flags,
            .nice = p->sched.nice,
            .priority = (uint32_t)p->sched.priority,
            .runtime = p->sched.runtime,
            .deadline = p->sched.deadline,
            .period = p->sched.period,
        };
        if (syscall(SYS_sched_setattr, 0, &a, 0) < 0) {
            bool cpus = s && json_object_get(json_object_get(s->resources, "cpu"), "cpus");
            return errno == EPERM && cpus
                       ? fail_errno(err, EPERM, "process scheduler can't be used together with "
                                                "AllowedCPUs (linux.resources.cpu.cpus)")
                       : fail_errno(err, errno, "scheduler");
        }
    }
    if (p->io_given &&
        syscall(SYS_ioprio_set, 1, 0, p->io_class << 13 | p->io_priority) < 0)
        return fail_errno(err, errno, "I/O priority");
    if (s && s->personality_given && personality(s->personality) < 0)
        return fail_errno(err, errno, "personality");
    return s && s->mempolicy ? apply_mempolicy(s->mempolicy, err) : 0;
}

int process_rlimits(const struct spec_process *p, pid_t pid, struct error *err)
{
    for (size_t i = 0; i < p->rlimit_count; i++) {
        const struct spec_rlimit *l = &p->rlimits[i];
        struct rlimit want = l->limit, now;
        if (prlimit(pid, (enum __rlimit_resource)l->resource, &want, NULL) == 0)
            continue;
        int code = errno;
        /* raising a hard limit needs CAP_SYS_RESOURCE: as much as there is, and say so */
        if (code == EPERM && prlimit(pid, (enum __rlimit_resource)l->resource, NULL, &now) == 0) {
            want.rlim_max = MIN(want.rlim_max, now.rlim_max);
            want.rlim_cur = MIN(want.rlim_cur, want.rlim_max);
            if (prlimit(pid, (enum __rlimit_resource)l->resource, &want, NULL) == 0) {
                log_warn("%s stays at the host's hard limit %llu: CAP_SYS_RESOURCE is missing",
                         l->name, (unsigned long long)want.rlim_max);
                continue;
            }
        }
        return fail_errno(err, code, "%s", l->name);
    }
    return 0;
}

static int set_ids(const struct spec_process *p, bool setgroups_denied, struct error *err)
{
    if (!(setgroups_denied && !p->group_count) &&
        setgroups(p->group_count, p->group_count ? p->groups : NULL) < 0 &&
        !(errno == EPERM && !p->group_count))
        return fail_errno(err, errno, "additionalGids");
    if (setresgid(p->gid, p->gid, p->gid) < 0)
        return fail_errno(err, errno, "gid %u (is it mapped?)", p->gid);
    if (setresuid(p->uid, p->uid, p->uid) < 0)
        return fail_errno(err, errno, "uid %u (is it mapped?)", p->uid);
    return 0;
}

/* What is not permitted and inheritable cannot become ambient [capabilities(7)]. */
static void warn_ambient(uint64_t refused)
{
    for (unsigned cap = 0; cap < CAP_NAMES; cap++)
        if (refused >> cap & 1)
            log_warn("can't raise ambient capability CAP_%s: operation not permitted",
                     cap_names[cap]);
}

/* The launch stage loads the seccomp filter, and without noNewPrivileges needs CAP_SYS_ADMIN for it.
 * What passes its exec is what is inheritable (for root) or ambient (for others); and inheritable
 * can be raised only while the bounding set still has it [capabilities(7)]. The launch stage drops
 * it again before the program runs. */
int process_identity(const struct spec_process *p, bool keep_admin, bool setgroups_denied,
                     struct identity *id, struct error *err)
{
    const struct spec_caps *c = &p->caps;
    struct held_caps held;

    caps_held(&held);
    uint64_t extra = keep_admin ? held.permitted & UINT64_C(1) << CAP_SYS_ADMIN : 0;
    int rc = extra ? caps_set(held.effective, held.permitted, held.inheritable | extra) : 0;
    if (rc)
        return fail_errno(err, -rc, "inheritable capabilities");
    for (unsigned cap = 0; cap < 64; cap++) {
        if (c->bounding >> cap & 1)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL) /* beyond this kernel's last */
            break;
        if (errno != EPERM)
            return fail_errno(err, errno, "bounding set");
    }
    if (p->uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return fail_errno(err, errno, "keep capabilities");
    rc = set_ids(p, setgroups_denied, err);
    if (rc)
        return rc;
    id->permitted = c->permitted & held.permitted;
    id->effective = c->effective & id->permitted;
    /* inheritable only from what was permitted, within the bounding set */
    id->inheritable = c->inheritable & held.permitted & c->bounding;
    rc = caps_set(id->effective | extra, id->permitted | extra, id->inheritable | extra);
    if (rc)
        return fail_errno(err, -rc, "capabilities");
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    warn_ambient(c->ambient & ~(id->permitted & id->inheritable));
    uint64_t ambient = (c->ambient & id->permitted & id->inheritable) | (p->uid ? extra : 0);
    for (unsigned cap = 0; cap < 64 && ambient >> cap; cap++)
        if (ambient >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return fail_errno(err, errno, "ambient capability %u", cap);
    /* what is left of them once the launch stage executes: it can only lower */
    id->permitted &= p->uid ? ambient & ~extra : c->bounding | id->inheritable;
    id->effective &= id->permitted;
    return 0;
}

int process_cwd(const char *cwd, struct error *err)
{
    char now[PATH_MAX];

    if (chdir(cwd) < 0)
        return fail_errno(err, errno, "cwd %s", cwd);
    /* the system call, not the C library's: it says "(unreachable)..." for a directory that is
     * outside of the root, where a leaked descriptor would lead (CVE-2024-21626) */
    if (syscall(SYS_getcwd, now, sizeof(now)) < 0 || now[0] != '/')
        return fail(err, EPERM, "cwd %s is outside of the container's root", cwd);
    return 0;
}

/* The last of several counts, as a later one overrides. */
static const char *env_value(const struct spec_process *p, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = p->env_count; i-- > 0;)
        if (!strncmp(p->env[i], name, n) && p->env[i][n] == '=')
            return p->env[i] + n + 1;
    return NULL;
}

static int check_program(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode) || !(st.st_mode & 0111))
        return -EACCES;
    return 0;
}

int process_program(const struct spec_process *p, char **program, struct error *err)
{
    const char *name = p->args[0];
    const char *path = env_value(p, "PATH");
    int rc, denied = 0;

    if (strchr(name, '/')) {
        rc = check_program(name);
        if (rc)
            return fail_errno(err, -rc, "exec: \"%s\"", name);
        *program = xstrdup(name);
        return 0;
    }
    if (!path)
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    while (*name && *path) {
        size_t n = strcspn(path, ":");
        char *full = xasprintf("%.*s%s%s", (int)n, path, n ? "/" : "./", name);
        rc = check_program(full);
        if (!rc) {
            *program = full;
            return 0;
        }
        denied |= rc == -EACCES;
        free(full);
        path += n + (path[n] == ':');
    }
    if (denied)
        return fail(err, EACCES, "exec: \"%s\": permission denied", name);
    return fail(err, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

/* The home of a user id in the image's /etc/passwd: a regular file of the root, bounded. */
static char *home_of(uint32_t uid)
{
    auto_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_fd int fd = root < 0 ? -1 : root_open(root, "/etc/passwd", O_RDONLY | O_NONBLOCK);
    struct stat st;
    auto_free char *text = NULL;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < 4 << 20 &&
        file_slurp(fd, &text, NULL, NULL) == 0) {
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            char *f[7];
            int n = 0;
            for (char *at = line; n < 7 && at; n++) {
                f[n] = at;
                at = strchr(at, ':');
                if (at)
                    *at++ = 0;
            }
            uint64_t v;
            if (n >= 6 && parse_u64(f[2], UINT32_MAX, &v) && v == uid && *f[5] == '/')
                return xasprintf("HOME=%s", f[5]);
        }
    }
    return xstrdup(uid ? "HOME=/" : "HOME=/root");
}

/* Is the i-th variable set again behind it? */
static bool is_overridden(const struct spec_process *p, size_t i)
{
    size_t n = strcspn(p->env[i], "=");

    if (!p->env[i][n])
        return false;
    for (size_t k = i + 1; k < p->env_count; k++)
        if (!strncmp(p->env[k], p->env[i], n + 1))
            return true;
    return false;
}

const char **process_env(const struct spec_process *p)
{
    const char **env = xcalloc(p->env_count + 2, sizeof(*env));
    const char *home = env_value(p, "HOME");
    size_t n = 0;

    for (size_t i = 0; i < p->env_count; i++)
        if (!is_overridden(p, i) && ((home && *home) || strncmp(p->env[i], "HOME=", 5) != 0))
            env[n++] = p->env[i];
    if (!home || !*home)
        env[n++] = home_of(p->uid);
    return env;
}
