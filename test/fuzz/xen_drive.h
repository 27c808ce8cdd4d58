/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xen_drive: hypercalls from a tape of bytes: which one, its arguments, and what lies in the guest's
 * memory that they point to. Frame numbers and addresses are mostly of things that are there.
 */
#ifndef QUAD_TEST_FUZZ_XEN_DRIVE_H
#define QUAD_TEST_FUZZ_XEN_DRIVE_H

#include "fuzz/dev_drive.h"
#include "lib/xen_dom.h"

#define DRIVE_BUF 0x2000u /* two pages of the one-to-one map */

/* Can the buffer still be written? A guest can well unmap it. */
static inline bool drive_alive(const struct xen_dom *x)
{
    return x86_try(x->v->c, DRIVE_BUF, ACC_WRITE) && x86_try(x->v->c, DRIVE_BUF + 4096, ACC_WRITE);
}

/* A number that may mean something to a hypercall. */
static inline uint64_t drive_value(const struct xen_domain *d, struct tape *t)
{
    uint64_t mfn = tape_take(t, 2) % (d->special_end + 8);

    switch (tape_take(t, 1) % 8) {
    case 0: return DRIVE_BUF + (tape_take(t, 2) & 0x1ff8);
    case 1: return mfn;
    case 2: return mfn << 12 | (tape_take(t, 1) & 0x67);
    case 3: return d->vcpu[0]->c->s.cr3 | (tape_take(t, 2) & 0xfff);
    case 4: return tape_take(t, 1);
    case 5: return tape_take(t, 8);
    case 6: return XEN_VIRT_START + tape_take(t, 4);
    default: return (mfn << 12) + (tape_take(t, 2) & 0xff8);
    }
}

/* Three updates of entries of the first tables, or three extended operations, that may well succeed. */
static inline void drive_tables(struct xen_dom *x, struct tape *t, bool ext)
{
    uint64_t root = x->v->c->s.cr3 >> 12;
    uint8_t raw[72] = {0};

    for (unsigned i = 0; i < 3; i++) {
        uint64_t mfn = tape_take(t, 2) % (x->d->special_end + 8), flags = tape_take(t, 1) & 0x67;
        uint64_t table = root + tape_take(t, 1) % 12, index = tape_take(t, 2) & 511;
        if (ext) {
            st_le32(raw + 24 * i, tape_take(t, 1) % 20);
            st_le64(raw + 24 * i + 8, flags & 1 ? table : mfn);
            st_le64(raw + 24 * i + 16, mfn);
        } else {
            st_le64(raw + 16 * i, table << 12 | index * 8 | (flags >> 5 & 3));
            st_le64(raw + 16 * i + 8, (flags & 4 ? table + 1 : mfn) << 12 | flags);
        }
    }
    xen_write(x->v, DRIVE_BUF, raw, sizeof(raw));
}

static inline void drive_hypercall(struct xen_dom *x, struct tape *t)
{
    static const uint8_t often[] = {HC_mmu_update, HC_mmuext_op, HC_update_va_mapping,
                                    HC_grant_table_op, HC_event_channel_op, HC_memory_op};
    unsigned pick = (unsigned)tape_take(t, 1);
    uint64_t nr = pick & 0x80 ? often[pick % ARRAY_LEN(often)] : pick, arg[6];
    struct x86_cpu *c = x->v->c;

    if (nr == HC_vcpu_op && x->d->nvcpus > 1)
        nr = HC_xen_version; /* nobody runs the others */
    for (unsigned n = (unsigned)tape_take(t, 1) % 8; n; n--) {
        uint8_t raw[8];
        st_le64(raw, drive_value(x->d, t));
        xen_write(x->v, DRIVE_BUF + (tape_take(t, 2) & 0x1ff8), raw, sizeof(raw));
    }
    for (unsigned i = 0; i < 6; i++)
        arg[i] = drive_value(x->d, t);
    if (tape_take(t, 1) & 3) { /* mostly: small operation, buffer, small count, ourselves */
        bool buffer_first = nr == HC_mmu_update || nr == HC_mmuext_op || nr == HC_multicall;
        arg[0] = buffer_first ? DRIVE_BUF + (tape_take(t, 1) & 0xf8) : tape_take(t, 1) & 0x1f;
        arg[1] = buffer_first ? tape_take(t, 1) & 7 : DRIVE_BUF + (tape_take(t, 1) & 0xf8);
        arg[2] = buffer_first ? 0 : tape_take(t, 1) & 3;
        arg[3] = DOMID_SELF;
    }
    if ((nr == HC_mmu_update || nr == HC_mmuext_op) && (tape_take(t, 1) & 3)) {
        drive_tables(x, t, nr == HC_mmuext_op);
        arg[0] = DRIVE_BUF;
        arg[1] = 1 + tape_take(t, 1) % 3;
        arg[2] = 0;
        arg[3] = DOMID_SELF;
    }
    if (nr == HC_update_va_mapping)
        arg[0] = drive_value(x->d, t);
    c->s.r[RSP] = DRIVE_BUF + 0x800;
    if (nr != HC_iret) /* leads into code that is not there */
        (void)hypercall(x->v, nr, arg);
    c->pv_kernel = true;
    x86_derive(c);
    x->v->blocked = x->v->polling = false;
    x->v->crashed = x->d->shut_down = false;
}

#endif
