/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xen_dom: a domain of the Xen PV interface that nobody runs: hypercalls are made by hand, and its
 * page tables can be audited.
 */
#ifndef QUAD_TEST_LIB_XEN_DOM_H
#define QUAD_TEST_LIB_XEN_DOM_H

#include "board/loader.h"
#include "core/machine.h"
#include "para/xen/domain.h"

struct xen_dom {
    struct loop loop;
    struct machine m;
    struct board *board;
    struct loader loader;
    struct xen_domain *d;
    struct xen_vcpu *v; /* vCPU 0 */
};

void xen_dom_init(struct xen_dom *t, unsigned cpus, uint64_t memory);
void xen_dom_fini(struct xen_dom *t);

/* Is every entry of every table in use what the typing promises? False: text says what is not. */
bool xen_dom_audit(const struct xen_domain *d, char *text, size_t size);

#endif
