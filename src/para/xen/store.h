/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * store: xenstore: a tree of small texts through which guest, back ends and the person's tools agree
 * on devices and events [XEN io/xs_wire; xenstore.txt]. The guest reaches it over a ring in one of
 * its pages; back ends in this process by the calls below.
 */
#ifndef QUAD_PARA_XEN_STORE_H
#define QUAD_PARA_XEN_STORE_H

#include "base/base.h"

struct store;
struct xen_domain;

struct store *store_create(struct xen_domain *d);
void store_destroy(struct store *s);
void store_reset(struct store *s);

/* The guest's ring is in frame `mfn`; returns the event channel. */
uint32_t store_attach(struct xen_domain *d, uint64_t mfn);

/* Write control/NAME of the guest: shutdown, sysrq. */
void store_control(struct store *s, const char *name, const char *value);

#endif
