/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acpi_pm_ich9: power management block of the ICH9 [ICH9 13.8] as ACPI sees it [ACPI 4.8].
 *
 *   PMBASE +0x00 PM1_STS  (write 1 to clear)    +0x20 GPE0_STS (64 bits, write 1 to clear)
 *          +0x02 PM1_EN                         +0x28 GPE0_EN
 *          +0x04 PM1_CNT: SCI_EN, SLP_TYP, SLP_EN      +0x30 SMI_EN  +0x34 SMI_STS
 *          +0x08 PM1_TMR: 24 bits at 3.579545 MHz
 *   0xb2 APM_CNT (SMI_CMD), 0xb3 APM_STS
 *
 * There is no system management mode, so what its firmware would do on the APM port is done here:
 * ACPI_ENABLE and ACPI_DISABLE switch SCI_EN.
 *
 * Not modelled: SMIs of any kind (their registers are stored; global release does nothing), TCO
 * watchdog (+0x60 reads as zero), sleep states other than S0, S3, S4 and S5, bus master reload,
 * power button override by holding it.
 */
#include "dev/acpi_pm_ich9.h"

#include "base/bits.h"
#include "base/trace.h"
#include "core/machine.h"

#define PM_TIMER_HZ 3579545
#define NS_PER_S 1000000000

enum {
    PM1_STS = 0x00,
    PM1_EN = 0x02,
    PM1_CNT = 0x04,
    PM1_TMR = 0x08,
    GPE0_STS = 0x20,
    GPE0_EN = 0x28,
    SMI_EN = 0x30,
    SMI_STS = 0x34,
    PM_SIZE = 0x80,
};
enum {
    TMR = 1 << 0, /* bit 23 of the timer changed */
    GBL = 1 << 5,
    PWRBTN = 1 << 8,
    SLPBTN = 1 << 9,
    RTC_ = 1 << 10,
    WAK_STS = 1 << 15,
    PM1_STS_ALL = TMR | 1 << 4 | GBL | PWRBTN | SLPBTN | RTC_ | 1 << 11 | 1 << 14 | WAK_STS,
    PM1_EN_ALL = TMR | GBL | PWRBTN | SLPBTN | RTC_ | 1 << 14,
};
enum { SCI_EN = 1, BM_RLD = 2, GBL_RLS = 4, SLP_EN = 1 << 13, PM1_CNT_STORED = 0x1c03 };
enum { SMI_APMC_EN = 1 << 5 };

struct acpi_regs {
    uint64_t gpe_sts, gpe_en;
    uint64_t tmr_half; /* half periods of timer bit 23 that TMR_STS knows of */
    uint32_t smi_en;
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    uint8_t apm_cnt, apm_sts;
    uint8_t unused[4];
};

struct acpi_pm {
    struct dev dev;
    struct acpi_regs regs;
    struct timer timer; /* next change of timer bit 23, while TMR_EN */
    bool sci_en_at_reset, smi_locked;
    bool sci; /* what the line was told last */
    uint64_t n_sci, n_unknown_apm, n_unknown_sleeps;
};

static const struct field acpi_fields[] = {
    FIELD(struct acpi_regs, gpe_sts),  FIELD(struct acpi_regs, gpe_en),
    FIELD(struct acpi_regs, tmr_half), FIELD(struct acpi_regs, smi_en),
    FIELD(struct acpi_regs, pm1_sts),  FIELD(struct acpi_regs, pm1_en),
    FIELD(struct acpi_regs, pm1_cnt),  FIELD(struct acpi_regs, apm_cnt),
    FIELD(struct acpi_regs, apm_sts),  FIELD_BYTES(struct acpi_regs, unused),
    FIELD_END,
};
static const struct state acpi_state = {"acpi_pm_ich9", 1, sizeof(struct acpi_regs), acpi_fields};

static uint64_t pm_ticks(const struct acpi_pm *pm)
{
    return (uint64_t)((unsigned __int128)clock_ns(dev_clock(&pm->dev)) * PM_TIMER_HZ / NS_PER_S);
}

static void sci_update(struct acpi_pm *pm)
{
    const struct acpi_regs *r = &pm->regs;
    bool sci = (r->pm1_cnt & SCI_EN) &&
               ((r->pm1_sts & r->pm1_en & PM1_EN_ALL) || (r->gpe_sts & r->gpe_en));

    if (sci == pm->sci)
        return;
    pm->sci = sci;
    pm->n_sci += sci;
    irq_set(&pm->dev.lines[ACPI_PM_ICH9_LINE_SCI], sci);
}

/* TMR_STS is set whenever bit 23 of the timer changes [ACPI 4.8.3.1]. */
static void tmr_sync(struct acpi_pm *pm)
{
    uint64_t half = pm_ticks(pm) >> 23;

    if (half != pm->regs.tmr_half)
        pm->regs.pm1_sts |= TMR;
    pm->regs.tmr_half = half;
}

static void tmr_arm(struct acpi_pm *pm)
{
    uint64_t tick = (pm->regs.tmr_half + 1) << 23;

    timer_set(&pm->timer, pm->regs.pm1_en & TMR
                              ? (uint64_t)(((unsigned __int128)tick * NS_PER_S + PM_TIMER_HZ - 1) /
                                           PM_TIMER_HZ)
                              : UINT64_MAX);
}

static void tmr_timer(void *opaque)
{
    struct acpi_pm *pm = opaque;

    tmr_sync(pm);
    sci_update(pm);
    tmr_arm(pm);
}

static void pm1_cnt_write(struct acpi_pm *pm, uint16_t v)
{
    /* SCI_EN is the firmware's: the guest asks for it at the APM port. */
    pm->regs.pm1_cnt = (v & PM1_CNT_STORED & ~SCI_EN) | (pm->regs.pm1_cnt & SCI_EN);
    if (!(v & SLP_EN))
        return;
    unsigned typ = v >> 10 & 7;
    TRACE(acpi_sleep, "type=%u", typ);
    switch (typ) {
    case ACPI_PM_ICH9_S3: machine_event(pm->dev.machine, EV_SUSPEND); break;
    case ACPI_PM_ICH9_S4:
    case ACPI_PM_ICH9_S5: machine_event(pm->dev.machine, EV_POWEROFF); break;
    default: pm->n_unknown_sleeps++; break;
    }
}

/* The block as bytes: each register is put together from what is written of it. */
static uint64_t merge(uint64_t old, uint64_t offset, unsigned base, unsigned size, uint64_t v)
{
    unsigned shift = 8 * (unsigned)(offset - base);
    uint64_t mask = (size >= 8 ? UINT64_MAX : BIT64(8 * size) - 1) << shift;

    return (old & ~mask) | (v << shift & mask);
}

/* One access within one register. */
static void pm_reg_write(struct acpi_pm *pm, uint64_t off, unsigned size, uint64_t v)
{
    struct acpi_regs *r = &pm->regs;

    switch (off & ~1u) {
    case PM1_STS:
        tmr_sync(pm);
        r->pm1_sts &= (uint16_t)~merge(0, off, PM1_STS, size, v);
        return;
    case PM1_EN:
        tmr_sync(pm);
        r->pm1_en = (uint16_t)merge(r->pm1_en, off, PM1_EN, size, v) & PM1_EN_ALL;
        tmr_arm(pm);
        return;
    case PM1_CNT: pm1_cnt_write(pm, (uint16_t)merge(r->pm1_cnt, off, PM1_CNT, size, v)); return;
    default: break;
    }
    if (off >= GPE0_STS && off < GPE0_EN)
        r->gpe_sts &= ~merge(0, off, GPE0_STS, size, v);
    else if (off >= GPE0_EN && off < SMI_EN)
        r->gpe_en = merge(r->gpe_en, off, GPE0_EN, size, v);
    else if (off >= SMI_EN && off < SMI_STS)
        r->smi_en = (uint32_t)merge(r->smi_en, off, SMI_EN, size, v);
}

static void pm_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

    TRACE(acpi_write, "reg=%#x size=%u value=%#" PRIx64, (unsigned)off, size, v);
    /* Registers are 16 bits or wider at even offsets: pieces of 2 bytes meet one only. */
    if (size == 4) {
        pm_reg_write(pm, off, off & 1 ? 1 : 2, v & (off & 1 ? 0xff : 0xffff));
        if (off & 1) {
            pm_reg_write(pm, off + 1, 2, v >> 8 & 0xffff);
            pm_reg_write(pm, off + 3, 1, v >> 24);
        } else {
            pm_reg_write(pm, off + 2, 2, v >> 16);
        }
    } else if (size == 2 && (off & 1)) {
        pm_reg_write(pm, off, 1, v & 0xff);
        pm_reg_write(pm, off + 1, 1, v >> 8);
    } else {
        pm_reg_write(pm, off, size, v);
    }
    sci_update(pm);
}

static uint8_t pm_byte(struct acpi_pm *pm, uint64_t off)
{
    const struct acpi_regs *r = &pm->regs;
    uint64_t v = 0;
    unsigned base = (unsigned)off;

    if (off < PM1_EN)
        v = r->pm1_sts, base = PM1_STS;
    else if (off < PM1_CNT)
        v = r->pm1_en, base = PM1_EN;
    else if (off < PM1_CNT + 2)
        v = r->pm1_cnt, base = PM1_CNT;
    else if (off >= PM1_TMR && off < PM1_TMR + 4)
        v = pm_ticks(pm) & 0xffffff, base = PM1_TMR;
    else if (off >= GPE0_STS && off < GPE0_EN)
        v = r->gpe_sts, base = GPE0_STS;
    else if (off >= GPE0_EN && off < SMI_EN)
        v = r->gpe_en, base = GPE0_EN;
    else if (off >= SMI_EN && off < SMI_STS)
        v = r->smi_en, base = SMI_EN;
    return (uint8_t)(v >> 8 * (off - base));
}

static uint64_t pm_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);
    uint64_t v = 0;

    if (off == PM1_TMR && size == 4) /* the hot one: one look at the clock */
        return pm_ticks(pm) & 0xffffff;
    tmr_sync(pm);
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)pm_byte(pm, off + i) << 8 * i;
    sci_update(pm);
    return v;
}

static uint64_t apm_read(struct dev *dev, uint64_t off, unsigned size)
{
    const struct acpi_regs *r = &container_of(dev, struct acpi_pm, dev)->regs;

    (void)size;
    return off ? r->apm_sts : r->apm_cnt;
}

static void apm_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

    (void)size;
    if (off) {
        pm->regs.apm_sts = (uint8_t)v;
        return;
    }
    pm->regs.apm_cnt = (uint8_t)v;
    if (v == ACPI_PM_ICH9_ENABLE)
        pm->regs.pm1_cnt |= SCI_EN;
    else if (v == ACPI_PM_ICH9_DISABLE)
        pm->regs.pm1_cnt &= (uint16_t)~SCI_EN;
    else
        pm->n_unknown_apm++;
    sci_update(pm);
}

static void raise_status(struct dev *dev, uint16_t bits)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

    pthread_mutex_lock(&dev->lock);
    pm->regs.pm1_sts |= bits;
    sci_update(pm);
    pthread_mutex_unlock(&dev->lock);
}

void acpi_pm_ich9_power_button(struct dev *dev)
{
    raise_status(dev, PWRBTN);
}

void acpi_pm_ich9_sleep_button(struct dev *dev)
{
    raise_status(dev, SLPBTN);
}

void acpi_pm_ich9_wake(struct dev *dev)
{
    raise_status(dev, WAK_STS);
}

void acpi_pm_ich9_gpe(struct dev *dev, unsigned n)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

    pthread_mutex_lock(&dev->lock);
    pm->regs.gpe_sts |= BIT64(n & 63);
    sci_update(pm);
    pthread_mutex_unlock(&dev->lock);
}

void acpi_pm_ich9_configure(struct dev *dev, bool sci_en_at_reset, bool smi_locked)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

    pm->sci_en_at_reset = sci_en_at_reset;
    pm->smi_locked = smi_locked;
}

static void acpi_reset(struct dev *dev)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

    pm->regs = (struct acpi_regs){.pm1_cnt = pm->sci_en_at_reset ? SCI_EN : 0,
                                  .smi_en = pm->smi_locked ? SMI_APMC_EN : 0,
                                  .tmr_half = pm_ticks(pm) >> 23};
    sci_update(pm);
    tmr_arm(pm);
}

static void acpi_loaded(struct dev *dev)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

    sci_update(pm);
    irq_set(&dev->lines[ACPI_PM_ICH9_LINE_SCI], pm->sci);
    tmr_arm(pm);
}

static int acpi_init(struct dev *dev, struct error *err)
{
    struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

    (void)err;
    timer_init(&pm->timer, dev_clock(dev), tmr_timer, pm, &dev->lock);
    return 0;
}

static void acpi_fini(struct dev *dev)
{
    timer_cancel(&container_of(dev, struct acpi_pm, dev)->timer);
}

static const struct window_ops pm_ops = {pm_read, pm_write, 1, 4};
static const struct window_ops apm_ops = {apm_read, apm_write, 1, 1};
static const struct dev_window_desc acpi_windows[] = {
    {"pm", PM_SIZE, &pm_ops},
    {"apm", 2, &apm_ops},
    {0},
};
static const char *const acpi_lines[] = {"sci", NULL};
static const struct dev_counter acpi_counters[] = {
    {"sci", offsetof(struct acpi_pm, n_sci)},
    {"unknown_apm", offsetof(struct acpi_pm, n_unknown_apm)},
    {"unknown_sleeps", offsetof(struct acpi_pm, n_unknown_sleeps)},
    {0},
};

const struct dev_type acpi_pm_ich9_type = {
    .name = "acpi_pm_ich9",
    .help = "ACPI power management of the ICH9",
    .size = sizeof(struct acpi_pm),
    .regs = offsetof(struct acpi_pm, regs),
    .state = &acpi_state,
    .windows = acpi_windows,
    .lines = acpi_lines,
    .counters = acpi_counters,
    .init = acpi_init,
    .fini = acpi_fini,
    .reset = acpi_reset,
    .loaded = acpi_loaded,
};
