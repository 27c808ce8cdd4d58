/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * grant: the guest's grant table as back ends in this process use it: a reference becomes a host
 * pointer, and the entry says so for as long as it is held.
 */
#ifndef QUAD_PARA_XEN_GRANT_H
#define QUAD_PARA_XEN_GRANT_H

#include "base/base.h"

struct xen_domain;

/* Hold the page that `ref` grants to domain `domid`, for writing or reading. NULL: it does not. */
uint8_t *grant_map(struct xen_domain *d, uint16_t domid, uint32_t ref, bool write, uint64_t *mfn);
void grant_unmap(struct xen_domain *d, uint32_t ref, bool written, uint64_t mfn);

#endif
