/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * board: who sits at which address on which line. A board fills a machine that was just
 * initialised: memory slots, devices, wires, vCPUs, tables. Its name carries a version; what a
 * guest sees of a version never changes.
 *
 *     type->create(&board, machine, &config, err)   a failure may leave a board to destroy, too
 *     type->load(board, loader, err)     before the first start and after every machine_reset()
 *     type->destroy(board)               after machine_fini(): lines end in the board
 */
#ifndef QUAD_BOARD_BOARD_H
#define QUAD_BOARD_BOARD_H

#include <stdio.h>

#include "base/base.h"
#include "board/memmap.h"

struct blk;
struct board;
struct chr;
struct dev;
struct fb;
struct firmware;
struct loader;
struct machine;
struct net;

#define BOARD_SERIALS 2

struct board_config {
    uint64_t memory; /* bytes, a multiple of 1 MiB */
    uint64_t memory_max; /* with what may come while it runs; 0: the same */
    unsigned cpus, cpus_max; /* to begin with, and all that may ever be (0: the same) */
    uint8_t uuid[16];
    const char *cpu_model;             /* its name, for tables */
    struct chr *serial[BOARD_SERIALS]; /* borrowed; NULL: nothing connected */
    bool screen;                       /* a display adapter */
    bool serial_text;                  /* firmware shows its text on the first serial port too */
    struct chr *debug;                 /* the firmware's own messages; NULL: nowhere */
    const struct firmware *firmware;   /* borrowed; NULL: a kernel is loaded */
    struct blk *firmware_vars;         /* where its variables are kept; NULL: nowhere */
};

/* A drive on a controller that the board has or makes. */
struct board_drive {
    bool ide;    /* else SATA */
    bool cdrom;
    struct blk *blk; /* borrowed */
    const char *serial; /* may be NULL */
};

struct board_type {
    const char *name; /* "pc-1" */
    const char *help;
    const char *way;     /* of which its guests are; NULL: full and native */
    const char *console; /* kernel's name of the first serial port: "ttyS0" */
    int (*create)(struct board **out, struct machine *m, const struct board_config *config,
                  struct error *err);
    /* l is NULL where firmware starts the machine. */
    int (*load)(struct board *b, struct loader *l, struct error *err);
    /* Put a PCI function into the next free slot; before load. NULL: no PCI bus. */
    int (*add_pci)(struct board *b, struct dev *dev, struct error *err);
    /* Before load; ENOSPC when the controller is full. NULL: no such controllers. */
    int (*add_drive)(struct board *b, const struct board_drive *drive, struct error *err);
    /* Boards whose disks and cards are no PCI functions; index: 0 for the first. */
    void (*add_disk)(struct board *b, struct blk *blk, unsigned index);
    void (*add_nic)(struct board *b, struct net *net, const uint8_t mac[6], unsigned index);
    void (*let_go)(struct board *b); /* before machine_fini(): of disks and networks; may be NULL */
    /* What a person sees and does; NULL: the board has no such parts. screen: NULL without adapter. Keys
     * as dev/i8042.h has them; the mouse likewise. Any thread. */
    struct fb *(*screen)(struct board *b);
    void (*key)(struct board *b, unsigned code, bool down);
    void (*mouse)(struct board *b, int dx, int dy, int dz, unsigned buttons);
    void (*power_button)(struct board *b); /* any thread */
    /* The machine is of another generation: it goes on from a saved state. NULL: nobody is told. */
    void (*generation)(struct board *b, const uint8_t id[16]);
    /* Machine stopped: put processors in, or ask the system to let some go. NULL: it cannot. */
    int (*set_cpus)(struct board *b, unsigned n, struct error *err);
    /* Machine stopped: let there be memory for the first `bytes` of map.hot, or more: *usable. NULL:
     * map.hot_size is 0. */
    int (*hot_memory)(struct board *b, uint64_t bytes, uint64_t *usable, struct error *err);
    uint64_t (*console_bytes)(const struct board *b); /* said so far; NULL: count serial0's */
    /* What it has counted: "stats", one "name: value" a line, or "hypercalls"; may be NULL. */
    void (*dump)(struct board *b, const char *what, FILE *out);
    void (*destroy)(struct board *b);      /* NULL is fine */
};

struct board {
    const struct board_type *type;
    struct machine *machine;
    struct memmap map;
};

#endif
