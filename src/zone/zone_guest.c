/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/loop.h"
#include "zone/zone_net.h"
#include "zone/zone_part.h"

static struct zone *as_zone(struct guest *g)
{
    return container_of(g, struct zone, guest);
}

static int op_pause(struct guest *g, struct error *err)
{
    return g->state == GUEST_PAUSED ? 0 : zone_pause(as_zone(g), true, err);
}

static int op_resume(struct guest *g, struct error *err)
{
    return g->state != GUEST_PAUSED ? 0 : zone_pause(as_zone(g), false, err);
}

static int op_stop(struct guest *g, bool force, struct error *err)
{
    as_zone(g)->again = false;
    return zone_stop(as_zone(g), force, err);
}

static int op_reset(struct guest *g, struct error *err)
{
    as_zone(g)->again = true;
    return zone_stop(as_zone(g), true, err);
}

/* "memory.usage.usage: 123", one counter a line. */
static void print_counters(FILE *out, const char *prefix, const json_t *o)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)o, key, v) {
        auto_free char *name = xasprintf("%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(v))
            print_counters(out, name, v);
        else if (json_is_integer(v))
            fprintf(out, "%s: %lld\n", name, (long long)json_integer_value(v));
    }
}

static void op_stats(struct guest *g, FILE *out)
{
    json_t *o = zone_stats(as_zone(g));

    print_counters(out, "", o);
    json_decref(o);
}

static void op_describe(struct guest *g, json_t *into)
{
    struct zone *z = as_zone(g);
    json_t *forwards = json_array();
    char address[16] = "";

    json_object_set_new(into, "stage", json_string(zone_stage_names[z->stage]));
    json_object_set_new(into, "image", json_string(z->config.image));
    json_object_set_new(into, "init", json_integer(z->pid));
    if (z->config.brand)
        json_object_set_new(into, "brand", json_string(z->config.brand));
    if (z->address) {
        zone_net_text(z->address, address);
        json_object_set_new(into, "address", json_string(address));
    }
    if (z->config.limits.memory)
        json_object_set_new(into, "memory", json_integer((json_int_t)z->config.limits.memory));
    for (size_t i = 0; i < z->config.forward_count; i++) {
        struct zone_forward f;
        struct error err;
        char at[16];
        if (zone_forward_parse(z->config.forwards[i], &f, &err))
            continue;
        zone_net_text(ntohl(f.address), at);
        json_array_append_new(forwards, json_pack("{s:s,s:s,s:i,s:i}", "protocol",
                                                  f.udp ? "udp" : "tcp", "address", at, "port",
                                                  f.host_port, "guest", f.zone_port));
    }
    json_object_set_new(into, "forwards", forwards);
    if (z->booted_ns)
        json_object_set_new(into, "seconds",
                            json_integer((json_int_t)((monotonic_ns() - z->booted_ns) / 1000000000)));
}

static json_t *op_limits(struct guest *g)
{
    const struct zone_limits *l = &as_zone(g)->config.limits;
    json_t *o = json_object();

    for (const struct zone_limit_info *i = zone_limit_info; i->name; i++)
        json_object_set_new(
            o, i->name,
            json_integer((json_int_t) * (const uint64_t *)(const void *)((const char *)l + i->offset)));
    return o;
}

static int op_set(struct guest *g, const char *key, const char *value, json_t **answer,
                  struct error *err)
{
    struct zone *z = as_zone(g);
    json_t *changes = json_pack("{s:s}", key, value);
    int rc = zone_set(z, changes, err);

    json_decref(changes);
    if (rc)
        return rc;
    json_t *all = op_limits(g);
    auto_free char *name = xstrdup(key);
    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : *p;
    json_int_t now = json_integer_value(json_object_get(all, name));
    *answer = json_pack("{s:s,s:I,s:I}", "key", name, "asked", now, "now", now);
    json_decref(all);
    return 0;
}

const struct guest_ops zone_guest_ops = {
    .pause = op_pause, .resume = op_resume, .reset = op_reset, .stop = op_stop, .stats = op_stats, .describe = op_describe, .limits = op_limits,
    .set = op_set,
};
