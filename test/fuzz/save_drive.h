/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * save_drive: a small machine to save and to restore: one processor, memory, some chips that are not
 * wired; streams of it in memory. Used by the tests of the stream and by the libFuzzer target.
 */
#ifndef QUAD_TEST_FUZZ_SAVE_DRIVE_H
#define QUAD_TEST_FUZZ_SAVE_DRIVE_H

#include "arch/x86/arch.h"
#include "arch/x86/model.h"
#include "core/machine.h"
#include "save/machine.h"
#include "save/ram.h"

#define SAVE_DEVICES(X) \
    X(serial_16550) X(pit_i8254) X(pic_i8259) X(rtc_mc146818) X(hpet) X(ioapic_82093aa) X(i8042)
#define X(name) extern const struct dev_type name##_type;
SAVE_DEVICES(X)
#undef X

static const struct dev_type *const save_types[] = {
#define X(name) &name##_type,
    SAVE_DEVICES(X)
#undef X
};

static inline void save_drive_line(void *opaque, unsigned n, bool level)
{
    (void)opaque;
    (void)n;
    (void)level;
}

static inline bool save_drive_make(struct machine *m)
{
    struct mem_slot *slot;
    struct dev *dev;

    machine_init(m, &x86_arch, NULL, true);
    m->cpu_model = x86_model_find("v2");
    if (mem_add(&m->mem, "ram", SLOT_RAM, 0, 256 << 10, &slot, NULL) ||
        mem_add(&m->mem, "rom", SLOT_ROM, 0xf0000, 64 << 10, &slot, NULL) ||
        machine_add_vcpu(m, NULL))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(save_types); i++) {
        if (dev_create(save_types[i], save_types[i]->name, m, &dev, NULL))
            return false;
        for (unsigned n = 0; n < dev->nlines; n++)
            dev_wire(dev, n, (struct irq){.set = save_drive_line});
    }
    machine_reset(m);
    return true;
}

struct save_mem {
    struct save_io io;
    uint8_t *data;
    size_t len, cap, at;
};

static inline ssize_t save_mem_read(struct save_io *io, void *buf, size_t n)
{
    struct save_mem *f = container_of(io, struct save_mem, io);
    size_t left = f->len - f->at;

    n = MIN(n, left);
    if (n)
        memcpy(buf, f->data + f->at, n);
    f->at += n;
    return (ssize_t)n;
}

static inline ssize_t save_mem_write(struct save_io *io, const void *buf, size_t n)
{
    struct save_mem *f = container_of(io, struct save_mem, io);

    if (f->len + n > f->cap) {
        f->cap = 2 * f->cap + n + 4096;
        f->data = realloc(f->data, f->cap);
        if (!f->data)
            return -ENOMEM;
    }
    memcpy(f->data + f->len, buf, n);
    f->len += n;
    return (ssize_t)n;
}

static inline void save_mem_init(struct save_mem *f)
{
    *f = (struct save_mem){.io = {save_mem_read, save_mem_write}};
}

static inline int save_drive_write(struct machine *m, struct save_mem *f, bool zstd,
                                   struct error *err)
{
    static const uint8_t uuid[16] = {1};
    struct ram_writer w = {.zstd = zstd};
    struct save_out o;

    save_open(&o, &f->io, SAVE_F_PAGES | (zstd ? SAVE_F_ZSTD : 0), uuid);
    w.out = &o;
    save_machine_settle(m);
    int rc = save_machine_write(&o, m, err);
    for (size_t i = 0; !rc && i < m->mem.nslots; i++)
        rc = ram_write_pages(&w, m->mem.slots[i], NULL, err);
    if (!rc) {
        save_begin(&o, SAVE_END, "", 1);
        rc = save_end(&o, err);
    }
    ram_writer_fini(&w);
    save_fini(&o);
    return rc;
}

static inline int save_drive_read(struct machine *m, struct save_mem *f, struct error *err)
{
    struct save_machine_load l;
    struct save_section s;
    struct save_in in;

    f->at = 0;
    int rc = save_start(&in, &f->io, err);
    save_machine_begin(&l, m);
    while (!rc && !(rc = save_next(&in, &s, err)) && s.kind != SAVE_END) {
        if (s.kind == SAVE_RECORD)
            rc = save_machine_take(&l, &s, err);
        else if (s.kind == SAVE_PAGES)
            rc = ram_take_pages(m, &s, err);
        else
            rc = fail(err, EBADMSG, "kind %u", s.kind);
    }
    if (!rc)
        rc = save_machine_done(&l, err);
    save_machine_free(&l);
    save_in_fini(&in);
    return rc;
}

#endif
