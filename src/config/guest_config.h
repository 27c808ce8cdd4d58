/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guest_config: what a person says about a guest. One table names every setting: the command line
 * reads it, and so do help, man page, completion and the guest file.
 *
 * Strings are borrowed from whoever filled the record (argv), or its own (a guest file's).
 */
#ifndef QUAD_CONFIG_GUEST_CONFIG_H
#define QUAD_CONFIG_GUEST_CONFIG_H

#include "base/opt.h"

/* What only zones have. 0: no limit. */
struct zone_options {
    struct opt_list command; /* what stands after -- */
    struct opt_list env;
    const char *run_as, *workdir, *brand, *net;
    bool tty, interactive, init;
    uint64_t autostart;
    uint64_t memory, cpus; /* --memory and --cpus where they were given: caps */
    uint64_t swap, cpu_cap, cpu_share, processes, io_rate, io_ops, net_rate;
};

struct guest_config {
    const char *name;
    const char *mode; /* auto or a way */
    const char *board, *engine, *cpu_model;
    const char *kernel, *initrd, *append, *loader;
    const char *display;
    const char *firmware, *firmware_log, *firmware_vars; /* bios, uefi, none; NULL: by what there is to boot */
    struct opt_list modules;
    uint64_t memory, memory_max, cpus, cpus_max;
    struct opt_list serial;
    struct opt_list disks, cdroms, nics, forwards;
    const char *image; /* name or file that the guest's own disk stands on */
    const char *hostname, *user_data;
    bool balloon;
    const char *vsock; /* cid=N,unix=PATH */
    const char *agent; /* where qemu-guest-agent's channel leads */
    struct opt_list users, ssh_keys, shares;
    bool rm; /* nothing of the guest is kept */
    struct zone_options zone;
    const char *sandbox; /* off, auto, require */
    const char *on_reboot, *on_panic, *on_watchdog;
    const char *uuid;
    bool deterministic;
    uint64_t seed;
    const char *record, *replay; /* tape of outside input */
    /* How this run is watched; not part of the guest. */
    const char *trace, *trace_file, *gdb, *dump_jit, *dump_what;
    bool perf_map;
    uint64_t switch_every; /* ms */
    bool stats, quiet, help, count_hypercalls;
    bool detach;      /* in the background */
    const char *wait; /* until boot, ssh, port:N */
    uint64_t timeout; /* of wait, seconds */
    const char *file; /* the guest file that it was read from */
    bool print_config;
    char **owned; /* strings of a guest file */
    size_t n_owned;
};

extern const struct opt guest_options[];

void guest_config_init(struct guest_config *c); /* defaults */

/* --name was given: it has a folder and can be started again. */
bool guest_config_named(const struct guest_config *c);

/* The description as an object with the option's names as keys, without what is default and what is
 * of this run only; and back. `from` keeps references to the object's strings: it must live as long
 * as the record. */
struct json_t;
struct json_t *guest_config_to_json(const struct guest_config *c);
int guest_config_from_json(struct guest_config *c, const struct json_t *object, struct error *err);
void guest_config_fini(struct guest_config *c);

/* What the table alone cannot check: combinations, required settings. */
int guest_config_check(const struct guest_config *c, struct error *err);

/* Asked for, or implied by a tape. */
bool guest_config_deterministic(const struct guest_config *c);

/* How much memory and how many processors it may ever have. */
uint64_t guest_config_memory_max(const struct guest_config *c);
unsigned guest_config_cpus_max(const struct guest_config *c);

/* The firmware that starts the machine; NULL: none, the kernel is entered directly. */
const char *guest_config_firmware(const struct guest_config *c);

/* The UUID: as given, or made from the name, always the same for the same name. */
int guest_config_uuid(const struct guest_config *c, uint8_t uuid[16], struct error *err);

#endif
