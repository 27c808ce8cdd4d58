/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "save/machine.h"

#include <stdio.h>

#include "core/machine.h"
#include "save/record.h"

struct clock_record {
    uint64_t tsc_khz, ns;
    int64_t wall_offset;
    bool deterministic;
};
static const struct field clock_fields[] = {
    FIELD(struct clock_record, tsc_khz),
    FIELD(struct clock_record, ns),
    FIELD(struct clock_record, wall_offset),
    FIELD(struct clock_record, deterministic),
    FIELD_END,
};
const struct state save_clock_state = {"clock", 1, sizeof(struct clock_record), clock_fields};

struct slot_record {
    uint64_t gpa, size;
    uint32_t kind;
    bool mapped;
};
static const struct field slot_fields[] = {
    FIELD(struct slot_record, gpa),
    FIELD(struct slot_record, size),
    FIELD(struct slot_record, kind),
    FIELD(struct slot_record, mapped),
    FIELD_END,
};
const struct state save_slot_state = {"slot", 1, sizeof(struct slot_record), slot_fields};

/* ------------------------------------------------------------------------------------ writing */

void save_machine_blockers(const struct machine *m, void (*tell)(void *opaque, const char *text),
                           void *opaque)
{
    char text[256];

    list_for_each(it, &m->devs) {
        const struct dev *d = list_entry(it, struct dev, node);
        const char *why = !d->type->state     ? "it has no saved state"
                          : d->type->blocker ? d->type->blocker(d)
                                             : NULL;
        if (!why)
            continue;
        snprintf(text, sizeof(text), "device %s (%s): %s", d->name, d->type->name, why);
        tell(opaque, text);
    }
}

void save_first_blocker(void *opaque, const char *text)
{
    struct error *err = opaque;

    if (!err->code)
        fail(err, ENOTSUP, "%s", text);
}

int save_machine_check(const struct machine *m, struct error *err)
{
    struct error found = {0};

    save_machine_blockers(m, save_first_blocker, &found);
    return found.code ? fail(err, found.code, "%s", found.text) : 0;
}

void save_machine_settle(struct machine *m)
{
    /* Twice: a device's last completion may still touch another one (lines do not, DMA may). */
    for (unsigned round = 0; round < 2; round++)
        list_for_each(it, &m->devs) {
            struct dev *d = list_entry(it, struct dev, node);
            if (!d->type->presave)
                continue;
            pthread_mutex_lock(&d->lock);
            d->type->presave(d);
            pthread_mutex_unlock(&d->lock);
        }
    if (m->engine.type)
        for (unsigned i = 0; i < m->nvcpus; i++)
            m->engine.type->vcpu_get(m->vcpus[i], ~0u);
}

static int write_clock(struct save_out *o, const struct machine *m, struct error *err)
{
    const struct clock_record r = {.tsc_khz = m->clock.tsc_khz,
                                   .ns = clock_ns(&m->clock),
                                   .wall_offset = m->clock.wall_offset,
                                   .deterministic = m->clock.deterministic};

    return record_write(o, "clock", &save_clock_state, &r, err);
}

static int write_slots(struct save_out *o, const struct machine *m, struct error *err)
{
    char name[SAVE_NAME_MAX + 1];
    int rc = 0;

    for (size_t i = 0; !rc && i < m->mem.nslots; i++) {
        const struct mem_slot *s = m->mem.slots[i];
        const struct slot_record r = {s->gpa, s->size, (uint32_t)s->kind, s->mapped};
        snprintf(name, sizeof(name), "slot/%s", s->name);
        rc = record_write(o, name, &save_slot_state, &r, err);
    }
    return rc;
}

static int write_vcpus(struct save_out *o, const struct machine *m, struct error *err)
{
    char name[SAVE_NAME_MAX + 1];
    int rc = 0;

    for (unsigned i = 0; i < m->nvcpus; i++)
        for (const struct arch_group *g = m->arch->groups; !rc && g->name; g++) {
            snprintf(name, sizeof(name), "vcpu%u/%s", i, g->name);
            rc = record_write(o, name, g->state, g->record(m->vcpus[i]), err);
        }
    return rc;
}

int save_machine_write(struct save_out *o, struct machine *m, struct error *err)
{
    char name[SAVE_NAME_MAX + 1];
    int rc = write_clock(o, m, err);

    if (!rc)
        rc = write_slots(o, m, err);
    if (!rc)
        rc = write_vcpus(o, m, err);
    list_for_each(it, &m->devs) {
        struct dev *d = list_entry(it, struct dev, node);
        if (rc)
            break;
        snprintf(name, sizeof(name), "dev/%s", d->name);
        pthread_mutex_lock(&d->lock);
        rc = record_write(o, name, d->type->state, dev_regs(d), err);
        pthread_mutex_unlock(&d->lock);
    }
    return rc;
}

/* ------------------------------------------------------------------------------------ reading */

void save_machine_begin(struct save_machine_load *l, struct machine *m)
{
    *l = (struct save_machine_load){.m = m};
    while (m->arch->groups[l->ngroups].name)
        l->ngroups++;
    list_for_each(it, &m->devs)
        l->ndevs++;
    l->vcpus = xcalloc((size_t)m->nvcpus * l->ngroups + 1, sizeof(bool));
    l->devs = xcalloc(l->ndevs + 1, sizeof(bool));
    l->slots = xcalloc(m->mem.nslots + 1, sizeof(bool));
}

void save_machine_free(struct save_machine_load *l)
{
    free(l->vcpus);
    free(l->devs);
    free(l->slots);
    *l = (struct save_machine_load){0};
}

static int take_clock(struct save_machine_load *l, const struct save_section *s, struct error *err)
{
    struct clock *c = &l->m->clock;
    struct clock_record r = {c->tsc_khz, 0, c->wall_offset, c->deterministic};
    int rc = record_read(s, &save_clock_state, &r, err);

    if (rc)
        return rc;
    if (!r.tsc_khz || r.tsc_khz > 100000000 || r.ns >> 62)
        return fail(err, EBADMSG, "clock: %" PRIu64 " kHz, %" PRIu64 " ns", r.tsc_khz, r.ns);
    if (r.deterministic != c->deterministic)
        return fail(err, EINVAL, "clock: the guest was saved %s --deterministic",
                    r.deterministic ? "with" : "without");
    l->clock = true;
    clock_load(c, r.tsc_khz, r.ns, r.wall_offset);
    return 0;
}

static int take_slot(struct save_machine_load *l, const struct save_section *s, struct error *err)
{
    struct mem *mem = &l->m->mem;
    struct slot_record r = {0};

    for (size_t i = 0; i < mem->nslots; i++) {
        struct mem_slot *slot = mem->slots[i];
        if (strcmp(slot->name, s->name + 5) || l->slots[i])
            continue;
        int rc = record_read(s, &save_slot_state, &r, err);
        if (rc)
            return rc;
        if (r.size != slot->size || (r.kind != SLOT_RAM && r.kind != SLOT_ROM) ||
            r.gpa % PAGE_SIZE_4K || r.gpa + r.size < r.gpa)
            return fail(err, EBADMSG, "%s: %" PRIu64 " bytes at %#" PRIx64 " of kind %u; here it has %"
                        PRIu64, s->name, r.size, r.gpa, r.kind, slot->size);
        l->slots[i] = true;
        slot->kind = (int)r.kind; /* shadow memory's write protection comes and goes */
        if (!r.mapped) {
            mem_unmap(mem, slot);
            slot->gpa = r.gpa;
            return 0;
        }
        return slot->mapped && slot->gpa == r.gpa ? 0 : mem_remap(mem, slot, r.gpa, err);
    }
    return fail(err, EBADMSG, "%s: this machine has no such memory", s->name);
}

static int take_vcpu(struct save_machine_load *l, const struct save_section *s, struct error *err)
{
    char *end;
    unsigned long n = strtoul(s->name + 4, &end, 10);

    for (unsigned g = 0; *end == '/' && n < l->m->nvcpus && g < l->ngroups; g++) {
        const struct arch_group *group = &l->m->arch->groups[g];
        if (strcmp(group->name, end + 1))
            continue;
        l->vcpus[n * l->ngroups + g] = true;
        return record_read(s, group->state, group->record(l->m->vcpus[n]), err);
    }
    return fail(err, EBADMSG, "%s: this machine has no such thing", s->name);
}

static int take_dev(struct save_machine_load *l, const struct save_section *s, struct error *err)
{
    unsigned i = 0;

    list_for_each(it, &l->m->devs) {
        struct dev *d = list_entry(it, struct dev, node);
        if (!strcmp(d->name, s->name + 4)) {
            l->devs[i] = true;
            return d->type->state ? record_read(s, d->type->state, dev_regs(d), err)
                                  : fail(err, ENOTSUP, "%s: cannot be restored", s->name);
        }
        i++;
    }
    return fail(err, EBADMSG, "%s: this machine has no such device", s->name);
}

int save_machine_take(struct save_machine_load *l, const struct save_section *s, struct error *err)
{
    if (!strcmp(s->name, "clock"))
        return take_clock(l, s, err);
    if (!strncmp(s->name, "slot/", 5))
        return take_slot(l, s, err);
    if (!strncmp(s->name, "vcpu", 4))
        return take_vcpu(l, s, err);
    if (!strncmp(s->name, "dev/", 4))
        return take_dev(l, s, err);
    return fail(err, ENOTSUP, "%s: no such record is known here", s->name);
}

/* Is there anything that the machine has and the stream has not? */
static int find_missing(const struct save_machine_load *l, struct error *err)
{
    unsigned i = 0;

    if (!l->clock)
        return fail(err, EBADMSG, "the saved guest has no clock");
    for (size_t k = 0; k < l->m->mem.nslots; k++)
        if (!l->slots[k])
            return fail(err, EBADMSG, "the saved guest has no memory %s", l->m->mem.slots[k]->name);
    for (unsigned n = 0; n < l->m->nvcpus * l->ngroups; n++)
        if (!l->vcpus[n])
            return fail(err, EBADMSG, "the saved guest lacks group %s of vCPU %u",
                        l->m->arch->groups[n % l->ngroups].name, n / l->ngroups);
    list_for_each(it, &l->m->devs)
        if (!l->devs[i++] && !list_entry(it, struct dev, node)->type->may_lack)
            return fail(err, EBADMSG, "the saved guest has no device %s; this machine has",
                        list_entry(it, struct dev, node)->name);
    return 0;
}

int save_machine_done(struct save_machine_load *l, struct error *err)
{
    struct machine *m = l->m;
    int rc = find_missing(l, err);

    for (unsigned i = 0; !rc && i < m->nvcpus; i++)
        rc = m->arch->vcpu_loaded(m->vcpus[i], err);
    if (rc)
        return rc;
    /* All records are there before the first line is driven: those who listen find their inputs'
     * levels as they were, and see no edge. */
    list_for_each(it, &m->devs) {
        struct dev *d = list_entry(it, struct dev, node);
        pthread_mutex_lock(&d->lock);
        if (d->type->loaded)
            d->type->loaded(d);
        pthread_mutex_unlock(&d->lock);
    }
    return 0;
}
