/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xenstore: xenstore: a tree of small texts through which guest, back ends and the person's tools agree
 * on devices and events [XEN io/xs_wire; xenstore.txt]. The guest reaches it over a ring in one of
 * its pages; back ends in this process (domain 0) by the calls below, from any thread.
 */
#ifndef QUAD_PARA_XEN_XENSTORE_H
#define QUAD_PARA_XEN_XENSTORE_H

#include "base/base.h"

struct xenstore;
struct xen_domain;

struct xenstore *xs_create(struct xen_domain *d);
void xs_destroy(struct xenstore *s);
void xs_reset(struct xenstore *s); /* the tree as a new guest finds it; no watches */

/* The guest's ring is in frame `mfn`; returns the event channel. */
uint32_t xs_attach(struct xen_domain *d, uint64_t mfn);

/* Paths beginning without '/' are the guest's: below /local/domain/N. */
void xs_write(struct xenstore *s, const char *path, const char *fmt, ...) printf_like(3, 4);
/* False: no such node. Always ends in 0. */
bool xs_read(struct xenstore *s, const char *path, char *value, size_t size);
bool xs_read_number(struct xenstore *s, const char *path, uint64_t *value);
void xs_remove(struct xenstore *s, const char *path);
/* Let the guest write below path (it owns it), or read it. */
void xs_give(struct xenstore *s, const char *path, bool own);

/* Call fn on the loop's thread, soon, whenever something at or below path changes. */
void xs_watch(struct xenstore *s, const char *path, void (*fn)(void *opaque), void *opaque);
void xs_unwatch(struct xenstore *s, void *opaque);

/* Write control/NAME of the guest: shutdown, sysrq. */
void xs_control(struct xenstore *s, const char *name, const char *value);

/* Its nodes, the guest's watches and connection, as bytes; 0: more than `size`. Transactions are lost:
 * they end with EAGAIN. Back ends watch anew after xs_load(), whose bytes may be anybody's. */
size_t xs_save(struct xenstore *s, uint8_t *buf, size_t size);
int xs_load(struct xenstore *s, const uint8_t *buf, size_t size, struct error *err);

/* The guest's ring and event channel, as xs_load() has found them. */
void xs_reattach(struct xenstore *s);

/* One message as the guest's ring would bring it: header and payload in `in`; the answer, if any, is
 * queued. For the ring, tests and fuzzing. */
void xs_message(struct xenstore *s, const uint8_t *in, size_t len);
/* Take up to `size` bytes of what is queued for the guest. */
size_t xs_output(struct xenstore *s, uint8_t *out, size_t size);

#endif
