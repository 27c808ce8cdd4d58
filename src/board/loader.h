/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * loader: puts a kernel into a machine without firmware: reads the files, finds out what they are,
 * copies them to guest memory, sets vCPU 0 to the state that the boot protocol asks for.
 *
 *     loader_open(&l, &config, err)            files read and checked, protocol chosen
 *     loader_load(&l, machine, memmap, err)    again after every reset of the machine
 *     loader_close(&l)
 *
 * loader_load writes the canonical state of vCPU 0 (which must be reset); whoever calls it puts
 * the state into the engine, where there is one already.
 */
#ifndef QUAD_BOARD_LOADER_H
#define QUAD_BOARD_LOADER_H

#include "board/blob.h"
#include "board/elf.h"
#include "board/memmap.h"

struct machine;
struct loader;

#define LOADER_MODULES_MAX 16

struct loader_config {
    const char *type;                      /* name of a loader_type, NULL or "auto" */
    const char *kernel, *initrd, *cmdline; /* initrd, cmdline may be NULL */
    const char *const *modules;            /* "FILE ARGUMENTS": multiboot's */
    size_t nmodules;
    uint64_t memory; /* larger files are not even read; 0: no such limit */
};

struct loader_module {
    struct blob blob;
    char *cmdline; /* "FILE ARGUMENTS" as given */
};

struct loader_type {
    const char *name;
    const char *help;
    /* Is the kernel of this kind? May fill l->unpacked and l->elf. */
    bool (*takes)(struct loader *l);
    int (*load)(struct loader *l, struct machine *m, const struct memmap *map, struct error *err);
};

struct loader {
    const struct loader_type *type;
    const char *reason; /* why this type */
    char *kernel_name;
    struct blob kernel;   /* outer compression already removed */
    struct blob unpacked; /* the ELF image out of a bzImage, where somebody asked for it */
    struct elf elf;       /* of kernel or unpacked; .data NULL: none found yet */
    bool elf_tried;
    char *cmdline;                                   /* never NULL */
    struct loader_module module[LOADER_MODULES_MAX]; /* initrd first */
    unsigned nmodules;
};

/* An ELF kernel of the Xen PV interface that nothing else can start. */
bool loader_is_xen_only(const char *kernel);

int loader_open(struct loader *l, const struct loader_config *config, struct error *err);
/* The same from bytes, which are copied (tests, fuzzing). */
int loader_open_bytes(struct loader *l, const char *type, const uint8_t *kernel, size_t size,
                      const char *cmdline, struct error *err);
int loader_add_module(struct loader *l, const uint8_t *data, size_t size, const char *cmdline,
                      struct error *err);
int loader_load(struct loader *l, struct machine *m, const struct memmap *map, struct error *err);
void loader_close(struct loader *l);

/* "auto|linux64|...": for the option table. */
extern const char loader_names[];
extern const struct loader_type *const loader_types[]; /* ends with NULL; `auto` tries in order */

extern const struct loader_type loader_linux64, loader_linux32, loader_linux16, loader_vmlinux,
    loader_pvh, loader_multiboot, loader_multiboot2, loader_xen_pv;

/* Shared by the types: place `size` bytes as high as possible in [floor, limit) of RAM below
 * 4 GiB, on a page boundary; 0 when there is no room. */
uint64_t loader_place(const struct memmap *map, uint64_t floor, uint64_t limit, uint64_t size);

/* The refusal of a machine that is too small. `need` in bytes, rounded up in the text. */
int loader_too_small(const struct memmap *map, uint64_t need, struct error *err);

/* l->elf from the file itself or from a bzImage's payload (unpacked once into l->unpacked). */
int loader_find_elf(struct loader *l, struct error *err);

/* What the guest needs beyond `kernel_end` for a start: its modules, unpacked too, and room to
 * work in. */
uint64_t loader_need(const struct loader *l, uint64_t kernel_end);

#endif
