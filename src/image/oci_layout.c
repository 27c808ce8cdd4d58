/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/oci_layout.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/json.h"
#include "base/root.h"
#include "image/digest.h"

#define JSON_MAX (8u << 20)
#define NESTING_MAX 4

static const char *const layer_types[] = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
};

static const struct {
    const char *machine, *name;
} arch_names[] = {
    {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"riscv64", "riscv64"},
    {"i686", "386"},     {"armv7l", "arm"},    {"ppc64le", "ppc64le"},
    {"s390x", "s390x"},
};

const char *oci_host_arch(void)
{
    static struct utsname u;

    uname(&u);
    for (size_t i = 0; i < ARRAY_LEN(arch_names); i++)
        if (!strcmp(arch_names[i].machine, u.machine))
            return arch_names[i].name;
    return NULL;
}

/* --------------------------------------------------------------------------------------- parts */

static int open_part(int dir, const char *path, struct error *err)
{
    struct stat st;
    auto_close int fd = root_open(dir, path, O_RDONLY | O_NONBLOCK);

    if (fd < 0)
        return fail_errno(err, -fd, "the image's %s", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return fail(err, EINVAL, "the image's %s is no file", path);
    return take_fd(&fd);
}

static char *blob_path(const char *digest, struct error *err)
{
    if (!digest_ok(digest)) {
        fail(err, EINVAL, "the image names a part \"%.80s\", which is no sha256 digest",
             digest ? digest : "");
        return NULL;
    }
    return xasprintf("blobs/sha256/%s", digest + 7);
}

/* A JSON file of the image; `digest` NULL: whatever it holds. */
static int read_json(int dir, const char *path, const char *digest, json_t **doc,
                     struct error *err)
{
    auto_close int fd = open_part(dir, path, err);
    auto_free char *text = NULL;
    json_error_t je;
    struct stat st;
    size_t len;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || st.st_size > JSON_MAX)
        return fail(err, EFBIG, "the image's %s is longer than %u bytes", path, JSON_MAX);
    int rc = digest ? digest_verify(fd, false, path, digest, err) : 0;
    if (!rc)
        rc = file_slurp(fd, &text, &len, err);
    if (rc)
        return rc;
    *doc = json_loadb(text, len, 0, &je);
    return *doc ? 0 : fail(err, EINVAL, "the image's %s:%d:%d: %s", path, je.line, je.column,
                           je.text);
}

static int read_blob(int dir, const char *digest, json_t **doc, struct error *err)
{
    auto_free char *path = blob_path(digest, err);

    return path ? read_json(dir, path, digest, doc, err) : -EINVAL;
}

static const char *string_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* ------------------------------------------------------------------------------- the right image */

static bool platform_fits(const json_t *descriptor, const char *arch)
{
    const json_t *p = json_object_get(descriptor, "platform");
    const char *os = string_of(p, "os"), *a = string_of(p, "architecture");

    return !p || ((!os || !strcmp(os, "linux")) && (!a || !strcmp(a, arch)));
}

static bool tag_fits(const json_t *descriptor, const char *tag)
{
    const json_t *notes = json_object_get(descriptor, "annotations");
    const char *name = string_of(notes, "org.opencontainers.image.ref.name");
    const char *full = string_of(notes, "io.containerd.image.name");

    return !tag || (name && !strcmp(name, tag)) || (full && !strcmp(full, tag));
}

static bool is_index(const json_t *descriptor)
{
    const char *type = string_of(descriptor, "mediaType");

    return type && (strstr(type, "image.index") || strstr(type, "manifest.list"));
}

static void list_platforms(const json_t *list, char *out, size_t room)
{
    const json_t *d;
    size_t i, n = 0;

    *out = 0;
    json_array_foreach(list, i, d) {
        const json_t *p = json_object_get(d, "platform");
        const char *os = string_of(p, "os"), *a = string_of(p, "architecture");
        if (os && a && n + strlen(os) + strlen(a) + 4 < room)
            n += (size_t)snprintf(out + n, room - n, "%s%s/%s", n ? ", " : "", os, a);
    }
}

/* Follow indexes to one manifest: its digest, borrowed from *keep. */
static int find_manifest(int dir, json_t *index, const char *tag, const char *arch,
                         unsigned nesting, json_t **manifest, char **digest, struct error *err)
{
    json_t *list = json_object_get(index, "manifests");
    const json_t *d, *found = NULL;
    size_t i, fits = 0;
    char have[160];

    json_array_foreach(list, i, d)
        if (tag_fits(d, tag) && platform_fits(d, arch)) {
            found = found ? found : d;
            fits++;
        }
    if (!found) {
        list_platforms(list, have, sizeof(have));
        if (tag)
            return fail(err, ENOENT, "the image has no \"%s\" for linux/%s", tag, arch);
        return fail(err, ENOEXEC, "the image is for %s, not for linux/%s; try: --arch",
                    *have ? have : "nothing that is known", arch);
    }
    if (fits > 1 && !nesting && !tag && !json_object_get(found, "platform"))
        return fail(err, EINVAL, "there are %zu images; try: --tag NAME", fits);
    const char *name = string_of(found, "digest");
    if (is_index(found)) {
        json_t *inner = NULL;
        if (nesting >= NESTING_MAX)
            return fail(err, ELOOP, "the image's indexes are nested too deep");
        int rc = read_blob(dir, name, &inner, err);
        if (!rc)
            rc = find_manifest(dir, inner, NULL, arch, nesting + 1, manifest, digest, err);
        json_decref(inner);
        return rc;
    }
    int rc = read_blob(dir, name, manifest, err);
    if (!rc)
        *digest = xstrdup(name);
    return rc;
}

/* -------------------------------------------------------------------------------------- layers */

static bool layer_type_ok(const char *type)
{
    for (size_t i = 0; type && i < ARRAY_LEN(layer_types); i++) {
        size_t n = strlen(layer_types[i]);
        if (!strncmp(type, layer_types[i], n) &&
            (!type[n] || !strcmp(type + n, "+gzip") || !strcmp(type + n, "+zstd") ||
             !strcmp(type + n, ".gzip") || !strcmp(type + n, ".zstd")))
            return true;
    }
    return false;
}

static int room_for_layers(struct oci_layout *l, const json_t *list, struct error *err)
{
    const json_t *ids = json_object_get(json_object_get(l->config, "rootfs"), "diff_ids");

    l->count = json_array_size(list);
    if (!json_is_array(list) || !l->count || l->count > OCI_LAYERS_MAX)
        return fail(err, EINVAL, "the image has %zu layers; 1 to %d can be", l->count,
                    OCI_LAYERS_MAX);
    l->layers = xcalloc(l->count, sizeof(*l->layers));
    if (json_array_size(ids) != l->count)
        return fail(err, EINVAL, "the image has %zu layers, its configuration names %zu", l->count,
                    json_array_size(ids));
    for (size_t i = 0; i < l->count; i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (!digest_ok(id))
            return fail(err, EINVAL, "the image's configuration: diff_ids[%zu] is no sha256 digest",
                        i);
        l->layers[i].diff_id = xstrdup(id);
    }
    return 0;
}

static int read_oci(struct oci_layout *l, const char *tag, const char *arch, struct error *err)
{
    json_t *index = NULL, *manifest = NULL;
    int rc = read_json(l->dir, "index.json", NULL, &index, err);

    if (!rc)
        rc = find_manifest(l->dir, index, tag, arch, 0, &manifest, &l->digest, err);
    if (!rc)
        rc = read_blob(l->dir, string_of(json_object_get(manifest, "config"), "digest"), &l->config,
                       err);
    json_t *list = json_object_get(manifest, "layers");
    if (!rc)
        rc = room_for_layers(l, list, err);
    for (size_t i = 0; !rc && i < l->count; i++) {
        const json_t *d = json_array_get(list, i);
        if (!layer_type_ok(string_of(d, "mediaType")))
            rc = fail(err, EINVAL, "layer %zu is of the kind \"%.80s\", which is not known", i,
                      string_of(d, "mediaType") ? string_of(d, "mediaType") : "");
        else if (!(l->layers[i].path = blob_path(string_of(d, "digest"), err)))
            rc = -EINVAL;
        else
            l->layers[i].digest = xstrdup(string_of(d, "digest"));
    }
    json_decref(index);
    json_decref(manifest);
    return rc;
}

static bool docker_tag_fits(const json_t *entry, const char *tag)
{
    const json_t *t;
    size_t i;

    json_array_foreach(json_object_get(entry, "RepoTags"), i, t)
        if (tag && json_string_value(t) && !strcmp(json_string_value(t), tag))
            return true;
    return !tag;
}

static int read_docker(struct oci_layout *l, const char *tag, struct error *err)
{
    json_t *doc = NULL, *found = NULL, *e;
    int rc = read_json(l->dir, "manifest.json", NULL, &doc, err);
    size_t i;

    json_array_foreach(doc, i, e)
        if (!found && docker_tag_fits(e, tag))
            found = e;
    if (!rc && !found)
        rc = tag ? fail(err, ENOENT, "the archive has no image \"%s\"", tag)
                 : fail(err, EINVAL, "the archive's manifest.json lists no image");
    if (!rc && !tag && json_array_size(doc) > 1)
        rc = fail(err, EINVAL, "there are %zu images; try: --tag NAME", json_array_size(doc));
    const char *config = string_of(found, "Config");
    if (!rc && !config)
        rc = fail(err, EINVAL, "manifest.json names no configuration");
    if (!rc)
        rc = read_json(l->dir, config, NULL, &l->config, err);
    json_t *list = json_object_get(found, "Layers");
    if (!rc)
        rc = room_for_layers(l, list, err);
    for (i = 0; !rc && i < l->count; i++) {
        const char *path = json_string_value(json_array_get(list, i));
        if (!path)
            rc = fail(err, EINVAL, "manifest.json: layer %zu has no path", i);
        else
            l->layers[i].path = xstrdup(path);
    }
    json_decref(doc);
    return rc;
}

/* --------------------------------------------------------------------------------------- whole */

static bool has(int dir, const char *path)
{
    auto_close int fd = root_open(dir, path, O_PATH);

    return fd >= 0;
}

bool oci_layout_is(int dir)
{
    return (has(dir, "oci-layout") && has(dir, "index.json")) || has(dir, "manifest.json");
}

int oci_layout_read(struct oci_layout *l, int dir, const char *tag, const char *arch,
                    struct error *err)
{
    *l = (struct oci_layout){.dir = dir};
    /* newer `docker save` writes both; the one with digests throughout is the better */
    int rc = has(dir, "oci-layout") && has(dir, "index.json") ? read_oci(l, tag, arch, err)
                                                              : read_docker(l, tag, err);
    const char *os = string_of(l->config, "os"), *a = string_of(l->config, "architecture");
    if (!rc && os && strcmp(os, "linux"))
        rc = fail(err, ENOEXEC, "the image is for %s, whose kernel this host does not have; it runs "
                                "as a machine only (--mode full)", os);
    if (!rc && a && strcmp(a, arch))
        rc = fail(err, ENOEXEC, "the image is for %s, not for %s; try: --arch %s", a, arch, a);
    if (rc)
        oci_layout_fini(l);
    return rc;
}

void oci_layout_fini(struct oci_layout *l)
{
    for (size_t i = 0; l->layers && i < l->count; i++) {
        free(l->layers[i].path);
        free(l->layers[i].digest);
        free(l->layers[i].diff_id);
    }
    free(l->layers);
    free(l->digest);
    json_decref(l->config);
    *l = (struct oci_layout){.dir = -1};
}

int oci_layer_open(const struct oci_layout *l, size_t i, struct error *err)
{
    const struct oci_layer *y = &l->layers[i];
    auto_close int fd = open_part(l->dir, y->path, err);

    if (fd < 0)
        return fd;
    int rc = y->digest ? digest_verify(fd, false, y->path, y->digest, err) : 0;
    if (!rc)
        rc = digest_verify(fd, true, y->path, y->diff_id, err);
    return rc ? rc : take_fd(&fd);
}
