/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rtc_mc146818: real-time clock and 256 bytes of battery-backed memory [MC146818] [ICH9 13.6].
 *
 *   0x70 index (bit 7: NMI mask)  0x71 data     0x72 index of the upper 128 bytes  0x73 data
 *
 *   00 seconds  02 minutes  04 hours  06 day of week  07 day  08 month  09 year  32 century
 *   01, 03, 05 alarm    0a A: UIP DV2..0 RS3..0    0b B: SET PIE AIE UIE SQWE DM 24/12 DSE
 *   0c C: IRQF PF AF UF (cleared by reading)       0d D: VRT
 *
 * The clock is the guest's wall clock plus an offset that the guest changes by setting it. Flags
 * are brought up to date when the guest looks; a timer runs only while an interrupt is enabled.
 *
 * Not modelled: daylight saving, the square wave, the day of the week as a counter of its own (it
 * follows from the date), the date alarm, the 2 ms of an update (the time changes at once, 244 us
 * after UIP rises), other time bases than 32.768 kHz, the NMI mask's effect (it is stored).
 */
#include "dev/rtc_mc146818.h"

#include <time.h>

#include "base/trace.h"

#define NS_PER_S INT64_C(1000000000)
#define UIP_NS 244141 /* UIP rises that long before the update */
#define CENTURY 0x32
#define DAY_S 86400

enum { SEC, SEC_ALARM, MIN_, MIN_ALARM, HOUR, HOUR_ALARM, WDAY, MDAY, MONTH, YEAR, A, B, C, D };
enum { A_UIP = 0x80, A_DV = 0x70, A_DV_32K = 0x20, A_RS = 0x0f };
enum { B_24H = 2, B_BINARY = 4, B_SQWE = 8, B_UIE = 0x10, B_AIE = 0x20, B_PIE = 0x40, B_SET = 0x80 };
enum { C_UF = 0x10, C_AF = 0x20, C_PF = 0x40, C_IRQF = 0x80 };

struct rtc_regs {
    int64_t offset_ns;   /* clock's time = guest wall clock + offset */
    int64_t last_second; /* flags are up to date up to this second */
    uint64_t last_tick;  /* and up to this tick of the periodic interrupt */
    uint8_t cmos[256];   /* time bytes are valid while the clock stands */
    uint8_t index, upper_index, nmi_mask;
    uint8_t unused[5];
};

struct rtc {
    struct dev dev;
    struct rtc_regs regs;
    struct timer timer;
    uint64_t n_irqs;
};

static const struct field rtc_fields[] = {
    FIELD(struct rtc_regs, offset_ns), FIELD(struct rtc_regs, last_second),
    FIELD(struct rtc_regs, last_tick), FIELD_BYTES(struct rtc_regs, cmos),
    FIELD(struct rtc_regs, index),     FIELD(struct rtc_regs, upper_index),
    FIELD(struct rtc_regs, nmi_mask),  FIELD_BYTES(struct rtc_regs, unused),
    FIELD_END,
};
static const struct state rtc_state = {"rtc_mc146818", 1, sizeof(struct rtc_regs), rtc_fields};

/* The guest sets the offset: arithmetic wraps instead of overflowing. */
static int64_t rtc_ns(const struct rtc *rtc)
{
    return (int64_t)(clock_wall_ns(dev_clock(&rtc->dev)) + (uint64_t)rtc->regs.offset_ns);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Does time go on: not held by SET, divider on the crystal that is there? */
static bool rtc_runs(const struct rtc_regs *r)
{
    return !(r->cmos[B] & B_SET) && (r->cmos[A] & A_DV) == A_DV_32K;
}

static uint8_t to_reg(const struct rtc_regs *r, unsigned v)
{
    return (uint8_t)(r->cmos[B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

static unsigned from_reg(const struct rtc_regs *r, uint8_t v)
{
    return r->cmos[B] & B_BINARY ? v : (unsigned)(v >> 4) * 10 + (v & 15);
}

static uint8_t hour_to_reg(const struct rtc_regs *r, unsigned hour)
{
    if (r->cmos[B] & B_24H)
        return to_reg(r, hour);
    return to_reg(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static unsigned hour_from_reg(const struct rtc_regs *r, uint8_t v)
{
    if (r->cmos[B] & B_24H)
        return from_reg(r, v);
    return from_reg(r, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

/* The running time to the time bytes. */
static void time_to_cmos(struct rtc *rtc, int64_t second)
{
    struct rtc_regs *r = &rtc->regs;
    time_t t = (time_t)second;
    struct tm tm;

    gmtime_r(&t, &tm);
    r->cmos[SEC] = to_reg(r, (unsigned)tm.tm_sec);
    r->cmos[MIN_] = to_reg(r, (unsigned)tm.tm_min);
    r->cmos[HOUR] = hour_to_reg(r, (unsigned)tm.tm_hour);
    r->cmos[WDAY] = to_reg(r, (unsigned)tm.tm_wday + 1);
    r->cmos[MDAY] = to_reg(r, (unsigned)tm.tm_mday);
    r->cmos[MONTH] = to_reg(r, (unsigned)tm.tm_mon + 1);
    unsigned year = (unsigned)(tm.tm_year + 1900) % 10000;
    r->cmos[YEAR] = to_reg(r, year % 100);
    r->cmos[CENTURY] = to_reg(r, year / 100);
}

/* The time bytes to the running time; nonsense is carried as mktime does. `fraction`: ns into
 * the second. */
static void time_from_cmos(struct rtc *rtc, int64_t fraction)
{
    struct rtc_regs *r = &rtc->regs;
    struct tm tm = {
        .tm_sec = (int)from_reg(r, r->cmos[SEC]),
        .tm_min = (int)from_reg(r, r->cmos[MIN_]),
        .tm_hour = (int)hour_from_reg(r, r->cmos[HOUR]),
        .tm_mday = (int)from_reg(r, r->cmos[MDAY]),
        .tm_mon = (int)from_reg(r, r->cmos[MONTH]) - 1,
        .tm_year = (int)(from_reg(r, r->cmos[YEAR]) + from_reg(r, r->cmos[CENTURY]) * 100) - 1900,
    };
    uint64_t ns = (uint64_t)timegm(&tm) * (uint64_t)NS_PER_S + (uint64_t)fraction;

    r->offset_ns = (int64_t)(ns - clock_wall_ns(dev_clock(&rtc->dev)));
    r->last_second = floor_div(rtc_ns(rtc), NS_PER_S);
}

static int64_t fraction_of(const struct rtc *rtc)
{
    int64_t ns = rtc_ns(rtc);

    return ns - floor_div(ns, NS_PER_S) * NS_PER_S;
}

static bool alarm_field(uint8_t reg, unsigned want, unsigned now)
{
    return (reg & 0xc0) == 0xc0 || want == now;
}

static bool alarm_matches(const struct rtc_regs *r, int64_t second)
{
    unsigned day = (unsigned)(second - floor_div(second, DAY_S) * DAY_S);

    return alarm_field(r->cmos[SEC_ALARM], from_reg(r, r->cmos[SEC_ALARM]), day % 60) &&
           alarm_field(r->cmos[MIN_ALARM], from_reg(r, r->cmos[MIN_ALARM]), day / 60 % 60) &&
           alarm_field(r->cmos[HOUR_ALARM], hour_from_reg(r, r->cmos[HOUR_ALARM]), day / 3600);
}

/* Period of the periodic interrupt in 32768ths of a second; 0: off [MC146818 table 5]. */
static uint32_t periodic_ticks(const struct rtc_regs *r)
{
    unsigned rs = r->cmos[A] & A_RS;

    if (!rs || (r->cmos[A] & A_DV) != A_DV_32K)
        return 0;
    return 1u << ((rs <= 2 ? rs + 7 : rs) - 1);
}

static uint64_t ns_to_tick(uint64_t ns)
{
    return (uint64_t)((unsigned __int128)ns * 32768 / NS_PER_S);
}

static uint64_t tick_to_ns(uint64_t tick)
{
    return (uint64_t)(((unsigned __int128)tick * NS_PER_S + 32767) / 32768);
}

static void rtc_update_line(struct rtc *rtc)
{
    uint8_t *c = &rtc->regs.cmos[C];

    /* Enable bits of B and flags of C stand at the same places. */
    *c &= (uint8_t)~C_IRQF;
    if (*c & rtc->regs.cmos[B] & (C_UF | C_AF | C_PF))
        *c |= C_IRQF;
    irq_set(&rtc->dev.lines[RTC_MC146818_LINE_IRQ], *c & C_IRQF);
}

/* Set the flags of everything that happened since the last look. */
static void rtc_sync(struct rtc *rtc)
{
    struct rtc_regs *r = &rtc->regs;
    uint64_t tick = ns_to_tick(clock_ns(dev_clock(&rtc->dev)));
    uint32_t period = periodic_ticks(r);

    if (period && tick / period != r->last_tick / period)
        r->cmos[C] |= C_PF;
    r->last_tick = tick;
    if (!rtc_runs(r))
        return;
    int64_t second = floor_div(rtc_ns(rtc), NS_PER_S);
    if (second > r->last_second) {
        r->cmos[C] |= C_UF;
        /* A day of seconds holds every alarm. */
        int64_t from = MAX(r->last_second, second - DAY_S) + 1;
        for (; from <= second && !(r->cmos[C] & C_AF); from++)
            if (alarm_matches(r, from))
                r->cmos[C] |= C_AF;
    }
    r->last_second = second;
    time_to_cmos(rtc, second);
}

static void rtc_arm(struct rtc *rtc)
{
    const struct rtc_regs *r = &rtc->regs;
    uint64_t now = clock_ns(dev_clock(&rtc->dev)), at = UINT64_MAX;
    uint32_t period = periodic_ticks(r);

    if ((r->cmos[B] & B_PIE) && period)
        at = tick_to_ns((ns_to_tick(now) / period + 1) * period);
    if ((r->cmos[B] & (B_UIE | B_AIE)) && rtc_runs(r))
        at = MIN(at, now + (uint64_t)(NS_PER_S - fraction_of(rtc)));
    timer_set(&rtc->timer, at);
}

static void rtc_timer(void *opaque)
{
    struct rtc *rtc = opaque;
    bool was = rtc->regs.cmos[C] & C_IRQF;

    rtc_sync(rtc);
    rtc_update_line(rtc);
    rtc->n_irqs += !was && (rtc->regs.cmos[C] & C_IRQF);
    rtc_arm(rtc);
}

static void b_write(struct rtc *rtc, uint8_t v)
{
    struct rtc_regs *r = &rtc->regs;
    uint8_t old = r->cmos[B];
    bool ran = rtc_runs(r);

    if (v & B_SET)
        v &= (uint8_t)~B_UIE; /* SET clears it [MC146818 "register B"] */
    r->cmos[B] = v;
    if (!ran && rtc_runs(r)) {
        time_from_cmos(rtc, fraction_of(rtc));
    } else if (rtc_runs(r) && ((old ^ v) & (B_BINARY | B_24H))) {
        time_to_cmos(rtc, r->last_second);
    }
}

static void a_write(struct rtc *rtc, uint8_t v)
{
    struct rtc_regs *r = &rtc->regs;
    bool ran = rtc_runs(r);

    r->cmos[A] = v & (A_DV | A_RS);
    if (!ran && rtc_runs(r)) /* the first update comes half a second after the divider starts */
        time_from_cmos(rtc, NS_PER_S / 2);
}

static void byte_write(struct rtc *rtc, uint8_t index, uint8_t v)
{
    struct rtc_regs *r = &rtc->regs;

    rtc_sync(rtc);
    switch (index) {
    case SEC:
    case MIN_:
    case HOUR:
    case WDAY:
    case MDAY:
    case MONTH:
    case YEAR:
    case CENTURY:
        r->cmos[index] = v;
        if (rtc_runs(r))
            time_from_cmos(rtc, fraction_of(rtc));
        break;
    case A: a_write(rtc, v); break;
    case B: b_write(rtc, v); break;
    case C:
    case D: break; /* for reading */
    default: r->cmos[index] = v; break;
    }
    rtc_update_line(rtc);
    rtc_arm(rtc);
}

static uint8_t byte_read(struct rtc *rtc, uint8_t index)
{
    struct rtc_regs *r = &rtc->regs;
    uint8_t v;

    rtc_sync(rtc);
    switch (index) {
    case A:
        v = r->cmos[A];
        if (rtc_runs(r) && NS_PER_S - fraction_of(rtc) <= UIP_NS)
            v |= A_UIP;
        return v;
    case C:
        rtc_update_line(rtc);
        v = r->cmos[C];
        r->cmos[C] = 0;
        rtc_update_line(rtc);
        return v;
    default: return r->cmos[index];
    }
}

static uint64_t rtc_read(struct dev *dev, uint64_t offset, unsigned size)
{
    struct rtc *rtc = container_of(dev, struct rtc, dev);
    uint8_t v = 0xff;

    (void)size;
    switch (offset) {
    case 1: v = byte_read(rtc, rtc->regs.index); break;
    case 2: v = rtc->regs.upper_index; break;
    case 3: v = byte_read(rtc, rtc->regs.upper_index | 0x80); break;
    }
    TRACE(rtc_read, "port=%u index=%#x value=%#x", (unsigned)offset, rtc->regs.index, v);
    return v;
}

static void rtc_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct rtc *rtc = container_of(dev, struct rtc, dev);
    uint8_t v = (uint8_t)value;

    (void)size;
    switch (offset) {
    case 0:
        rtc->regs.index = v & 0x7f;
        rtc->regs.nmi_mask = v >> 7;
        break;
    case 1: byte_write(rtc, rtc->regs.index, v); break;
    case 2: rtc->regs.upper_index = v & 0x7f; break;
    case 3: byte_write(rtc, rtc->regs.upper_index | 0x80, v); break;
    }
}

/* The battery keeps time and memory; a reset takes only the interrupts. */
static void rtc_reset(struct dev *dev)
{
    struct rtc *rtc = container_of(dev, struct rtc, dev);

    rtc_sync(rtc);
    rtc->regs.cmos[B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    rtc->regs.cmos[C] = 0;
    rtc->regs.index = rtc->regs.upper_index = rtc->regs.nmi_mask = 0;
    rtc_update_line(rtc);
    rtc_arm(rtc);
}

static void rtc_loaded(struct dev *dev)
{
    struct rtc *rtc = container_of(dev, struct rtc, dev);

    rtc->regs.index &= 0x7f;
    rtc->regs.upper_index &= 0x7f;
    rtc_update_line(rtc);
    rtc_arm(rtc);
}

static int rtc_init(struct dev *dev, struct error *err)
{
    struct rtc *rtc = container_of(dev, struct rtc, dev);

    (void)err;
    timer_init(&rtc->timer, dev_clock(dev), rtc_timer, rtc, &dev->lock);
    rtc->regs.cmos[A] = A_DV_32K | 6; /* 1024 Hz, as firmware leaves it */
    rtc->regs.cmos[B] = B_24H;
    rtc->regs.cmos[D] = 0x80; /* the battery is good */
    rtc->regs.last_second = floor_div(rtc_ns(rtc), NS_PER_S);
    return 0;
}

static void rtc_fini(struct dev *dev)
{
    timer_cancel(&container_of(dev, struct rtc, dev)->timer);
}

static void cmos_set16(struct rtc_regs *r, unsigned index, uint64_t v)
{
    r->cmos[index] = (uint8_t)v;
    r->cmos[index + 1] = (uint8_t)(v >> 8);
}

void rtc_mc146818_set_cmos(struct dev *dev, uint8_t index, uint8_t value)
{
    if (index > D && index != CENTURY)
        container_of(dev, struct rtc, dev)->regs.cmos[index] = value;
}

void rtc_mc146818_configure(struct dev *dev, uint64_t below, uint64_t above)
{
    struct rtc_regs *r = &container_of(dev, struct rtc, dev)->regs;
    uint64_t kib = below >> 10;
    uint64_t ext = kib > 1024 ? kib - 1024 : 0, ext16 = kib > 16384 ? (kib - 16384) / 64 : 0;
    uint16_t sum = 0;

    cmos_set16(r, 0x15, MIN(kib, 640));
    cmos_set16(r, 0x17, MIN(ext, 65535));
    cmos_set16(r, 0x30, MIN(ext, 65535));
    cmos_set16(r, 0x34, MIN(ext16, 65535)); /* 64-KiB pieces above 16 MiB */
    r->cmos[0x5b] = (uint8_t)(above >> 16); /* and above 4 GiB */
    r->cmos[0x5c] = (uint8_t)(above >> 24);
    r->cmos[0x5d] = (uint8_t)(above >> 32);
    r->cmos[0x14] = 0x06; /* equipment: coprocessor, pointing device */
    for (unsigned i = 0x10; i <= 0x2d; i++)
        sum = (uint16_t)(sum + r->cmos[i]);
    r->cmos[0x2e] = (uint8_t)(sum >> 8);
    r->cmos[0x2f] = (uint8_t)sum;
}

static const struct window_ops rtc_ops = {rtc_read, rtc_write, 1, 1};
static const struct dev_window_desc rtc_windows[] = {{"ports", 4, &rtc_ops}, {0}};
static const char *const rtc_lines[] = {"irq", NULL};
static const struct dev_counter rtc_counters[] = {{"irqs", offsetof(struct rtc, n_irqs)}, {0}};

const struct dev_type rtc_mc146818_type = {
    .name = "rtc_mc146818",
    .help = "real-time clock and CMOS memory",
    .size = sizeof(struct rtc),
    .regs = offsetof(struct rtc, regs),
    .state = &rtc_state,
    .windows = rtc_windows,
    .lines = rtc_lines,
    .counters = rtc_counters,
    .init = rtc_init,
    .fini = rtc_fini,
    .reset = rtc_reset,
    .loaded = rtc_loaded,
};
