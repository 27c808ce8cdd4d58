/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_config: what a zone is to be: its root, its program, its network, its limits.
 *
 * As JSON it lies in the zone's folder (zone.json) and lives as long as the zone; zone_config_read()
 * is strict, as it is also what a person's words become.
 */
#ifndef QUAD_ZONE_ZONE_CONFIG_H
#define QUAD_ZONE_ZONE_CONFIG_H

#include "base/json.h"

/* 0: no limit. */
struct zone_limits {
    uint64_t memory;    /* bytes */
    uint64_t swap;      /* bytes beyond memory */
    uint64_t cpu_cap;   /* percent of one processor */
    uint64_t cpu_share; /* weight against others, 1..10000; 100 is the usual */
    uint64_t processes;
    uint64_t io_rate;  /* bytes a second, each way */
    uint64_t io_ops;   /* a second, each way */
    uint64_t net_rate; /* bytes a second, each way */
};

struct zone_limit_info {
    const char *name; /* "memory", as `quad set` has it */
    size_t offset;    /* in struct zone_limits */
    bool size;        /* written with a unit: 64M */
    uint64_t min, max;
    const char *help;
};
extern const struct zone_limit_info zone_limit_info[]; /* ends with name NULL */

/* "memory=64M" into `l`. */
[[nodiscard]] int zone_limit_set(struct zone_limits *l, const char *key, const char *value,
                                 struct error *err);

enum zone_net { ZONE_NET_BRIDGE, ZONE_NET_NONE, ZONE_NET_HOST };

struct zone_config {
    json_t *doc; /* owns the strings */
    const char *name, *image, *brand, *hostname, *user, *workdir;
    const char **command; /* NULL: what the image says */
    const char **env;     /* NAME=VALUE */
    const char **volumes; /* DIR:PATH[:ro] */
    const char **forwards; /* [udp:][ADDR:]PORT:PORT */
    size_t command_count, env_count, volume_count, forward_count;
    bool tty;
    bool init;    /* it boots its own init: a system container */
    bool remove;  /* it goes when it stops */
    int autostart; /* order; 0: not started by itself */
    enum zone_net net;
    struct zone_limits limits;
};

/* Takes a reference of doc (also on failure); fini in every case. */
[[nodiscard]] int zone_config_read(struct zone_config *c, json_t *doc, struct error *err);
void zone_config_fini(struct zone_config *c);

/* The limits as JSON numbers; zeros are left out. */
json_t *zone_limits_json(const struct zone_limits *l);

/* One volume's parts; heap, `ro` and `missing source` are the caller's to judge. */
struct zone_volume {
    char *source, *target;
    bool readonly;
};
[[nodiscard]] int zone_volume_parse(const char *text, struct zone_volume *v, struct error *err);
void zone_volume_fini(struct zone_volume *v);

/* A published port. */
struct zone_forward {
    bool udp;
    uint32_t address; /* of this host, network order; 0: all */
    uint16_t host_port, zone_port;
};
[[nodiscard]] int zone_forward_parse(const char *text, struct zone_forward *f, struct error *err);

#endif
