/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "para/xen/notes.h"

#include "base/endian.h"
#include "para/xen/abi.h"

static bool number(const struct elf *e, uint32_t type, uint64_t *out)
{
    uint32_t len;
    const uint8_t *p = elf_note(e, "Xen", type, &len);

    if (!p || (len != 4 && len != 8))
        return false;
    *out = len == 8 ? ld_le64(p) : ld_le32(p);
    return true;
}

static bool text_is(const struct elf *e, uint32_t type, const char *want)
{
    uint32_t len;
    const uint8_t *p = elf_note(e, "Xen", type, &len);

    return p && len >= strlen(want) && !memcmp(p, want, strlen(want));
}

int xen_notes_read(struct xen_notes *n, const struct elf *e, struct error *err)
{
    uint64_t mod = 0;

    *n = (struct xen_notes){0};
    if (!e->is64 || e->machine != ELF_MACHINE_X86_64)
        return fail(err, EINVAL, "no 64-bit x86 kernel");
    if (!text_is(e, NOTE_XEN_VERSION, "xen-3.0"))
        return fail(err, EINVAL, "its notes do not name the Xen PV interface");
    bool based = number(e, NOTE_VIRT_BASE, &n->virt_base);
    bool entered = number(e, NOTE_ENTRY, &n->entry);
    if (!entered && based)
        return fail(err, EINVAL, "its notes name no entry");
    if (!entered)
        n->entry = e->entry;
    /* Older kernels leave this out and mean their virtual base. */
    if (!number(e, NOTE_PADDR_OFFSET, &n->paddr_offset))
        n->paddr_offset = 0;
    n->has_init_p2m = number(e, NOTE_INIT_P2M, &n->init_p2m);
    n->has_hypercall_page = number(e, NOTE_HYPERCALL_PAGE, &n->hypercall_page);
    n->mod_start_pfn = number(e, NOTE_MOD_START_PFN, &mod) && mod;
    if ((n->virt_base & 0xfff) || (n->has_init_p2m && (n->init_p2m & 0xfff)))
        return fail(err, EINVAL, "its notes name addresses in the middle of a page");
    return 0;
}
