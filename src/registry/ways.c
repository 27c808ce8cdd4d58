/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The four ways, and what each says of this host.
 */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/engine.h"
#include "core/way.h"
#include "registry/registry.h"

static void say(struct way_report *r, bool available, const char *fmt, ...) printf_like(3, 4);

static void say(struct way_report *r, bool available, const char *fmt, ...)
{
    va_list ap;

    r->available = available;
    va_start(ap, fmt);
    vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
    va_end(ap);
}

/* The first engine of the way that works here. */
static void probe_engines(const char *way, struct way_report *r)
{
    struct error err = {0};

    say(r, false, "this version has no engine for it");
    for (size_t i = 0; registry_engines[i]; i++) {
        const struct engine_type *e = registry_engines[i];
        struct engine_caps caps = {0};
        if (strcmp(e->way, way))
            continue;
        if (!e->probe(&caps, &err)) {
            say(r, true, "engine %s: %s", e->name, *caps.reason ? caps.reason : e->help);
            return;
        }
        say(r, false, "engine %s: %s", e->name, err.text);
    }
}

static void probe_full(struct way_report *r)
{
    probe_engines("full", r);
}

static void probe_native(struct way_report *r)
{
    probe_engines("native", r);
}

static void show_native(FILE *out)
{
    for (size_t i = 0; registry_engines[i]; i++)
        if (!strcmp(registry_engines[i]->way, "native") && registry_engines[i]->show)
            registry_engines[i]->show(out);
}

static void probe_para(struct way_report *r)
{
    probe_engines("full", r);
    if (r->available)
        say(r, true, "Xen PV interface on full's translator: kernels that call hypercalls, no "
                     "hardware help; strict typing of page tables");
}

/* May this user make a user namespace? Tried in a child, which then is gone. */
static bool user_namespaces(void)
{
    int status = -1;
    pid_t pid = fork();

    if (!pid)
        _exit(unshare(CLONE_NEWUSER) ? 1 : 0);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static void probe_zone(struct way_report *r)
{
    struct utsname u;

    uname(&u);
    if (!geteuid())
        say(r, true, "zones and containers (quad-oci) on the host's kernel (%s %s), as root", u.sysname,
            u.release);
    else if (user_namespaces())
        say(r, true, "containers (quad-oci) on the host's kernel (%s %s), in a user namespace; zones need root",
            u.sysname, u.release);
    else
        say(r, false, "neither root nor allowed to make a user namespace here");
}

const struct way way_native = {
    .name = "native",
    .help = "the processor itself runs the guest, through KVM",
    .strength = 40,
    .probe = probe_native,
    .show = show_native,
};

const struct way way_full = {
    .name = "full",
    .help = "Quadrivium's own processor runs any unmodified system; needs no hardware help and no "
            "privilege",
    .strength = 20,
    .probe = probe_full,
};

const struct way way_para = {
    .name = "para",
    .help = "the guest's kernel calls hypercalls, its programs are unmodified",
    .strength = 30,
    .probe = probe_para,
};

const struct way way_zone = {
    .name = "zone",
    .help = "the host's kernel runs containers and zones",
    .strength = 10,
    .probe = probe_zone,
};
