/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ioapic_82093aa: I/O APIC with 24 inputs [82093AA], as in the ICH9 [ICH9 13.5]: version 0x20, with
 * an EOI register.
 *
 *   0x00  IOREGSEL  index          index 0x00 ID   0x01 version   0x02 arbitration
 *   0x10  IOWIN     data           index 0x10 + 2n, 0x11 + 2n: redirection entry n, low and high
 *   0x40  EOI       vector
 *
 * An interrupt is a message: address 0xfee00000 | destination << 12 | logical << 2, data as in a
 * redirection entry (vector, delivery mode, level, trigger) [SDM3 11.11].
 *
 * Not modelled: delivery status (messages arrive at once), polarity (stored; a line that is high
 * means "asserted", whatever its wire would do), the arbitration ID's movement.
 */
#include "dev/ioapic_82093aa.h"

#include "base/bits.h"
#include "base/trace.h"
#include "core/machine.h"

#define PINS IOAPIC_82093AA_PINS
#define VERSION 0x20u

enum { IOREGSEL = 0x00, IOWIN = 0x10, EOI = 0x40 };
enum { INDEX_ID, INDEX_VERSION, INDEX_ARB, INDEX_REDIR = 0x10 };

#define REDIR_LOGICAL BIT64(11)
#define REDIR_STATUS BIT64(12)
#define REDIR_REMOTE_IRR BIT64(14)
#define REDIR_LEVEL BIT64(15)
#define REDIR_MASKED BIT64(16)
#define REDIR_WRITABLE (UINT64_C(0xff0000000001ffff) & ~(REDIR_STATUS | REDIR_REMOTE_IRR))

struct ioapic_regs {
    uint64_t redir[PINS];
    uint32_t lines; /* levels of the inputs */
    uint32_t irr;   /* edges that wait to be delivered */
    uint32_t id;    /* as in the register: bits 27..24 */
    uint32_t index;
};

struct ioapic {
    struct dev dev;
    struct ioapic_regs regs;
    uint64_t n_messages, n_masked_edges, n_bad_accesses;
};

static const struct field ioapic_fields[] = {
    FIELD_ARRAY(struct ioapic_regs, redir), FIELD(struct ioapic_regs, lines),
    FIELD(struct ioapic_regs, irr),         FIELD(struct ioapic_regs, id),
    FIELD(struct ioapic_regs, index),       FIELD_END,
};
static const struct state ioapic_state = {"ioapic_82093aa", 1, sizeof(struct ioapic_regs),
                                          ioapic_fields};

static void ioapic_send(struct ioapic *io, unsigned pin)
{
    struct machine *m = io->dev.machine;
    uint64_t e = io->regs.redir[pin];
    uint64_t addr = 0xfee00000u | bits_get(e, 63, 56) << 12 | (e & REDIR_LOGICAL ? 4 : 0);
    uint32_t data = (uint32_t)(e & 0x7ff) | 1u << 14 | (e & REDIR_LEVEL ? 1u << 15 : 0);

    io->n_messages++;
    TRACE(ioapic_send, "pin=%u addr=%#" PRIx64 " data=%#x", pin, addr, data);
    if (m->arch && m->arch->msi_send)
        m->arch->msi_send(m, addr, data);
}

/* Deliver what pin asks for, if it may. */
static void ioapic_service(struct ioapic *io, unsigned pin)
{
    struct ioapic_regs *r = &io->regs;
    uint64_t *e = &r->redir[pin];

    if (*e & REDIR_MASKED)
        return;
    if (*e & REDIR_LEVEL) {
        /* Once, then again only after the CPU's end of interrupt. */
        if (!(r->lines >> pin & 1) || (*e & REDIR_REMOTE_IRR))
            return;
        *e |= REDIR_REMOTE_IRR;
    } else {
        if (!(r->irr >> pin & 1))
            return;
        r->irr &= ~BIT32(pin);
    }
    ioapic_send(io, pin);
}

static void ioapic_input_set(void *opaque, unsigned pin, bool level)
{
    struct ioapic *io = opaque;
    struct ioapic_regs *r = &io->regs;
    uint32_t bit = BIT32(pin);

    pthread_mutex_lock(&io->dev.lock);
    bool rises = level && !(r->lines & bit);
    r->lines = level ? r->lines | bit : r->lines & ~bit;
    if (rises && !(r->redir[pin] & REDIR_LEVEL)) {
        if (r->redir[pin] & REDIR_MASKED)
            io->n_masked_edges++; /* lost [82093AA 3.2.4 "interrupt mask"] */
        else
            r->irr |= bit;
    }
    if (level)
        ioapic_service(io, pin);
    pthread_mutex_unlock(&io->dev.lock);
}

struct irq ioapic_82093aa_input(struct dev *dev, unsigned pin)
{
    return (struct irq){.set = ioapic_input_set, .opaque = dev, .n = pin % PINS};
}

static void ioapic_end(struct ioapic *io, uint8_t vector)
{
    for (unsigned pin = 0; pin < PINS; pin++) {
        uint64_t *e = &io->regs.redir[pin];
        if ((*e & 0xff) != vector || !(*e & REDIR_LEVEL) || !(*e & REDIR_REMOTE_IRR))
            continue;
        *e &= ~REDIR_REMOTE_IRR;
        ioapic_service(io, pin);
    }
}

void ioapic_82093aa_eoi(void *opaque, uint8_t vector)
{
    struct ioapic *io = opaque;

    pthread_mutex_lock(&io->dev.lock);
    ioapic_end(io, vector);
    pthread_mutex_unlock(&io->dev.lock);
}

static void redir_write(struct ioapic *io, unsigned index, uint32_t v)
{
    unsigned pin = index / 2;
    uint64_t *e = &io->regs.redir[pin];
    uint64_t writable = index & 1 ? REDIR_WRITABLE & ~UINT64_C(0xffffffff)
                                  : REDIR_WRITABLE & UINT64_C(0xffffffff);
    uint64_t wide = index & 1 ? (uint64_t)v << 32 : v;

    *e = (*e & ~writable) | (wide & writable);
    TRACE(ioapic_redir, "pin=%u entry=%#" PRIx64, pin, *e);
    /* An edge-triggered entry has no remote IRR: software clears a stuck one this way. */
    if (!(*e & REDIR_LEVEL))
        *e &= ~REDIR_REMOTE_IRR;
    else
        io->regs.irr &= ~BIT32(pin);
    ioapic_service(io, pin);
}

static uint32_t window_get(struct ioapic *io)
{
    struct ioapic_regs *r = &io->regs;

    switch (r->index) {
    case INDEX_ID:
    case INDEX_ARB: return r->id;
    case INDEX_VERSION: return VERSION | (PINS - 1) << 16;
    default: break;
    }
    if (r->index < INDEX_REDIR || r->index >= INDEX_REDIR + 2 * PINS) {
        io->n_bad_accesses++;
        return 0xffffffff;
    }
    unsigned i = r->index - INDEX_REDIR;
    return (uint32_t)(r->redir[i / 2] >> (i & 1 ? 32 : 0));
}

static void window_set(struct ioapic *io, uint32_t v)
{
    struct ioapic_regs *r = &io->regs;

    if (r->index == INDEX_ID)
        r->id = v & 0x0f000000;
    else if (r->index >= INDEX_REDIR && r->index < INDEX_REDIR + 2 * PINS)
        redir_write(io, r->index - INDEX_REDIR, v);
    else
        io->n_bad_accesses++;
}

static uint64_t ioapic_read(struct dev *dev, uint64_t offset, unsigned size)
{
    struct ioapic *io = container_of(dev, struct ioapic, dev);

    (void)size;
    switch (offset) {
    case IOREGSEL: return io->regs.index;
    case IOWIN: return window_get(io);
    default: io->n_bad_accesses++; return 0;
    }
}

static void ioapic_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t v)
{
    struct ioapic *io = container_of(dev, struct ioapic, dev);

    (void)size;
    switch (offset) {
    case IOREGSEL: io->regs.index = (uint8_t)v; break;
    case IOWIN: window_set(io, (uint32_t)v); break;
    case EOI: ioapic_end(io, (uint8_t)v); break;
    default: io->n_bad_accesses++; break;
    }
}

/* Inputs keep their levels: the devices behind them say when they fall. */
static void ioapic_reset(struct dev *dev)
{
    struct ioapic *io = container_of(dev, struct ioapic, dev);

    io->regs = (struct ioapic_regs){.lines = io->regs.lines};
    for (unsigned pin = 0; pin < PINS; pin++)
        io->regs.redir[pin] = REDIR_MASKED;
}

static const struct window_ops ioapic_ops = {ioapic_read, ioapic_write, 4, 4};
static const struct dev_window_desc ioapic_windows[] = {{"regs", 0x1000, &ioapic_ops}, {0}};
static const struct dev_counter ioapic_counters[] = {
    {"messages", offsetof(struct ioapic, n_messages)},
    {"masked_edges", offsetof(struct ioapic, n_masked_edges)},
    {"bad_accesses", offsetof(struct ioapic, n_bad_accesses)},
    {0},
};

const struct dev_type ioapic_82093aa_type = {
    .name = "ioapic_82093aa",
    .help = "I/O APIC with 24 inputs",
    .size = sizeof(struct ioapic),
    .regs = offsetof(struct ioapic, regs),
    .state = &ioapic_state,
    .windows = ioapic_windows,
    .counters = ioapic_counters,
    .reset = ioapic_reset,
};
