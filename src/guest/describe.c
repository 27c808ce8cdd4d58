/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/describe.h"

#include <stdio.h>
#include <sys/random.h>

#include "arch/x86/model.h"
#include "block/disk.h"
#include "board/board.h"
#include "config/device_config.h"
#include "guest/launch.h"
#include "guest/vm.h"
#include "registry/registry.h"

#define TEXT_MAX 65536u
#define UUID_TEXT 40

/* What the guest sees and no host thing is named by: believed without --as-saved. */
static const char *const believed[] = {"name", "mode", "board", "cpu-model", "append", "memory", "memory-max",
                                       "cpus", "cpus-max", "uuid", "deterministic", "seed", "on-reboot",
                                       "firmware", "on-panic", "on-watchdog", "balloon"};

/* Of a disk and of a card: what is the host's business. */
static const char *const disk_hosts[] = {"format", "cache", "iops", "rate"};
static const char *const nic_hosts[] = {"interface", "forward", "pcap", "rate"};

static bool listed(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], name))
            return true;
    return false;
}

/* What became disks and networks when the guest was made. */
static const char *const image_options[] = {"image", "rm", "hostname", "user", "ssh-key",
                                            "user-data"};

/* How a run is watched, and by what it is run, is no part of a guest. */
static bool is_saved(const char *name)
{
    if (listed(image_options, ARRAY_LEN(image_options), name))
        return false;
    for (const struct opt *o = guest_options; o->name; o++)
        if (!strcmp(o->name, name))
            return !o->run_only && strcmp(name, "engine");
    return false;
}

/* ------------------------------------------------------------------------------------ writing */

static void put_setting(void *opaque, const char *name, const char *value)
{
    struct save_out *o = opaque;
    size_t len = value ? strlen(value) : 0;

    if (!is_saved(name))
        return;
    save_put_le(o, strlen(name), 2);
    save_put(o, name, strlen(name));
    save_put_le(o, len, 4);
    save_put(o, value, len);
}

static void print_uuid(const uint8_t u[16], char text[UUID_TEXT])
{
    snprintf(text, UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
             u[14], u[15]);
}

int describe_write(struct save_out *o, const struct vm *vm, struct error *err)
{
    const struct x86_model *model = vm->machine.cpu_model;
    struct guest_config c = *vm->config;
    uint8_t u[16];
    char uuid[UUID_TEXT];
    int rc = guest_config_uuid(&c, u, err);

    if (rc)
        return rc;
    print_uuid(u, uuid);
    /* What was chosen, not what was asked for. */
    c.uuid = uuid;
    c.mode = strcmp(vm->guest.way, "native") ? vm->guest.way : "auto"; /* by what is there, then */
    c.board = vm->board->type->name;
    c.firmware = vm->firmware.kind ? vm->firmware.kind : "none";
    c.cpu_model = model->version;
    c.cpus_max = guest_config_cpus_max(vm->config);
    c.memory_max = guest_config_memory_max(vm->config);
    save_begin(o, SAVE_GUEST, c.name, 1);
    if (!guest_config_named(vm->config))
        c.name = NULL; /* no name that a folder is kept for */
    opt_each(guest_options, &c, put_setting, o);
    return save_end(o, err);
}

/* ------------------------------------------------------------------------------------ reading */

/* A text that lives as long as the description. */
static const char *own(struct description *d, char *text)
{
    char **owned = xcalloc(d->n_owned + 1, sizeof(*owned));

    if (d->n_owned)
        memcpy(owned, d->owned, d->n_owned * sizeof(*owned));
    free(d->owned);
    d->owned = owned;
    d->owned[d->n_owned++] = text;
    return text;
}

static char *copy_text(const uint8_t *p, size_t n)
{
    char *text = xcalloc(1, n + 1);

    memcpy(text, p, n);
    return text;
}

static int take_setting(struct description *d, struct save_cursor *c, struct error *err)
{
    size_t n = (size_t)save_take_le(c, 2);
    const uint8_t *name = save_take(c, n);
    size_t len = (size_t)save_take_le(c, 4);
    const uint8_t *value = save_take(c, len);

    if (c->bad || n > SAVE_NAME_MAX || len > TEXT_MAX || memchr(name, 0, n) || memchr(value, 0, len))
        return fail(err, EBADMSG, "the guest's description is damaged");
    const char *key = own(d, copy_text(name, n)), *text = own(d, copy_text(value, len));
    int rc = opt_set(guest_options, &d->saved, key, text, err);
    return rc ? error_prefix(err, "the guest's description") : 0;
}

static void list_add(struct opt_list *l, const char *text)
{
    const char **items = xcalloc(l->count + 1, sizeof(*items));

    if (l->count)
        memcpy(items, l->items, l->count * sizeof(*items));
    free(l->items);
    l->items = items;
    l->items[l->count++] = text;
}

struct kept {
    const char *const *hosts;
    size_t n_hosts;
    char *text;
};

/* ",name=value" of what is the guest's. */
static void keep(void *opaque, const char *name, const char *value)
{
    struct kept *k = opaque;

    if (listed(k->hosts, k->n_hosts, name))
        return;
    char *more = xasprintf("%s,%s%s%s", k->text, name, value ? "=" : "", value ? value : "");
    free(k->text);
    k->text = more;
}

/* The image as given now; what the guest sees of it as it was. */
static int merge_disk(struct description *d, struct opt_list *to, const char *was, const char *now,
                      struct error *err)
{
    struct kept k = {disk_hosts, ARRAY_LEN(disk_hosts), xstrdup(now)};
    struct disk_config a = {0}, b = {0};
    int rc = disk_config_parse(&a, was, err);

    if (!rc)
        rc = disk_config_parse(&b, now, err);
    if (!rc && b.readonly && !a.readonly)
        rc = fail(err, EINVAL, "--disk %s: the guest could write to this disk when it was saved", now);
    if (!rc) {
        opt_each(disk_options_table, &a, keep, &k);
        list_add(to, own(d, xstrdup(k.text)));
    }
    free(k.text);
    disk_config_free(&a);
    disk_config_free(&b);
    return rc;
}

/* what: "disk" or "cdrom". */
static int merge_disks(struct description *d, const char *what, struct opt_list *to,
                       const struct opt_list *saved, const struct opt_list *given, struct error *err)
{
    int rc = 0;

    if (given->count != saved->count)
        return fail(err, EINVAL, "the saved guest has %zu %s%s%s%s, and %zu --%s %s given; try: --%s "
                                 "FILE for each in its order, or --as-saved before the file",
                    saved->count, what, saved->count == 1 ? "" : "s",
                    saved->count ? ", the first one " : "", saved->count ? saved->items[0] : "",
                    given->count, what, given->count == 1 ? "is" : "are", what);
    for (size_t i = 0; !rc && i < saved->count; i++)
        rc = merge_disk(d, to, saved->items[i], given->items[i], err);
    return rc;
}

static int merge_nic(struct description *d, const char *was, const char *now, struct error *err)
{
    struct kept k = {nic_hosts, ARRAY_LEN(nic_hosts), NULL};
    struct nic_config a = {0};
    int rc = nic_config_parse(&a, was, err);

    /* Without a word about it: what needs no authority. */
    if (!rc && !now && !strcmp(a.back, "tap"))
        rc = fail(err, EINVAL, "the saved guest has a card on a tap network (%s); try: --nic "
                               "tap,interface=NAME for each of its cards, or --as-saved", was);
    if (!rc) {
        k.text = xstrdup(now ? now : a.back);
        opt_each(nic_options_table, &a, keep, &k);
        list_add(&d->config.nics, own(d, xstrdup(k.text)));
    }
    free(k.text);
    nic_config_free(&a);
    return rc;
}

static int merge_nics(struct description *d, const struct opt_list *given, struct error *err)
{
    static const char *const user[] = {"user"};
    const struct opt_list *saved = &d->saved.nics;
    bool forwarded = !saved->count && d->saved.forwards.count;
    const char *const *items = forwarded ? user : saved->items;
    size_t n = forwarded ? 1 : saved->count;
    int rc = 0;

    if (given->count && given->count != n)
        return fail(err, EINVAL, "the saved guest has %zu network card%s, and %zu --nic given", n,
                    n == 1 ? "" : "s", given->count);
    for (size_t i = 0; !rc && i < n; i++)
        rc = merge_nic(d, items[i], given->count ? given->items[i] : NULL, err);
    return rc;
}

struct merge {
    struct description *d;
    bool as_saved;
};

static void take_over(void *opaque, const char *name, const char *value)
{
    struct merge *m = opaque;
    struct error ignored;

    if (!is_saved(name) ||
        !(m->as_saved || listed(believed, ARRAY_LEN(believed), name)))
        return;
    opt_set(guest_options, &m->d->config, name, value ? own(m->d, xstrdup(value)) : NULL, &ignored);
}

/* What this command line gives replaces what was saved; lists as a whole. */
static void give(void *opaque, const char *name, const char *value)
{
    struct description *d = ((struct merge *)opaque)->d;
    struct error ignored;

    if (strcmp(name, "disk") && strcmp(name, "cdrom") && strcmp(name, "nic"))
        opt_set(guest_options, &d->config, name, value ? own(d, xstrdup(value)) : NULL, &ignored);
}

static void drop_given_lists(struct guest_config *c, const struct guest_config *given)
{
    for (const struct opt *o = guest_options; o->name; o++) {
        const struct opt_list *g = (const void *)((const char *)given + o->offset);
        struct opt_list *l = (void *)((char *)c + o->offset);
        if (o->kind == OPT_LIST && g->count) {
            free(l->items);
            *l = (struct opt_list){0};
        }
    }
}

static int fixed(const char *what, struct error *err)
{
    return fail(err, EINVAL, "--%s belongs to the saved guest and cannot change", what);
}

static void drop_list(struct opt_list *l)
{
    free(l->items);
    *l = (struct opt_list){0};
}

/* Devices that the guest has, whose other end nobody gave: they lead nowhere. */
/* The guest's address of it, and nothing of the host. */
static char *without_path(const char *vsock)
{
    struct vsock_config c = {.cid = 3};
    struct error ignored;

    if (!vsock_config_parse(&c, vsock, &ignored))
        vsock_config_free(&c);
    return xasprintf("cid=%" PRIu64, c.cid);
}

static void fill_in(struct description *d)
{
    const struct guest_config *saved = &d->saved;
    struct guest_config *c = &d->config;

    if (saved->agent && !c->agent)
        c->agent = "null";
    if (saved->vsock && !c->vsock)
        c->vsock = own(d, without_path(saved->vsock));
    if (saved->display && !c->display)
        c->display = strcmp(saved->display, "none") ? "hidden" : "none";
}

static int merge(struct description *d, const struct guest_config *given, bool as_saved,
                 struct error *err)
{
    struct merge m = {d, as_saved};
    struct guest_config *c = &d->config;
    bool own_disks = given->disks.count || !as_saved, own_nics = given->nics.count || !as_saved,
         own_cdroms = given->cdroms.count || !as_saved;
    int rc = 0;

    if (given->memory)
        return fixed("memory", err);
    if (given->cpus)
        return fixed("cpus", err);
    if (given->memory_max)
        return fixed("memory-max", err);
    if (given->cpus_max)
        return fixed("cpus-max", err);
    if (given->cpu_model)
        return fixed("cpu-model", err);
    if (given->board)
        return fixed("board", err);
    if (given->uuid)
        return fixed("uuid", err);
    opt_each(guest_options, &d->saved, take_over, &m);
    if (!d->config.cpus_max) /* saved before there was a word about it */
        d->config.cpus_max = d->config.cpus;
    if (!d->config.memory_max)
        d->config.memory_max = d->config.memory;
    drop_given_lists(c, given);
    opt_each(guest_options, given, give, &m);
    fill_in(d);
    if (own_disks) {
        drop_list(&c->disks);
        rc = merge_disks(d, "disk", &c->disks, &d->saved.disks, &given->disks, err);
    }
    if (!rc && own_cdroms) {
        drop_list(&c->cdroms);
        rc = merge_disks(d, "cdrom", &c->cdroms, &d->saved.cdroms, &given->cdroms, err);
    }
    if (!rc && own_nics) {
        drop_list(&c->nics);
        rc = merge_nics(d, &given->nics, err);
    }
    return rc;
}

int describe_read(struct description *d, const struct save_section *s,
                  const struct guest_config *given, bool as_saved, struct error *err)
{
    struct save_cursor c = save_cursor(s);
    int rc = 0;

    *d = (struct description){0};
    guest_config_init(&d->config);
    d->config.dump_what = given->dump_what;
    if (s->kind != SAVE_GUEST || s->version != 1)
        return fail(err, EBADMSG, "the saved guest does not begin with its description");
    while (!rc && c.p < c.end)
        rc = take_setting(d, &c, err);
    if (!rc)
        rc = merge(d, given, as_saved, err);
    if (rc)
        return rc;
    if (!d->config.cpu_model || !d->config.board || !d->config.uuid)
        return fail(err, EBADMSG, "the guest's description lacks its processor, board or UUID");
    if (!d->config.memory || d->config.memory % (1u << 20) || !d->config.cpus)
        return fail(err, EBADMSG, "the saved guest says it has %" PRIu64 " bytes of memory",
                    d->config.memory);
    return 0;
}

static int overlay(struct description *d, size_t n, const char *folder, struct error *err)
{
    const char **item = &d->config.disks.items[n];
    struct kept k = {disk_hosts, ARRAY_LEN(disk_hosts), NULL};
    struct disk_config c = {0};
    int rc = disk_config_parse(&c, *item, err);

    if (!rc && !c.readonly) {
        auto_free char *path = xasprintf("%s/disk%zu.qcow2", folder, n);
        auto_free char *whole = realpath(c.file, NULL);
        rc = whole ? launch_overlay(path, whole, c.format, err)
                   : fail_errno(err, errno, "--disk %s", c.file);
        k.text = xasprintf("%s,format=qcow2%s%s", path, c.cache ? ",cache=" : "",
                           c.cache ? c.cache : "");
        opt_each(disk_options_table, &c, keep, &k);
        *item = own(d, xstrdup(k.text));
        free(k.text);
    }
    disk_config_free(&c);
    return rc;
}

int describe_clone(struct description *d, const char *name, const char *folder, struct error *err)
{
    uint8_t uuid[16];
    char text[UUID_TEXT];
    int rc = 0;

    /* Version 4, variant 1 [RFC 9562 5.4]; cards' addresses follow from it. */
    if (getrandom(uuid, sizeof(uuid), 0) != sizeof(uuid))
        return fail_errno(err, errno, "no random numbers");
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    print_uuid(uuid, text);
    d->config.uuid = own(d, xstrdup(text));
    d->config.name = own(d, xstrdup(name));
    for (size_t i = 0; !rc && i < d->config.disks.count; i++)
        rc = overlay(d, i, folder, err);
    return rc;
}

static int snapshot_one(const char *text, const char *name, enum describe_snapshot what,
                        struct error *err)
{
    struct disk_config c = {0};
    struct disk *disk = NULL;
    int rc = disk_config_parse(&c, text, err);

    if (!rc && !c.readonly) {
        const struct disk_options o = {.path = c.file, .format = c.format, .formats = registry_disks};
        rc = disk_open(&disk, &o, err);
        if (!rc && !disk->format->snapshot_apply)
            rc = fail(err, ENOTSUP, "%s has no snapshots", c.file);
        if (!rc)
            rc = what == SNAPSHOT_APPLY ? disk->format->snapshot_apply(disk, name, err)
                                        : disk->format->snapshot_delete(disk, name, err);
        disk_close(disk);
    }
    disk_config_free(&c);
    return rc;
}

int describe_snapshot(const struct description *d, const char *name, enum describe_snapshot what,
                      struct error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < d->config.disks.count; i++)
        rc = snapshot_one(d->config.disks.items[i], name, what, err);
    return rc;
}

void describe_free(struct description *d)
{
    guest_config_fini(&d->saved);
    guest_config_fini(&d->config);
    for (size_t i = 0; i < d->n_owned; i++)
        free(d->owned[i]);
    free(d->owned);
    *d = (struct description){0};
}

static void add_text(void *opaque, const char *name, const char *value)
{
    char **text = opaque;
    char *more = value ? xasprintf("%s%s--%s '%s'", *text, **text ? " " : "", name, value)
                       : xasprintf("%s%s--%s", *text, **text ? " " : "", name);

    free(*text);
    *text = more;
}

char *describe_text(const struct description *d)
{
    char *text = xstrdup("");

    opt_each(guest_options, &d->saved, add_text, &text);
    return text;
}
