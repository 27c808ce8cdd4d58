/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad-oci: an OCI runtime. [OCI runtime]
 */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
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
    {"create", "ID", "make a container", opts_create, cmd_create},
    {"run", "ID", "make a container, start it, and wait for its end", opts_run, cmd_run},
    {"start", "ID", "start a container that was made", opts_start, cmd_start},
    {"state", "ID", "print the state of a container", opts_state, cmd_state},
    {"kill", "ID [SIGNAL]", "send a signal to the container's process", opts_kill, cmd_kill},
    {"delete", "ID", "remove what a container holds", opts_delete, cmd_delete},
    {"exec", "ID CMD...", "run a further program in a container", opts_exec, cmd_exec},
    {"pause", "ID", "stop all processes of a container", opts_pause, cmd_pause},
    {"resume", "ID", "let them go on", opts_resume, cmd_resume},
    {"list", "", "print all containers", opts_list, cmd_list},
    {"ps", "ID [PS OPTIONS]", "print the processes of a container", opts_ps, cmd_ps},
    {"update", "ID", "change limits", opts_update, cmd_update},
    {"events", "ID", "print usage, again and again", opts_events, cmd_events},
    {"features", "", "print what this runtime can do", opts_features, cmd_features},
    {"spec", "", "write an example config.json", opts_spec, cmd_spec},
    {"checkpoint", "ID", "save a container by CRIU", opts_checkpoint, cmd_checkpoint},
    {"restore", "ID", "restore a container by CRIU", opts_restore, cmd_restore},
    {NULL, NULL, NULL, NULL, NULL},
};

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
    puts("usage: quad-oci [OPTIONS] COMMAND [OPTIONS] ...\n\ncommands:");
    for (const struct oci_command *c = oci_commands; c->name; c++)
        printf("  %-10s %-16s %s\n", c->name, c->args, c->help);
    puts("\noptions:");
    print_opts(opts_global);
}

int oci_parse(const struct opt *opts, void *record, int argc, char **argv, int min, int max,
              struct error *err)
{
    int rest = 1;
    int rc = opt_parse(opts, record, argc, argv, &rest, err);

    if (rc)
        return rc;
    if (argc - rest < min || (max >= 0 && argc - rest > max))
        return fail(err, EINVAL, "%s: %s; try: quad-oci %s --help", argv[0],
                    argc - rest < min ? "an operand is missing" : "too many operands", argv[0]);
    return rest;
}

static void log_error_file(const struct globals *g, const char *text)
{
    auto_close int fd = open(g->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    auto_free char *now = time_text();
    auto_free char *line = NULL;
    if (g->log_format && !strcmp(g->log_format, "json")) {
        json_t *o = json_pack("{s:s,s:s,s:s}", "level", "error", "msg", text, "time", now);
        auto_free char *json = json_dumps(o, JSON_COMPACT);
        json_decref(o);
        line = xasprintf("%s\n", json ? json : "{}");
    } else {
        line = xasprintf("time=\"%s\" level=error msg=\"%s\"\n", now, text);
    }
    (void)!write(fd, line, strlen(line));
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
            printf("usage: quad-oci %s [OPTIONS] %s\n%s\n", c->name, c->args, c->help);
            print_opts(c->opts);
            return 0;
        }
        return c->run(&o, argc, argv, err);
    }
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
    log_set_level(LOG_WARN);
    int rc = opt_parse(opts_global, &g, argc, argv, &rest, &err);
    if (!rc && g.version) {
        printf("quad-oci version %s\nspec: 1.2.0\n", QUAD_VERSION);
        return 0;
    }
    if (!rc && (g.help || rest >= argc || !strcmp(argv[rest], "help"))) {
        usage();
        return rest >= argc && !g.help;
    }
    if (g.debug)
        log_set_level(LOG_INFO);
    if (!rc)
        rc = run_command(&g, argc - rest, argv + rest, argv, &err);
    if (rc >= 0) {
        fflush(stdout);
        return rc;
    }
    if (g.log)
        log_error_file(&g, err.text);
    fprintf(stderr, "quad-oci: %s\n", err.text);
    return 1;
}
