/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * aml: writes ACPI Machine Language [ACPI 20] into a buffer: names, packages, devices, methods,
 * resource templates. Blocks nest: every *_begin has its aml_end(), which fills in the length.
 *
 * Paths are written as in ASL: "\\_SB_.PCI0", "COM1" (segments are padded with "_").
 * A buffer that is too small sets `full`; the text is then useless.
 */
#ifndef QUAD_BOARD_AML_H
#define QUAD_BOARD_AML_H

#include "base/base.h"

#define AML_DEPTH_MAX 16

struct aml {
    uint8_t *buf;
    size_t size, n;
    bool full;
    struct {
        size_t start; /* where the length goes */
        bool resources;
    } open[AML_DEPTH_MAX];
    unsigned depth;
};

void aml_init(struct aml *a, uint8_t *buf, size_t size);

void aml_scope_begin(struct aml *a, const char *path);
void aml_device_begin(struct aml *a, const char *path);
void aml_method_begin(struct aml *a, const char *path, unsigned args);
void aml_package_begin(struct aml *a, unsigned elements);
void aml_if_begin(struct aml *a); /* its predicate follows, then its body */
void aml_else_begin(struct aml *a);
void aml_while_begin(struct aml *a); /* likewise */
/* Fields of an operation region: aml_field() and aml_gap() follow. */
void aml_field_begin(struct aml *a, const char *region, uint8_t flags);
void aml_end(struct aml *a);

void aml_name(struct aml *a, const char *path); /* Name (path, what follows) */
void aml_path(struct aml *a, const char *path); /* a reference */
void aml_int(struct aml *a, uint64_t v);
void aml_string(struct aml *a, const char *s);
void aml_eisaid(struct aml *a, const char *id); /* "PNP0A08" */
/* An operator; its operands follow: (what), (source, target), (object, value), (a, b). */
enum aml_op { AML_RETURN = 0xa4, AML_STORE = 0x70, AML_NOTIFY = 0x86, AML_EQUAL = 0x93 };
void aml_op(struct aml *a, enum aml_op op);
void aml_local(struct aml *a, unsigned n);
void aml_arg(struct aml *a, unsigned n);
void aml_bytes(struct aml *a, const uint8_t *bytes, uint8_t len); /* a buffer */

/* Flags of a field list [ACPI 20.2.5.2]: width of an access; bits that are not named are written 0. */
enum { AML_ACC_BYTE = 1, AML_ACC_DWORD = 3, AML_WRITE_ZEROS = 0x40 };
void aml_io_region(struct aml *a, const char *name, uint16_t port, uint8_t len);
void aml_field(struct aml *a, const char *name, unsigned bits);
void aml_gap(struct aml *a, unsigned bits);
void aml_mutex(struct aml *a, const char *name);
void aml_acquire(struct aml *a, const char *name); /* waits for ever */
void aml_release(struct aml *a, const char *name);

void aml_name_int(struct aml *a, const char *path, uint64_t v);

/* A resource template [ACPI 6.4] as a buffer. */
void aml_resources_begin(struct aml *a);
void aml_io(struct aml *a, uint16_t base, uint8_t len);
void aml_irq(struct aml *a, unsigned irq); /* edge, active high, exclusive */
void aml_memory32(struct aml *a, uint32_t base, uint32_t len, bool writable);
/* Windows that a bridge passes on: [min, max]. */
void aml_bus_window(struct aml *a, uint16_t min, uint16_t max);
void aml_io_window(struct aml *a, uint16_t min, uint16_t max);
void aml_memory_window32(struct aml *a, uint32_t min, uint32_t max);
void aml_memory_window64(struct aml *a, uint64_t min, uint64_t max);

#endif
