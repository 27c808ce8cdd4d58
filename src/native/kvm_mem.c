/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Memory slots in the kernel, and its dirty log. A ROM is a read-only slot: what is written there
 * comes out as an access to a device window, where nobody listens but perhaps a flash chip.
 *
 * The log is started by whoever fetches it first, and says then that everything was written: the
 * page flags, which the other engines always keep, do not know what this one's guest wrote before.
 */
#include <sys/ioctl.h>

#include "native/kvm.h"

static int set_region(const struct kvm_vm *vm, const struct kvm_slot *s, bool there)
{
    const struct kvm_userspace_memory_region r = {
        .slot = (uint32_t)(s - vm->slots),
        .flags = (s->kind == SLOT_ROM ? KVM_MEM_READONLY : 0u) |
                 (s->logging ? KVM_MEM_LOG_DIRTY_PAGES : 0u),
        .guest_phys_addr = s->gpa,
        .memory_size = there ? s->slot->size : 0,
        .userspace_addr = (uintptr_t)s->slot->hva,
    };

    return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

static struct kvm_slot *find(struct kvm_vm *vm, const struct mem_slot *slot)
{
    for (size_t i = 0; i < ARRAY_LEN(vm->slots); i++)
        if (vm->slots[i].slot == slot)
            return &vm->slots[i];
    return NULL;
}

int kvm_map(struct engine *eng, struct mem_slot *slot, struct error *err)
{
    struct kvm_vm *vm = eng->priv;
    struct kvm_slot *s = find(vm, NULL);

    if (!s)
        return fail(err, ENOSPC, "kvm: no slot for memory %s", slot->name);
    *s = (struct kvm_slot){.slot = slot, .gpa = slot->gpa, .kind = slot->kind};
    if (set_region(vm, s, true)) {
        s->slot = NULL;
        return fail_errno(err, errno, "kvm: memory %s at %#" PRIx64, slot->name, slot->gpa);
    }
    return 0;
}

static void drop(struct kvm_vm *vm, struct kvm_slot *s)
{
    set_region(vm, s, false);
    s->slot = NULL;
}

void kvm_unmap(struct engine *eng, struct mem_slot *slot)
{
    struct kvm_vm *vm = eng->priv;
    struct kvm_slot *s = find(vm, slot);

    if (s)
        drop(vm, s);
}

/* The chipset has made a slot writable or read-only. The kernel takes that for a new slot: nobody
 * may run while there is none. */
void kvm_mem_changed(struct vcpu *v)
{
    struct kvm_vm *vm = kvm_vm_of(v->machine);
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(vm->slots); i++)
        any = any || (vm->slots[i].slot && vm->slots[i].kind != vm->slots[i].slot->kind);
    if (!any)
        return;
    vcpu_exclusive_begin(v);
    pthread_mutex_lock(&vm->lock);
    for (size_t i = 0; i < ARRAY_LEN(vm->slots); i++) {
        struct kvm_slot *s = &vm->slots[i];
        int kind = s->slot ? __atomic_load_n(&s->slot->kind, __ATOMIC_SEQ_CST) : s->kind;
        if (!s->slot || s->kind == kind)
            continue;
        set_region(vm, s, false);
        s->kind = kind;
        if (set_region(vm, s, true))
            s->slot = NULL; /* the guest's next access there finds nothing */
    }
    pthread_mutex_unlock(&vm->lock);
    vcpu_exclusive_end(v);
}

static void fetch(const struct kvm_vm *vm, const struct kvm_slot *s, uint64_t *bitmap)
{
    struct kvm_dirty_log log = {.slot = (uint32_t)(s - vm->slots), .dirty_bitmap = bitmap};

    ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

/* Start or stop the log of a slot. */
static void set_logging(struct kvm_vm *vm, struct kvm_slot *s, bool on)
{
    s->logging = on;
    set_region(vm, s, true);
}

void kvm_dirty(struct engine *eng, struct mem_slot *slot, enum dirty_op op, uint64_t *bitmap)
{
    struct kvm_vm *vm = eng->priv;
    uint64_t pages = slot->size / PAGE_SIZE_4K;

    pthread_mutex_lock(&vm->lock);
    struct kvm_slot *s = find(vm, slot);
    bool was = s && s->logging;
    if (s && op == DIRTY_STOP && was)
        set_logging(vm, s, false);
    if (s && op != DIRTY_STOP && !was)
        set_logging(vm, s, true);
    if (op == DIRTY_FETCH) {
        mem_dirty_fetch(&eng->machine->mem, slot, bitmap);
        auto_free uint64_t *more = s ? xcalloc((pages + 63) / 64, sizeof(*more)) : NULL;
        if (s && was)
            fetch(vm, s, more);
        for (uint64_t p = 0; s && !was && p < pages; p++)
            more[p / 64] |= UINT64_C(1) << (p & 63);
        for (uint64_t w = 0; s && w < (pages + 63) / 64; w++)
            bitmap[w] |= more[w];
    }
    pthread_mutex_unlock(&vm->lock);
}

void kvm_mem_close(struct kvm_vm *vm)
{
    for (size_t i = 0; i < ARRAY_LEN(vm->slots); i++) {
        struct kvm_slot *s = &vm->slots[i];
        if (!s->slot)
            continue;
        uint64_t pages = s->slot->size / PAGE_SIZE_4K;
        auto_free uint64_t *bitmap = xcalloc((pages + 63) / 64, sizeof(*bitmap));
        if (s->logging)
            fetch(vm, s, bitmap);
        for (uint64_t p = 0; p < pages; p++)
            if (!s->logging || (bitmap[p / 64] >> (p & 63) & 1))
                __atomic_fetch_or(&s->slot->flags[p], PAGE_DIRTY, __ATOMIC_RELAXED);
        s->slot = NULL;
    }
}
