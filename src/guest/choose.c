/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/choose.h"

#include <stdio.h>

#include "arch/x86/model.h"
#include "board/loader.h"
#include "config/guest_config.h"
#include "core/way.h"
#include "guest/vm.h"
#include "registry/registry.h"

/* Para runs on full's engines: a guest of its own kind, not another way to run code. */
static const char *engine_way(const struct vm *vm)
{
    return strcmp(vm->guest.way, "para") ? vm->guest.way : "full";
}

/* Can the engine run this guest here? */
static int takes(const struct vm *vm, const struct engine_type *e, struct error *err)
{
    const char *name = vm->config->cpu_model;
    const struct x86_model *model = name ? x86_model_find(name) : NULL;
    struct engine_caps caps = {0};
    int rc = e->probe(&caps, err);

    if (!rc && guest_config_deterministic(vm->config) && !caps.deterministic)
        rc = fail(err, ENOTSUP, "engine %s does not know deterministic mode", e->name);
    if (!rc && caps.max_vcpus < guest_config_cpus_max(vm->config))
        rc = fail(err, ENOTSUP, "engine %s has %u vCPUs at most", e->name, caps.max_vcpus);
    if (!rc && model && e->offers && e->offers(model, err))
        rc = error_prefix(err, "engine %s", e->name);
    return rc;
}

int choose_engine(struct vm *vm, const struct engine_type **out, struct error *err)
{
    const char *name = vm->config->engine;
    struct error why = {0};
    int rc;

    if (name) {
        rc = registry_find_engine(name, out, err);
        if (rc)
            return error_prefix(err, "--engine");
        if (strcmp((*out)->way, engine_way(vm)))
            return fail(err, EINVAL, "--engine %s is an engine of mode %s, not of %s", name,
                        (*out)->way, vm->guest.way);
        vm->engine_reason = "asked for";
        return takes(vm, *out, err);
    }
    for (size_t i = 0; registry_engines[i]; i++) {
        if (strcmp(registry_engines[i]->way, engine_way(vm)) || takes(vm, registry_engines[i], &why))
            continue;
        *out = registry_engines[i];
        vm->engine_reason = "the fastest of this mode here";
        return 0;
    }
    return fail(err, ENOTSUP, "no engine for mode %s works here: %s", vm->guest.way,
                why.code ? why.text : "this version has none");
}

/* Some engine of the way takes this guest; ways without engines take whom they take. */
static bool some_engine(const struct vm *vm, const struct way *w)
{
    bool any = false;

    for (size_t i = 0; registry_engines[i]; i++) {
        struct error ignored;
        if (strcmp(registry_engines[i]->way, w->name))
            continue;
        any = true;
        if (!takes(vm, registry_engines[i], &ignored))
            return true;
    }
    return !any;
}

/* An engine that is asked for says the way. */
static int way_of_engine(struct vm *vm, struct error *err)
{
    const struct engine_type *e;
    int rc = registry_find_engine(vm->config->engine, &e, err);

    if (rc)
        return error_prefix(err, "--engine");
    vm->guest.way = e->way;
    vm->way_reason = "its engine was asked for";
    return 0;
}

int choose_way(struct vm *vm, struct error *err)
{
    const struct way *way = NULL;
    bool automatic = !strcmp(vm->config->mode, "auto");
    struct way_report report = {0};

    if (!strcmp(vm->config->mode, "zone"))
        return fail(err, EINVAL, "mode zone runs containers and has no kernel to boot; try: "
                                 "quad-oci --help");
    if (!automatic) {
        int rc = registry_find_way(vm->config->mode, &way, err);
        if (rc)
            return error_prefix(err, "--mode");
        way->probe(&report);
        if (!report.available)
            return fail(err, ENOTSUP, "mode %s: %s; try: --mode full", way->name, report.reason);
        vm->guest.way = way->name;
        vm->way_reason = "asked for";
        return 0;
    }
    if (vm->config->kernel && loader_is_xen_only(vm->config->kernel)) {
        vm->guest.way = "para";
        vm->way_reason = "the kernel is for its interface only";
        return 0;
    }
    if (vm->config->engine)
        return way_of_engine(vm, err);
    for (size_t i = 0; registry_ways[i]; i++) {
        const struct way *w = registry_ways[i];
        /* A zone has no kernel of its own; to para, whose consoles and disks have other names, a
         * kernel goes that can do nothing else, or that is sent there. */
        if (!strcmp(w->name, "zone") || !strcmp(w->name, "para") || (way && w->strength <= way->strength))
            continue;
        w->probe(&report);
        if (report.available && some_engine(vm, w))
            way = w;
    }
    if (!way)
        return fail(err, ENOTSUP, "no way to run a kernel works here; try: quad ways");
    vm->guest.way = way->name;
    vm->way_reason = "the strongest that this version and this host have";
    return 0;
}

/* ------------------------------------------------------------------------------------ processor */

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
