/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Commands that change a container.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "oci/oci.h"
#include "base/file.h"

/* ------------------------------------------------------------------------------- create, run */

struct make_opts {
    const char *bundle, *config, *pid_file, *console_socket, *pidfd_socket;
    bool no_pivot, no_new_keyring, detach, keep, no_subreaper, no_fallback;
    uint64_t preserve_fds;
};

#define MAKE_OPTS                                                                              \
    OPT(struct make_opts, bundle, .name = "bundle", .letter = 'b', .kind = OPT_STRING,         \
        .arg = "DIR", .help = "the bundle (default: here)"),                                   \
        OPT(struct make_opts, config, .name = "config", .letter = 'f', .kind = OPT_STRING,     \
            .arg = "FILE", .help = "instead of config.json"),                                  \
        OPT(struct make_opts, pid_file, .name = "pid-file", .kind = OPT_STRING, .arg = "FILE", \
            .help = "write the container's pid to this file"),                                 \
        OPT(struct make_opts, console_socket, .name = "console-socket", .kind = OPT_STRING,    \
            .arg = "PATH", .help = "send the terminal to this socket"),                        \
        OPT(struct make_opts, pidfd_socket, .name = "pidfd-socket", .kind = OPT_STRING,        \
            .arg = "PATH", .help = "send a pidfd of the container's process to this socket"),  \
        OPT(struct make_opts, no_fallback, .name = "no-mount-fallback", .kind = OPT_FLAG,      \
            .help = "accepted; flags of mounts are never fallen back from"),                   \
        OPT(struct make_opts, no_pivot, .name = "no-pivot", .kind = OPT_FLAG,                  \
            .help = "move the root instead of pivot_root (initramfs)"),                        \
        OPT(struct make_opts, no_new_keyring, .name = "no-new-keyring", .kind = OPT_FLAG,      \
            .help = "keep the session keyring"),                                               \
        OPT(struct make_opts, preserve_fds, .name = "preserve-fds", .kind = OPT_UINT,          \
            .arg = "N", .max = 1024, .help = "pass descriptors 3..N+2 to the program")

const struct opt opts_create[] = {MAKE_OPTS, OPT_END};
const struct opt opts_run[] = {
    MAKE_OPTS,
    OPT(struct make_opts, detach, .name = "detach", .letter = 'd', .kind = OPT_FLAG,
        .help = "do not wait for the end"),
    OPT(struct make_opts, keep, .name = "keep", .kind = OPT_FLAG,
        .help = "leave the container when it ended"),
    OPT(struct make_opts, no_subreaper, .name = "no-subreaper", .kind = OPT_FLAG,
        .help = "accepted; there is no subreaper"),
    OPT_END,
};

static struct create_opts create_opts(const struct make_opts *m, const char *id)
{
    return (struct create_opts){
        .id = id,
        .bundle = m->bundle,
        .config = m->config,
        .pid_file = m->pid_file,
        .console_socket = m->console_socket,
        .pidfd_socket = m->pidfd_socket,
        .no_pivot = m->no_pivot,
        .no_new_keyring = m->no_new_keyring,
        .detach = m->detach,
        .keep = m->keep,
        .preserve_fds = (int)m->preserve_fds,
    };
}

int cmd_create(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct make_opts m = {0};
    int at = oci_parse(opts_create, &m, argc, argv, 1, 1, err);

    if (at < 0)
        return at;
    struct create_opts o = create_opts(&m, argv[at]);
    return container_create(&g->rt, &o, err);
}

int cmd_run(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct make_opts m = {0};
    int status = 0;
    int at = oci_parse(opts_run, &m, argc, argv, 1, 1, err);

    if (at < 0)
        return at;
    struct create_opts o = create_opts(&m, argv[at]);
    int rc = container_run(&g->rt, &o, &status, err);
    return rc ? rc : status;
}

/* ---------------------------------------------------------------- start, kill, delete, pause */

struct plain_opts {
    bool all, force, regex;
};
const struct opt opts_start[] = {OPT_END};
const struct opt opts_pause[] = {OPT_END};
const struct opt opts_resume[] = {OPT_END};
const struct opt opts_kill[] = {
    OPT(struct plain_opts, all, .name = "all", .letter = 'a', .kind = OPT_FLAG,
        .help = "all processes of the container"),
    OPT_END,
};
const struct opt opts_delete[] = {
    OPT(struct plain_opts, force, .name = "force", .letter = 'f', .kind = OPT_FLAG,
        .help = "kill it first; no error where there is none"),
    OPT(struct plain_opts, regex, .name = "regex", .kind = OPT_FLAG,
        .help = "all whose id matches this regular expression"),
    OPT_END,
};

int cmd_start(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct plain_opts p = {0};
    int at = oci_parse(opts_start, &p, argc, argv, 1, 1, err);

    return at < 0 ? at : container_start(&g->rt, argv[at], err);
}

/* "KILL", "SIGKILL", "kill", "9", "RTMIN+1" */
static int parse_signal(const char *text)
{
    char name[24];
    uint64_t n;
    size_t i = 0;

    if (parse_u64(text, 64, &n))
        return (int)n; /* 0 asks whether there is anybody */
    if (strlen(text) >= sizeof(name))
        return -1;
    for (; text[i]; i++)
        name[i] = (char)toupper((unsigned char)text[i]);
    name[i] = 0;
    const char *s = !strncmp(name, "SIG", 3) ? name + 3 : name;
    if (!strncmp(s, "RTMIN", 5) && (!s[5] || (s[5] == '+' && parse_u64(s + 6, 30, &n))))
        return SIGRTMIN + (s[5] ? (int)n : 0);
    if (!strncmp(s, "RTMAX", 5) && (!s[5] || (s[5] == '-' && parse_u64(s + 6, 30, &n))))
        return SIGRTMAX - (s[5] ? (int)n : 0);
    for (int k = 1; k < 32; k++) {
        const char *abbrev = sigabbrev_np(k);
        if (abbrev && !strcmp(abbrev, s))
            return k;
    }
    return !strcmp(s, "IOT") ? SIGABRT : !strcmp(s, "CLD") ? SIGCHLD : -1;
}

int cmd_kill(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct plain_opts p = {0};
    int at = oci_parse(opts_kill, &p, argc, argv, 1, 2, err);

    if (at < 0)
        return at;
    int sig = at + 1 < argc ? parse_signal(argv[at + 1]) : SIGTERM;
    if (sig < 0)
        return fail(err, EINVAL, "unknown signal \"%s\"", argv[at + 1]);
    return container_kill(&g->rt, argv[at], sig, p.all, err);
}

/* Regular expressions of literals, '.', '*', '+', '?', '^' and '$': ids hold nothing that needs more,
 * and the C library's would be a tenth of this program. */
static bool match_here(const char *re, const char *text);

static bool match_char(char re, char c)
{
    return c && (re == '.' || re == c);
}

static bool match_repeated(const char *re, const char *text)
{
    unsigned least = re[1] == '+', most = re[1] == '?' ? 1 : 1024, n = 0;

    while (n < most && match_char(*re, text[n]))
        n++;
    for (;; n--) {
        if (n < least)
            return false;
        if (match_here(re + 2, text + n))
            return true;
        if (!n)
            return false;
    }
}

static bool match_here(const char *re, const char *text)
{
    if (!*re)
        return true;
    if (re[1] && strchr("*+?", re[1]))
        return match_repeated(re, text);
    if (*re == '$' && !re[1])
        return !*text;
    return match_char(*re, *text) && match_here(re + 1, text + 1);
}

static bool match(const char *re, const char *text)
{
    if (*re == '^')
        return match_here(re + 1, text);
    do {
        if (match_here(re, text))
            return true;
    } while (*text++);
    return false;
}

static int delete_matching(const struct oci *g, const char *pattern, bool force, struct error *err)
{
    auto_fd int root = runtime_root(&g->rt, false, err);

    if (root < 0)
        return root == -ENOENT ? 0 : root;
    if (strpbrk(pattern, "[](){}|\\"))
        return fail(err, EINVAL, "--regex \"%s\": only . * + ? ^ $ are understood", pattern);
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e; !rc && d && (e = readdir(d));)
        if (*e->d_name != '.' && match(pattern, e->d_name))
            rc = container_delete(&g->rt, e->d_name, force, err);
    if (d)
        closedir(d);
    return rc;
}

int cmd_delete(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct plain_opts p = {0};
    int at = oci_parse(opts_delete, &p, argc, argv, 1, -1, err);

    for (; at > 0 && at < argc; at++) {
        int rc = p.regex ? delete_matching(g, argv[at], p.force, err)
                         : container_delete(&g->rt, argv[at], p.force, err);
        if (rc)
            return rc;
    }
    return at < 0 ? at : 0;
}

int cmd_pause(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct plain_opts p = {0};
    int at = oci_parse(opts_pause, &p, argc, argv, 1, 1, err);

    return at < 0 ? at : container_pause(&g->rt, argv[at], true, err);
}

int cmd_resume(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct plain_opts p = {0};
    int at = oci_parse(opts_resume, &p, argc, argv, 1, 1, err);

    return at < 0 ? at : container_pause(&g->rt, argv[at], false, err);
}

/* ----------------------------------------------------------------------------------------- exec */

struct run_opts {
    const char *process, *cwd, *user, *apparmor, *selinux, *pid_file, *console_socket,
        *pidfd_socket, *wait_fifo;
    bool tty, detach, no_new_privs, ignore_paused, no_subreaper;
    struct opt_list env, caps, groups, cgroups;
    uint64_t preserve_fds;
};

const struct opt opts_exec[] = {
    OPT(struct run_opts, process, .name = "process", .letter = 'p', .kind = OPT_STRING,
        .arg = "FILE", .help = "the process as JSON"),
    OPT(struct run_opts, tty, .name = "tty", .letter = 't', .kind = OPT_FLAG,
        .help = "with a terminal"),
    OPT(struct run_opts, detach, .name = "detach", .letter = 'd', .kind = OPT_FLAG,
        .help = "do not wait for the end"),
    OPT(struct run_opts, cwd, .name = "cwd", .kind = OPT_STRING, .arg = "DIR",
        .help = "working directory in the container"),
    OPT(struct run_opts, env, .name = "env", .letter = 'e', .kind = OPT_LIST, .arg = "NAME=VALUE",
        .help = "set in the environment"),
    OPT(struct run_opts, user, .name = "user", .letter = 'u', .kind = OPT_STRING,
        .arg = "UID[:GID]", .help = "as this user"),
    OPT(struct run_opts, groups, .name = "additional-gids", .letter = 'g', .kind = OPT_LIST,
        .arg = "GID", .help = "a further group"),
    OPT(struct run_opts, caps, .name = "cap", .letter = 'c', .kind = OPT_LIST, .arg = "CAP",
        .help = "with this capability"),
    OPT(struct run_opts, no_new_privs, .name = "no-new-privs", .kind = OPT_FLAG,
        .help = "never more privileges"),
    OPT(struct run_opts, apparmor, .name = "apparmor", .kind = OPT_STRING, .arg = "PROFILE",
        .help = "AppArmor profile"),
    OPT(struct run_opts, selinux, .name = "process-label", .kind = OPT_STRING, .arg = "LABEL",
        .help = "SELinux label"),
    OPT(struct run_opts, cgroups, .name = "cgroup", .kind = OPT_LIST, .arg = "[CTRL,...:]PATH",
        .help = "a group below the container's"),
    OPT(struct run_opts, pid_file, .name = "pid-file", .kind = OPT_STRING, .arg = "FILE",
        .help = "write the pid to this file"),
    OPT(struct run_opts, console_socket, .name = "console-socket", .kind = OPT_STRING,
        .arg = "PATH", .help = "send the terminal to this socket"),
    OPT(struct run_opts, pidfd_socket, .name = "pidfd-socket", .kind = OPT_STRING, .arg = "PATH",
        .help = "send a pidfd of the process to this socket"),
    OPT(struct run_opts, wait_fifo, .name = "exec-wait-fifo", .kind = OPT_STRING, .arg = "PATH",
        .help = "do not run the program before someone reads this FIFO"),
    OPT(struct run_opts, ignore_paused, .name = "ignore-paused", .kind = OPT_FLAG,
        .help = "also in a paused container"),
    OPT(struct run_opts, no_subreaper, .name = "no-subreaper", .kind = OPT_FLAG,
        .help = "accepted; there is no subreaper"),
    OPT(struct run_opts, preserve_fds, .name = "preserve-fds", .kind = OPT_UINT, .arg = "N",
        .max = 1024, .help = "pass descriptors 3..N+2 to the program"),
    OPT_END,
};

int cmd_exec(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct run_opts r = {0};
    int status = 0;
    int at = oci_parse_in_order(opts_exec, &r, argc, argv, 1, err);

    if (at < 0)
        return at;
    int cmd = at + 1;
    if (cmd < argc && !strcmp(argv[cmd], "--"))
        cmd++;
    struct exec_opts o = {
        .id = argv[at],
        .process_file = r.process,
        .args = (const char **)&argv[cmd],
        .tty = r.tty,
        .detach = r.detach,
        .no_new_privs = r.no_new_privs,
        .ignore_paused = r.ignore_paused,
        .cwd = r.cwd,
        .user = r.user,
        .apparmor = r.apparmor,
        .selinux = r.selinux,
        .cgroups = r.cgroups.items,
        .cgroup_count = r.cgroups.count,
        .pidfd_socket = r.pidfd_socket,
        .wait_fifo = r.wait_fifo,
        .env = r.env.items,
        .env_count = r.env.count,
        .caps = r.caps.items,
        .cap_count = r.caps.count,
        .groups = r.groups.items,
        .group_count = r.groups.count,
        .pid_file = r.pid_file,
        .console_socket = r.console_socket,
        .preserve_fds = (int)r.preserve_fds,
    };
    int rc = container_exec(&g->rt, &o, &status, err);
    return rc ? rc : status;
}
