/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone_brand.h"

#include <stdio.h>
#include <sys/personality.h>
#include <sys/utsname.h>

#include "zone/zone_profile.h"

const struct zone_brand zone_brands[] = {
    {.name = "native", .help = "this host's kernel as it is"},
    {.name = "i386", .arch = "386", .machine = "i686", .personality = PER_LINUX32,
     .help = "a 32-bit user land: uname says i686"},
    {.name = "linux", .release = true,
     .help = "linux-RELEASE: uname says RELEASE, later system calls are not there"},
    {.name = NULL},
};

/* "linux-5.10" -> 5, 10 */
static bool parse_release(const char *text, unsigned *major, unsigned *minor)
{
    char rest;

    return sscanf(text, "linux-%2u.%3u%c", major, minor, &rest) == 2;
}

static const struct zone_brand *find(const char *name)
{
    for (const struct zone_brand *b = zone_brands; b->name; b++)
        if (b->release ? !strncmp(name, "linux-", 6) : !strcmp(name, b->name))
            return b;
    return NULL;
}

int zone_brand_check(const char *name, struct error *err)
{
    const struct zone_brand *b = find(name);
    unsigned major, minor, here_major = 0, here_minor = 0;
    struct utsname u;

    uname(&u);
    if (!b)
        return fail(err, EINVAL, "no brand is called \"%s\"; there are native, i386, linux-RELEASE",
                    name);
    if (!strcmp(b->name, "i386") && strcmp(u.machine, "x86_64"))
        return fail(err, ENOTSUP, "brand i386 needs an x86-64 kernel; this one is %s", u.machine);
    if (!b->release)
        return 0;
    if (!parse_release(name, &major, &minor))
        return fail(err, EINVAL, "brand \"%s\": the release is not as in linux-5.10", name);
    sscanf(u.release, "%u.%u", &here_major, &here_minor);
    if (major > here_major || (major == here_major && minor > here_minor))
        return fail(err, EINVAL, "brand %s: this host's kernel is %s, and a zone cannot be newer; such "
                                 "a system runs as a machine (--mode full)", name, u.release);
    if (major < 3)
        return fail(err, EINVAL, "brand %s: releases before 3.0 are not known", name);
    return 0;
}

int zone_brand_apply(const char *name, json_t *spec, struct error *err)
{
    const struct zone_brand *b = name ? find(name) : NULL;
    json_t *linux_ = json_object_get(spec, "linux");
    unsigned major, minor;

    if (!b)
        return name ? zone_brand_check(name, err) : 0;
    if (b->personality == PER_LINUX32)
        json_object_set_new(linux_, "personality", json_pack("{s:s}", "domain", "LINUX32"));
    if (b->release && parse_release(name, &major, &minor))
        zone_profile_age(json_object_get(linux_, "seccomp"), major, minor);
    return 0;
}

bool zone_brand_release(const char *name, char *out, size_t room)
{
    unsigned major, minor;

    if (!name || !parse_release(name, &major, &minor))
        return false;
    snprintf(out, room, "%u.%u.0", major, minor);
    return true;
}

const struct zone_brand *zone_brand_for_arch(const char *arch)
{
    for (const struct zone_brand *b = zone_brands; b->name; b++)
        if (b->arch && !strcmp(b->arch, arch))
            return b;
    return NULL;
}
