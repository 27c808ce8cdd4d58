/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/device_config.h"

#include <stdio.h>

const struct opt disk_options_table[] = {
    OPT(struct disk_config, bus, .name = "if", .kind = OPT_ENUM, .choices = "virtio|ahci|ide",
        .help = "what it hangs on (virtio; a CD drive: ahci)"),
    OPT(struct disk_config, format, .name = "format", .kind = OPT_STRING, .arg = "FORMAT",
        .help = "image format instead of looking at it: raw, qcow2, vmdk, vdi, vhdx"),
    OPT(struct disk_config, readonly, .name = "readonly", .kind = OPT_FLAG,
        .help = "the guest cannot write"),
    OPT(struct disk_config, cache, .name = "cache", .kind = OPT_ENUM,
        .choices = "writeback|writethrough|unsafe",
        .help = "writeback: on the disk when the guest flushes; unsafe: flushes not waited for"),
    OPT(struct disk_config, serial, .name = "serial", .kind = OPT_STRING, .arg = "TEXT",
        .help = "serial number, up to 20 bytes"),
    OPT(struct disk_config, queues, .name = "queues", .kind = OPT_UINT, .min = 1, .max = 16,
        .help = "request queues (one for each processor)"),
    OPT(struct disk_config, rings, .name = "rings", .kind = OPT_ENUM, .choices = "packed|split",
        .help = "kind of queue at most (packed)"),
    OPT(struct disk_config, iops, .name = "iops", .kind = OPT_UINT, .arg = "N",
        .help = "operations a second"),
    OPT(struct disk_config, rate, .name = "rate", .kind = OPT_SIZE, .arg = "SIZE",
        .help = "bytes a second"),
    OPT_END,
};

const struct opt nic_options_table[] = {
    OPT(struct nic_config, model, .name = "model", .kind = OPT_ENUM, .choices = "virtio|e1000",
        .help = "what card the guest sees (virtio)"),
    OPT(struct nic_config, mac, .name = "mac", .kind = OPT_STRING, .arg = "MAC",
        .help = "address; made from the guest's name without it"),
    OPT(struct nic_config, interface, .name = "interface", .kind = OPT_STRING, .arg = "NAME",
        .help = "tap: the host's interface"),
    OPT(struct nic_config, forwards, .name = "forward", .kind = OPT_LIST, .arg = "[ADDR:]PORT:PORT",
        .help = "user: a port of the host leads to one of the guest"),
    OPT(struct nic_config, pcap, .name = "pcap", .kind = OPT_STRING, .arg = "FILE",
        .help = "record all frames"),
    OPT(struct nic_config, rings, .name = "rings", .kind = OPT_ENUM, .choices = "packed|split",
        .help = "kind of queue at most (packed)"),
    OPT(struct nic_config, rate, .name = "rate", .kind = OPT_SIZE, .arg = "SIZE",
        .help = "bytes a second, in each direction"),
    OPT_END,
};

static const struct opt vsock_options_table[] = {
    OPT(struct vsock_config, cid, .name = "cid", .kind = OPT_UINT, .min = 3, .max = UINT32_MAX - 1,
        .help = "the guest's address (3)"),
    OPT(struct vsock_config, path, .name = "unix", .kind = OPT_STRING, .arg = "PATH",
        .help = "the host's socket"),
    OPT_END,
};

/* WORD[,option[=value]]...: the word, and the options as if they stood on a command line. */
static int parse(const struct opt *table, void *record, char *text, const char **word,
                 struct error *err)
{
    char *argv[64] = {text};
    int argc = 1, rest, rc = 0;

    *word = text;
    for (char *comma = strchr(text, ','); comma; comma = strchr(comma, ',')) {
        *comma++ = 0;
        if (argc == ARRAY_LEN(argv)) {
            rc = fail(err, E2BIG, "too many options");
            break;
        }
        argv[argc++] = comma;
    }
    /* The parser wants dashes in front. */
    char *dashed[64] = {text};
    for (int i = 1; i < argc; i++)
        dashed[i] = xasprintf("--%s", argv[i]);
    if (!rc)
        rc = opt_parse(table, record, argc, dashed, &rest, err);
    /* Values point behind the '=' of the dashed copies: make them point into the text. */
    for (const struct opt *o = table; o->name; o++) {
        const char **s = (const char **)(void *)((char *)record + o->offset);
        struct opt_list *l = (struct opt_list *)(void *)((char *)record + o->offset);
        size_t n = o->kind == OPT_LIST ? l->count : o->kind == OPT_STRING || o->kind == OPT_ENUM;
        for (size_t k = 0; k < n; k++) {
            const char **p = o->kind == OPT_LIST ? &l->items[k] : s;
            for (int i = 1; *p && i < argc; i++)
                if (*p >= dashed[i] && *p <= dashed[i] + strlen(dashed[i]))
                    *p = argv[i] + (*p - dashed[i] - 2);
        }
    }
    for (int i = 1; i < argc; i++)
        free(dashed[i]);
    return rc;
}

int disk_config_parse(struct disk_config *c, const char *text, struct error *err)
{
    *c = (struct disk_config){.cache = "writeback", .text = xstrdup(text)};
    int rc = parse(disk_options_table, c, c->text, &c->file, err);
    if (!rc && !*c->file)
        rc = fail(err, EINVAL, "no file given; try: --disk disk.qcow2");
    if (rc) {
        disk_config_free(c);
        return error_prefix(err, "--disk %s", text);
    }
    return 0;
}

void disk_config_free(struct disk_config *c)
{
    opt_free(disk_options_table, c);
    free(take_ptr(c->text));
}

int nic_config_parse(struct nic_config *c, const char *text, struct error *err)
{
    static const char *const kinds[] = {"user", "tap", "null"};
    bool known = false;

    *c = (struct nic_config){.text = xstrdup(text)};
    int rc = parse(nic_options_table, c, c->text, &c->back, err);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        known = known || !strcmp(c->back, kinds[i]);
    if (!rc && !known)
        rc = fail(err, EINVAL, "no network is called \"%s\"; try: user, tap, null", c->back);
    if (rc) {
        nic_config_free(c);
        return error_prefix(err, "--nic %s", text);
    }
    return 0;
}

void nic_config_free(struct nic_config *c)
{
    opt_free(nic_options_table, c);
    free(take_ptr(c->text));
}

int vsock_config_parse(struct vsock_config *c, const char *text, struct error *err)
{
    const char *word;

    *c = (struct vsock_config){.cid = 3, .text = xasprintf(",%s", text)};
    int rc = parse(vsock_options_table, c, c->text, &word, err);
    if (rc) {
        vsock_config_free(c);
        return error_prefix(err, "--vsock %s", text);
    }
    return 0;
}

void vsock_config_free(struct vsock_config *c)
{
    opt_free(vsock_options_table, c);
    free(take_ptr(c->text));
}
