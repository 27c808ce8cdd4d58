/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone_config.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/file.h"
#include "base/opt.h"
#include "zone/zone_brand.h"

#define LIMIT(member) .name = #member, .offset = offsetof(struct zone_limits, member)

const struct zone_limit_info zone_limit_info[] = {
    {LIMIT(memory), .size = true, .min = 1 << 20, .max = UINT64_C(1) << 50,
     .help = "memory that it may use"},
    {LIMIT(swap), .size = true, .min = 1 << 20, .max = UINT64_C(1) << 50,
     .help = "swap beyond its memory"},
    {LIMIT(cpu_cap), .min = 1, .max = 102400, .help = "percent of one processor at most"},
    {LIMIT(cpu_share), .min = 1, .max = 10000,
     .help = "weight against others where processors are scarce (100)"},
    {LIMIT(processes), .min = 1, .max = 4194304, .help = "processes and threads"},
    {LIMIT(io_rate), .size = true, .min = 4096, .max = UINT64_C(1) << 50,
     .help = "bytes a second from and to disk, each way"},
    {LIMIT(io_ops), .min = 1, .max = 100000000, .help = "disk requests a second, each way"},
    {LIMIT(net_rate), .size = true, .min = 1024, .max = UINT64_C(1) << 40,
     .help = "bytes a second to and from its network, each way"},
    {.name = NULL},
};

static const struct zone_limit_info *find_limit(const char *key)
{
    for (const struct zone_limit_info *i = zone_limit_info; i->name; i++) {
        size_t n = strlen(i->name);
        bool same = strlen(key) == n;
        /* cpu-cap and cpu_cap are the same */
        for (size_t k = 0; same && k < n; k++)
            same = key[k] == i->name[k] || (key[k] == '-' && i->name[k] == '_');
        if (same)
            return i;
    }
    return NULL;
}

static int check_limit(const struct zone_limit_info *i, uint64_t v, struct error *err)
{
    if (v && (v < i->min || v > i->max))
        return fail(err, ERANGE, "%s: %" PRIu64 " is not in %" PRIu64 "..%" PRIu64 " (0: no limit)",
                    i->name, v, i->min, i->max);
    return 0;
}

int zone_limit_set(struct zone_limits *l, const char *key, const char *value, struct error *err)
{
    const struct zone_limit_info *i = find_limit(key);
    uint64_t v;

    if (!i) {
        const char *names[16];
        size_t n = 0;
        for (i = zone_limit_info; i->name; i++)
            names[n++] = i->name;
        const char *near = opt_nearest(key, names, n);
        return near ? fail(err, EINVAL, "a zone has no \"%s\"; did you mean %s?", key, near)
                    : fail(err, EINVAL, "a zone has no \"%s\"; it has memory, swap, cpu_cap, "
                                        "cpu_share, processes, io_rate, io_ops, net_rate", key);
    }
    if (!strcmp(value, "none"))
        v = 0;
    else if (i->size ? opt_parse_size(value, &v, err) : !parse_u64(value, UINT64_MAX, &v))
        return fail(err, EINVAL, "%s: \"%s\" is no %s", i->name, value,
                    i->size ? "size; try: 64M" : "number");
    int rc = check_limit(i, v, err);
    if (!rc)
        *(uint64_t *)((char *)l + i->offset) = v;
    return rc;
}

json_t *zone_limits_json(const struct zone_limits *l)
{
    json_t *o = json_object();

    for (const struct zone_limit_info *i = zone_limit_info; i->name; i++) {
        uint64_t v = *(const uint64_t *)((const char *)l + i->offset);
        if (v)
            json_object_set_new(o, i->name, json_integer((json_int_t)v));
    }
    return o;
}

static void read_limits(struct json_reader *r, const json_t *o, struct zone_limits *l)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)o, key, value) {
        const struct zone_limit_info *i = find_limit(key);
        if (!i) {
            jr_fail(r, "limits.%s is not known", key);
            return;
        }
        uint64_t v = jr_uint(r, o, "limits", key, INT64_MAX, 0);
        struct error err;
        if (check_limit(i, v, &err))
            jr_fail(r, "limits.%s", err.text);
        *(uint64_t *)((char *)l + i->offset) = v;
    }
}

static enum zone_net read_net(struct json_reader *r, const struct zone_config *c)
{
    const char *net = jr_string(r, c->doc, "", "net");

    if (!net || !strcmp(net, "bridge"))
        return ZONE_NET_BRIDGE;
    if (!strcmp(net, "none"))
        return ZONE_NET_NONE;
    if (!strcmp(net, "host"))
        return ZONE_NET_HOST;
    jr_fail(r, "net: \"%s\" is none of bridge, none, host", net);
    return ZONE_NET_NONE;
}

static const char *const known_keys[] = {
    "name",    "image",   "brand",    "hostname", "user",   "workdir",   "command", "env",
    "volumes", "forward", "tty",      "init",     "remove", "autostart", "net",     "limits",
};

static void refuse_unknown(struct json_reader *r, const json_t *doc)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)doc, key, value) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(known_keys); i++)
            known |= !strcmp(known_keys[i], key);
        if (!known)
            jr_fail(r, "%s is not known", key);
    }
}

int zone_config_read(struct zone_config *c, json_t *doc, struct error *err)
{
    struct error local;
    struct json_reader r = {.err = err ? err : &local};

    *c = (struct zone_config){.doc = json_incref(doc)};
    refuse_unknown(&r, doc);
    c->name = jr_string(&r, doc, "", "name");
    c->image = jr_string(&r, doc, "", "image");
    c->brand = jr_string(&r, doc, "", "brand");
    c->hostname = jr_string(&r, doc, "", "hostname");
    c->user = jr_string(&r, doc, "", "user");
    c->workdir = jr_string(&r, doc, "", "workdir");
    c->command = jr_strings(&r, doc, "", "command", &c->command_count);
    c->env = jr_strings(&r, doc, "", "env", &c->env_count);
    c->volumes = jr_strings(&r, doc, "", "volumes", &c->volume_count);
    c->forwards = jr_strings(&r, doc, "", "forward", &c->forward_count);
    c->tty = jr_bool(&r, doc, "", "tty");
    c->init = jr_bool(&r, doc, "", "init");
    c->remove = jr_bool(&r, doc, "", "remove");
    c->autostart = (int)jr_uint(&r, doc, "", "autostart", 100000, 0);
    c->net = read_net(&r, c);
    read_limits(&r, jr_object(&r, doc, "", "limits"), &c->limits);
    if (!c->name || !c->image)
        jr_fail(&r, "a zone needs a name and an image");
    for (size_t i = 0; !r.rc && i < c->volume_count; i++) {
        struct zone_volume v;
        r.rc = zone_volume_parse(c->volumes[i], &v, r.err);
        zone_volume_fini(&v);
    }
    for (size_t i = 0; !r.rc && i < c->forward_count; i++) {
        struct zone_forward f;
        r.rc = zone_forward_parse(c->forwards[i], &f, r.err);
    }
    if (!r.rc && c->brand)
        r.rc = zone_brand_check(c->brand, r.err);
    return r.rc;
}

void zone_config_fini(struct zone_config *c)
{
    free(c->command);
    free(c->env);
    free(c->volumes);
    free(c->forwards);
    json_decref(c->doc);
    *c = (struct zone_config){0};
}

int zone_volume_parse(const char *text, struct zone_volume *v, struct error *err)
{
    const char *colon = strchr(text, ':');
    const char *end = colon ? strchr(colon + 1, ':') : NULL;

    *v = (struct zone_volume){0};
    if (!colon || colon == text || colon[1] != '/')
        return fail(err, EINVAL, "volume \"%s\" is not DIR:PATH[:ro], PATH beginning with /", text);
    if (end && strcmp(end, ":ro") && strcmp(end, ":rw"))
        return fail(err, EINVAL, "volume \"%s\": after the second colon comes ro or rw", text);
    v->source = xasprintf("%.*s", (int)(colon - text), text);
    v->target = end ? xasprintf("%.*s", (int)(end - colon - 1), colon + 1) : xstrdup(colon + 1);
    v->readonly = end && end[2] == 'o';
    return 0;
}

void zone_volume_fini(struct zone_volume *v)
{
    free(v->source);
    free(v->target);
    *v = (struct zone_volume){0};
}

int zone_forward_parse(const char *text, struct zone_forward *f, struct error *err)
{
    auto_free char *copy = xstrdup(text);
    char *p = copy, *part[3];
    size_t n = 0;
    uint64_t a, b;

    *f = (struct zone_forward){0};
    if (!strncmp(p, "udp:", 4) || !strncmp(p, "tcp:", 4)) {
        f->udp = *p == 'u';
        p += 4;
    }
    for (char *save = NULL, *w = strtok_r(p, ":", &save); w && n < 3; w = strtok_r(NULL, ":", &save))
        part[n++] = w;
    struct in_addr addr = {0};
    if (n < 2 || (n == 3 && inet_pton(AF_INET, part[0], &addr) != 1) ||
        !parse_u64(part[n - 2], 65535, &a) || !parse_u64(part[n - 1], 65535, &b) || !a || !b)
        return fail(err, EINVAL, "forward \"%s\" is not [udp:][ADDRESS:]PORT:PORT", text);
    f->address = addr.s_addr;
    f->host_port = (uint16_t)a;
    f->zone_port = (uint16_t)b;
    return 0;
}
