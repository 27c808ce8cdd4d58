/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad-oci: an OCI runtime. [OCI runtime]
 */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "oci/oci.h"
#include "base/file.h"

struct globals {
    bool debug, systemd, help, version;
    const char *log, *log_format, *root, *criu, *manager, *rootless;
};

static const struct opt opts_global[] = {
    OPT(struct globals, debug, .name = "debug", .kind = OPT_FLAG, .help = "more messages"),
    OPT(struct globals, log, .name = "log", .kind = OPT_STRING, .arg = "FILE",
        .help = "also write messages to this file"),
    OPT(struct globals, log_format, .name = "log-format", .kind = OPT_ENUM, .arg = "FORMAT",
        .choices = "text|json", .help = "of the log file"),
    OPT(struct globals, root, .name = "root", .kind = OPT_STRING, .arg = "DIR",
        .help = "where the containers' state is kept"),
    OPT(struct globals, criu, .name = "criu", .kind = OPT_STRING, .arg = "PATH",
        .help = "the criu program"),
    OPT(struct globals, systemd, .name = "systemd-cgroup", .kind = OPT_FLAG,
        .help = "the same as --cgroup-manager systemd"),
    OPT(struct globals, manager, .name = "cgroup-manager", .kind = OPT_ENUM, .arg = "MANAGER",
        .choices = "cgroupfs|systemd|disabled", .help = "who makes cgroups"),
    OPT(struct globals, rootless, .name = "rootless", .kind = OPT_ENUM, .arg = "WHEN",
        .choices = "true|false|auto", .help = "do without what only root can do"),
    OPT(struct globals, help, .name = "help", .letter = 'h', .kind = OPT_FLAG, .help = "this text"),
    OPT(struct globals, version, .name = "version", .letter = 'v', .kind = OPT_FLAG,
        .help = "print the version"),
    OPT_END,
};

const struct oci_command oci_commands[] = {
    {"create", "[OPTION]... CONTAINER", "make a container", opts_create, cmd_create},
    {"run", "[OPTION]... CONTAINER", "make a container, start it, and wait for its end", opts_run,
     cmd_run},
    {"start", "CONTAINER", "start a container that was made", opts_start, cmd_start},
    {"state", "[OPTION]... CONTAINER", "print the state of a container", opts_state, cmd_state},
    {"kill", "[OPTION]... CONTAINER [SIGNAL]", "send a signal to the container's process",
     opts_kill, cmd_kill},
    {"delete", "CONTAINER", "remove what a container holds", opts_delete, cmd_delete},
    {"exec", "[OPTION]... CONTAINER CMD...", "run a further program in a container", opts_exec,
     cmd_exec},
    {"pause", "[OPTION]... CONTAINER", "stop all processes of a container", opts_pause, cmd_pause},
    {"resume", "[OPTION]... CONTAINER", "let them go on", opts_resume, cmd_resume},
    {"list", "[OPTION]...", "print all containers", opts_list, cmd_list},
    {"ps", "[OPTION]... CONTAINER [PS OPTIONS]", "print the processes of a container", opts_ps,
     cmd_ps},
    {"update", "[OPTION]... CONTAINER", "change limits", opts_update, cmd_update},
    {"events", "[OPTION]... CONTAINER", "print usage, again and again", opts_events, cmd_events},
    {"features", "", "print what this runtime can do", opts_features, cmd_features},
    {"spec", "[OPTION]...", "write an example config.json", opts_spec, cmd_spec},
    {"checkpoint", "[OPTION]... CONTAINER", "save a container by CRIU", opts_checkpoint,
     cmd_checkpoint},
    {"restore", "[OPTION]... CONTAINER", "restore a container by CRIU", opts_restore, cmd_restore},
    {NULL, NULL, NULL, NULL, NULL},
};

/* The name that this program was called by: it is used in the place of others. */
static const char *own_name = "quad-oci";

static void print_opts(const struct opt *o)
{
    for (; o->name; o++) {
        char name[64];
        snprintf(name, sizeof(name), "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        if (o->letter)
            printf("  -%c, %-26s %s\n", o->letter, name, o->help ? o->help : "");
        else
            printf("      %-26s %s\n", name, o->help ? o->help : "");
    }
}

static void usage(void)
{
    printf("NAME:\n   %s - Open Container Initiative runtime\n\n"
           "Usage: %s [OPTION...] COMMAND [OPTION]... ...\n\nCOMMANDS:\n", own_name, own_name);
    for (const struct oci_command *c = oci_commands; c->name; c++)
        printf("  %-10s %s\n", c->name, c->help);
    puts("\nOPTIONS:");
    print_opts(opts_global);
}

static void usage_command(const struct oci_command *c)
{
    printf("NAME:\n   %s %s - %s\n\nUsage: %s [OPTION...] %s %s\n\nOPTIONS:\n", own_name,
           c->name, c->help, own_name, c->name, c->args);
    print_opts(c->opts);
}

static void print_version(void)
{
    printf("%s version %s\ncommit: v%s\nspec: 1.3.0\n"
           "+SELINUX +APPARMOR +CAP +SECCOMP +EBPF\n", own_name, QUAD_VERSION, QUAD_VERSION);
}

static int check_count(const char *name, int have, int min, int max, struct error *err)
{
    if (have >= min && (max < 0 || have <= max))
        return 0;
    return fail(err, EINVAL, "%s: %s; try: quad-oci %s --help", name,
                have < min ? "an operand is missing" : "too many operands", name);
}

int oci_parse_in_order(const struct opt *opts, void *record, int argc, char **argv, int min,
                       struct error *err)
{
    int rest = 1;
    int rc = opt_parse(opts, record, argc, argv, &rest, err);

    if (!rc)
        rc = check_count(argv[0], argc - rest, min, -1, err);
    return rc ? rc : rest;
}

int oci_parse(const struct opt *opts, void *record, int argc, char **argv, int min, int max,
              struct error *err)
{
    auto_free char **operand = xcalloc((size_t)argc + 1, sizeof(*operand));
    int n = 0, base = 0, rc = 0;

    /* each operand stands in for the command's name of the next round */
    for (bool ended = false; base < argc - 1;) {
        int rest = 1;
        if (!ended) {
            rc = opt_parse(opts, record, argc - base, argv + base, &rest, err);
            if (rc)
                return rc;
            ended = rest > 1 && !strcmp(argv[base + rest - 1], "--");
        }
        base += rest;
        if (base < argc)
            operand[n++] = argv[base];
    }
    rc = check_count(argv[0], n, min, max, err);
    for (int i = 0; i < n; i++)
        argv[argc - n + i] = operand[i];
    return rc ? rc : argc - n;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && argv[i][0] == '-'; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

static int run_command(const struct globals *g, int argc, char **argv, char **all,
                       struct error *err)
{
    struct oci o = {
        .rt = {.root = g->root, .rootless = -1, .argv = all},
        .criu = g->criu,
        .debug = g->debug,
    };

    if (g->systemd)
        o.rt.manager = CGROUP_SYSTEMD;
    if (g->manager)
        o.rt.manager = *g->manager == 's'   ? CGROUP_SYSTEMD
                       : *g->manager == 'd' ? CGROUP_NONE
                                            : CGROUP_FS;
    if (g->rootless && *g->rootless != 'a')
        o.rt.rootless = *g->rootless == 't';
    for (const struct oci_command *c = oci_commands; c->name; c++) {
        if (strcmp(c->name, argv[0]) != 0)
            continue;
        if (wants_help(argc, argv)) {
            usage_command(c);
            return 0;
        }
        return c->run(&o, argc, argv, err);
    }
    if (wants_help(argc, argv))
        return fail(err, EINVAL, "No help topic for '%s'", argv[0]);
    const char *names[32];
    size_t n = 0;
    for (const struct oci_command *c = oci_commands; c->name; c++)
        names[n++] = c->name;
    const char *near = opt_nearest(argv[0], names, n);
    return near ? fail(err, EINVAL, "unknown command %s; did you mean %s?", argv[0], near)
                : fail(err, EINVAL, "unknown command %s; try: quad-oci --help", argv[0]);
}

/* A descriptor of ours must never have a standard stream's number. */
static void hold_stdio(void)
{
    while (fcntl(2, F_GETFD) < 0 && open("/dev/null", O_RDWR) >= 0)
        ;
}

int main(int argc, char **argv)
{
    struct globals g = {0};
    struct error err = {0};
    int rest = 1;

    hold_stdio();
    fd_lazy = true;
    json_object_seed(0x51); /* our own files: no seed from the system needed */
    mallopt(M_TOP_PAD, 512 << 10); /* one brk(2) instead of many */
    error_small_letters = true;
    if (argc > 0 && *argv[0]) {
        const char *slash = strrchr(argv[0], '/');
        own_name = slash ? slash + 1 : argv[0];
    }
    int rc = opt_parse(opts_global, &g, argc, argv, &rest, &err);
    if (!rc && g.version) {
        print_version();
        return 0;
    }
    if (!rc && (g.help || rest >= argc || !strcmp(argv[rest], "help"))) {
        usage();
        return rest >= argc && !g.help;
    }
    if (!rc)
        rc = oci_log_open(g.log, g.log_format && *g.log_format == 'j', g.debug, &err);
    if (!rc)
        rc = run_command(&g, argc - rest, argv + rest, argv, &err);
    if (rc >= 0) {
        fflush(stdout);
        return rc;
    }
    oci_log_failure(err.text);
    if (rest < argc)
        fprintf(stderr, "%s %s failed: %s\n", own_name, argv[rest], err.text);
    else
        fprintf(stderr, "%s: %s\n", own_name, err.text);
    /* what a program may end with itself says nothing about it: runc's number for "not run" */
    return rest < argc && !strcmp(argv[rest], "exec") ? 255 : 1;
}
