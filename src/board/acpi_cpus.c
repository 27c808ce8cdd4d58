/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Without hot-plug a processor is a device that is there. With it the table talks to the controller
 * (dev/cpu_hotplug.h) under one mutex:
 *
 *     \_GPE._E02    -> CSCN: as long as a processor has an event, CTFY tells the system of it
 *     Cnnn._STA     -> CSTA    is it there
 *     Cnnn._EJ0     -> CEJC    the system has let go of it
 *     Cnnn._OST     -> COST    what became of a request [ACPI 6.3.5]
 */
#include "board/acpi_cpus.h"

#include <stdio.h>

#include "base/endian.h"

enum { NOTIFY_CHECK = 1, NOTIFY_EJECT = 3 };

static void cpu_name(char name[5], unsigned n)
{
    snprintf(name, 5, "C%03X", n & 0xfff);
}

/* target = value */
static void set(struct aml *a, const char *target, uint64_t value)
{
    aml_op(a, AML_STORE);
    aml_int(a, value);
    aml_path(a, target);
}

static void set_arg(struct aml *a, const char *target, unsigned arg)
{
    aml_op(a, AML_STORE);
    aml_arg(a, arg);
    aml_path(a, target);
}

static void set_local0(struct aml *a, uint64_t value)
{
    aml_op(a, AML_STORE);
    aml_int(a, value);
    aml_local(a, 0);
}

static void put_registers(struct aml *a, const struct acpi_config *c)
{
    aml_mutex(a, "CPLK");
    aml_io_region(a, "PRST", c->cpu_hotplug, 12);
    aml_field_begin(a, "PRST", AML_ACC_BYTE | AML_WRITE_ZEROS);
    aml_gap(a, 32);
    aml_field(a, "CPEN", 1); /* is there */
    aml_field(a, "CINS", 1); /* has come */
    aml_field(a, "CRMV", 1); /* shall go */
    aml_field(a, "CEJ0", 1); /* goes */
    aml_gap(a, 4);
    aml_field(a, "CCMD", 8);
    aml_end(a);
    aml_field_begin(a, "PRST", AML_ACC_DWORD | AML_WRITE_ZEROS);
    aml_field(a, "CSEL", 32);
    aml_gap(a, 32);
    aml_field(a, "CDAT", 32);
    aml_end(a);
}

static void put_access(struct aml *a)
{
    aml_method_begin(a, "CSTA", 1);
    aml_acquire(a, "CPLK");
    set_arg(a, "CSEL", 0);
    set_local0(a, 0);
    aml_if_begin(a);
    aml_path(a, "CPEN");
    set_local0(a, 0xf);
    aml_end(a);
    aml_release(a, "CPLK");
    aml_op(a, AML_RETURN);
    aml_local(a, 0);
    aml_end(a);

    aml_method_begin(a, "CEJC", 1);
    aml_acquire(a, "CPLK");
    set_arg(a, "CSEL", 0);
    set(a, "CEJ0", 1);
    aml_release(a, "CPLK");
    aml_end(a);

    aml_method_begin(a, "COST", 3);
    aml_acquire(a, "CPLK");
    set_arg(a, "CSEL", 0);
    set(a, "CCMD", 1);
    set_arg(a, "CDAT", 1);
    set(a, "CCMD", 2);
    set_arg(a, "CDAT", 2);
    aml_release(a, "CPLK");
    aml_end(a);
}

/* If (flag) { tell the system of the selected processor; the event is answered; go round again } */
static void put_event(struct aml *a, const char *flag, unsigned event)
{
    aml_if_begin(a);
    aml_path(a, flag);
    aml_path(a, "CTFY");
    aml_path(a, "CDAT");
    aml_int(a, event);
    set(a, flag, 1);
    set_local0(a, 1);
    aml_end(a);
}

static void put_scan(struct aml *a, const struct acpi_config *c)
{
    char name[5];

    aml_method_begin(a, "CTFY", 2);
    for (unsigned n = 0; n < c->cpus; n++) {
        cpu_name(name, n);
        aml_if_begin(a);
        aml_op(a, AML_EQUAL);
        aml_arg(a, 0);
        aml_int(a, n);
        aml_op(a, AML_NOTIFY);
        aml_path(a, name);
        aml_arg(a, 1);
        aml_end(a);
    }
    aml_end(a);

    aml_method_begin(a, "CSCN", 0);
    aml_acquire(a, "CPLK");
    set(a, "CSEL", 0);
    set_local0(a, 1);
    aml_while_begin(a);
    aml_local(a, 0);
    set_local0(a, 0);
    set(a, "CCMD", 0);
    put_event(a, "CINS", NOTIFY_CHECK);
    put_event(a, "CRMV", NOTIFY_EJECT);
    aml_end(a);
    aml_release(a, "CPLK");
    aml_end(a);
}

/* Its MADT entry for when it comes: enabled then. */
static void put_mat(struct aml *a, unsigned n)
{
    uint8_t entry[8] = {0, 8, (uint8_t)n, (uint8_t)n};

    st_le32(entry + 4, 1);
    aml_name(a, "_MAT");
    aml_bytes(a, entry, sizeof(entry));
}

static void put_plugged(struct aml *a, unsigned n)
{
    aml_method_begin(a, "_STA", 0);
    aml_op(a, AML_RETURN);
    aml_path(a, "CSTA");
    aml_int(a, n);
    aml_end(a);
    put_mat(a, n);
    if (n) { /* the first one stays */
        aml_method_begin(a, "_EJ0", 1);
        aml_path(a, "CEJC");
        aml_int(a, n);
        aml_end(a);
    }
    aml_method_begin(a, "_OST", 3);
    aml_path(a, "COST");
    aml_int(a, n);
    aml_arg(a, 0);
    aml_arg(a, 1);
    aml_end(a);
}

void acpi_put_cpus(struct aml *a, const struct acpi_config *c)
{
    char name[5];

    if (c->cpu_hotplug) {
        put_registers(a, c);
        put_access(a);
    }
    for (unsigned n = 0; n < c->cpus; n++) {
        cpu_name(name, n);
        aml_device_begin(a, name);
        aml_name(a, "_HID");
        aml_string(a, "ACPI0007");
        aml_name_int(a, "_UID", n);
        if (c->cpu_hotplug)
            put_plugged(a, n);
        else
            aml_name_int(a, "_STA", 0xf);
        aml_end(a);
    }
    if (c->cpu_hotplug)
        put_scan(a, c);
}

void acpi_put_cpu_event(struct aml *a, const struct acpi_config *c)
{
    if (!c->cpu_hotplug)
        return;
    aml_scope_begin(a, "\\_GPE");
    aml_method_begin(a, "_E02", 0);
    aml_path(a, "\\_SB.CSCN");
    aml_end(a);
    aml_end(a);
}
