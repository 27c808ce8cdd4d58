/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ahci_ich9: SATA controller of the ICH9 in AHCI mode [AHCI 3] [ICH9 15].
 *
 *   ABAR (BAR 5): 00 CAP  04 GHC  08 IS  0c PI  10 VS  24 CAP2, ports from 100 by 80:
 *     00 CLB  08 FB  10 IS  14 IE  18 CMD  20 TFD  24 SIG  28 SSTS  2c SCTL  30 SERR  34 SACT  38 CI
 *
 *   command list: 32 headers of 32 bytes:  0 length, A W P flags, PRDTL 31:16   4 bytes done
 *                                          8 command table (64)
 *   command table: 00 command FIS  40 packet  80 PRDs of 16 bytes: 0 address (64)  12 length - 1
 *   received FISes: 20 PIO setup  40 device to host  58 set device bits
 *
 * A command of a port runs in its slot; queued ones run at the same time, others one at a time. Data
 * pass through a buffer in pieces. After an error a port stands still until ST is cleared.
 *
 * Not modelled: port multipliers, FIS-based switching, hot plug, power states of links (stored),
 * command completion coalescing, enclosure management, staggered spin-up, BIOS hand-off, the
 * index/data port pair of the BAR 4.
 */
#include "dev/ata/ahci_ich9.h"

#include "base/bits.h"
#include "base/endian.h"
#include "base/trace.h"
#include "core/machine.h"
#include "dev/ata/ata.h"
#include "dev/pci/pci.h"

#define PORTS AHCI_ICH9_PORTS
#define SLOTS 32

enum { CAP = 0x00, GHC = 0x04, IS = 0x08, PI = 0x0c, VS = 0x10, PORT0 = 0x100, PORT_SIZE = 0x80 };
enum { CLB = 0x00, CLBU = 0x04, FB = 0x08, FBU = 0x0c, PIS = 0x10, PIE = 0x14, CMD = 0x18,
       TFD = 0x20, SIG = 0x24, SSTS = 0x28, SCTL = 0x2c, SERR = 0x30, SACT = 0x34, CI = 0x38 };
enum { GHC_RESET = 1, GHC_IE = 2 };
#define GHC_AE BIT32(31)
/* Six ports, 32 slots, AHCI only, 3 Gbit/s, queued commands, 64-bit addresses. */
#define CAP_VALUE (BIT32(31) | BIT32(30) | BIT32(18) | 2u << 20 | 31u << 8 | (PORTS - 1))
enum { CMD_ST = 1, CMD_CLO = 8, CMD_FRE = 16, CMD_FR = 1 << 14, CMD_CR = 1 << 15,
       CMD_ATAPI = 1 << 24 };
#define CMD_STORED (0xf3000017u & ~(uint32_t)CMD_CLO) /* ICC, ATAPI, FRE, POD, SUD, ST */
enum { IS_DHR = 1, IS_PS = 2, IS_SDB = 8, IS_PC = 1 << 6, IS_OF = 1 << 24, IS_HBF = 1 << 29,
       IS_TFE = 1 << 30 };
enum { FIS_H2D = 0x27, FIS_D2H = 0x34, FIS_SDB = 0xa1, FIS_PIO = 0x5f };
enum { RX_PIO = 0x20, RX_D2H = 0x40, RX_SDB = 0x58 };
enum { H_ATAPI = 0x20, H_WRITE = 0x40 };
enum { SERR_X = 1 << 26 };

struct port_regs {
    uint64_t clb, fb;
    uint32_t is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
    struct ata_regs drive;
    uint8_t in_reset;  /* software reset was asked for */
    uint8_t stopped;   /* after an error */
    uint8_t unused[6];
};

struct ahci_regs {
    struct pci_regs pci;
    struct port_regs port[PORTS];
    uint32_t ghc, unused;
};

struct slot { /* a command that runs; lives while its task has work */
    struct ata_io io;
    struct ata_task task;
    struct port *port;
    unsigned n;
    uint64_t table, header;
    uint32_t prds, prd, prd_off; /* where the next byte goes */
    uint32_t piece;              /* bytes in buf */
    uint8_t *buf;
};

struct port {
    struct ahci *a;
    struct port_regs *r;
    struct ata_drive drive;
    struct slot *slot[SLOTS]; /* NULL: nothing runs */
    uint32_t running;
    bool exclusive; /* what runs is no queued command */
};

struct ahci {
    struct pci_dev pci;
    struct ahci_regs regs;
    struct port port[PORTS];
    struct ata_ios ios;
    uint64_t n_commands, n_errors, n_bad_dma;
};

static const struct field port_fields[] = {
    FIELD(struct port_regs, clb),      FIELD(struct port_regs, fb),
    FIELD(struct port_regs, is),       FIELD(struct port_regs, ie),
    FIELD(struct port_regs, cmd),      FIELD(struct port_regs, tfd),
    FIELD(struct port_regs, sig),      FIELD(struct port_regs, ssts),
    FIELD(struct port_regs, sctl),     FIELD(struct port_regs, serr),
    FIELD(struct port_regs, sact),     FIELD(struct port_regs, ci),
    FIELD_SUB(struct port_regs, drive, ata_regs_fields),
    FIELD(struct port_regs, in_reset), FIELD(struct port_regs, stopped),
    FIELD_BYTES(struct port_regs, unused),
    FIELD_END,
};
static const struct field ahci_fields[] = {
    FIELD_SUB(struct ahci_regs, pci, pci_fields),
    FIELD_SUBS(struct ahci_regs, port, port_fields),
    FIELD(struct ahci_regs, ghc),
    FIELD(struct ahci_regs, unused),
    FIELD_END,
};
static const struct state ahci_state = {"ahci_ich9", 1, sizeof(struct ahci_regs), ahci_fields};

static struct ahci *ahci_of(struct dev *dev)
{
    return container_of(dev, struct ahci, pci.dev);
}

/* ---- interrupts --------------------------------------------------------------------------- */

static uint32_t pending_ports(const struct ahci *a)
{
    uint32_t is = 0;

    for (unsigned i = 0; i < PORTS; i++)
        is |= (a->regs.port[i].is & a->regs.port[i].ie) ? 1u << i : 0;
    return is;
}

/* IS follows the ports; a message goes out at each reason while any stands. */
static void irq_update(struct ahci *a)
{
    bool level = (a->regs.ghc & GHC_IE) && pending_ports(a);

    if (pci_msi_enabled(&a->pci)) {
        if (level)
            pci_notify(&a->pci, 0);
        level = false;
    }
    pci_intx(&a->pci, level);
}

static void raise(struct port *p, uint32_t bits)
{
    p->r->is |= bits;
    irq_update(p->a);
}

/* ---- FISes -------------------------------------------------------------------------------- */

static void post(struct port *p, unsigned at, const uint8_t *fis, size_t len)
{
    if (p->r->cmd & CMD_FRE)
        mem_write(dev_mem(&p->a->pci.dev), p->r->fb + at, fis, len);
}

static void fill_registers(uint8_t *fis, const struct ata_task *t)
{
    fis[2] = t->status;
    fis[3] = t->error;
    for (unsigned i = 0; i < 3; i++) {
        fis[4 + i] = (uint8_t)(t->lba >> 8 * i);
        fis[8 + i] = (uint8_t)(t->lba >> (24 + 8 * i));
    }
    fis[7] = t->device;
    fis[12] = (uint8_t)t->count;
    fis[13] = (uint8_t)(t->count >> 8);
}

/* Register FIS: the registers of a command that ended. */
static void post_d2h(struct port *p, const struct ata_task *t, bool interrupt)
{
    uint8_t fis[20] = {FIS_D2H, interrupt ? 0x40 : 0};

    fill_registers(fis, t);
    p->r->tfd = (uint32_t)t->error << 8 | t->status;
    post(p, RX_D2H, fis, sizeof(fis));
    if (interrupt)
        raise(p, IS_DHR | (t->status & ATA_SR_ERR ? IS_TFE : 0));
}

static void post_pio(struct port *p, const struct ata_task *t)
{
    uint8_t fis[20] = {FIS_PIO, (uint8_t)(t->to_host ? 0x60 : 0x40)};

    fill_registers(fis, t);
    fis[2] = ATA_SR_READY | ATA_SR_DRQ;
    fis[15] = t->status;
    st_le16(fis + 16, (uint16_t)t->len);
    post(p, RX_PIO, fis, sizeof(fis));
    raise(p, IS_PS);
}

static void post_sdb(struct port *p, const struct ata_task *t)
{
    uint8_t fis[8] = {FIS_SDB, 0x40, (uint8_t)(t->status & 0x77), t->error};
    bool failed = t->status & ATA_SR_ERR;

    if (!failed)
        st_le32(fis + 4, 1u << t->tag);
    p->r->tfd = (uint32_t)t->error << 8 | (p->r->tfd & 0x88) | (t->status & 0x77);
    post(p, RX_SDB, fis, sizeof(fis));
    if (!failed)
        p->r->sact &= ~(1u << t->tag);
    raise(p, IS_SDB | (failed ? IS_TFE : 0));
}

/* The signature that a drive sends when its link comes up or after a software reset. */
static void post_signature(struct port *p)
{
    struct ata_task t = {.status = ata_ready_status(&p->drive), .error = 1, .count = 1};

    p->r->sig = ata_signature(&p->drive);
    t.lba = p->r->sig >> 8;
    post_d2h(p, &t, false);
}

/* ---- data --------------------------------------------------------------------------------- */

/* Move the piece between buf and the guest's buffers; false: they are at an end, or no memory. */
static bool scatter(struct slot *s)
{
    struct mem *mem = dev_mem(&s->port->a->pci.dev);
    uint32_t at = 0;

    while (at < s->piece) {
        uint8_t prd[16];
        if (s->prd == s->prds || !mem_read(mem, s->table + 0x80 + 16 * (uint64_t)s->prd, prd, 16))
            break;
        uint64_t addr = ld_le64(prd);
        uint32_t len = (ld_le32(prd + 12) & 0x3fffff) + 1;
        uint32_t n = s->prd_off < len ? MIN(len - s->prd_off, s->piece - at) : 0;
        bool ok = s->task.to_host ? mem_write(mem, addr + s->prd_off, s->buf + at, n)
                                  : mem_read(mem, addr + s->prd_off, s->buf + at, n);
        if (!ok)
            break;
        at += n;
        s->prd_off += n;
        if (s->prd_off >= len) {
            s->prd++;
            s->prd_off = 0;
        }
    }
    s->task.done += at;
    return at == s->piece;
}

static void port_next(struct port *p);

static void slot_free(struct slot *s)
{
    struct port *p = s->port;

    p->slot[s->n] = NULL;
    p->running &= ~(1u << s->n);
    if (!p->running)
        p->exclusive = false;
    free(s->buf);
    free(s);
}

/* The command is over: tell the guest. */
static void slot_end(struct slot *s)
{
    struct port *p = s->port;
    struct ata_task *t = &s->task;
    bool failed = t->status & ATA_SR_ERR, queued = t->protocol == ATA_QUEUED;
    uint8_t bytes[4];

    st_le32(bytes, t->done);
    if (!queued)
        mem_write(dev_mem(&p->a->pci.dev), s->header + 4, bytes, 4);
    if (failed) {
        p->a->n_errors++;
        p->r->stopped = 1;
    } else if (!queued) {
        p->r->ci &= ~(1u << s->n);
    }
    if (queued) {
        post_sdb(p, t);
    } else {
        if (t->protocol == ATA_PIO && t->len && !failed)
            post_pio(p, t);
        post_d2h(p, t, true);
    }
    slot_free(s);
    port_next(p);
}

static void bad_dma(struct slot *s)
{
    struct port *p = s->port;

    p->a->n_bad_dma++;
    p->r->stopped = 1;
    slot_free(s);
    raise(p, IS_HBF);
}

static void slot_done(struct ata_io *io, int result);

static void submit(struct slot *s, enum blk_op op)
{
    struct ata_task *t = &s->task;
    uint32_t n = op == BLK_FLUSH ? 0 : s->piece;

    s->io.done = slot_done;
    ata_io_submit(&s->port->a->ios, &s->io, s->port->drive.blk, op,
                  op == BLK_FLUSH ? 0 : t->offset + t->done, n ? s->buf : NULL, n);
}

/* The next step of a task. */
static void slot_go(struct slot *s)
{
    struct ata_task *t = &s->task;

    s->piece = MIN(t->len - t->done, ATA_CHUNK);
    switch (t->action) {
    case ATA_READ: submit(s, BLK_READ); return;
    case ATA_FLUSH:
        if (!s->port->drive.blk)
            break;
        submit(s, BLK_FLUSH);
        return;
    case ATA_WRITE: {
        uint32_t before = t->done;
        if (!scatter(s)) {
            bad_dma(s);
            return;
        }
        t->done = before;
        submit(s, BLK_WRITE);
        return;
    }
    case ATA_BUFFER: /* a short answer; less room than answer is the guest's choice */
        scatter(s);
        ata_end(&s->port->drive, t, 0);
        break;
    default: break;
    }
    slot_end(s);
}

static void slot_done(struct ata_io *io, int result)
{
    struct slot *s = container_of(io, struct slot, io);
    struct ata_task *t = &s->task;

    if (!result && t->action == ATA_READ && !scatter(s)) {
        bad_dma(s);
        return;
    }
    if (!result && t->action == ATA_WRITE)
        t->done += s->piece;
    if (!result && t->action != ATA_FLUSH && t->done < t->len) {
        slot_go(s);
        return;
    }
    if (ata_end(&s->port->drive, t, result))
        slot_go(s);
    else
        slot_end(s);
}

/* ---- commands ----------------------------------------------------------------------------- */

static void task_from_fis(struct ata_task *t, const uint8_t *f)
{
    *t = (struct ata_task){.command = f[2], .device = f[7]};
    t->lba = f[4] | (uint64_t)f[5] << 8 | (uint64_t)f[6] << 16;
    t->features = f[3];
    t->count = f[12];
    if (!ata_is_48bit(t->command))
        return;
    t->lba |= (uint64_t)f[8] << 24 | (uint64_t)f[9] << 32 | (uint64_t)f[10] << 40;
    t->features |= (uint16_t)(f[11] << 8);
    t->count |= (uint32_t)f[13] << 8;
}

/* A FIS without a command: bit 2 of the control byte is software reset. */
static void control_fis(struct port *p, unsigned n, const uint8_t *f)
{
    bool reset = f[15] & 4;

    p->r->ci &= ~(1u << n);
    if (p->r->in_reset && !reset) {
        ata_drive_reset(&p->drive);
        post_signature(p);
    }
    p->r->in_reset = reset;
}

static void start_task(struct slot *s, const uint8_t *fis, const uint8_t *header)
{
    struct port *p = s->port;
    struct ata_task *t = &s->task;

    task_from_fis(t, fis);
    p->a->n_commands++;
    ata_begin(&p->drive, t, s->buf);
    if (t->action == ATA_PACKET) {
        if (!(header[0] & H_ATAPI) || !mem_read(dev_mem(&p->a->pci.dev), s->table + 0x40, t->packet,
                                                ATA_PACKET_LEN)) {
            ata_abort(&p->drive, t, ATA_ER_ABORT);
        } else {
            atapi_begin(&p->drive, t, s->buf);
            t->protocol = ATA_DMA; /* no PIO setup FIS is looked for */
        }
    }
    p->exclusive = t->protocol != ATA_QUEUED;
    if (!p->exclusive && t->action != ATA_DONE) { /* taken: the slot is free for the next */
        struct ata_task ok = {.status = ATA_SR_READY | ATA_SR_SEEK, .device = t->device};
        p->r->ci &= ~(1u << s->n);
        post_d2h(p, &ok, false);
    } else {
        p->r->tfd |= ATA_SR_BUSY;
    }
    slot_go(s);
}

static void start_slot(struct port *p, unsigned n)
{
    struct mem *mem = dev_mem(&p->a->pci.dev);
    uint8_t header[32], fis[64];
    uint64_t at = p->r->clb + 32 * (uint64_t)n;

    if (!mem_read(mem, at, header, sizeof(header)) ||
        !mem_read(mem, ld_le64(header + 8) & ~UINT64_C(127), fis, sizeof(fis))) {
        p->a->n_bad_dma++;
        p->r->stopped = 1;
        raise(p, IS_HBF);
        return;
    }
    p->r->cmd = (p->r->cmd & ~0x1f00u) | n << 8; /* CCS */
    if (fis[0] != FIS_H2D || !(fis[1] & 0x80)) {
        control_fis(p, n, fis);
        return;
    }
    struct slot *s = calloc(1, sizeof(*s));
    uint8_t *buf = malloc(ATA_CHUNK);
    if (!s || !buf) { /* the guest waits and tries again */
        free(s);
        free(buf);
        p->r->stopped = 1;
        return;
    }
    *s = (struct slot){.port = p,
                       .n = n,
                       .buf = buf,
                       .header = at,
                       .table = ld_le64(header + 8) & ~UINT64_C(127),
                       .prds = ld_le16(header + 2)};
    p->slot[n] = s;
    p->running |= 1u << n;
    start_task(s, fis, header);
}

static bool port_ready(const struct port *p)
{
    return (p->r->cmd & CMD_ST) && !p->r->stopped && p->drive.kind != ATA_ABSENT && !p->exclusive &&
           pci_bus_master(&p->a->pci);
}

/* Whether the next command of the slot is a queued one is known from SACT. */
static void port_next(struct port *p)
{
    for (;;) {
        uint32_t todo = p->r->ci & ~p->running;
        if (!port_ready(p) || !todo)
            return;
        unsigned n = (unsigned)__builtin_ctz(todo);
        if (p->running && !(p->r->sact >> n & 1))
            return; /* others first */
        uint32_t before = p->r->ci;
        start_slot(p, n);
        if (p->r->ci == before && !(p->running >> n & 1))
            return; /* it was refused */
    }
}

/* ---- stop, reset -------------------------------------------------------------------------- */

/* What is on its way is waited for and not told. */
static void port_drop(struct port *p)
{
    for (unsigned n = 0; n < SLOTS && p->running; n++) {
        if (!p->slot[n])
            continue;
        ata_io_cancel(&p->slot[n]->io);
        slot_free(p->slot[n]);
    }
}

static void port_stop(struct port *p)
{
    port_drop(p);
    p->r->ci = p->r->sact = 0;
    p->r->stopped = 0;
    p->r->cmd &= ~(uint32_t)(CMD_CR | 0x1f00);
}

static void link_up(struct port *p)
{
    struct port_regs *r = p->r;

    if (p->drive.kind == ATA_ABSENT) {
        r->ssts = 0;
        r->tfd = 0x7f;
        r->sig = UINT32_MAX;
        return;
    }
    r->ssts = 0x123; /* active, 3 Gbit/s */
    r->serr |= SERR_X;
    ata_drive_reset(&p->drive);
    post_signature(p);
    raise(p, IS_PC);
}

static void port_reset(struct port *p)
{
    port_stop(p);
    uint64_t clb = p->r->clb, fb = p->r->fb; /* kept by a reset of the controller */
    *p->r = (struct port_regs){.clb = clb, .fb = fb, .cmd = 6};
    link_up(p);
    p->r->is = 0;
}

static void hba_reset(struct ahci *a)
{
    for (unsigned i = 0; i < PORTS; i++)
        port_reset(&a->port[i]);
    a->regs.ghc = GHC_AE;
    irq_update(a);
}

/* ---- registers ---------------------------------------------------------------------------- */

static uint32_t port_read(const struct port_regs *r, unsigned reg)
{
    switch (reg) {
    case CLB: return (uint32_t)r->clb;
    case CLBU: return (uint32_t)(r->clb >> 32);
    case FB: return (uint32_t)r->fb;
    case FBU: return (uint32_t)(r->fb >> 32);
    case PIS: return r->is | (r->serr & SERR_X ? IS_PC : 0);
    case PIE: return r->ie;
    case CMD: return r->cmd;
    case TFD: return r->tfd;
    case SIG: return r->sig;
    case SSTS: return r->ssts;
    case SCTL: return r->sctl;
    case SERR: return r->serr;
    case SACT: return r->sact;
    case CI: return r->ci;
    default: return 0;
    }
}

static uint64_t ahci_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct ahci *a = ahci_of(dev);

    (void)size;
    if (off >= PORT0) {
        unsigned n = (unsigned)(off - PORT0) / PORT_SIZE;
        return n < PORTS ? port_read(&a->regs.port[n], (unsigned)off % PORT_SIZE) : 0;
    }
    switch (off) {
    case CAP: return CAP_VALUE;
    case GHC: return a->regs.ghc;
    case IS: return pending_ports(a);
    case PI: return (1u << PORTS) - 1;
    case VS: return 0x00010300;
    default: return 0;
    }
}

static void cmd_write(struct port *p, uint32_t v)
{
    struct port_regs *r = p->r;
    uint32_t old = r->cmd;

    r->cmd = (v & CMD_STORED & ~(0xfu << 28)) | (old & (CMD_FR | CMD_CR | 0x1f00));
    if (p->drive.kind == ATA_CDROM)
        r->cmd |= CMD_ATAPI;
    r->cmd = (r->cmd & ~(uint32_t)CMD_FR) | (v & CMD_FRE ? CMD_FR : 0);
    if ((v & CMD_FRE) && !(old & CMD_FRE) && p->drive.kind != ATA_ABSENT)
        post_signature(p); /* what came before there was room for it */
    if ((old & CMD_ST) && !(v & CMD_ST))
        port_stop(p);
    if (v & CMD_CLO)
        r->tfd &= ~(uint32_t)(ATA_SR_BUSY | ATA_SR_DRQ);
    if (v & CMD_ST) {
        r->cmd |= CMD_CR;
        port_next(p);
    }
}

static void sctl_write(struct port *p, uint32_t v)
{
    unsigned was = p->r->sctl & 15, now = v & 15;

    p->r->sctl = v & 0xfff;
    if (now == 1 && was != 1) { /* COMRESET */
        port_drop(p);
        p->r->ssts = 0;
        p->r->tfd = 0x7f;
    } else if (now == 4) { /* offline */
        p->r->ssts = 4;
    } else if (now == 0 && was) {
        link_up(p);
    }
}

static void port_write(struct port *p, unsigned reg, uint32_t v)
{
    struct port_regs *r = p->r;

    switch (reg) {
    case CLB: r->clb = (r->clb & ~UINT64_C(0xffffffff)) | (v & ~0x3ffu); break;
    case CLBU: r->clb = (r->clb & 0xffffffff) | (uint64_t)v << 32; break;
    case FB: r->fb = (r->fb & ~UINT64_C(0xffffffff)) | (v & ~0xffu); break;
    case FBU: r->fb = (r->fb & 0xffffffff) | (uint64_t)v << 32; break;
    case PIS:
        r->is &= ~v;
        irq_update(p->a);
        break;
    case PIE:
        r->ie = v & 0xfdc000ff;
        irq_update(p->a);
        break;
    case CMD: cmd_write(p, v); break;
    case SCTL: sctl_write(p, v); break;
    case SERR:
        r->serr &= ~v;
        if (!(r->serr & SERR_X))
            r->is &= ~(uint32_t)IS_PC;
        irq_update(p->a);
        break;
    case SACT:
        if (r->cmd & CMD_ST)
            r->sact |= v;
        break;
    case CI:
        if (r->cmd & CMD_ST) {
            r->ci |= v;
            port_next(p);
        }
        break;
    default: break;
    }
}

static void ahci_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct ahci *a = ahci_of(dev);

    (void)size;
    TRACE(ahci_write, "off=%#x value=%#x", (unsigned)off, (unsigned)v);
    if (off >= PORT0) {
        unsigned n = (unsigned)(off - PORT0) / PORT_SIZE;
        if (n < PORTS)
            port_write(&a->port[n], (unsigned)off % PORT_SIZE, (uint32_t)v);
    } else if (off == GHC) {
        if (v & GHC_RESET)
            hba_reset(a);
        else
            a->regs.ghc = GHC_AE | ((uint32_t)v & GHC_IE);
        irq_update(a);
    } else if (off == IS) {
        irq_update(a);
    }
}

/* ---- the device --------------------------------------------------------------------------- */

void ahci_ich9_attach(struct dev *dev, unsigned port, struct blk *blk, bool cdrom,
                      const char *serial)
{
    ata_drive_attach(&ahci_of(dev)->port[port % PORTS].drive, blk, cdrom, serial);
}

static void ahci_reset(struct dev *dev)
{
    struct ahci *a = ahci_of(dev);

    for (unsigned i = 0; i < PORTS; i++) {
        port_stop(&a->port[i]);
        a->regs.port[i].clb = a->regs.port[i].fb = 0;
    }
    hba_reset(a);
    pci_reset(&a->pci);
}

static void ahci_loaded(struct dev *dev)
{
    struct ahci *a = ahci_of(dev);

    for (unsigned i = 0; i < PORTS; i++)
        port_drop(&a->port[i]);
    pci_loaded(&a->pci);
    irq_update(a);
}

/* Commands end by themselves: the record is taken when none runs. */
static void ahci_presave(struct dev *dev)
{
    ata_ios_settle(&ahci_of(dev)->ios);
}

static int ahci_init(struct dev *dev, struct error *err)
{
    static const struct pci_id id = {.vendor = 0x8086,
                                     .device = 0x2922,
                                     .subsystem_vendor = 0x1af4,
                                     .subsystem = 0x1100,
                                     .class_code = 0x010601,
                                     .revision = 2,
                                     .pin = 1};
    struct ahci *a = ahci_of(dev);

    (void)err;
    ata_ios_init(&a->ios, dev);
    pci_init(&a->pci, &a->regs.pci, &id);
    pci_bar(&a->pci, 5, PCI_BAR_MEM32, &dev->windows[0]);
    pci_msi(&a->pci);
    for (unsigned i = 0; i < PORTS; i++) {
        a->port[i].a = a;
        a->port[i].r = &a->regs.port[i];
        ata_drive_init(&a->port[i].drive, &a->regs.port[i].drive, true);
    }
    return 0;
}

static void ahci_fini(struct dev *dev)
{
    struct ahci *a = ahci_of(dev);

    for (unsigned i = 0; i < PORTS; i++)
        blk_drain(a->port[i].drive.blk);
    pthread_mutex_lock(&dev->lock);
    for (unsigned i = 0; i < PORTS; i++)
        port_stop(&a->port[i]);
    pthread_mutex_unlock(&dev->lock);
    ata_ios_fini(&a->ios);
    pci_fini(&a->pci);
}

static const struct window_ops ahci_ops = {ahci_read, ahci_write, 4, 4};
static const struct dev_window_desc ahci_windows[] = {{"abar", 0x1000, &ahci_ops}, {0}};
static const struct dev_counter ahci_counters[] = {
    {"commands", offsetof(struct ahci, n_commands)},
    {"errors", offsetof(struct ahci, n_errors)},
    {"bad_dma", offsetof(struct ahci, n_bad_dma)},
    {0},
};

const struct dev_type ahci_ich9_type = {
    .name = "ahci_ich9",
    .help = "SATA controller of the ICH9 (AHCI)",
    .size = sizeof(struct ahci),
    .regs = offsetof(struct ahci, regs),
    .state = &ahci_state,
    .windows = ahci_windows,
    .counters = ahci_counters,
    .init = ahci_init,
    .fini = ahci_fini,
    .reset = ahci_reset,
    .loaded = ahci_loaded,
    .presave = ahci_presave,
};
