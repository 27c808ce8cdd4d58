/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad image: build, list, remove disk images of this user.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/loop.h"
#include "cli/command.h"
#include "image/build.h"
#include "image/describe.h"
#include "image/import.h"
#include "image/store.h"

extern const struct command command_image;

struct image_opts {
    const char *mirror, *kernel, *tag, *arch;
    struct opt_list packages;
    uint64_t size;
    bool cloud_init, verbose, force, json, help;
};

static const struct opt options[] = {
    OPT(struct image_opts, size, .name = "size", .kind = OPT_SIZE, .arg = "SIZE",
        .help = "build: size of the disk; the file holds only what is used (8G)"),
    OPT(struct image_opts, kernel, .name = "kernel", .kind = OPT_ENUM, .choices = "cloud|generic",
        .help = "build: kernel for virtual machines only, or for any (cloud)"),
    OPT(struct image_opts, packages, .name = "package", .kind = OPT_LIST, .arg = "NAME",
        .help = "build: one more package"),
    OPT(struct image_opts, cloud_init, .name = "cloud-init", .kind = OPT_FLAG,
        .help = "build: with cloud-init, for user data that is no script"),
    OPT(struct image_opts, mirror, .name = "mirror", .kind = OPT_STRING, .arg = "URL",
        .help = "build: the archive, instead of the distribution's own"),
    OPT(struct image_opts, force, .name = "force", .kind = OPT_FLAG,
        .help = "build: replace the image of that name"),
    OPT(struct image_opts, verbose, .name = "verbose", .letter = 'v', .kind = OPT_FLAG,
        .help = "build: show what the programs print"),
    OPT(struct image_opts, tag, .name = "tag", .kind = OPT_STRING, .arg = "NAME",
        .help = "import: which image of an archive that holds several"),
    OPT(struct image_opts, arch, .name = "arch", .kind = OPT_STRING, .arg = "NAME",
        .help = "import: for which processor: amd64, 386 (this host's)"),
    OPT(struct image_opts, json, .name = "json", .kind = OPT_FLAG, .help = "ls: as JSON"),
    OPT(struct image_opts, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

/* -------------------------------------------------------------------------------------- build */

static volatile int stop;

static void on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

struct show {
    uint64_t began;
    bool terminal, shown;
};

static void on_progress(void *opaque, const char *what)
{
    struct show *s = opaque;
    unsigned seconds = (unsigned)((monotonic_ns() - s->began) / 1000000000);

    if (s->terminal)
        fprintf(stderr, "\r\033[K[%3u s] %.60s", seconds, what);
    else
        fprintf(stderr, "[%3u s] %s\n", seconds, what);
    fflush(stderr);
    s->shown = true;
}

static void on_detail(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "    %s\n", line);
}

static int do_build(const struct image_opts *o, int n, char **names, struct error *err)
{
    struct show s = {.began = monotonic_ns(), .terminal = isatty(2) && !o->verbose};
    const struct image_build b = {.source = n > 0 ? names[0] : "",
                                  .name = n > 1 ? names[1] : "",
                                  .mirror = o->mirror,
                                  .kernel = o->kernel,
                                  .packages = o->packages.items,
                                  .npackages = o->packages.count,
                                  .size = o->size,
                                  .cloud_init = o->cloud_init,
                                  .progress = on_progress,
                                  .detail = o->verbose ? on_detail : NULL,
                                  .opaque = &s,
                                  .stop = &stop};
    struct sigaction sa = {.sa_handler = on_signal};

    if (n != 2)
        return fail(err, EINVAL, "build wants a SYSTEM and a NAME; try: quad image build debian:12 web");
    if (o->force && store_has(STORE_IMAGES, names[1]) && store_remove(STORE_IMAGES, names[1], err))
        return -err->code;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    int rc = image_build(&b, err);
    if (s.terminal && s.shown)
        fputs("\r\033[K", stderr);
    if (!rc)
        fprintf(stderr, "image %s is ready after %u s; try: quad run %s\n", names[1],
                (unsigned)((monotonic_ns() - s.began) / 1000000000), names[1]);
    return rc;
}

/* ------------------------------------------------------------------------------------- import */

static int do_import(const struct image_opts *o, int n, char **names, struct error *err)
{
    struct image_import_result r;
    const struct image_import i = {.source = n > 0 ? names[0] : "",
                                   .name = n > 1 ? names[1] : "",
                                   .tag = o->tag,
                                   .arch = o->arch};

    if (n != 2)
        return fail(err, EINVAL, "import wants a PATH and a NAME; try: quad image import root.tar web");
    if (o->force && store_has(STORE_IMAGES, names[1]) && store_remove(STORE_IMAGES, names[1], err))
        return -err->code;
    int rc = image_import(&i, &r, err);
    if (rc)
        return rc;
    auto_free char *layers = r.layers ? xasprintf(" from %zu layers", r.layers) : xstrdup("");
    auto_free char *devices =
        r.devices ? xasprintf("; %" PRIu64 " devices left out", r.devices) : xstrdup("");
    fprintf(stderr, "image %s: %" PRIu64 " files, %" PRIu64 " MiB%s%s; try: quad run %s --mode zone\n",
            names[1], r.entries, r.bytes >> 20, layers, devices, names[1]);
    return 0;
}

/* ------------------------------------------------------------------------------------- ls, rm */

static int list_json(void *opaque, const char *name)
{
    struct image im;

    if (image_load(&im, name, NULL))
        return 0;
    json_array_append_new(
        opaque, json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:I, s:I}", "name", name, "source",
                          im.source, "built", im.built, "disk", im.disk, "format", im.format,
                          "rootfs", im.rootfs, "size", (json_int_t)im.size, "on_host", (json_int_t)im.on_host));
    image_free(&im);
    return 0;
}

static int list_line(void *opaque, const char *name)
{
    bool *any = opaque;
    struct image im;

    if (!*any)
        printf("%-20s %-12s %8s %9s  %s\n", "NAME", "SYSTEM", "SIZE", "ON HOST", "BUILT");
    *any = true;
    if (image_load(&im, name, NULL)) {
        printf("%-20s (not complete)\n", name);
        return 0;
    }
    const char *slash = im.source && im.rootfs ? strrchr(im.source, '/') : NULL;
    const char *source = slash ? slash + 1 : im.source;
    printf("%-20s %-12s %6" PRIu64 " M %7" PRIu64 " M  %s\n", name, source ? source : "-",
           im.size >> 20, im.on_host >> 20, im.built ? im.built : "-");
    image_free(&im);
    return 0;
}

static int do_ls(const struct image_opts *o, int n, char **names, struct error *err)
{
    bool any = false;

    (void)names;
    if (n)
        return fail(err, EINVAL, "ls takes no operand");
    if (!o->json)
        return store_each(STORE_IMAGES, list_line, &any);
    json_t *all = json_array();
    store_each(STORE_IMAGES, list_json, all);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
    return 0;
}

/* An image under a guest's own disk must stay. */
static int uses(void *opaque, const char *guest)
{
    const char **found = opaque;
    auto_free char *dir = store_path(STORE_GUESTS, guest);
    auto_free char *image = store_read(dir, "image");

    if (!image || strcmp(image, found[0]))
        return 0;
    found[1] = xstrdup(guest);
    return 1;
}

static int do_rm(const struct image_opts *o, int n, char **names, struct error *err)
{
    int rc = n ? 0 : fail(err, EINVAL, "rm wants names of images; try: quad image ls");

    (void)o;
    for (int i = 0; i < n && !rc; i++) {
        const char *found[2] = {names[i], NULL};
        if (store_each(STORE_GUESTS, uses, found)) {
            rc = fail(err, EBUSY, "guest %s stands on image %s; try: quad rm %s", found[1],
                      names[i], found[1]);
            free((char *)(uintptr_t)found[1]);
        } else {
            rc = store_remove(STORE_IMAGES, names[i], err);
        }
    }
    return rc;
}

static const struct verb {
    const char *name;
    int (*run)(const struct image_opts *o, int n, char **names, struct error *err);
} verbs[] = {
    {"build", do_build}, {"import", do_import}, {"ls", do_ls}, {"list", do_ls}, {"rm", do_rm},
};

/* Options may stand before and after the operands. */
static int run(int argc, char **argv)
{
    struct image_opts o = {.size = UINT64_C(8) << 30, .kernel = "cloud"};
    struct error err = {0};
    char **words = xcalloc((size_t)argc, sizeof(*words));
    int n = 0, rest, rc = 0;

    for (int at = 0; !rc && at < argc;) {
        rc = opt_parse(options, &o, argc - at, argv + at, &rest, &err);
        at += rest;
        if (!rc && at < argc)
            words[n++] = argv[at];
    }
    if (!rc && !o.help) {
        const struct verb *v = NULL;
        for (size_t i = 0; n && i < ARRAY_LEN(verbs); i++)
            v = !strcmp(words[0], verbs[i].name) ? &verbs[i] : v;
        rc = v ? v->run(&o, n - 1, words + 1, &err)
               : fail(&err, EINVAL, "image wants one of: build, import, ls, rm");
    }
    int code = rc == -EINVAL ? command_usage(&command_image, &err)
               : rc          ? command_failed(&err)
                             : EXIT_OK;
    if (!rc && o.help)
        help_print(&command_image, stdout);
    opt_free(options, &o);
    free(words);
    return code;
}

static const struct command_example examples[] = {
    {"quad image build debian:12 web", "a Debian with an ssh server; your ~/.ssh/*.pub open it"},
    {"quad image build debian:13 big --size 40G --package nginx", "larger, with a package more"},
    {"quad image import nginx.tar nginx", "what docker save or podman save wrote, for zones"},
    {"quad image import /srv/root web", "a root file system: a directory or a tar archive of one"},
    {"quad image ls", "what there is"},
    {NULL, NULL},
};

const struct command command_image = {
    .name = "image",
    .summary = "build, import, list, remove images",
    .operands = "build SYSTEM NAME | import PATH NAME | ls | rm NAME...",
    .text = "A built image boots on BIOS and UEFI machines by its own boot loader, takes root's ssh "
            "keys from ~/.ssh/*.pub (else a key is made for you) and the settings of each guest from "
            "its seed disk. Building uses mmdebstrap and needs no root where user namespaces are "
            "allowed. An interrupted build leaves no image. What is imported is a root file system for zones: "
            "a directory, a tar archive, an OCI image layout, an archive by docker save; layers are "
            "checked against their digests, devices are left out.",
    .options = options,
    .examples = examples,
    .run = run,
};
