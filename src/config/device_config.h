/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * device_config: what one --disk, --nic or --vsock says: WHAT[,option[=value]]..., by a table of options as
 * everywhere. The record keeps its own copy of the text.
 */
#ifndef QUAD_CONFIG_DEVICE_CONFIG_H
#define QUAD_CONFIG_DEVICE_CONFIG_H

#include "base/opt.h"

struct disk_config {
    const char *file;
    const char *format, *cache, *serial, *rings;
    const char *bus; /* virtio, ahci, ide; NULL: virtio, of a CD ahci */
    bool readonly;
    uint64_t queues, iops, rate;
    char *text; /* owned: what the strings point into */
};

struct nic_config {
    const char *back; /* user, tap, null */
    const char *model; /* virtio, e1000; NULL: virtio */
    const char *mac, *interface, *pcap, *rings;
    struct opt_list forwards;
    uint64_t rate;
    char *text;
};

struct vsock_config {
    uint64_t cid;
    const char *path; /* of the host's socket; NULL: nobody is there */
    char *text;
};

extern const struct opt disk_options_table[], nic_options_table[];

int disk_config_parse(struct disk_config *c, const char *text, struct error *err);
void disk_config_free(struct disk_config *c);
int nic_config_parse(struct nic_config *c, const char *text, struct error *err);
void nic_config_free(struct nic_config *c);
int vsock_config_parse(struct vsock_config *c, const char *text, struct error *err);
void vsock_config_free(struct vsock_config *c);

#endif
