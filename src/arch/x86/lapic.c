/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Not modelled: thermal and performance sources (their LVTs are registers only), lowest-priority
 * arbitration beyond "the lowest task priority, then the lowest number", SMI delivery.
 */
#include "arch/x86/lapic.h"

#include "arch/x86/tlb.h"
#include "base/bits.h"
#include "base/trace.h"
#include "core/machine.h"

#define APIC_VERSION 0x00050014u /* 6 LVT entries, integrated */
#define LVT_MASKED (1u << 16)
#define LVT_LEVEL (1u << 15)
#define SVR_ENABLE (1u << 8)
#define BASE_ENABLE (1u << 11)
#define BASE_X2 (1u << 10)
#define BASE_BSP (1u << 8)
/* The timer's input clock is 1 GHz, as KVM's. A guest that asks for a shorter period than this
 * gets this: the host has other work too. */
#define TIMER_MIN_PERIOD_NS 20000

static const struct field lapic_fields[] = {
    FIELD(struct lapic_regs, id),          FIELD(struct lapic_regs, tpr),
    FIELD(struct lapic_regs, ldr),         FIELD(struct lapic_regs, dfr),
    FIELD(struct lapic_regs, svr),         FIELD(struct lapic_regs, esr),
    FIELD(struct lapic_regs, esr_pending), FIELD_ARRAY(struct lapic_regs, isr),
    FIELD_ARRAY(struct lapic_regs, tmr),   FIELD_ARRAY(struct lapic_regs, irr),
    FIELD(struct lapic_regs, icr),         FIELD_ARRAY(struct lapic_regs, lvt),
    FIELD(struct lapic_regs, timer_initial), FIELD(struct lapic_regs, timer_divide),
    FIELD(struct lapic_regs, timer_start), FIELD(struct lapic_regs, tsc_deadline),
    FIELD(struct lapic_regs, lint0_level), FIELD_END,
};

const struct state lapic_state = {"lapic", 1, sizeof(struct lapic_regs), lapic_fields};

static struct clock *apic_clock(const struct lapic *l)
{
    return &l->cpu->vcpu->machine->clock;
}

/* ------------------------------------------------------------------------------- bit vectors */

static void vec_set(uint32_t *map, unsigned v)
{
    __atomic_fetch_or(&map[v / 32], BIT32(v % 32), __ATOMIC_SEQ_CST);
}

static void vec_clear(uint32_t *map, unsigned v)
{
    __atomic_fetch_and(&map[v / 32], ~BIT32(v % 32), __ATOMIC_SEQ_CST);
}

static bool vec_test(const uint32_t *map, unsigned v)
{
    return __atomic_load_n(&map[v / 32], __ATOMIC_RELAXED) >> (v % 32) & 1;
}

static int vec_highest(const uint32_t *map)
{
    for (int i = 7; i >= 0; i--) {
        uint32_t w = __atomic_load_n(&map[i], __ATOMIC_RELAXED);
        if (w)
            return i * 32 + 31 - __builtin_clz(w);
    }
    return -1;
}

/* --------------------------------------------------------------------------------- life cycle */

bool lapic_is_enabled(const struct lapic *l)
{
    return (l->cpu->s.apic_base & BASE_ENABLE) && (l->regs.svr & SVR_ENABLE);
}

static bool is_x2apic(const struct lapic *l)
{
    return (l->cpu->s.apic_base & (BASE_ENABLE | BASE_X2)) == (BASE_ENABLE | BASE_X2);
}

static void timer_fired(void *opaque);

struct lapic *lapic_create(struct x86_cpu *c)
{
    struct lapic *l = xcalloc(1, sizeof(*l));

    l->cpu = c;
    pthread_mutex_init(&l->lock, NULL);
    timer_init(&l->timer, &c->vcpu->machine->clock, timer_fired, l, &l->lock);
    return l;
}

void lapic_destroy(struct lapic *l)
{
    if (!l)
        return;
    timer_cancel(&l->timer);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void lapic_reset(struct lapic *l, bool init)
{
    uint32_t id = l->cpu->vcpu->index;
    bool bsp = id == 0, lint0 = l->regs.lint0_level;

    timer_cancel(&l->timer);
    l->regs = (struct lapic_regs){.id = id, .dfr = UINT32_MAX, .svr = 0xff, .lint0_level = lint0};
    for (unsigned i = 0; i < APIC_NLVT; i++)
        l->regs.lvt[i] = LVT_MASKED;
    if (!init) {
        l->cpu->s.apic_base = 0xfee00000 | BASE_ENABLE | (bsp ? BASE_BSP : 0);
        __atomic_store_n(&l->events, 0, __ATOMIC_SEQ_CST);
    }
    if (is_x2apic(l))
        l->regs.ldr = (id >> 4) << 16 | 1u << (id & 15);
}

/* -------------------------------------------------------------------------------------- timer */

enum { TIMER_ONESHOT, TIMER_PERIODIC, TIMER_DEADLINE };

static unsigned timer_mode(const struct lapic *l)
{
    return bits_get(l->regs.lvt[APIC_LVT_TIMER], 18, 17);
}

/* Nanoseconds per count: 1, 2, 4 ... 128 [SDM3 figure 10-10]. */
uint64_t lapic_timer_unit(const struct lapic *l)
{
    unsigned code = (l->regs.timer_divide & 3) | (l->regs.timer_divide >> 1 & 4);

    return code == 7 ? 1 : UINT64_C(2) << code;
}

static void timer_arm(struct lapic *l)
{
    const struct lapic_regs *r = &l->regs;

    if (timer_mode(l) == TIMER_DEADLINE) {
        if (!r->tsc_deadline) {
            timer_cancel(&l->timer);
            return;
        }
        uint64_t tsc = r->tsc_deadline - l->cpu->s.tsc_offset;
        uint64_t now = clock_tsc(apic_clock(l));
        /* Rounded up: the guest must not read a TSC below its deadline in the handler. */
        timer_set(&l->timer, (int64_t)(tsc - now) <= 0 ? 0
                                                       : clock_tsc_to_ns(apic_clock(l), tsc) + 1);
    } else if (r->timer_initial) {
        uint64_t period = r->timer_initial * lapic_timer_unit(l);
        uint64_t now = clock_ns(apic_clock(l)), next = r->timer_start + period;
        if (timer_mode(l) == TIMER_PERIODIC && now > r->timer_start)
            next = MAX(r->timer_start + ((now - r->timer_start) / period + 1) * period,
                       now + TIMER_MIN_PERIOD_NS);
        else if (timer_mode(l) == TIMER_ONESHOT && now >= next)
            return;
        timer_set(&l->timer, next);
    } else {
        timer_cancel(&l->timer);
    }
}

void lapic_loaded(struct lapic *l)
{
    pthread_mutex_lock(&l->lock);
    timer_arm(l);
    pthread_mutex_unlock(&l->lock);
}

void lapic_handed(struct lapic *l)
{
    timer_cancel(&l->timer);
}

static void lvt_fire(struct lapic *l, unsigned lvt)
{
    uint32_t v = l->regs.lvt[lvt];

    if (v & LVT_MASKED)
        return;
    if (bits_get(v, 10, 8) == APIC_NMI && lvt != APIC_LVT_TIMER) {
        __atomic_fetch_or(&l->events, APIC_EV_NMI, __ATOMIC_SEQ_CST);
        vcpu_request(l->cpu->vcpu, REQ_INTR);
    } else {
        lapic_post(l, v & 0xff, false);
    }
}

static void timer_fired(void *opaque)
{
    struct lapic *l = opaque;

    if (timer_mode(l) == TIMER_DEADLINE)
        l->regs.tsc_deadline = 0;
    lvt_fire(l, APIC_LVT_TIMER);
    if (timer_mode(l) == TIMER_PERIODIC)
        timer_arm(l);
}

uint32_t lapic_timer_count(struct lapic *l)
{
    const struct lapic_regs *r = &l->regs;

    if (!r->timer_initial || timer_mode(l) == TIMER_DEADLINE)
        return 0;
    uint64_t gone = (clock_ns(apic_clock(l)) - r->timer_start) / lapic_timer_unit(l);
    if (timer_mode(l) == TIMER_PERIODIC)
        return (uint32_t)(r->timer_initial - gone % r->timer_initial);
    return gone >= r->timer_initial ? 0 : (uint32_t)(r->timer_initial - gone);
}

uint64_t lapic_deadline_read(struct lapic *l)
{
    return l->regs.tsc_deadline;
}

void lapic_deadline_write(struct lapic *l, uint64_t v)
{
    pthread_mutex_lock(&l->lock);
    if (timer_mode(l) == TIMER_DEADLINE) {
        l->regs.tsc_deadline = v;
        timer_arm(l);
    }
    pthread_mutex_unlock(&l->lock);
}

/* ---------------------------------------------------------------------- priorities and taking */

static uint32_t apic_ppr(const struct lapic *l)
{
    int isr = vec_highest(l->regs.isr);
    uint32_t in_service = isr < 0 ? 0 : (uint32_t)isr & 0xf0;

    return (l->regs.tpr & 0xf0) >= in_service ? l->regs.tpr : in_service;
}

int lapic_pending(const struct lapic *l)
{
    int irr = vec_highest(l->regs.irr);

    if (irr < 0 || !lapic_is_enabled(l) || ((uint32_t)irr & 0xf0) <= (apic_ppr(l) & 0xf0))
        return -1;
    return irr;
}

void lapic_take(struct lapic *l, unsigned vector)
{
    vec_clear(l->regs.irr, vector);
    vec_set(l->regs.isr, vector);
}

bool lapic_requested(const struct lapic *l)
{
    return vec_highest(l->regs.irr) >= 0;
}

bool lapic_may_skip_eoi(const struct lapic *l, unsigned vector)
{
    unsigned in_service = 0;

    for (unsigned i = 0; i < 8; i++)
        in_service += (unsigned)__builtin_popcount(l->regs.isr[i]);
    return in_service == 1 && !vec_test(l->regs.tmr, vector) && !lapic_requested(l);
}

bool lapic_takes_extint(const struct lapic *l)
{
    uint32_t lint0 = l->regs.lvt[APIC_LVT_LINT0];

    if (!l->regs.lint0_level)
        return false;
    /* A hardware-disabled APIC passes LINT0 through as INTR [SDM3 10.4.3]. */
    if (!(l->cpu->s.apic_base & BASE_ENABLE))
        return true;
    return !(lint0 & LVT_MASKED) && bits_get(lint0, 10, 8) == APIC_EXTINT;
}

void lapic_eoi(struct lapic *l)
{
    struct machine *m = l->cpu->vcpu->machine;
    int v = vec_highest(l->regs.isr);

    l->n_eoi++;
    if (v < 0)
        return;
    vec_clear(l->regs.isr, (unsigned)v);
    if (vec_test(l->regs.tmr, (unsigned)v) && m->eoi_broadcast)
        m->eoi_broadcast(m->eoi_opaque, (uint8_t)v);
    if (vec_highest(l->regs.irr) >= 0)
        vcpu_request(l->cpu->vcpu, REQ_INTR);
}

uint32_t lapic_cr8(const struct lapic *l)
{
    return l->regs.tpr >> 4;
}

void lapic_set_cr8(struct lapic *l, uint32_t v)
{
    l->regs.tpr = (v & 15) << 4;
    vcpu_request(l->cpu->vcpu, REQ_INTR);
}

/* ------------------------------------------------------------------------------------ messages */

static void apic_error(struct lapic *l, uint32_t bit)
{
    l->regs.esr_pending |= bit;
    lvt_fire(l, APIC_LVT_ERROR);
}

void lapic_post(struct lapic *l, unsigned vector, bool level)
{
    if (vector < 16) {
        /* [SDM3 10.5.3] illegal received vector; the error interrupt itself is not repeated. */
        __atomic_fetch_or(&l->regs.esr_pending, 0x40, __ATOMIC_SEQ_CST);
        return;
    }
    if (!lapic_is_enabled(l))
        return;
    l->n_fixed++;
    if (level)
        vec_set(l->regs.tmr, vector);
    else
        vec_clear(l->regs.tmr, vector);
    vec_set(l->regs.irr, vector);
    vcpu_request(l->cpu->vcpu, REQ_INTR);
}

static bool matches(const struct lapic *l, uint32_t dest, bool logical)
{
    const struct lapic_regs *r = &l->regs;

    if (!(l->cpu->s.apic_base & BASE_ENABLE))
        return false;
    if (is_x2apic(l)) {
        if (dest == UINT32_MAX || dest == 0xff)
            return true;
        if (!logical)
            return dest == r->id;
        return dest >> 16 == r->ldr >> 16 && (dest & r->ldr & 0xffff);
    }
    if (!logical)
        return dest == r->id || dest == 0xff || dest == UINT32_MAX;
    uint32_t ldr = r->ldr >> 24;
    if (r->dfr >> 28 == 0xf) /* flat */
        return dest & ldr & 0xff;
    return (dest & 0xf0) == (ldr & 0xf0) && (dest & ldr & 0x0f);
}

static void deliver(struct lapic *l, unsigned mode, unsigned vector, bool level, bool assert_level)
{
    if (vcpu_absent(l->cpu->vcpu))
        return;
    switch (mode) {
    case APIC_FIXED:
    case APIC_LOWEST:
        lapic_post(l, vector, level);
        return;
    case APIC_NMI:
        __atomic_fetch_or(&l->events, APIC_EV_NMI, __ATOMIC_SEQ_CST);
        break;
    case APIC_INIT:
        if (level && !assert_level) /* the de-assert message synchronises IDs of old chips */
            return;
        __atomic_fetch_or(&l->events, APIC_EV_INIT, __ATOMIC_SEQ_CST);
        break;
    case APIC_STARTUP:
        __atomic_store_n(&l->sipi_vector, (uint8_t)vector, __ATOMIC_SEQ_CST);
        __atomic_fetch_or(&l->events, APIC_EV_SIPI, __ATOMIC_SEQ_CST);
        break;
    default:
        TRACE(lapic_ignored, "delivery mode %u vector %#x", mode, vector);
        return;
    }
    vcpu_request(l->cpu->vcpu, REQ_INTR);
}

static struct lapic *lapic_of(const struct machine *m, unsigned i)
{
    return ((struct x86_cpu *)m->vcpus[i]->cpu)->lapic;
}

void lapic_message(struct machine *m, uint32_t dest, bool logical, unsigned mode, unsigned vector,
                   bool level, bool assert_level)
{
    struct lapic *best = NULL;

    TRACE(lapic_message, "dest=%#x logical=%d mode=%u vector=%#x level=%d", dest, logical, mode,
          vector, level);
    for (unsigned i = 0; i < m->nvcpus; i++) {
        struct lapic *l = lapic_of(m, i);
        if (!matches(l, dest, logical))
            continue;
        if (mode != APIC_LOWEST)
            deliver(l, mode, vector, level, assert_level);
        else if (lapic_is_enabled(l) && (!best || apic_ppr(l) < apic_ppr(best)))
            best = l;
    }
    if (best)
        deliver(best, APIC_FIXED, vector, level, assert_level);
}

void lapic_lint0(struct machine *m, bool level)
{
    struct lapic *l = lapic_of(m, 0);
    bool was = l->regs.lint0_level;

    l->regs.lint0_level = level;
    if (!level)
        return;
    if (machine_irqchip(m)) { /* its vCPU looks at the level */
        vcpu_request(l->cpu->vcpu, REQ_INTR);
        return;
    }
    uint32_t lvt = l->regs.lvt[APIC_LVT_LINT0];
    bool fixed = (l->cpu->s.apic_base & BASE_ENABLE) && !(lvt & LVT_MASKED) &&
                 bits_get(lvt, 10, 8) != APIC_EXTINT;
    if (fixed && (!was || (lvt & LVT_LEVEL)))
        lvt_fire(l, APIC_LVT_LINT0);
    else
        vcpu_request(l->cpu->vcpu, REQ_INTR);
}

void lapic_nmi_line(struct machine *m)
{
    for (unsigned i = 0; i < m->nvcpus; i++)
        lvt_fire(lapic_of(m, i), APIC_LVT_LINT1);
}

static void icr_send(struct lapic *l)
{
    struct machine *m = l->cpu->vcpu->machine;
    uint64_t icr = l->regs.icr;
    uint32_t dest = is_x2apic(l) ? (uint32_t)(icr >> 32) : (uint32_t)(icr >> 56);
    unsigned shorthand = (unsigned)bits_get(icr, 19, 18), mode = (unsigned)bits_get(icr, 10, 8);
    unsigned vector = icr & 0xff;
    bool level = icr >> 15 & 1, assert_level = icr >> 14 & 1;

    l->n_ipi++;
    if ((mode == APIC_FIXED || mode == APIC_LOWEST) && vector < 16) {
        apic_error(l, 0x20); /* send illegal vector */
        return;
    }
    if (shorthand == 0) {
        lapic_message(m, dest, icr >> 11 & 1, mode, vector, level, assert_level);
        return;
    }
    for (unsigned i = 0; i < m->nvcpus; i++) {
        struct lapic *to = lapic_of(m, i);
        if (shorthand == 1 ? to == l : shorthand == 2 || to != l)
            deliver(to, mode, vector, level, assert_level);
    }
}

/* ----------------------------------------------------------------------------------- registers */

static uint32_t reg_read(struct lapic *l, unsigned reg)
{
    struct lapic_regs *r = &l->regs;

    switch (reg) {
    case 0x02:
        return is_x2apic(l) ? r->id : r->id << 24;
    case 0x03:
        return APIC_VERSION;
    case 0x08:
        return r->tpr;
    case 0x0a:
        return apic_ppr(l);
    case 0x0d:
        return r->ldr;
    case 0x0e:
        return r->dfr;
    case 0x0f:
        return r->svr;
    case 0x10 ... 0x17:
        return r->isr[reg - 0x10];
    case 0x18 ... 0x1f:
        return r->tmr[reg - 0x18];
    case 0x20 ... 0x27:
        return __atomic_load_n(&r->irr[reg - 0x20], __ATOMIC_RELAXED);
    case 0x28:
        return r->esr;
    case 0x30:
        return (uint32_t)r->icr;
    case 0x31:
        return (uint32_t)(r->icr >> 32);
    case 0x32 ... 0x37:
        return r->lvt[reg - 0x32];
    case 0x38:
        return r->timer_initial;
    case 0x39:
        return lapic_timer_count(l);
    case 0x3e:
        return r->timer_divide;
    default:
        return 0;
    }
}

static void lvt_write(struct lapic *l, unsigned lvt, uint32_t v)
{
    static const uint32_t writable[APIC_NLVT] = {
        [APIC_LVT_TIMER] = 0x000710ff & ~0x1000u, [APIC_LVT_THERMAL] = 0x000107ff,
        [APIC_LVT_PERF] = 0x000107ff,             [APIC_LVT_LINT0] = 0x0001a7ff,
        [APIC_LVT_LINT1] = 0x0001a7ff,            [APIC_LVT_ERROR] = 0x000100ff,
    };
    uint32_t mask = writable[lvt];

    if (lvt == APIC_LVT_TIMER)
        mask |= 3u << 17;
    if (!(l->regs.svr & SVR_ENABLE))
        v |= LVT_MASKED;
    pthread_mutex_lock(&l->lock);
    unsigned before = timer_mode(l);
    l->regs.lvt[lvt] = v & mask;
    if (lvt == APIC_LVT_TIMER && before != timer_mode(l)) {
        /* [SDM3 10.5.4.1] changing to or from TSC-deadline mode disarms the timer. */
        if (before == TIMER_DEADLINE || timer_mode(l) == TIMER_DEADLINE) {
            l->regs.timer_initial = 0;
            l->regs.tsc_deadline = 0;
        }
        timer_arm(l);
    }
    pthread_mutex_unlock(&l->lock);
    if (lvt == APIC_LVT_LINT0 && l->regs.lint0_level)
        vcpu_request(l->cpu->vcpu, REQ_INTR);
}

static void svr_write(struct lapic *l, uint32_t v)
{
    l->regs.svr = v & 0x1ff;
    if (!(v & SVR_ENABLE))
        for (unsigned i = 0; i < APIC_NLVT; i++)
            l->regs.lvt[i] |= LVT_MASKED;
    vcpu_request(l->cpu->vcpu, REQ_INTR);
}

static void reg_write(struct lapic *l, unsigned reg, uint32_t v)
{
    struct lapic_regs *r = &l->regs;

    switch (reg) {
    case 0x02:
        if (!is_x2apic(l))
            r->id = v >> 24;
        break;
    case 0x08:
        r->tpr = v & 0xff;
        vcpu_request(l->cpu->vcpu, REQ_INTR);
        break;
    case 0x0b:
        lapic_eoi(l);
        break;
    case 0x0d:
        r->ldr = v & 0xff000000;
        break;
    case 0x0e:
        r->dfr = v | 0x0fffffff;
        break;
    case 0x0f:
        svr_write(l, v);
        break;
    case 0x28:
        r->esr = __atomic_exchange_n(&r->esr_pending, 0, __ATOMIC_SEQ_CST);
        break;
    case 0x30:
        r->icr = (r->icr & ~UINT64_C(0xffffffff)) | (v & 0x000ccfff);
        icr_send(l);
        break;
    case 0x31:
        r->icr = (r->icr & UINT32_MAX) | (uint64_t)v << 32;
        break;
    case 0x32 ... 0x37:
        lvt_write(l, reg - 0x32, v);
        break;
    case 0x38:
        pthread_mutex_lock(&l->lock);
        if (timer_mode(l) != TIMER_DEADLINE) {
            r->timer_initial = v;
            r->timer_start = clock_ns(apic_clock(l));
            timer_arm(l);
        }
        pthread_mutex_unlock(&l->lock);
        break;
    case 0x3e:
        pthread_mutex_lock(&l->lock);
        r->timer_divide = v & 0xb;
        r->timer_start = clock_ns(apic_clock(l));
        timer_arm(l);
        pthread_mutex_unlock(&l->lock);
        break;
    default:
        TRACE(lapic_ignored, "write register %#x value %#x", reg << 4, v);
        break;
    }
}

bool lapic_mmio_read(struct lapic *l, uint64_t pa, unsigned size, uint64_t *v)
{
    if (!lapic_claims(l, pa))
        return false;
    unsigned off = pa & 0xfff;
    uint64_t reg = (off & 0xc) == 0 ? reg_read(l, off >> 4) : 0;
    *v = reg >> (8 * (off & 3));
    if (size < 8)
        *v &= (UINT64_C(1) << (8 * size)) - 1;
    TRACE(lapic_read, "reg=%#x value=%#" PRIx64, off, *v);
    return true;
}

bool lapic_mmio_write(struct lapic *l, uint64_t pa, unsigned size, uint64_t v)
{
    if (!lapic_claims(l, pa))
        return false;
    unsigned off = pa & 0xfff;
    TRACE(lapic_write, "reg=%#x value=%#" PRIx64, off, v);
    if (!(off & 0xf) && size >= 4)
        reg_write(l, off >> 4, (uint32_t)v);
    return true;
}

/* ---------------------------------------------------------------------------------------- MSRs */

static bool x2_readable(unsigned reg)
{
    return reg == 0x02 || reg == 0x03 || reg == 0x08 || reg == 0x0a || reg == 0x0d || reg == 0x0f ||
           (reg >= 0x10 && reg <= 0x28) || reg == 0x30 || (reg >= 0x32 && reg <= 0x39) ||
           reg == 0x3e;
}

static bool x2_writable(unsigned reg)
{
    return reg == 0x08 || reg == 0x0b || reg == 0x0f || reg == 0x28 || reg == 0x30 ||
           (reg >= 0x32 && reg <= 0x38) || reg == 0x3e || reg == 0x3f;
}

bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *v)
{
    unsigned reg = msr - 0x800;

    if (!is_x2apic(l) || !x2_readable(reg))
        return false;
    *v = reg == 0x30 ? l->regs.icr : reg_read(l, reg);
    return true;
}

bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t v)
{
    unsigned reg = msr - 0x800;

    if (!is_x2apic(l) || !x2_writable(reg) || (v >> 32 && reg != 0x30))
        return false;
    if ((reg == 0x0b || reg == 0x28) && v)
        return false;
    if (reg == 0x30) {
        l->regs.icr = v & UINT64_C(0xffffffff000ccfff);
        icr_send(l);
    } else if (reg == 0x3f) { /* SELF IPI */
        lapic_post(l, v & 0xff, false);
    } else {
        reg_write(l, reg, (uint32_t)v);
    }
    return true;
}

bool lapic_set_base(struct lapic *l, uint64_t v)
{
    uint64_t old = l->cpu->s.apic_base;
    unsigned from = (unsigned)bits_get(old, 11, 10), to = (unsigned)bits_get(v, 11, 10);

    /* [SDM3 10.12.5] legal changes of mode */
    if (v & ~(l->cpu->pa_mask | BASE_BSP | BASE_ENABLE | BASE_X2))
        return false;
    if (to == 1 || (from == 3 && to == 2) || (from == 0 && to == 3))
        return false;
    l->cpu->s.apic_base = v;
    if (from != to && to == 0)
        lapic_reset(l, true);
    if (is_x2apic(l)) {
        l->regs.id = l->cpu->vcpu->index;
        l->regs.ldr = (l->regs.id >> 4) << 16 | 1u << (l->regs.id & 15);
    }
    x86_tlb_flush_all(l->cpu);
    return true;
}
