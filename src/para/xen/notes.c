/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "para/xen/notes.h"

#include <stdlib.h>

#include "base/endian.h"
#include "core/mem.h"
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

/* ---- section __xen_guest: NAME=VALUE,NAME=VALUE,... ---- */

/* The value of NAME, up to the next comma; NULL: it is not there. */
static const char *legacy_value(const char *text, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, name, n) && p[n] == '=')
            return p + n + 1;
    return NULL;
}

static bool legacy_number(const char *text, const char *name, uint64_t *out)
{
    const char *p = legacy_value(text, name);

    if (p)
        *out = strtoull(p, NULL, 0);
    return p;
}

/* The page of hypercalls is counted in pages from the virtual base. */
static int legacy_read(struct xen_notes *n, const struct elf *e, const uint8_t *data, size_t size,
                       struct error *err)
{
    auto_free char *text = xcalloc(1, size + 1);
    uint64_t page = 0;

    memcpy(text, data, size);
    const char *version = legacy_value(text, "XEN_VER");
    if (!version || strncmp(version, "xen-3.0", 7))
        return fail(err, EINVAL, "its section __xen_guest does not name the Xen PV interface");
    legacy_number(text, "VIRT_BASE", &n->virt_base);
    n->entry = e->entry;
    legacy_number(text, "VIRT_ENTRY", &n->entry);
    if (!legacy_number(text, "ELF_PADDR_OFFSET", &n->paddr_offset))
        n->paddr_offset = n->virt_base; /* segments' physical addresses are virtual ones, too */
    n->has_hypercall_page = legacy_number(text, "HYPERCALL_PAGE", &page);
    n->hypercall_page = n->virt_base + (page << PAGE_SHIFT_4K);
    return 0;
}

/* ---- notes ---- */

static int notes_read(struct xen_notes *n, const struct elf *e, struct error *err)
{
    uint64_t mod = 0;

    if (!text_is(e, NOTE_XEN_VERSION, "xen-3.0"))
        return fail(err, EINVAL, "its notes do not name the Xen PV interface");
    number(e, NOTE_VIRT_BASE, &n->virt_base);
    n->entry = e->entry;
    number(e, NOTE_ENTRY, &n->entry);
    number(e, NOTE_PADDR_OFFSET, &n->paddr_offset);
    n->has_init_p2m = number(e, NOTE_INIT_P2M, &n->init_p2m);
    n->has_hypercall_page = number(e, NOTE_HYPERCALL_PAGE, &n->hypercall_page);
    n->mod_start_pfn = number(e, NOTE_MOD_START_PFN, &mod) && mod;
    return 0;
}

int xen_notes_read(struct xen_notes *n, const struct elf *e, struct error *err)
{
    uint32_t len;
    size_t size = 0;
    const uint8_t *legacy = elf_section(e, "__xen_guest", &size);

    *n = (struct xen_notes){0};
    if (!e->is64 || e->machine != ELF_MACHINE_X86_64)
        return fail(err, EINVAL, "a 32-bit kernel; this version has the 64-bit Xen PV interface only");
    int rc = legacy && !elf_note(e, "Xen", NOTE_XEN_VERSION, &len)
                 ? legacy_read(n, e, legacy, size, err)
                 : notes_read(n, e, err);
    if (!rc && ((n->virt_base & 0xfff) || (n->has_init_p2m && (n->init_p2m & 0xfff)) ||
                (n->has_hypercall_page && (n->hypercall_page & 0xfff))))
        rc = fail(err, EINVAL, "its notes name addresses in the middle of a page");
    return rc;
}
