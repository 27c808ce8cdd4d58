/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <unistd.h>

#include "base/file.h"
#include "image/store.h"
#include "zone/zone.h"
#include "zone/zone_root.h"

int zone_can(struct error *err)
{
    if (geteuid() == 0)
        return 0;
    return fail(err, EPERM,
                "zones need root on this host; try: quad-oci or podman without "
                "privileges, or --mode full");
}

bool zone_is(const char *name)
{
    if (!store_name_ok(name))
        return false;
    auto_free char *folder = store_path(STORE_GUESTS, name);
    auto_free char *path = xasprintf("%s/zone.json", folder);

    return !access(path, F_OK);
}

json_t *zone_load(const char *name, struct error *err)
{
    auto_free char *folder = store_path(STORE_GUESTS, name);
    auto_free char *text = store_name_ok(name) ? store_read(folder, "zone.json") : NULL;
    json_t *doc = NULL;

    if (!text)
        fail(err, ENOENT, "there is no zone \"%s\"", name);
    else if (json_parse(text, strlen(text), "zone.json", &doc, err))
        return NULL;
    return doc;
}

int zone_save(const char *folder, const json_t *config, struct error *err)
{
    auto_free char *text = json_dumps(config, JSON_INDENT(2));

    return text ? store_write(folder, "zone.json", text, strlen(text), 0600, err)
                : fail(err, EINVAL, "the configuration cannot be written as JSON");
}

static int install_at(const char *folder, const struct zone_config *c, struct error *err)
{
    int rc = zone_root_make(folder, true, err);

    if (!rc) /* so that the image stays as long as the zone (quad image rm) */
        rc = store_write(folder, "image", c->image, strlen(c->image), 0600, err);
    return rc ? rc : zone_save(folder, c->doc, err);
}

static int with_new_folder(json_t *config, const char *from, const char *snap, struct error *err)
{
    struct store_new dir = {.lock = -1};
    struct zone_config c;
    struct image_root image = {0};
    int rc = zone_config_read(&c, config, err);

    if (!rc)
        rc = image_root_open(&image, c.image, err);
    image_root_fini(&image);
    if (!rc)
        rc = store_new(&dir, STORE_GUESTS, c.name, err);
    if (!rc)
        rc = install_at(dir.path, &c, err);
    if (!rc && from)
        rc = zone_root_clone(from, snap, dir.path, err);
    if (!rc)
        rc = store_commit(&dir, err);
    store_abort(&dir);
    zone_config_fini(&c);
    return rc;
}

int zone_install(json_t *config, struct error *err)
{
    int rc = zone_can(err);

    return rc ? rc : with_new_folder(config, NULL, NULL, err);
}

int zone_uninstall(const char *name, struct error *err)
{
    if (!zone_is(name))
        return fail(err, ENOENT, "there is no zone \"%s\"", name);
    int rc = store_remove(STORE_GUESTS, name, err);
    if (!rc)
        zone_root_collect();
    return rc;
}

int zone_clone(const char *from, const char *snap, const char *to, struct error *err)
{
    auto_free char *folder = store_path(STORE_GUESTS, from);
    json_t *config = zone_load(from, err);

    if (!config)
        return -err->code;
    json_object_set_new(config, "name", json_string(to));
    json_object_del(config, "forward"); /* two zones cannot have one port */
    json_object_del(config, "hostname");
    int rc = with_new_folder(config, folder, snap, err);
    json_decref(config);
    return rc;
}
