/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone_spec.h"

#include <ctype.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/root.h"
#include "zone/spec_tab.h"
#include "zone/mount.h"
#include "zone/rootfs.h"
#include "zone/zone_brand.h"
#include "zone/zone_profile.h"
#include "zone/zone_root.h"

static const char *const base_caps[] = {
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "SETFCAP", "AUDIT_WRITE", NULL,
};
/* What an init and its services need; over the zone's own namespaces only. */
static const char *const init_caps[] = {
    "DAC_READ_SEARCH", "LINUX_IMMUTABLE", "NET_BROADCAST", "NET_ADMIN", "IPC_OWNER", "SYS_PTRACE",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TTY_CONFIG", "LEASE", NULL,
};

/* ---------------------------------------------------------------------------------- the program */

static json_t *image_config(const struct zone_place *p)
{
    return json_object_get(p->image, "config");
}

static int open_tree_file(const struct zone_place *p, const char *path)
{
    auto_close int dir = open(p->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return dir < 0 ? -errno : root_open(dir, path, O_RDONLY | O_NONBLOCK);
}

static bool tree_has(const struct zone_place *p, const char *path)
{
    auto_close int fd = open_tree_file(p, path);

    return fd >= 0;
}

static const char *find_init(const struct zone_place *p)
{
    static const char *const inits[] = {"/sbin/init", "/lib/systemd/systemd",
                                        "/usr/lib/systemd/systemd", "/init", "/bin/init",
                                        "/bin/busybox"};

    for (size_t i = 0; i < ARRAY_LEN(inits); i++)
        if (tree_has(p, inits[i]))
            return inits[i];
    return NULL;
}

static json_t *strings(const char *const *v, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(a, json_string(v[i]));
    return a;
}

static void append_all(json_t *to, json_t *from)
{
    if (from)
        json_array_extend(to, from);
}

/* command, else the image's entry point and arguments, else a shell. */
static json_t *program(const struct zone_config *c, const struct zone_place *p, struct error *err)
{
    json_t *img = image_config(p), *args = json_array();

    if (c->init) {
        const char *init = find_init(p);
        if (!init) {
            fail(err, ENOEXEC, "%s has no init; try: a command after --", c->image);
            json_decref(args);
            return NULL;
        }
        json_array_append_new(args, json_string(init));
        if (!strcmp(init, "/bin/busybox"))
            json_array_append_new(args, json_string("init"));
        return args;
    }
    append_all(args, json_object_get(img, "Entrypoint"));
    if (c->command_count) {
        json_t *own = strings(c->command, c->command_count);
        append_all(args, own);
        json_decref(own);
    } else {
        append_all(args, json_object_get(img, "Cmd"));
    }
    if (!json_array_size(args))
        json_array_append_new(args, json_string("/bin/sh"));
    return args;
}

static void set_env(json_t *env, const char *text)
{
    size_t name = strcspn(text, "=") + 1;

    for (size_t i = json_array_size(env); i-- > 0;) {
        const char *old = json_string_value(json_array_get(env, i));
        if (old && !strncmp(old, text, name))
            json_array_remove(env, i);
    }
    json_array_append_new(env, json_string(text));
}

static json_t *environment(const struct zone_config *c, const struct zone_place *p, bool tty)
{
    json_t *env = json_array(), *e;
    size_t i;

    set_env(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    if (tty)
        set_env(env, "TERM=xterm");
    set_env(env, "container=quad");
    json_array_foreach(json_object_get(image_config(p), "Env"), i, e)
        if (json_string_value(e) && strchr(json_string_value(e), '='))
            set_env(env, json_string_value(e));
    for (i = 0; i < c->env_count; i++)
        set_env(env, c->env[i]);
    return env;
}

/* A line "name:x:ID:ID:..." of passwd or group; field 2 and 3 as numbers. */
static bool find_name(const struct zone_place *p, const char *file, const char *name, uint64_t *id,
                      uint64_t *second)
{
    auto_close int fd = open_tree_file(p, file);
    auto_free char *text = NULL;
    char *save = NULL;

    if (fd < 0 || file_slurp(fd, &text, NULL, NULL))
        return false;
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        char *field[4] = {l};
        unsigned n = 1;
        for (char *s = l; n < 4 && (s = strchr(s, ':'));) {
            *s++ = 0;
            field[n++] = s;
        }
        if (n < 3 || strcmp(field[0], name))
            continue;
        if (n > 3)
            field[3][strcspn(field[3], ":")] = 0;
        if (!parse_u64(field[2], UINT32_MAX - 1, id))
            return false;
        if (second && (n < 4 || !parse_u64(field[3], UINT32_MAX - 1, second)))
            *second = 0;
        return true;
    }
    return false;
}

/* "", "1000", "www-data", "1000:1000", "web:web". */
static int resolve_user(const struct zone_place *p, const char *text, uint64_t *uid, uint64_t *gid,
                        struct error *err)
{
    auto_free char *copy = xstrdup(text ? text : "");
    char *group = strchr(copy, ':');

    *uid = *gid = 0;
    if (group)
        *group++ = 0;
    if (*copy && !parse_u64(copy, UINT32_MAX - 1, uid) &&
        !find_name(p, "/etc/passwd", copy, uid, gid))
        return fail(err, ENOENT, "the zone has no user \"%s\"", copy);
    if (group && !parse_u64(group, UINT32_MAX - 1, gid) &&
        !find_name(p, "/etc/group", group, gid, NULL))
        return fail(err, ENOENT, "the zone has no group \"%s\"", group);
    return 0;
}

static json_t *capabilities(const struct zone_config *c, bool userns)
{
    json_t *names = json_array(), *caps = json_object();
    static const char *const sets[] = {"bounding", "effective", "permitted"};

    for (size_t i = 0; base_caps[i]; i++) {
        auto_free char *n = xasprintf("CAP_%s", base_caps[i]);
        json_array_append_new(names, json_string(n));
    }
    for (size_t i = 0; c->init && userns && init_caps[i]; i++) {
        auto_free char *n = xasprintf("CAP_%s", init_caps[i]);
        json_array_append_new(names, json_string(n));
    }
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        json_object_set(caps, sets[i], names);
    json_decref(names);
    return caps;
}

static json_t *process_of(const struct zone_config *c, const struct zone_place *p, json_t *args,
                          const char *user, bool tty, struct error *err)
{
    const char *cwd = c->workdir;
    uint64_t uid, gid;

    if (!cwd || !*cwd)
        cwd = json_string_value(json_object_get(image_config(p), "WorkingDir"));
    if (!cwd || *cwd != '/')
        cwd = "/";
    if (!user)
        user = c->user ? c->user : json_string_value(json_object_get(image_config(p), "User"));
    if (resolve_user(p, user, &uid, &gid, err)) {
        json_decref(args);
        return NULL;
    }
    return json_pack("{s:b,s:{s:I,s:I},s:o,s:o,s:s,s:o,s:b}", "terminal", tty, "user", "uid",
                     (json_int_t)uid, "gid", (json_int_t)gid, "args", args, "env",
                     environment(c, p, tty), "cwd", cwd, "capabilities", capabilities(c, p->userns),
                     "noNewPrivileges", 0);
}

json_t *zone_process(const struct zone_config *c, const struct zone_place *p, const char *const *args,
                     const char *user, bool tty, struct error *err)
{
    size_t n = 0;

    while (args[n])
        n++;
    return process_of(c, p, strings(args, n), user, tty, err);
}

/* ----------------------------------------------------------------------------------- the tree */

static json_t *mount_of(const char *at, const char *type, const char *source, const char *options)
{
    json_t *o = json_pack("{s:s,s:s,s:s,s:[]}", "destination", at, "type", type, "source", source,
                          "options");
    json_t *list = json_object_get(o, "options");
    auto_free char *copy = xstrdup(options);
    char *save = NULL;

    for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
        json_array_append_new(list, json_string(w));
    return o;
}

static json_t *id_mappings(void)
{
    return json_pack("[{s:i,s:I,s:I}]", "containerID", 0, "hostID", (json_int_t)ZONE_ID_BASE, "size",
                     (json_int_t)ZONE_ID_COUNT);
}

/* Files of the volume keep their owners: root's are the zone's root's. Where the file system cannot
 * map ids, they are nobody's. */
static bool can_map(const char *source)
{
    struct id_map map = {0, ZONE_ID_BASE, ZONE_ID_COUNT};
    const struct id_maps maps = {&map, 1};
    struct error err;
    auto_fd int tree = mount_clone(AT_FDCWD, source, false, &err);
    auto_fd int ns = tree < 0 ? -1 : userns_open(&maps, &maps, &err);

    return ns >= 0 && mount_idmap(tree, ns, false, &err) == 0;
}

static int add_volumes(const struct zone_config *c, const struct zone_place *p, json_t *mounts,
                       struct error *err)
{
    for (size_t i = 0; i < c->volume_count; i++) {
        struct zone_volume v;
        int rc = zone_volume_parse(c->volumes[i], &v, err);
        if (rc)
            return rc;
        auto_free char *full = realpath(v.source, NULL);
        if (!full)
            rc = fail_errno(err, errno, "volume %s", v.source);
        json_t *m = rc ? NULL : mount_of(v.target, "bind", full,
                                         v.readonly ? "rbind,ro,nosuid,nodev" : "rbind,nosuid,nodev");
        if (m && p->userns && can_map(full)) {
            json_object_set_new(m, "uidMappings", id_mappings());
            json_object_set_new(m, "gidMappings", id_mappings());
        }
        zone_volume_fini(&v);
        if (rc)
            return rc;
        json_array_append_new(mounts, m);
    }
    return 0;
}

/* Where a file of /etc is that the image has as a link to what a service of it would make. */
static char *link_target(const struct zone_place *p, const char *at)
{
    char target[PATH_MAX];
    auto_close int dir = open(p->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = dir < 0 ? -1 : root_open(dir, at, O_PATH | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target) - 1);

    if (n <= 0)
        return xstrdup(at);
    target[n] = 0;
    if (*target == '/')
        return xstrdup(target);
    return strncmp(target, "../", 3) ? xasprintf("/etc/%s", target) : xstrdup(target + 2);
}

static void bind_own(json_t *mounts, const struct zone_config *c, const struct zone_place *p,
                     const char *file, const char *at)
{
    auto_free char *path = xasprintf("%s/%s", p->folder, file);
    auto_free char *place = tree_has(p, at) ? xstrdup(at) : link_target(p, at);

    /* an init has a service that makes it */
    if (!access(path, R_OK) && (!c->init || !strcmp(place, at)))
        json_array_append_new(mounts, mount_of(place, "bind", path, "bind,nosuid,nodev,noexec"));
}

static json_t *mounts_of(const struct zone_config *c, const struct zone_place *p, struct error *err)
{
    json_t *m = json_array();

    json_array_append_new(m, mount_of("/proc", "proc", "proc", "nosuid,noexec,nodev"));
    json_array_append_new(m, mount_of("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,"
                                                               "size=65536k"));
    json_array_append_new(m, mount_of("/dev/pts", "devpts", "devpts",
                                      "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"));
    json_array_append_new(m, mount_of("/dev/shm", "tmpfs", "shm", "nosuid,nodev,mode=1777"));
    json_array_append_new(m, mount_of("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"));
    if (c->net == ZONE_NET_HOST)
        json_array_append_new(m, mount_of("/sys", "bind", "/sys", "rbind,nosuid,noexec,nodev,ro"));
    else
        json_array_append_new(m, mount_of("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"));
    if (c->net != ZONE_NET_HOST)
        json_array_append_new(m, mount_of("/sys/fs/cgroup", "cgroup", "cgroup",
                                          c->init ? "nosuid,noexec,nodev,relatime"
                                                  : "nosuid,noexec,nodev,relatime,ro"));
    if (c->init) {
        json_array_append_new(m, mount_of("/run", "tmpfs", "tmpfs", "nosuid,nodev,mode=755"));
        json_array_append_new(m, mount_of("/tmp", "tmpfs", "tmpfs", "nosuid,nodev,mode=1777"));
    }
    if (c->net != ZONE_NET_NONE && tree_has(p, "/etc")) {
        bind_own(m, c, p, "resolv.conf", "/etc/resolv.conf");
        bind_own(m, c, p, "hosts", "/etc/hosts");
    }
    if (add_volumes(c, p, m, err)) {
        json_decref(m);
        return NULL;
    }
    return m;
}

/* ------------------------------------------------------------------------------------- limits */

static void io_limit(json_t *io, const char *key, dev_t disk, uint64_t rate)
{
    json_object_set_new(io, key,
                        json_pack("[{s:i,s:i,s:I}]", "major", (int)major(disk), "minor",
                                  (int)minor(disk), "rate", (json_int_t)rate));
}

json_t *zone_resources(const struct zone_limits *l, dev_t disk, bool all)
{
    json_t *o = json_pack("{s:{},s:{},s:{}}", "memory", "cpu", "pids");
    json_t *mem = json_object_get(o, "memory"), *cpu = json_object_get(o, "cpu");

    if (l->memory || all) {
        json_int_t m = l->memory ? (json_int_t)l->memory : -1;
        json_object_set_new(mem, "limit", json_integer(m));
        json_object_set_new(mem, "swap", json_integer(l->memory ? m + (json_int_t)l->swap : -1));
    }
    if (l->cpu_cap || all) {
        json_object_set_new(cpu, "period", json_integer(50000));
        json_object_set_new(cpu, "quota",
                            json_integer(l->cpu_cap ? (json_int_t)l->cpu_cap * 500 : -1));
    }
    /* 100 is a weight's usual value; v1 calls that 1024 */
    if (l->cpu_share || all)
        json_object_set_new(cpu, "shares",
                            json_integer(MAX((json_int_t)(l->cpu_share ? l->cpu_share : 100) * 1024 /
                                                 100, 2)));
    if (l->processes || all)
        json_object_set_new(json_object_get(o, "pids"), "limit",
                            json_integer(l->processes ? (json_int_t)l->processes : -1));
    if (disk && (l->io_rate || l->io_ops || all)) {
        json_t *io = json_object();
        if (l->io_rate || all) {
            io_limit(io, "throttleReadBpsDevice", disk, l->io_rate);
            io_limit(io, "throttleWriteBpsDevice", disk, l->io_rate);
        }
        if (l->io_ops || all) {
            io_limit(io, "throttleReadIOPSDevice", disk, l->io_ops);
            io_limit(io, "throttleWriteIOPSDevice", disk, l->io_ops);
        }
        json_object_set_new(o, "blockIO", io);
    }
    return o;
}

/* ------------------------------------------------------------------------------------- the whole */

static json_t *namespaces(const struct zone_config *c, bool userns)
{
    json_t *a = json_pack("[{s:s},{s:s},{s:s},{s:s},{s:s}]", "type", "pid", "type", "ipc", "type",
                          "uts", "type", "mount", "type", "cgroup");

    if (c->net == ZONE_NET_BRIDGE || c->net == ZONE_NET_NONE)
        json_array_append_new(a, json_pack("{s:s}", "type", "network"));
    if (userns)
        json_array_append_new(a, json_pack("{s:s}", "type", "user"));
    return a;
}

static json_t *linux_of(const struct zone_config *c, const struct zone_place *p)
{
    json_t *res = zone_resources(&c->limits, p->disk, false);
    json_t *profile = zone_profile(c->init && p->userns);
    json_t *o;

    if (p->notify)
        json_object_set_new(profile, "listenerPath", json_string(p->notify));
    json_object_set_new(res, "devices", json_pack("[{s:b,s:s}]", "allow", 0, "access", "rwm"));
    o = json_pack("{s:o,s:o,s:o,s:[s,s,s,s,s,s,s,s,s,s,s],s:[s,s,s,s,s]}", "namespaces",
                  namespaces(c, p->userns), "resources", res, "seccomp", profile, "maskedPaths",
                  "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                  "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
                  "/sys/firmware", "/sys/devices/virtual/powercap", "readonlyPaths", "/proc/bus",
                  "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger");
    if (c->init && p->userns) /* its own namespaces' settings are its own */
        json_array_remove(json_object_get(o, "readonlyPaths"), 3);
    if (p->userns) {
        json_object_set_new(o, "uidMappings", id_mappings());
        json_object_set_new(o, "gidMappings", id_mappings());
    }
    if (c->net == ZONE_NET_BRIDGE || c->net == ZONE_NET_NONE)
        json_object_set_new(o, "sysctl",
                            json_pack("{s:s,s:s}", "net.ipv4.ip_unprivileged_port_start", "0",
                                      "net.ipv4.ping_group_range", "0 65535"));
    return o;
}

json_t *zone_spec(const struct zone_config *c, const struct zone_place *p, struct error *err)
{
    json_t *args = program(c, p, err);
    json_t *process = args ? process_of(c, p, args, NULL, c->tty, err) : NULL;
    json_t *mounts = process ? mounts_of(c, p, err) : NULL;

    if (!mounts) {
        json_decref(process);
        return NULL;
    }
    auto_free char *cg = xasprintf("/quad/%s", c->name);
    json_t *l = linux_of(c, p);
    json_object_set_new(l, "cgroupsPath", json_string(cg));
    json_t *o = json_pack("{s:s,s:o,s:{s:s},s:s,s:o,s:o}", "ociVersion", "1.2.0", "process", process,
                          "root", "path", p->root, "hostname", c->hostname ? c->hostname : c->name,
                          "mounts", mounts, "linux", l);
    if (!o) {
        fail(err, EINVAL, "%s: its configuration cannot be written as JSON", c->name);
        return NULL;
    }
    if (zone_brand_apply(c->brand, o, err)) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* "SIGTERM", "15", "RTMIN+3". */
static int signal_number(const char *text)
{
    static const struct name_value names[] = {
        {"HUP", SIGHUP}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"KILL", SIGKILL}, {"USR1", SIGUSR1},
        {"USR2", SIGUSR2}, {"TERM", SIGTERM}, {"PWR", SIGPWR}, {"WINCH", SIGWINCH}, {NULL, 0},
    };
    uint64_t v;

    if (!text)
        return 0;
    if (parse_u64(text, 64, &v))
        return (int)v;
    text += strncmp(text, "SIG", 3) ? 0 : 3;
    if (!strncmp(text, "RTMIN+", 6) && parse_u64(text + 6, 30, &v))
        return SIGRTMIN + (int)v;
    return name_find(names, text, &v) ? (int)v : 0;
}

int zone_stop_signal(const struct zone_config *c, const struct zone_place *p)
{
    int sig = signal_number(json_string_value(json_object_get(image_config(p), "StopSignal")));

    if (!c->init)
        return sig ? sig : SIGTERM;
    /* systemd's "halt" [systemd(1)]; busybox init powers off by SIGUSR2 */
    return tree_has(p, "/lib/systemd/systemd") ? SIGRTMIN + 4 : SIGUSR2;
}
