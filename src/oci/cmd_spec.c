/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec and features: an example configuration, and what this runtime understands.
 * [OCI features]
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "oci/oci.h"
#include "zone/mount.h"
#include "zone/seccomp.h"
#include "zone/spec_tab.h"

struct spec_opts {
    const char *bundle;
    bool rootless;
};
const struct opt opts_spec[] = {
    OPT(struct spec_opts, bundle, .name = "bundle", .letter = 'b', .kind = OPT_STRING,
        .arg = "DIR", .help = "write it there"),
    OPT(struct spec_opts, rootless, .name = "rootless", .kind = OPT_FLAG,
        .help = "for a user without privileges"),
    OPT_END,
};
const struct opt opts_features[] = {OPT_END};

static const char example[] =
    "{\"ociVersion\":\"1.2.0\",\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},"
    "\"args\":[\"sh\"],\"env\":["
    "\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\"],"
    "\"cwd\":\"/\",\"capabilities\":{"
    "\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
    "\"noNewPrivileges\":true},\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
    "\"hostname\":\"quad\",\"mounts\":["
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":["
    "\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":["
    "\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
    "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":["
    "\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":["
    "\"nosuid\",\"noexec\",\"nodev\"]},"
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":["
    "\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":["
    "\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
    "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
    "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
    "{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
    "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\","
    "\"/proc/keys\",\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\","
    "\"/proc/sched_debug\",\"/sys/firmware\",\"/sys/devices/virtual/powercap\","
    "\"/proc/scsi\"],"
    "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
    "\"/proc/sysrq-trigger\"]}}";

/* What an unprivileged user cannot have: a network of its own that leads anywhere, sysfs of a
 * network namespace that is not its own, the tty group, device rules. */
static void make_rootless(json_t *o)
{
    json_t *l = json_object_get(o, "linux"), *ns = json_object_get(l, "namespaces");
    json_t *mounts = json_object_get(o, "mounts");

    json_array_remove(ns, 1); /* network */
    json_array_append_new(ns, json_pack("{s:s}", "type", "user"));
    json_object_del(l, "resources");
    json_object_set_new(l, "uidMappings", json_pack("[{s:i,s:i,s:i}]", "containerID", 0, "hostID",
                                                    (int)geteuid(), "size", 1));
    json_object_set_new(l, "gidMappings", json_pack("[{s:i,s:i,s:i}]", "containerID", 0, "hostID",
                                                    (int)getegid(), "size", 1));
    json_array_remove(json_object_get(json_array_get(mounts, 2), "options"), 5); /* gid=5 */
    json_array_set_new(mounts, 5,
                       json_pack("{s:s,s:s,s:s,s:[s,s,s,s,s]}", "destination", "/sys", "type",
                                 "none", "source", "/sys", "options", "rbind", "nosuid", "noexec",
                                 "nodev", "ro"));
}

int cmd_spec(const struct oci *g, int argc, char **argv, struct error *err)
{
    struct spec_opts s = {0};
    int at = oci_parse(opts_spec, &s, argc, argv, 0, 0, err);

    (void)g;
    if (at < 0)
        return at;
    if (s.bundle && chdir(s.bundle) < 0)
        return fail_errno(err, errno, "%s", s.bundle);
    auto_close int fd = open("config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_errno(err, errno, "config.json");
    json_t *o = json_loads(example, 0, NULL);
    if (s.rootless)
        make_rootless(o);
    auto_free char *text = json_dumps(o, JSON_INDENT(4));
    json_decref(o);
    size_t n = strlen(text);
    text[n] = '\n'; /* in place of the final NUL */
    if (write(fd, text, n + 1) != (ssize_t)n + 1)
        return fail_errno(err, errno, "write config.json");
    return 0;
}

static json_t *names(const char *const *list)
{
    json_t *a = json_array();

    for (; *list; list++)
        json_array_append_new(a, json_string(*list));
    return a;
}

int cmd_features(const struct oci *g, int argc, char **argv, struct error *err)
{
    static const char *const hooks[] = {"prestart",       "createRuntime", "createContainer",
                                        "startContainer", "poststart",     "poststop", NULL};
    struct spec_opts s = {0};
    int at = oci_parse(opts_features, &s, argc, argv, 0, 0, err);

    (void)g;
    if (at < 0)
        return at;
    json_t *mounts = json_array(), *ns = json_array(), *caps = json_array();
    for (unsigned i = 0; mount_opt_name(i); i++)
        json_array_append_new(mounts, json_string(mount_opt_name(i)));
    for (int i = 0; i < NS_KINDS; i++)
        json_array_append_new(ns, json_string(ns_info[i].spec_name));
    for (int i = 0; i < CAP_NAMES; i++) {
        auto_free char *name = xasprintf("CAP_%s", cap_names[i]);
        json_array_append_new(caps, json_string(name));
    }
    json_t *seccomp = json_pack(
        "{s:b,s:o,s:o,s:o,s:o,s:o}", "enabled", 1, "actions", names(seccomp_action_names),
        "operators", names(seccomp_operator_names), "archs", names(seccomp_arch_names),
        "knownFlags", names(seccomp_flag_names), "supportedFlags", names(seccomp_flag_names));
    json_t *linux_ = json_pack(
        "{s:o,s:o,s:{s:b,s:b,s:b,s:b,s:b},s:o,s:{s:b},s:{s:b},s:{s:b,s:b,s:b},s:{s:{s:b}},"
        "s:{s:b}}",
        "namespaces", ns, "capabilities", caps, "cgroup", "v1", 1, "v2", 1, "systemd", 1,
        "systemdUser", 1, "rdma", 1, "seccomp", seccomp, "apparmor", "enabled", 1, "selinux",
        "enabled", 1, "intelRdt", "enabled", 1, "schemata", 1, "monitoring", 1,
        "mountExtensions", "idmap", "enabled", 1, "netDevices", "enabled", 1);
    json_t *o = json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:{s:s,s:s},s:[]}", "ociVersionMin", "1.0.0", "ociVersionMax",
        "1.3.0", "hooks", names(hooks), "mountOptions", mounts, "linux", linux_, "annotations",
        "org.quadrivium.quad-oci.version", QUAD_VERSION,
        "org.quadrivium.quad-oci.checkpoint", "criu", "potentiallyUnsafeConfigAnnotations");
    auto_free char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!text)
        return fail(err, ENOMEM, "features");
    puts(text);
    return 0;
}
