/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ACPI tables: found from the root pointer as an operating system finds them, checksums, and iasl
 * as judge: every table disassembles, and the DSDT compiles again without a word.
 */
#include "board/acpi.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "board/aml.h"
#include "lib/test.h"

#define BASE 0xe0000u

static unsigned pirq_of(uint8_t devfn, unsigned pin)
{
    return ((devfn >> 3) + pin - 1) & 7;
}

static struct acpi_config config(unsigned cpus)
{
    return (struct acpi_config){
        .cpus = cpus,
        .cpus_present = 1,
        .cpu_hotplug = cpus > 1 ? 0xcd8 : 0,
        .pm_base = 0x600,
        .smi_cmd = 0xb2,
        .acpi_enable = 2,
        .acpi_disable = 3,
        .gpe0_len = 16,
        .sci_irq = 9,
        .slp_typ_s5 = 7,
        .ioapic = 0xfec00000,
        .lapic = 0xfee00000,
        .hpet = 0xfed00000,
        .ecam = 0xb0000000,
        .hpet_block_id = 0x8086a201,
        .pci_start = 0xc0000000,
        .pci_end = 0xfec00000,
        .pci64_start = UINT64_C(0x800000000),
        .pci64_end = UINT64_C(0x1000000000),
        .ram_low = 512u << 20,
        .hot = cpus > 1 ? UINT64_C(4) << 30 : 1u << 30,
        .hot_size = 512u << 20,
        .pvpanic = 0x505,
        .fw_cfg = 0x510,
        .generation = 0xfedf0000,
        .generation_event = 5,
        .serials = 2,
        .pirq_irq = {10, 10, 11, 11, 10, 10, 11, 11},
        .pirq_of = pirq_of,
    };
}

static uint8_t sum(const uint8_t *p, size_t n)
{
    uint8_t s = 0;

    while (n--)
        s = (uint8_t)(s + *p++);
    return s;
}

static const uint8_t *table_at(const uint8_t *buf, size_t used, uint64_t gpa)
{
    assert_in_range(gpa, BASE, BASE + used - 36);
    const uint8_t *t = buf + (gpa - BASE);
    assert_in_range(ld_le32(t + 4), 36, used - (gpa - BASE));
    assert_int_equal(sum(t, ld_le32(t + 4)), 0);
    return t;
}

static void run(const char *what, const char *cmd)
{
    int rc = system(cmd);

    if (rc)
        fail_msg("%s: %s: exit %d", what, cmd, rc);
}

/* Disassemble; compile again: an error, or a warning about what the writer made, fails. */
static void judge(const char *dir, const uint8_t *t)
{
    auto_free char *sig = xasprintf("%.4s", (const char *)t);
    auto_free char *path = xasprintf("%s/%s.aml", dir, sig);
    auto_free char *dis = xasprintf("cd %s && iasl -d %s.aml >%s.log 2>&1", dir, sig, sig);
    auto_free char *asl = xasprintf("cd %s && iasl -we -p again %s.dsl >%s.log 2>&1 && "
                                    "grep -q '0 Errors, 0 Warnings' %s.log || "
                                    "{ cat %s.log; false; }",
                                    dir, sig, sig, sig, sig);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(t, 1, ld_le32(t + 4), f), ld_le32(t + 4));
    fclose(f);
    run(sig, dis);
    if (!memcmp(t, "DSDT", 4))
        run(sig, asl);
}

static void tables_are_what_iasl_expects(void **state)
{
    static const unsigned cpus[] = {1, 4, 64};
    char dir[] = "/tmp/quad-acpi-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t k = 0; k < ARRAY_LEN(cpus); k++) {
        static uint8_t buf[0x10000];
        uint8_t facs[ACPI_FACS_SIZE];
        struct acpi_config c = config(cpus[k]);
        struct acpi_place place = {.tables = BASE, .facs = 0x9f000};
        struct error err = {0};
        size_t used = 0;

        assert_int_equal(acpi_build(&c, &place, buf, sizeof(buf), &used, facs, &err), 0);
        assert_memory_equal(buf, "RSD PTR ", 8);
        assert_int_equal(sum(buf, 20), 0);
        assert_int_equal(sum(buf, 36), 0);
        const uint8_t *xsdt = table_at(buf, used, ld_le64(buf + 24));
        size_t n = (ld_le32(xsdt + 4) - 36) / 8;
        assert_int_equal(n, cpus[k] > 1 ? 5 : 4);
        for (size_t i = 0; i < n; i++)
            judge(dir, table_at(buf, used, ld_le64(xsdt + 36 + 8 * i)));
        const uint8_t *fadt = table_at(buf, used, ld_le64(xsdt + 36));
        assert_memory_equal(fadt, "FACP", 4);
        judge(dir, table_at(buf, used, ld_le64(fadt + 140)));
    }
    auto_free char *rm = xasprintf("rm -rf %s", dir);
    run("rm", rm);
}

static void no_room_is_an_error(void **state)
{
    uint8_t buf[4096], facs[ACPI_FACS_SIZE];
    struct acpi_config c = config(64);
    struct acpi_place place = {.tables = BASE, .facs = 0x9f000};

    (void)state;
    for (size_t size = 0; size < sizeof(buf); size += 61) {
        struct error err = {0};
        size_t used;
        assert_int_equal(acpi_build(&c, &place, buf, size, &used, facs, &err), -ENOSPC);
    }
}

static void lengths_of_blocks(void **state)
{
    static uint8_t buf[8192];
    static const size_t names[] = {1, 9, 10, 11, 600, 700};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        struct aml a;
        aml_init(&a, buf, sizeof(buf));
        aml_scope_begin(&a, "\\_SB");
        for (size_t i = 0; i < names[k]; i++)
            aml_name_int(&a, "ABCD", 0);
        aml_end(&a);
        assert_false(a.full);
        /* The length, decoded as the specification says, ends at the end. */
        unsigned more = buf[1] >> 6;
        size_t len = more ? buf[1] & 0xf : buf[1] & 0x3f;
        for (unsigned i = 0; i < more; i++)
            len |= (size_t)buf[2 + i] << (4 + 8 * i);
        assert_int_equal(len, a.n - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_what_iasl_expects),
        cmocka_unit_test(no_room_is_an_error),
        cmocka_unit_test(lengths_of_blocks),
    };

    if (system("command -v iasl >/dev/null 2>&1"))
        test_skip("iasl is missing (package acpica-tools)");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
