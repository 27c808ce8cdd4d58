/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loader script of the ACPI tables, run as firmware runs it [FWCFG], on what comes out of the
 * fw_cfg device's ports: afterwards each table is where a pointer says, and its bytes sum to zero.
 */
#include "board/acpi_files.h"

#include "base/endian.h"
#include "dev/fw_cfg.h"
#include "unit/dev/fake.h"

#define TABLES_AT UINT32_C(0x1ffe0000)

static struct fake f;

struct file {
    uint8_t data[0x10000];
    size_t size;
};
static struct file rsdp, tables, script;

static unsigned pirq_of(uint8_t devfn, unsigned pin)
{
    return ((devfn >> 3) + pin - 1) & 7;
}

static void get(uint16_t key, void *to, size_t len)
{
    bus_write(&f.m.ports, 0x510, 2, key);
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = INB(&f, 0x511);
}

static void read_file(const char *name, struct file *to)
{
    uint8_t dir[4 + 64 * 8];

    get(FW_CFG_KEY_FILE_DIR, dir, sizeof(dir));
    for (unsigned i = 0; i < ld_be32(dir); i++) {
        const uint8_t *e = dir + 4 + 64 * (size_t)i;
        if (strcmp((const char *)e + 8, name))
            continue;
        to->size = ld_be32(e);
        assert_in_range(to->size, 1, sizeof(to->data));
        get(ld_be16(e + 4), to->data, to->size);
        return;
    }
    fail_msg("no file %s", name);
}

static struct file *named(const uint8_t *name)
{
    if (!strcmp((const char *)name, "etc/acpi/rsdp"))
        return &rsdp;
    assert_string_equal((const char *)name, "etc/acpi/tables");
    return &tables;
}

static uint8_t sum(const uint8_t *p, size_t n)
{
    uint8_t s = 0;

    while (n--)
        s = (uint8_t)(s + *p++);
    return s;
}

static void run_command(const uint8_t *c)
{
    struct file *file = named(c + 4);
    uint32_t at = ld_le32(c + 60), start = ld_le32(c + 64), len = ld_le32(c + 68);

    switch (ld_le32(c)) {
    case 1: break; /* the tables go to TABLES_AT */
    case 2:
        at = ld_le32(c + 116);
        assert_string_equal((const char *)c + 60, "etc/acpi/tables");
        assert_true(at + c[120] <= file->size);
        if (c[120] == 8)
            st_le64(file->data + at, ld_le64(file->data + at) + TABLES_AT);
        else
            st_le32(file->data + at, ld_le32(file->data + at) + TABLES_AT);
        break;
    case 3:
        assert_true(start + len <= file->size && at < file->size);
        file->data[at] = (uint8_t)(file->data[at] - sum(file->data + start, len));
        break;
    default: fail_msg("command %u", ld_le32(c));
    }
}

static const uint8_t *table(uint64_t at, const char *signature)
{
    assert_in_range(at, TABLES_AT, TABLES_AT + tables.size - 36);
    const uint8_t *p = tables.data + (at - TABLES_AT);
    assert_memory_equal(p, signature, 4);
    if (strcmp(signature, "FACS"))
        assert_int_equal(sum(p, ld_le32(p + 4)), 0);
    else
        assert_int_equal(at % 64, 0);
    return p;
}

static void script_links_tables(void **state)
{
    static const struct acpi_config c = {.cpus = 3,
                                         .pm_base = 0x600,
                                         .ioapic = 0xfec00000,
                                         .lapic = 0xfee00000,
                                         .hpet = 0xfed00000,
                                         .ecam = 0xb0000000,
                                         .pirq_of = pirq_of};
    static const char *const order[] = {"FACP", "APIC", "HPET", "MCFG"};
    struct error err = {0};

    (void)state;
    fake_init(&f);
    struct dev *fw = fake_dev(&f, &fw_cfg_type, 0);
    dev_map(fw, FW_CFG_WIN_PORTS, &f.m.ports, 0x510);
    assert_int_equal(acpi_files_put(fw, &c, &err), 0);
    read_file("etc/acpi/rsdp", &rsdp);
    read_file("etc/acpi/tables", &tables);
    read_file("etc/table-loader", &script);
    assert_int_equal(script.size % 128, 0);
    for (size_t at = 0; at < script.size; at += 128)
        run_command(script.data + at);
    assert_memory_equal(rsdp.data, "RSD PTR ", 8);
    assert_int_equal(sum(rsdp.data, 20), 0);
    assert_int_equal(sum(rsdp.data, 36), 0);
    const uint8_t *x = table(ld_le64(rsdp.data + 24), "XSDT");
    assert_int_equal(ld_le32(x + 4), 36 + 8 * ARRAY_LEN(order));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        table(ld_le64(x + 36 + 8 * i), order[i]);
    const uint8_t *r = table(ld_le32(rsdp.data + 16), "RSDT");
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_int_equal(ld_le32(r + 36 + 4 * i), ld_le64(x + 36 + 8 * i));
    const uint8_t *fadt = table(ld_le64(x + 36), "FACP");
    table(ld_le32(fadt + 36), "FACS");
    table(ld_le64(fadt + 132), "FACS");
    table(ld_le32(fadt + 40), "DSDT");
    table(ld_le64(fadt + 140), "DSDT");
    fake_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(script_links_tables)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
