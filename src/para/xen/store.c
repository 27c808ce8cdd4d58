/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "para/xen/store.h"

#include "para/xen/domain.h"

struct store {
    struct xen_domain *d;
};

struct store *store_create(struct xen_domain *d)
{
    struct store *s = xcalloc(1, sizeof(*s));

    s->d = d;
    return s;
}

void store_destroy(struct store *s)
{
    free(s);
}

void store_reset(struct store *s)
{
    (void)s;
}

uint32_t store_attach(struct xen_domain *d, uint64_t mfn)
{
    (void)d;
    (void)mfn;
    return 0;
}

void store_control(struct store *s, const char *name, const char *value)
{
    (void)s;
    (void)name;
    (void)value;
}
