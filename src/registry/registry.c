/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/registry.h"

#include <stdio.h>

#include "base/opt.h"
#include "block/disk.h"
#include "board/board.h"
#include "core/arch.h"
#include "core/dev.h"
#include "core/engine.h"
#include "core/way.h"

#define WAY(x) extern const struct way way_##x;
#include "registry/ways.def"
#undef WAY
#define ENGINE(x) extern const struct engine_type x##_engine;
#include "registry/engines.def"
#undef ENGINE
#define ARCH(x) extern const struct arch x##_arch;
#include "registry/arches.def"
#undef ARCH
#define BOARD(x) extern const struct board_type board_##x;
#include "registry/boards.def"
#undef BOARD
#define DEVICE(x) extern const struct dev_type x##_type;
#include "registry/devices.def"
#undef DEVICE
#define DISK(x) extern const struct disk_format x##_disk;
#include "registry/disks.def"
#undef DISK

const struct way *const registry_ways[] = {
#define WAY(x) &way_##x,
#include "registry/ways.def"
#undef WAY
    NULL,
};

const struct engine_type *const registry_engines[] = {
#define ENGINE(x) &x##_engine,
#include "registry/engines.def"
#undef ENGINE
    NULL,
};

const struct arch *const registry_arches[] = {
#define ARCH(x) &x##_arch,
#include "registry/arches.def"
#undef ARCH
    NULL,
};

const struct board_type *const registry_boards[] = {
#define BOARD(x) &board_##x,
#include "registry/boards.def"
#undef BOARD
    NULL,
};

const struct dev_type *const registry_devices[] = {
#define DEVICE(x) &x##_type,
#include "registry/devices.def"
#undef DEVICE
    NULL,
};

const struct disk_format *const registry_disks[] = {
#define DISK(x) &x##_disk,
#include "registry/disks.def"
#undef DISK
    NULL,
};

/* "no WHAT is called NAME; did you mean NEAR?" or the list of all. */
static int unknown(const char *what, const char *name, const char *const *names, size_t n,
                   struct error *err)
{
    const char *near = opt_nearest(name, names, n);
    char all[256] = "";

    if (near)
        return fail(err, EINVAL, "no %s is called \"%s\"; did you mean %s?", what, name, near);
    for (size_t i = 0; i < n; i++)
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "", names[i]);
    return fail(err, EINVAL, "no %s is called \"%s\"; try: %s", what, name, all);
}

#define FIND(list, what, name, out, err)                     \
    do {                                                     \
        const char *names_[32];                              \
        size_t n_ = 0;                                       \
        for (; (list)[n_] && n_ < ARRAY_LEN(names_); n_++) { \
            names_[n_] = (list)[n_]->name;                   \
            if (!strcmp(names_[n_], name)) {                 \
                *(out) = (list)[n_];                         \
                return 0;                                    \
            }                                                \
        }                                                    \
        return unknown(what, name, names_, n_, err);         \
    } while (0)

int registry_find_way(const char *name, const struct way **out, struct error *err)
{
    FIND(registry_ways, "way", name, out, err);
}

int registry_find_engine(const char *name, const struct engine_type **out, struct error *err)
{
    FIND(registry_engines, "engine", name, out, err);
}

/* Also without its version: the newest, which stands first. */
int registry_find_board(const char *name, const struct board_type **out, struct error *err)
{
    size_t n = strlen(name);

    for (size_t i = 0; registry_boards[i]; i++)
        if (!strncmp(registry_boards[i]->name, name, n) && registry_boards[i]->name[n] == '-') {
            *out = registry_boards[i];
            return 0;
        }
    FIND(registry_boards, "board", name, out, err);
}
