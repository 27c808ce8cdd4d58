/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/boot_guest.h"

#include <stdio.h>

#include "core/machine.h"
#include "guest/vm.h"
#include "lib/test.h"
#include "save/machine.h"

static char *kernel, *initrd, *serial, *append;
static const char *serials[1];

char *boot_guest_path(const char *name)
{
    const char *tmp = getenv("TEST_TMP");

    return xasprintf("%s/%s", tmp ? tmp : "build/test", name);
}

void boot_guest_prepare(const char *mkinitramfs_options)
{
    const char *dir = getenv("QUAD_GUEST_DIR");

    kernel = xasprintf("%s/cloud/vmlinuz", dir ? dir : "build/guest");
    initrd = boot_guest_path("initrd.cpio");
    auto_free char *command =
        xasprintf("tools/fetch-kernel -q cloud busybox >/dev/null && tools/mkinitramfs -o '%s' %s",
                  initrd, mkinitramfs_options);
    if (system(command))
        test_skip("no kernel or no initramfs");
}

void boot_guest_serial(struct guest_config *c)
{
    auto_free char *path = boot_guest_path("console");

    free(serial);
    serial = xasprintf("file:%s", path);
    serials[0] = serial;
    c->serial = (struct opt_list){serials, 1};
}

void boot_guest_config(struct guest_config *c, unsigned cpus, const char *what)
{
    guest_config_init(c);
    free(append);
    append = xasprintf("console=ttyS0 %s", what);
    c->kernel = kernel;
    c->initrd = initrd;
    c->memory = 128u << 20;
    c->cpus = cpus;
    c->engine = test_engine("jit");
    c->append = append;
    c->sandbox = "off"; /* this process goes on after its guest */
    boot_guest_serial(c);
}

char *boot_guest_console(void)
{
    auto_free char *path = boot_guest_path("console");
    char *text = xcalloc(1, 1 << 20);
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    (void)!fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    return text;
}

/* FNV-1a, by words. */
static void add(uint64_t *h, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t w;

    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&w, p, 8);
        *h = (*h ^ w) * UINT64_C(0x100000001b3);
    }
    for (; len; len--, p++)
        *h = (*h ^ *p) * UINT64_C(0x100000001b3);
}

uint64_t boot_guest_digest(struct vm *vm)
{
    struct machine *m = &vm->machine;
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    save_machine_settle(m);
    for (size_t i = 0; i < m->mem.nslots; i++)
        add(&h, m->mem.slots[i]->hva, m->mem.slots[i]->size);
    for (unsigned i = 0; i < m->nvcpus; i++)
        for (const struct arch_group *g = m->arch->groups; g->name; g++)
            add(&h, g->record(m->vcpus[i]), g->state->size);
    list_for_each(it, &m->devs) {
        struct dev *d = list_entry(it, struct dev, node);
        add(&h, dev_regs(d), d->type->state->size);
    }
    return h;
}
