/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names that config.json uses for kernel constants. */
#include "zone/spec_tab.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>

#include "zone/spec.h"

const struct ns_info ns_info[NS_KINDS] = {
    [NS_USER] = {"user", "user", CLONE_NEWUSER},
    [NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
    [NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
    [NS_NET] = {"network", "net", CLONE_NEWNET},
    [NS_PID] = {"pid", "pid", CLONE_NEWPID},
    [NS_MNT] = {"mount", "mnt", CLONE_NEWNS},
    [NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
    [NS_TIME] = {"time", "time", 0x80},
};

const struct name_value rlimit_names[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
    {NULL, 0},
};

/* [SCHED sched(7)]; SCHED_ISO is reserved by the kernel and refused when used */
const struct name_value sched_names[] = {
    {"SCHED_OTHER", SCHED_OTHER}, {"SCHED_FIFO", SCHED_FIFO},   {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH}, {"SCHED_ISO", 4},             {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", 6},        {NULL, 0},
};

const struct name_value sched_flag_names[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}, {NULL, 0},
};

const struct name_value ioprio_names[] = {
    {"IOPRIO_CLASS_NONE", 0}, {"IOPRIO_CLASS_RT", 1},   {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3}, {NULL, 0},
};

const struct name_value personality_names[] = {
    {"LINUX", 0x0000},
    {"LINUX32", 0x0008},
    {NULL, 0},
};

const struct name_value personality_flag_names[] = {
    {"UNAME26", 0x0020000},           {"ADDR_NO_RANDOMIZE", 0x0040000},
    {"FDPIC_FUNCPTRS", 0x0080000},    {"MMAP_PAGE_ZERO", 0x0100000},
    {"ADDR_COMPAT_LAYOUT", 0x0200000}, {"READ_IMPLIES_EXEC", 0x0400000},
    {"ADDR_LIMIT_32BIT", 0x0800000},  {"SHORT_INODE", 0x1000000},
    {"WHOLE_SECONDS", 0x2000000},     {"STICKY_TIMEOUTS", 0x4000000},
    {"ADDR_LIMIT_3GB", 0x8000000},    {NULL, 0},
};

const char *const cap_names[CAP_NAMES] = {
    "CHOWN",          "DAC_OVERRIDE",    "DAC_READ_SEARCH",  "FOWNER",       "FSETID",
    "KILL",           "SETGID",          "SETUID",           "SETPCAP",      "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN",        "NET_RAW",      "IPC_LOCK",
    "IPC_OWNER",      "SYS_MODULE",      "SYS_RAWIO",        "SYS_CHROOT",   "SYS_PTRACE",
    "SYS_PACCT",      "SYS_ADMIN",       "SYS_BOOT",         "SYS_NICE",     "SYS_RESOURCE",
    "SYS_TIME",       "SYS_TTY_CONFIG",  "MKNOD",            "LEASE",        "AUDIT_WRITE",
    "AUDIT_CONTROL",  "SETFCAP",         "MAC_OVERRIDE",     "MAC_ADMIN",    "SYSLOG",
    "WAKE_ALARM",     "BLOCK_SUSPEND",   "AUDIT_READ",       "PERFMON",      "BPF",
    "CHECKPOINT_RESTORE",
};

bool name_find(const struct name_value *tab, const char *name, uint64_t *value)
{
    for (; tab->name; tab++)
        if (!strcmp(tab->name, name)) {
            *value = tab->value;
            return true;
        }
    return false;
}

bool cap_find(const char *name, unsigned *cap)
{
    if (strncmp(name, "CAP_", 4) != 0)
        return false;
    for (unsigned i = 0; i < CAP_NAMES; i++)
        if (!strcmp(cap_names[i], name + 4)) {
            *cap = i;
            return true;
        }
    return false;
}
