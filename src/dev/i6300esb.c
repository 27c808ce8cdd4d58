/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * i6300esb: watchdog timer of the 6300ESB [6300ESB 16], PCI 8086:25ab.
 *
 *   BAR 0 +0x00 preload 1  +0x04 preload 2 (20 bits each)  +0x08 interrupt status
 *         +0x0c reload: bit 8 reload (ping), bit 9 TIMEOUT flag (write 1 to clear)
 *   config 0x60 bit 5 no reboot, bit 2 clock (1: 1 MHz, 0: 1 kHz), bits 1..0 interrupt type
 *   config 0x68 bit 1 enable, bit 0 lock
 *
 * The memory registers take a write only after 0x80 and 0x86 were written to +0x0c. Preload 1 runs
 * down, then preload 2; then the watchdog bites. A preload counts 2^15 (1 kHz) or 2^5 (1 MHz)
 * cycles of the 33 MHz clock.
 *
 * Not modelled: the first stage's interrupt and SMI (its status bit is set), free-running mode.
 */
#include "dev/i6300esb.h"

#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"
#include "dev/pci/pci.h"

#define PCI_HZ UINT64_C(33000000)
#define PRELOAD_MASK 0xfffffu

enum { CONFIG = 0x60, LOCK = 0x68 };
enum { CFG_NO_REBOOT = 0x20, CFG_1MHZ = 0x04, LOCK_LOCK = 1, LOCK_ENABLE = 2 };
enum { PRELOAD1 = 0x00, PRELOAD2 = 0x04, INTR = 0x08, RELOAD = 0x0c };
enum { RELOAD_PING = 0x100, RELOAD_TIMEOUT = 0x200 };

struct esb_regs {
    struct pci_regs pci;
    uint64_t deadline; /* guest ns when the running stage ends; UINT64_MAX: none runs */
    uint32_t preload[2];
    uint32_t intr;
    uint8_t stage;  /* 0: stopped, 1, 2 */
    uint8_t unlock; /* how many of the two keys were written */
    uint8_t timeout;
    uint8_t locked;
};

struct esb {
    struct pci_dev pci;
    struct esb_regs regs;
    struct timer timer;
    uint64_t n_pings, n_bites, n_locked_writes;
};

static const struct field esb_fields[] = {
    FIELD_SUB(struct esb_regs, pci, pci_fields),
    FIELD(struct esb_regs, deadline),
    FIELD_ARRAY(struct esb_regs, preload),
    FIELD(struct esb_regs, intr),
    FIELD(struct esb_regs, stage),
    FIELD(struct esb_regs, unlock),
    FIELD(struct esb_regs, timeout),
    FIELD(struct esb_regs, locked),
    FIELD_END,
};
static const struct state esb_state = {"i6300esb", 1, sizeof(struct esb_regs), esb_fields};

static struct esb *esb_of(struct dev *dev)
{
    return container_of(dev, struct esb, pci.dev);
}

static void stage_start(struct esb *e, unsigned stage)
{
    struct esb_regs *r = &e->regs;
    unsigned shift = r->pci.config[CONFIG] & CFG_1MHZ ? 5 : 15;

    r->stage = (uint8_t)stage;
    r->deadline = UINT64_MAX;
    if (stage) {
        uint64_t cycles = ((uint64_t)r->preload[stage - 1] + 1) << shift;
        r->deadline = clock_ns(dev_clock(&e->pci.dev)) + cycles * 1000 / (PCI_HZ / 1000000);
    }
    timer_set(&e->timer, r->deadline);
}

static void esb_timer(void *opaque)
{
    struct esb *e = opaque;
    struct esb_regs *r = &e->regs;

    if (clock_ns(dev_clock(&e->pci.dev)) < r->deadline)
        return; /* pinged while it was on its way here */
    if (r->stage == 1) {
        r->intr |= 1;
        stage_start(e, 2);
        return;
    }
    r->timeout = 1;
    stage_start(e, 0);
    TRACE(watchdog, "bites");
    if (r->pci.config[CONFIG] & CFG_NO_REBOOT)
        return;
    e->n_bites++;
    machine_event(e->pci.dev.machine, EV_WATCHDOG);
}

static void esb_config_written(struct pci_dev *pci, unsigned off, unsigned size)
{
    struct esb *e = container_of(pci, struct esb, pci);
    uint8_t *lock = &e->regs.pci.config[LOCK];

    if (off > LOCK || off + size <= LOCK)
        return;
    if (e->regs.locked) /* enable and lock stay as they are */
        *lock = LOCK_LOCK | LOCK_ENABLE;
    else if ((*lock & LOCK_LOCK) && (*lock & LOCK_ENABLE))
        e->regs.locked = 1;
    bool enabled = *lock & LOCK_ENABLE;
    if (enabled != (e->regs.stage != 0))
        stage_start(e, enabled);
}

static uint64_t esb_read(struct dev *dev, uint64_t off, unsigned size)
{
    const struct esb_regs *r = &esb_of(dev)->regs;

    (void)size;
    switch (off & ~3u) {
    case PRELOAD1: return r->preload[0];
    case PRELOAD2: return r->preload[1];
    case INTR: return r->intr;
    default: return r->timeout ? RELOAD_TIMEOUT : 0;
    }
}

static void esb_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct esb *e = esb_of(dev);
    struct esb_regs *r = &e->regs;
    bool open = r->unlock == 2;

    (void)size;
    if ((off & ~3u) == RELOAD && !open && (v == 0x80 || v == 0x86)) {
        r->unlock = v == 0x80 ? 1 : r->unlock == 1 ? 2 : 0;
        return;
    }
    r->unlock = 0;
    if (!open) {
        e->n_locked_writes++;
        return;
    }
    switch (off & ~3u) {
    case PRELOAD1: r->preload[0] = (uint32_t)v & PRELOAD_MASK; break;
    case PRELOAD2: r->preload[1] = (uint32_t)v & PRELOAD_MASK; break;
    case INTR: r->intr &= ~(uint32_t)v; break;
    default:
        if (v & RELOAD_TIMEOUT)
            r->timeout = 0;
        if ((v & RELOAD_PING) && r->stage) {
            e->n_pings++;
            stage_start(e, 1);
        }
        break;
    }
}

static void esb_reset(struct dev *dev)
{
    struct esb *e = esb_of(dev);

    pci_reset(&e->pci);
    e->regs = (struct esb_regs){.pci = e->regs.pci,
                                .preload = {PRELOAD_MASK, PRELOAD_MASK},
                                .deadline = UINT64_MAX};
    timer_cancel(&e->timer);
}

static void esb_loaded(struct dev *dev)
{
    struct esb *e = esb_of(dev);

    pci_loaded(&e->pci);
    e->regs.stage = MIN(e->regs.stage, 2);
    timer_set(&e->timer, e->regs.stage ? e->regs.deadline : UINT64_MAX);
}

static int esb_init(struct dev *dev, struct error *err)
{
    static const struct pci_id id = {.vendor = 0x8086,
                                     .device = 0x25ab,
                                     .subsystem_vendor = 0x1af4,
                                     .subsystem = 0x1100,
                                     .class_code = 0x088000,
                                     .revision = 2};
    struct esb *e = esb_of(dev);

    (void)err;
    timer_init(&e->timer, dev_clock(dev), esb_timer, e, &dev->lock);
    pci_init(&e->pci, &e->regs.pci, &id);
    e->pci.config_written = esb_config_written;
    st_le16(e->pci.wmask + CONFIG, 0x0027);
    e->pci.wmask[LOCK] = LOCK_LOCK | LOCK_ENABLE;
    pci_bar(&e->pci, 0, PCI_BAR_MEM32, &dev->windows[0]);
    return 0;
}

static void esb_fini(struct dev *dev)
{
    struct esb *e = esb_of(dev);

    timer_cancel(&e->timer);
    pci_fini(&e->pci);
}

static const struct window_ops esb_ops = {esb_read, esb_write, 1, 4};
static const struct dev_window_desc esb_windows[] = {{"regs", 16, &esb_ops}, {0}};
static const struct dev_counter esb_counters[] = {
    {"pings", offsetof(struct esb, n_pings)},
    {"bites", offsetof(struct esb, n_bites)},
    {"locked_writes", offsetof(struct esb, n_locked_writes)},
    {0},
};

const struct dev_type i6300esb_type = {
    .name = "i6300esb",
    .help = "PCI watchdog timer",
    .size = sizeof(struct esb),
    .regs = offsetof(struct esb, regs),
    .state = &esb_state,
    .windows = esb_windows,
    .counters = esb_counters,
    .init = esb_init,
    .fini = esb_fini,
    .reset = esb_reset,
    .loaded = esb_loaded,
};
