/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Not there: S3 and S4, C-states beyond C1, PCI hot-plug, thermal zones, batteries, EC.
 */
#include "board/acpi.h"

#include <stdio.h>

#include "base/endian.h"
#include "board/acpi_dsdt.h"

#define HEADER 36 /* of a system description table [ACPI 5.2.6] */

struct tables {
    uint8_t *buf;
    uint64_t base;
    size_t size, n;
    bool full;
};

static uint8_t checksum(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;

    while (n--)
        sum = (uint8_t)(sum + *p++);
    return (uint8_t)-sum;
}

/* Room for a table of `len` bytes, zeroed, header filled but for the checksum; NULL: full. */
static uint8_t *table_begin(struct tables *t, const char *sig, unsigned revision, size_t len)
{
    size_t at = ALIGN_UP(t->n, (size_t)16);

    if (at > t->size || len > t->size - at) {
        t->full = true;
        return NULL;
    }
    uint8_t *p = t->buf + at;
    memset(t->buf + t->n, 0, at + len - t->n);
    t->n = at + len;
    memcpy(p, sig, 4);
    st_le32(p + 4, (uint32_t)len);
    p[8] = (uint8_t)revision;
    memcpy(p + 10, "QUADRI", 6);
    memcpy(p + 16, "QUADPC1 ", 8);
    st_le32(p + 24, 1);
    memcpy(p + 28, "QUAD", 4);
    st_le32(p + 32, 1);
    return p;
}

static uint64_t table_end(struct tables *t, uint8_t *p)
{
    p[9] = checksum(p, ld_le32(p + 4));
    return t->base + (uint64_t)(p - t->buf);
}

/* Generic address structure [ACPI 5.2.3.2] in I/O space. */
static void put_gas(uint8_t *p, uint64_t port, unsigned bytes)
{
    p[0] = 1;
    p[1] = (uint8_t)(8 * bytes);
    p[3] = (uint8_t)(bytes == 1 ? 1 : bytes == 2 ? 2 : 3);
    st_le64(p + 4, port);
}

/* [ACPI 5.2.9], revision 4. */
static uint64_t put_fadt(struct tables *t, const struct acpi_config *c, uint64_t dsdt,
                         uint64_t facs)
{
    enum {
        F_WBINVD = 1 << 0,
        F_PROC_C1 = 1 << 2,
        F_FIX_RTC = 1 << 6,
        F_TMR_VAL_EXT = 1 << 8,
        F_RESET_REG_SUP = 1 << 10
    };
    enum { ARCH_LEGACY = 1 << 0, ARCH_8042 = 1 << 1, ARCH_NO_VGA = 1 << 2, ARCH_NO_RTC = 1 << 5 };
    uint8_t *p = table_begin(t, "FACP", 4, 244);

    if (!p)
        return 0;
    st_le32(p + 36, (uint32_t)facs);
    st_le32(p + 40, (uint32_t)dsdt);
    st_le16(p + 46, c->sci_irq);
    st_le32(p + 48, c->smi_cmd);
    p[52] = c->acpi_enable;
    p[53] = c->acpi_disable;
    st_le32(p + 56, c->pm_base);
    st_le32(p + 64, c->pm_base + 4u);
    st_le32(p + 76, c->pm_base + 8u);
    st_le32(p + 80, c->pm_base + 0x20u);
    p[88] = 4; /* PM1 event, control, timer, GPE0 block lengths */
    p[89] = 2;
    p[91] = 4;
    p[92] = c->gpe0_len;
    st_le16(p + 96, 0xfff); /* no C2, no C3 */
    st_le16(p + 98, 0xfff);
    p[108] = c->no_legacy ? 0 : 0x32; /* century in CMOS */
    st_le16(p + 109, (c->no_legacy ? ARCH_NO_RTC : ARCH_LEGACY | ARCH_8042) |
                         (c->screen ? 0 : ARCH_NO_VGA));
    st_le32(p + 112, F_WBINVD | F_PROC_C1 | F_FIX_RTC | F_TMR_VAL_EXT | F_RESET_REG_SUP);
    put_gas(p + 116, 0xcf9, 1);
    p[128] = 0x0e; /* full reset */
    st_le64(p + 132, facs);
    st_le64(p + 140, dsdt);
    put_gas(p + 148, c->pm_base, 4);
    put_gas(p + 172, c->pm_base + 4u, 2);
    put_gas(p + 208, c->pm_base + 8u, 4);
    put_gas(p + 220, c->pm_base + 0x20u, 1);
    p[221] = (uint8_t)(8 * c->gpe0_len);
    return table_end(t, p);
}

/* Interrupt source override [ACPI 5.2.12.5]; flags 0: as on the ISA bus, 0xd: level, high. */
static uint8_t *put_override(uint8_t *p, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    p[0] = 2;
    p[1] = 10;
    p[3] = irq;
    st_le32(p + 4, gsi);
    st_le16(p + 8, flags);
    return p + 10;
}

/* ISA interrupts that are level-triggered: the SCI and those that the PIRQs may end in. */
static unsigned level_irqs(const struct acpi_config *c)
{
    unsigned mask = 1u << c->sci_irq;

    for (unsigned i = 0; i < 8; i++)
        if (c->pirq_irq[i] < 16)
            mask |= 1u << c->pirq_irq[i];
    return mask;
}

/* [ACPI 5.2.12], revision 3. */
static uint64_t put_madt(struct tables *t, const struct acpi_config *c)
{
    unsigned level = level_irqs(c);
    size_t len =
        HEADER + 8 + 8 * (size_t)c->cpus + 12 + 6 + 10 * (size_t)(1 + __builtin_popcount(level));
    uint8_t *start = table_begin(t, "APIC", 3, len), *p = start;

    if (!p)
        return 0;
    st_le32(p + 36, c->lapic);
    st_le32(p + 40, !c->no_legacy); /* there are 8259s too */
    p += 44;
    for (unsigned i = 0; i < c->cpus; i++, p += 8) {
        p[0] = 0; /* local APIC */
        p[1] = 8;
        p[2] = p[3] = (uint8_t)i;
        st_le32(p + 4, c->cpus_present >> i & 1);
    }
    p[0] = 1; /* I/O APIC 0, inputs from 0 */
    p[1] = 12;
    st_le32(p + 4, c->ioapic);
    p = put_override(p + 12, 0, 2, 0);
    for (uint8_t irq = 0; irq < 16; irq++)
        if (level >> irq & 1)
            p = put_override(p, irq, irq, 0x000d);
    p[0] = 4; /* NMI at LINT1 of all processors */
    p[1] = 6;
    p[2] = 0xff;
    p[5] = 1;
    return table_end(t, start);
}

/* [HPET 3.2.4] */
static uint64_t put_hpet(struct tables *t, const struct acpi_config *c)
{
    uint8_t *p = c->hpet ? table_begin(t, "HPET", 1, 56) : NULL;

    if (!p)
        return 0;
    st_le32(p + 36, c->hpet_block_id);
    p[41] = 64;
    st_le64(p + 44, c->hpet);
    return table_end(t, p);
}

/* [PCIFW 4.1.2] */
static uint64_t put_mcfg(struct tables *t, const struct acpi_config *c)
{
    uint8_t *p = c->ecam ? table_begin(t, "MCFG", 1, 60) : NULL;

    if (!p)
        return 0;
    st_le64(p + 44, c->ecam);
    p[55] = 0xff;
    return table_end(t, p);
}

static uint8_t *put_memory(uint8_t *p, uint64_t start, uint64_t size, uint32_t flags)
{
    p[0] = 1; /* memory affinity */
    p[1] = 40;
    st_le64(p + 8, start);
    st_le64(p + 16, size);
    st_le32(p + 28, flags);
    return p + 40;
}

/* [ACPI 5.2.16]: one domain, where memory may come above 4 GiB: a system must know of that in time (for
 * devices that do not reach it). */
static uint64_t put_srat(struct tables *t, const struct acpi_config *c)
{
    enum { ENABLED = 1, HOT = 2 };
    size_t len = HEADER + 12 + 16 * (size_t)c->cpus + 40 * (size_t)(2 + (c->ram_high != 0));
    uint8_t *start = c->hot >= UINT64_C(1) << 32 ? table_begin(t, "SRAT", 1, len) : NULL, *p = start;

    if (!p)
        return 0;
    st_le32(p + 36, 1);
    p += HEADER + 12;
    for (unsigned i = 0; i < c->cpus; i++, p += 16) {
        p[0] = 0; /* local APIC affinity */
        p[1] = 16;
        p[3] = (uint8_t)i;
        st_le32(p + 4, ENABLED);
    }
    p = put_memory(p, 0, c->ram_low, ENABLED);
    if (c->ram_high)
        p = put_memory(p, UINT64_C(1) << 32, c->ram_high, ENABLED);
    put_memory(p, c->hot, c->hot_size, ENABLED | HOT);
    return table_end(t, start);
}

static uint64_t put_dsdt(struct tables *t, const struct acpi_config *c)
{
    uint8_t *p = table_begin(t, "DSDT", 2, HEADER);
    size_t len;

    if (!p)
        return 0;
    if (!acpi_dsdt(c, p + HEADER, t->size - t->n, &len)) {
        t->full = true;
        return 0;
    }
    t->n += len;
    st_le32(p + 4, (uint32_t)(HEADER + len));
    return table_end(t, p);
}

static uint64_t put_xsdt(struct tables *t, const uint64_t *tables, unsigned n)
{
    uint8_t *p = table_begin(t, "XSDT", 1, HEADER + 8 * (size_t)n);

    if (!p)
        return 0;
    for (unsigned i = 0; i < n; i++)
        st_le64(p + HEADER + 8 * (size_t)i, tables[i]);
    return table_end(t, p);
}

/* The same with 32-bit addresses, for who knows no other (GRUB, systems of ACPI 1.0). */
static uint64_t put_rsdt(struct tables *t, const uint64_t *tables, unsigned n)
{
    uint8_t *p = table_begin(t, "RSDT", 1, HEADER + 4 * (size_t)n);

    if (!p)
        return 0;
    for (unsigned i = 0; i < n; i++)
        st_le32(p + HEADER + 4 * (size_t)i, (uint32_t)tables[i]);
    return table_end(t, p);
}

/* [ACPI 5.2.5.3], revision 2; 36 bytes at the start of the area. */
static void put_rsdp(uint8_t *p, uint64_t rsdt, uint64_t xsdt)
{
    memcpy(p, "RSD PTR ", 8);
    memcpy(p + 9, "QUADRI", 6);
    p[15] = 2;
    st_le32(p + 16, (uint32_t)rsdt);
    st_le32(p + 20, 36);
    st_le64(p + 24, xsdt);
    p[8] = checksum(p, 20);
    p[32] = checksum(p, 36);
}

int acpi_build(const struct acpi_config *c, const struct acpi_place *place, uint8_t *buf,
               size_t size, size_t *used, uint8_t facs[ACPI_FACS_SIZE], struct error *err)
{
    struct tables t = {.buf = buf, .base = place->tables, .size = size, .n = 48};
    uint64_t list[5];
    unsigned n = 0;

    if (size < 48)
        return fail(err, ENOSPC, "ACPI tables: no room");
    memset(buf, 0, 48);
    memset(facs, 0, ACPI_FACS_SIZE);
    memcpy(facs, "FACS", 4);
    st_le32(facs + 4, ACPI_FACS_SIZE);
    facs[32] = 1;
    uint64_t dsdt = put_dsdt(&t, c);
    list[n++] = put_fadt(&t, c, dsdt, place->facs);
    list[n++] = put_madt(&t, c);
    list[n] = put_hpet(&t, c);
    n += list[n] != 0;
    list[n] = put_mcfg(&t, c);
    n += list[n] != 0;
    list[n] = put_srat(&t, c);
    n += list[n] != 0;
    uint64_t xsdt = put_xsdt(&t, list, n), rsdt = put_rsdt(&t, list, n);
    if (t.full)
        return fail(err, ENOSPC, "ACPI tables for %u processors do not fit into %zu bytes", c->cpus,
                    size);
    put_rsdp(buf, rsdt, xsdt);
    *used = t.n;
    return 0;
}
