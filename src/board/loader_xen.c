/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * loader_xen: a kernel for the Xen PV interface, known by its notes or, an old one, by its section
 * __xen_guest [XEN elfnote]. Such a kernel needs
 * a board that speaks the interface, which builds its start itself: this type only recognizes it.
 */
#include "board/loader.h"

enum { NOTE_XEN_VERSION = 5 };

static bool xen_takes(struct loader *l)
{
    struct error err;
    uint32_t len;
    size_t size;

    return !loader_find_elf(l, &err) && (elf_note(&l->elf, "Xen", NOTE_XEN_VERSION, &len) ||
                                         elf_section(&l->elf, "__xen_guest", &size));
}

static int xen_load(struct loader *l, struct machine *m, const struct memmap *map,
                    struct error *err)
{
    (void)l;
    (void)m;
    (void)map;
    return fail(err, EINVAL, "it is for the Xen PV interface only; try: --mode para");
}

const struct loader_type loader_xen_pv = {
    .name = "xen-pv",
    .help = "kernel for the Xen PV interface, from its file or out of a bzImage",
    .takes = xen_takes,
    .load = xen_load,
};
