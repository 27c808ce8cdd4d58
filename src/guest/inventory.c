/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/inventory.h"

#include "arch/x86/model.h"
#include "board/board.h"
#include "core/dev.h"
#include "core/engine.h"
#include "registry/registry.h"

const char inventory_kinds[] = "engines, boards, devices, models";

#define PRINT(list, out)               \
    for (size_t i = 0; (list)[i]; i++) \
    fprintf(out, "  %-18s %s\n", (list)[i]->name, (list)[i]->help ? (list)[i]->help : "")

bool inventory_print(const char *kind, FILE *out)
{
    static const char *const kinds[] = {"engines", "boards", "devices", "models"};
    bool found = false;

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        if (kind && strcmp(kind, kinds[k]))
            continue;
        found = true;
        fprintf(out, "%s:\n", kinds[k]);
        switch (k) {
        case 0: PRINT(registry_engines, out); break;
        case 1: PRINT(registry_boards, out); break;
        case 2: PRINT(registry_devices, out); break;
        default: PRINT(x86_models, out);
        }
    }
    return found;
}
