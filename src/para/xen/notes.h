/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * notes: what a kernel says of itself in its ELF notes of owner "Xen" [XEN elfnote].
 */
#ifndef QUAD_PARA_XEN_NOTES_H
#define QUAD_PARA_XEN_NOTES_H

#include "board/elf.h"

struct xen_notes {
    uint64_t entry, virt_base, paddr_offset, init_p2m, hypercall_page;
    bool has_init_p2m, has_hypercall_page, mod_start_pfn;
};

/* Errors: EINVAL, what makes it no kernel of this interface. */
int xen_notes_read(struct xen_notes *n, const struct elf *e, struct error *err);

#endif
