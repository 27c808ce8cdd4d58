/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone_profile.h"

#include "zone/syscall_tab.h"

/* Never: they act on the host's kernel, its clock, its devices, or open what names cannot guard. */
static const char *const denied[] = {
    "_sysctl",        "acct",           "afs_syscall",   "bdflush",
    "bpf",            "clock_settime",  "clock_settime64",  "create_module", "delete_module",
    "finit_module",   "get_kernel_syms", "getpmsg",         "init_module",   "io_uring_enter",
    "io_uring_register", "io_uring_setup", "ioperm",        "iopl",          "kexec_file_load",
    "kexec_load",     "lookup_dcookie", "move_pages",       "nfsservctl",    "open_by_handle_at",
    "perf_event_open", "putpmsg",       "query_module",     "quotactl",      "quotactl_fd",
    "request_key",    "add_key",        "keyctl",           "settimeofday",  "stime",
    "swapoff",        "swapon",         "sysfs",            "syslog",        "tuxcall",
    "uselib",         "userfaultfd",    "ustat",            "vm86",          "vm86old",
    "vserver",        "pciconfig_iobase", "pciconfig_read", "pciconfig_write",
    "set_mempolicy_home_node", "memfd_secret", NULL,
};

/* Only in a zone that is the administrator of its own user namespace. */
static const char *const admins[] = {
    "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr",
    "move_mount", "open_tree", "pivot_root", "reboot", "setdomainname", "sethostname", "setns",
    "umount", "umount2", "unshare", NULL,
};

/* Rules of their own, below. */
static const char *const special[] = {"clone", "clone3", "personality", "socket", NULL};

static bool in(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (!strcmp(*list, name))
            return true;
    return false;
}

static json_t *rule(const char *name, const char *action, int errno_ret, json_t *args)
{
    json_t *o = json_pack("{s:[s],s:s,s:o}", "names", name, "action", action, "args",
                          args ? args : json_array());

    if (errno_ret)
        json_object_set_new(o, "errnoRet", json_integer(errno_ret));
    return o;
}

static json_t *arg(unsigned index, uint64_t value, uint64_t two, const char *op)
{
    return json_pack("[{s:i,s:I,s:I,s:s}]", "index", (int)index, "value", (json_int_t)value,
                     "valueTwo", (json_int_t)two, "op", op);
}

#define NEW_NAMESPACES 0x7e020000 /* CLONE_NEW*: cgroup, uts, ipc, user, pid, net; mount */
#define NEW_USER 0x10000000

static void add_special(json_t *list, bool admin)
{
    static const uint32_t views[] = {0, 8, 0x20000, 0x20008, 0xffffffff};

    json_array_append_new(list, rule("clone", "SCMP_ACT_ALLOW", 0,
                                     arg(0, admin ? NEW_USER : NEW_NAMESPACES, 0,
                                         "SCMP_CMP_MASKED_EQ")));
    /* its flags are in memory, where no filter can look: the C library falls back to clone */
    json_array_append_new(list, rule("clone3", "SCMP_ACT_ERRNO", ENOSYS, NULL));
    for (size_t i = 0; i < ARRAY_LEN(views); i++)
        json_array_append_new(list, rule("personality", "SCMP_ACT_ALLOW", 0,
                                         arg(0, views[i], 0, "SCMP_CMP_EQ")));
    json_array_append_new(list, rule("socket", "SCMP_ACT_ALLOW", 0,
                                     arg(0, 40 /* AF_VSOCK */, 0, "SCMP_CMP_NE")));
}

json_t *zone_profile(bool admin)
{
    json_t *names = json_array(), *rules = json_array();

    for (unsigned i = 0; i < syscall_tab_len; i++) {
        const char *n = syscall_tab[i].name;
        if (!in(denied, n) && !in(special, n) && (admin || !in(admins, n)))
            json_array_append_new(names, json_string(n));
    }
    json_array_append_new(rules,
                          json_pack("{s:o,s:s}", "names", names, "action", "SCMP_ACT_ALLOW"));
    add_special(rules, admin);
    return json_pack("{s:s,s:i,s:[s,s,s],s:o}", "defaultAction", "SCMP_ACT_ERRNO",
                     "defaultErrnoRet", EPERM, "architectures", "SCMP_ARCH_X86_64", "SCMP_ARCH_X86",
                     "SCMP_ARCH_X32", "syscalls", rules);
}

/* The release that a call came with [kernel's arch/x86/entry/syscalls, history]. */
static const struct {
    const char *name;
    unsigned short major, minor;
} since[] = {
    {"kcmp", 3, 5}, {"finit_module", 3, 8}, {"sched_setattr", 3, 14}, {"sched_getattr", 3, 14},
    {"renameat2", 3, 15}, {"seccomp", 3, 17}, {"getrandom", 3, 17}, {"memfd_create", 3, 17},
    {"bpf", 3, 18}, {"execveat", 3, 19}, {"userfaultfd", 4, 3}, {"membarrier", 4, 3},
    {"mlock2", 4, 4}, {"copy_file_range", 4, 5}, {"preadv2", 4, 6}, {"pwritev2", 4, 6},
    {"pkey_mprotect", 4, 9}, {"pkey_alloc", 4, 9}, {"pkey_free", 4, 9}, {"statx", 4, 11},
    {"io_pgetevents", 4, 18}, {"rseq", 4, 18}, {"pidfd_send_signal", 5, 1},
    {"io_uring_setup", 5, 1}, {"io_uring_enter", 5, 1}, {"io_uring_register", 5, 1},
    {"open_tree", 5, 2}, {"move_mount", 5, 2}, {"fsopen", 5, 2}, {"fsconfig", 5, 2},
    {"fsmount", 5, 2}, {"fspick", 5, 2}, {"pidfd_open", 5, 3}, {"clone3", 5, 3},
    {"openat2", 5, 6}, {"pidfd_getfd", 5, 6}, {"faccessat2", 5, 8}, {"close_range", 5, 9},
    {"process_madvise", 5, 10}, {"epoll_pwait2", 5, 11}, {"mount_setattr", 5, 12},
    {"landlock_create_ruleset", 5, 13}, {"landlock_add_rule", 5, 13},
    {"landlock_restrict_self", 5, 13}, {"quotactl_fd", 5, 14}, {"memfd_secret", 5, 14},
    {"process_mrelease", 5, 15}, {"futex_waitv", 5, 16}, {"set_mempolicy_home_node", 5, 17},
    {"cachestat", 6, 5}, {"fchmodat2", 6, 6}, {"map_shadow_stack", 6, 6}, {"futex_wake", 6, 7},
    {"futex_wait", 6, 7}, {"futex_requeue", 6, 7}, {"statmount", 6, 8}, {"listmount", 6, 8},
    {"lsm_get_self_attr", 6, 8}, {"lsm_set_self_attr", 6, 8}, {"lsm_list_modules", 6, 8},
    {"mseal", 6, 10},
};

static void remove_name(json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (!strcmp(json_string_value(json_array_get(names, i)), name)) {
            json_array_remove(names, i);
            return;
        }
}

void zone_profile_age(json_t *profile, unsigned major, unsigned minor)
{
    json_t *rules = json_object_get(profile, "syscalls");
    json_t *names = json_object_get(json_array_get(rules, 0), "names");

    for (size_t i = 0; i < ARRAY_LEN(since); i++) {
        if (since[i].major < major || (since[i].major == major && since[i].minor <= minor) ||
            in(special, since[i].name))
            continue;
        remove_name(names, since[i].name);
        json_array_append_new(rules, rule(since[i].name, "SCMP_ACT_ERRNO", ENOSYS, NULL));
    }
    remove_name(names, "uname");
    json_array_append_new(rules, rule("uname", "SCMP_ACT_NOTIFY", 0, NULL));
}
