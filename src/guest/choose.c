/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/choose.h"

#include <stdio.h>

#include "arch/x86/model.h"
#include "config/guest_config.h"
#include "guest/vm.h"
#include "registry/registry.h"

static int no_such(const char *name, struct error *err)
{
    char all[128] = "";

    for (size_t i = 0; x86_models[i]; i++)
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
                 x86_models[i]->name);
    return fail(err, EINVAL, "--cpu-model: no model is called \"%s\"; try: %s", name, all);
}

/* Can every engine that works here be this processor? */
static bool all_offer(const struct x86_model *model)
{
    for (size_t i = 0; registry_engines[i]; i++) {
        const struct engine_type *e = registry_engines[i];
        struct engine_caps caps = {0};
        struct error ignored;
        if (e->offers && !e->probe(&caps, &ignored) && e->offers(model, &ignored))
            return false;
    }
    return true;
}

static const struct x86_model *strongest(void)
{
    const struct x86_model *most = x86_model_default();
    size_t i = 0;

    while (x86_models[i] && x86_models[i] != most)
        i++;
    while (i && !all_offer(x86_models[i]))
        i--;
    return x86_models[i];
}

int choose_model(struct vm *vm, const struct engine_type *engine, struct error *err)
{
    const char *name = vm->config->cpu_model;
    const struct x86_model *model = name ? x86_model_find(name) : strongest();
    int rc;

    if (!model)
        return no_such(name, err);
    rc = engine->offers ? engine->offers(model, err) : 0;
    if (rc)
        return error_prefix(err, "engine %s", engine->name);
    vm->machine.cpu_model = model;
    vm->model_name = model->version;
    vm->model_reason = name ? "asked for" : "what this host could run natively too";
    return 0;
}

uint64_t choose_tsc_khz(uint64_t otherwise)
{
    for (size_t i = 0; registry_engines[i]; i++) {
        struct engine_caps caps = {0};
        struct error ignored;
        if (!registry_engines[i]->probe(&caps, &ignored) && caps.tsc_khz)
            return caps.tsc_khz;
    }
    return otherwise;
}
