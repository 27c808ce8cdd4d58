/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/describe.h"

#include <jansson.h>
#include <sys/stat.h>

#include "image/store.h"

static char *member(const json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));

    return text ? xstrdup(text) : NULL;
}

/* A file of the image's own folder: a name with a slash in it is not one. */
static char *file_of(const struct image *im, const json_t *j, const char *key)
{
    const char *name = json_string_value(json_object_get(j, key));

    return name && *name && *name != '.' && !strchr(name, '/') ? xasprintf("%s/%s", im->dir, name)
                                                                : NULL;
}

int image_load(struct image *im, const char *name, struct error *err)
{
    struct stat st;

    *im = (struct image){.dir = store_path(STORE_IMAGES, name)};
    auto_free char *text = store_has(STORE_IMAGES, name) ? store_read(im->dir, "image.json") : NULL;
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(j)) {
        im->source = member(j, "source");
        im->built = member(j, "built");
        im->format = member(j, "format");
        im->disk = file_of(im, j, "disk");
        im->rootfs = file_of(im, j, "rootfs");
        im->size = (uint64_t)json_integer_value(json_object_get(j, "bytes"));
        im->kernel = file_of(im, j, "kernel");
        im->initrd = file_of(im, j, "initrd");
        im->append = member(j, "append");
    }
    json_decref(j);
    if (im->disk && im->format && !stat(im->disk, &st)) {
        im->size = (uint64_t)st.st_size;
        im->on_host = (uint64_t)st.st_blocks * 512;
        return 0;
    }
    if (im->rootfs && !stat(im->rootfs, &st) && S_ISDIR(st.st_mode)) {
        im->on_host = im->size;
        return 0;
    }
    image_free(im);
    if (!store_has(STORE_IMAGES, name))
        return fail(err, ENOENT, "there is no image \"%s\"; try: quad image ls", name);
    return fail(err, EINVAL, "image \"%s\" is not complete; try: quad image rm %s", name, name);
}

void image_free(struct image *im)
{
    free(im->dir);
    free(im->source);
    free(im->built);
    free(im->disk);
    free(im->format);
    free(im->rootfs);
    free(im->kernel);
    free(im->initrd);
    free(im->append);
    *im = (struct image){0};
}
