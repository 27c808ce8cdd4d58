/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * grant: the guest's grant table as back ends in this process use it: a reference becomes a host
 * pointer, and the entry says so for as long as it is held. The second half is what the guest's own
 * operations (grant_op.c) need of the table; g->lock guards all of it.
 */
#ifndef QUAD_PARA_XEN_GRANT_H
#define QUAD_PARA_XEN_GRANT_H

#include <pthread.h>

#include "base/base.h"

struct xen_domain;

/* Hold the page that `ref` grants to domain `domid`, for writing or reading. NULL: it does not. */
uint8_t *grant_map(struct xen_domain *d, uint16_t domid, uint32_t ref, bool write, uint64_t *mfn);
void grant_unmap(struct xen_domain *d, uint32_t ref, bool written, uint64_t mfn);

/* ---- of the table ---- */

/* Frames of the hypervisor's: the table's, and behind them those of version 2's status words. */
enum { GRANT_FRAMES = 64, GRANT_STATUS_FRAMES = 8, GRANTS_MAX = GRANT_FRAMES * 512,
       GRANTS_RESERVED = 8 };

/* Status codes [XEN grant_table]. */
enum {
    GNTST_OKAY = 0, GNTST_GENERAL = -1, GNTST_BAD_DOMAIN = -2, GNTST_BAD_GNTREF = -3,
    GNTST_BAD_HANDLE = -4, GNTST_BAD_VIRT_ADDR = -5, GNTST_NO_DEVICE_SPACE = -7,
    GNTST_PERMISSION_DENIED = -8, GNTST_BAD_PAGE = -9, GNTST_BAD_COPY_ARG = -10,
    GNTST_ADDRESS_TOO_BIG = -11,
};

enum { GNTMAP_READONLY = 4 };

/* What the guest has mapped by a handle. */
struct mapping {
    bool used;
    uint32_t ref, flags;
    uint64_t mfn, host_addr;
};

struct xen_grants {
    struct xen_domain *d;
    pthread_mutex_t lock;
    uint8_t *table, *status;
    unsigned version; /* 1 or 2 */
    unsigned nframes; /* of the table that the guest has asked for */
    uint16_t readers[GRANTS_MAX], writers[GRANTS_MAX];
    struct mapping *map;
    uint32_t nmap;
};

uint64_t grant_table_mfn(const struct xen_grants *g, unsigned frame);
uint64_t grant_status_mfn(const struct xen_grants *g, unsigned frame);
unsigned grant_status_frames(const struct xen_grants *g); /* for the table as it is */
bool grant_ref_ok(const struct xen_grants *g, uint32_t ref);
/* 0, -EINVAL, -EBUSY: a grant is in use, or the guest still has a status frame mapped. */
int grant_set_version(struct xen_grants *g, uint32_t version);
/* A status code; *mfn is held until grant_release(). */
int grant_acquire(struct xen_grants *g, uint16_t domid, uint32_t ref, bool write, uint64_t *mfn);
void grant_release(struct xen_grants *g, uint32_t ref, bool write);
/* May the frame itself be used so: plain memory that may be written where that is wanted? */
int grant_frame_ok(const struct xen_grants *g, uint64_t mfn, bool write);
/* Saving: what is granted to somebody for writing counts as written; the table's form, and what the
 * guest has mapped, on an empty table. -EINVAL: what cannot be. */
void grants_mark_written(struct xen_grants *g);
int grants_load(struct xen_grants *g, uint32_t version, uint32_t nframes);
int grants_load_mapping(struct xen_grants *g, uint32_t handle, uint32_t ref, uint32_t flags,
                        uint64_t mfn, uint64_t host_addr);
int grant_swap(struct xen_grants *g, uint32_t x, uint32_t y);

#endif
