/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/zone_admin.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "guest/zone_host.h"
#include "image/store.h"
#include "proto/client.h"
#include "proto/folder.h"
#include "proto/place.h"
#include "zone/zone.h"
#include "zone/zone_brand.h"
#include "zone/zone_root.h"

static bool runs(const char *name)
{
    auto_close int run_fd = -1;
    struct error none;

    return !place_run(false, &run_fd, &none) && place_is_claimed(run_fd, name);
}

static int must_be_zone(const char *name, struct error *err)
{
    return zone_is(name) ? 0 : fail(err, ENOENT, "there is no zone \"%s\"; try: quad ls", name);
}

static int must_be_stopped(const char *name, struct error *err)
{
    int rc = must_be_zone(name, err);

    return !rc && runs(name) ? fail(err, EBUSY, "%s runs; try: quad stop %s", name, name) : rc;
}

int zone_admin_snapshot(const char *zone, const char *name, struct error *err)
{
    auto_free char *folder = folder_path(zone, NULL);
    struct client c = {0};
    int rc = must_be_zone(zone, err);

    if (rc || !runs(zone))
        return rc ? rc : zone_root_snapshot(folder, name, false, err);
    json_t *args = json_pack("{s:s}", "name", name);
    rc = client_open(&c, zone, err);
    if (!rc)
        rc = client_call(&c, "snapshot", args, NULL, err);
    client_close(&c);
    json_decref(args);
    return rc;
}

int zone_admin_revert(const char *zone, const char *name, struct error *err)
{
    auto_free char *folder = folder_path(zone, NULL);
    int rc = must_be_stopped(zone, err);

    return rc ? rc : zone_root_revert(folder, name, err);
}

int zone_admin_forget(const char *zone, const char *name, struct error *err)
{
    auto_free char *folder = folder_path(zone, NULL);
    int rc = must_be_zone(zone, err);

    return rc ? rc : zone_root_forget(folder, name, err);
}

json_t *zone_admin_snapshots(const char *zone, struct error *err)
{
    auto_free char *path = folder_path(zone, "snapshots");
    struct dirent **list = NULL;
    json_t *names;

    if (must_be_zone(zone, err))
        return NULL;
    names = json_array();
    int n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.')
            json_array_append_new(names, json_string(list[i]->d_name));
        free(list[i]);
    }
    free(list);
    return names;
}

static int list_one(void *opaque, const char *name)
{
    struct error none;
    json_t *config = zone_is(name) ? zone_load(name, &none) : NULL, *live = NULL;
    auto_free char *upper = folder_path(name, "upper");
    auto_free char *address = folder_path(name, "address");
    auto_free char *text = NULL;
    struct client c = {0};

    if (!config)
        return 0;
    if (runs(name) && !client_open(&c, name, &none))
        (void)!client_call_timeout(&c, "status", NULL, 3000, &live, &none);
    client_close(&c);
    const char *stage = json_string_value(json_object_get(live, "stage"));
    const char *state = json_string_value(json_object_get(live, "state"));
    if (!file_read(AT_FDCWD, address, &text, NULL, NULL))
        text[strcspn(text, "\n")] = 0;
    json_array_append_new(
        opaque,
        json_pack("{s:s, s:s, s:s*, s:O*, s:O*, s:s*, s:O*}", "name", name, "stage",
                  stage                  ? stage
                  : access(upper, F_OK)  ? zone_stage_names[ZONE_CONFIGURED]
                                         : zone_stage_names[ZONE_INSTALLED],
                  "state", state, "image", json_object_get(config, "image"), "brand",
                  json_object_get(config, "brand"), "address", text, "autostart",
                  json_object_get(config, "autostart")));
    json_decref(live);
    json_decref(config);
    return 0;
}

json_t *zone_admin_list(void)
{
    json_t *all = json_array();

    store_each(STORE_GUESTS, list_one, all);
    return all;
}

int zone_admin_clone(const char *from, const char *snap, const char *to, struct error *err)
{
    auto_free char *own = snap ? NULL : xasprintf("clone-%s", to);
    int rc = must_be_zone(from, err);

    if (!rc && own)
        rc = zone_admin_snapshot(from, own, err);
    if (!rc)
        rc = zone_clone(from, own ? own : snap, to, err);
    if (own) {
        struct error late;
        if (zone_admin_forget(from, own, &late) && !rc)
            log_warn("%s", late.text);
    }
    return rc;
}

int zone_admin_start(const char *zone, bool *is_zone, struct error *err)
{
    *is_zone = zone_is(zone);
    return *is_zone ? zone_host_boot(zone, err) : 0;
}

/* ------------------------------------------------------------------------------------ autostart */

struct starting {
    struct {
        char name[64];
        json_int_t order;
    } zone[4096];
    size_t n;
};

static int note(void *opaque, const char *name)
{
    struct starting *s = opaque;
    struct error none;
    json_t *config = zone_is(name) ? zone_load(name, &none) : NULL;
    json_int_t order = json_integer_value(json_object_get(config, "autostart"));

    json_decref(config);
    if (order > 0 && s->n < ARRAY_LEN(s->zone)) {
        snprintf(s->zone[s->n].name, sizeof(s->zone[0].name), "%s", name);
        s->zone[s->n++].order = order;
    }
    return 0;
}

static int by_order(const void *a, const void *b)
{
    const typeof(((struct starting *)0)->zone[0]) *x = a, *y = b;

    return x->order != y->order ? (x->order < y->order ? -1 : 1) : strcmp(x->name, y->name);
}

int zone_admin_autostart(struct error *err)
{
    auto_free struct starting *s = xcalloc(1, sizeof(*s));
    int worst = 0;

    store_each(STORE_GUESTS, note, s);
    qsort(s->zone, s->n, sizeof(s->zone[0]), by_order);
    for (size_t i = 0; i < s->n; i++) {
        struct error e;
        if (runs(s->zone[i].name))
            continue;
        int rc = zone_host_boot(s->zone[i].name, &e);
        if (rc) {
            log_error("%s", e.text);
            worst = rc;
            *err = e;
        } else {
            log_notice("%s: started", s->zone[i].name);
        }
    }
    return worst;
}

bool zone_admin_is_layered(const char *zone)
{
    auto_free char *layers = folder_path(zone, "layers");
    struct error none;
    struct stat st;
    json_t *names = zone_is(zone) ? zone_admin_snapshots(zone, &none) : NULL;
    bool any = json_array_size(names) || (!stat(layers, &st) && st.st_size > 0);

    json_decref(names);
    return any;
}

void zone_admin_collect(void)
{
    zone_root_collect();
}

void zone_admin_print_brands(FILE *out)
{
    for (const struct zone_brand *b = zone_brands; b->name; b++)
        fprintf(out, "%s%-*s  %s\n", b->name, (int)(14 - strlen(b->name)), b->release ? "-RELEASE" : "",
                b->help);
}
