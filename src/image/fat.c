/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   sector 0      boot sector with the volume's shape
 *   1 ..          two equal tables: a 12- or 16-bit entry for each cluster, from cluster 2 on
 *   ..            root folder: 512 entries of 32 bytes
 *   ..            clusters
 *
 * A name that is no upper-case 8.3 name takes several entries: pieces of 13 characters, last first,
 * then the short entry with a made-up name.
 *
 * Not modelled: FAT32, characters beyond ASCII.
 */
#include "image/fat.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/endian.h"

enum { SECTOR = 512, ROOT_ENTRIES = 512, ROOT_SECTORS = ROOT_ENTRIES * 32 / SECTOR, DEPTH_MAX = 8 };
enum { ATTR_LABEL = 0x08, ATTR_FOLDER = 0x10, ATTR_FILE = 0x20, ATTR_LONG = 0x0f };

struct volume {
    uint8_t *bytes;
    uint32_t sectors, fat_sectors, cluster_sectors, clusters;
    bool fat16;
    uint32_t next; /* first free cluster */
    unsigned aliases;
    uint16_t date, time;
    const struct fat_file *files;
    unsigned n;
};

static uint8_t *cluster_at(struct volume *v, uint32_t c)
{
    uint32_t first = 1 + 2 * v->fat_sectors + ROOT_SECTORS;

    return v->bytes + (size_t)SECTOR * (first + (c - 2) * v->cluster_sectors);
}

static void link_set(struct volume *v, uint32_t c, uint32_t to)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *t = v->bytes + (size_t)SECTOR * (1 + copy * v->fat_sectors);
        if (v->fat16) {
            st_le16(t + 2 * c, (uint16_t)to);
            continue;
        }
        uint8_t *p = t + c * 3 / 2;
        unsigned old = ld_le16(p);
        to &= 0xfff;
        st_le16(p, (uint16_t)(c & 1 ? (old & 0xf) | to << 4 : (old & 0xf000) | to));
    }
}

/* A chain of clusters for len bytes; 0: no room (or nothing to store). They lie side by side. */
static uint32_t chain_new(struct volume *v, size_t len)
{
    size_t unit = (size_t)SECTOR * v->cluster_sectors, k = (len + unit - 1) / unit;
    uint32_t first = v->next;

    if (!k || k > v->clusters + 2 - v->next)
        return 0;
    for (uint32_t i = 0; i < k; i++)
        link_set(v, first + i, i + 1 < k ? first + i + 1 : 0xffff);
    v->next += (uint32_t)k;
    return first;
}

/* ------------------------------------------------------------------------------------- names */

static bool is_short(const char *name, size_t len, uint8_t out[11])
{
    size_t base = 0, ext = 0;
    bool dot = false;

    memset(out, ' ', 11);
    if (!strncmp(name, "..", len) && len <= 2) { /* a folder's own entries */
        memset(out, '.', len);
        return true;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c == '.' && !dot && base) {
            dot = true;
            continue;
        }
        if (!isupper(c) && !isdigit(c) && c != '_' && c != '-')
            return false;
        if (dot ? ext == 3 : base == 8)
            return false;
        out[dot ? 8 + ext++ : base++] = c;
    }
    return base && (!dot || ext);
}

static unsigned entries_for(const char *name, size_t len)
{
    uint8_t s[11];

    return is_short(name, len, s) ? 1 : 1 + (unsigned)((len + 12) / 13);
}

static void long_entry(uint8_t *e, const char *name, size_t len, unsigned piece, bool last,
                       uint8_t sum)
{
    static const uint8_t places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};

    e[0] = (uint8_t)(piece + 1 + (last ? 0x40 : 0));
    e[11] = ATTR_LONG;
    e[13] = sum;
    for (unsigned i = 0; i < 13; i++) {
        size_t at = (size_t)piece * 13 + i;
        st_le16(e + places[i], at < len ? (uint8_t)name[at] : at == len ? 0 : 0xffff);
    }
}

/* The entries of one name; returns how many it took. */
static unsigned put_entry(struct volume *v, uint8_t *e, const char *name, size_t len, unsigned attr,
                          uint32_t cluster, uint32_t size)
{
    uint8_t s[12], sum = 0;
    unsigned pieces = entries_for(name, len) - 1;

    if (!is_short(name, len, s))
        snprintf((char *)s, sizeof(s), "Q%07u   ", ++v->aliases);
    for (unsigned i = 0; i < 11; i++)
        sum = (uint8_t)((sum << 7 | sum >> 1) + s[i]);
    for (unsigned i = 0; i < pieces; i++, e += 32)
        long_entry(e, name, len, pieces - 1 - i, !i, sum);
    memcpy(e, s, 11);
    e[11] = (uint8_t)attr;
    st_le16(e + 14, v->time);
    st_le16(e + 16, v->date);
    st_le16(e + 18, v->date);
    st_le16(e + 22, v->time);
    st_le16(e + 24, v->date);
    st_le16(e + 26, (uint16_t)cluster);
    st_le32(e + 28, size);
    return pieces + 1;
}

/* ----------------------------------------------------------------------------------- folders */

/* Files whose path begins with `prefix` (len bytes, "" or "a/b/"), each next component once. */
static bool first_of(const struct volume *v, unsigned i, size_t len)
{
    const char *p = v->files[i].path;
    size_t n = len + strcspn(p + len, "/");

    for (unsigned k = 0; k < i; k++)
        if (!strncmp(v->files[k].path, p, n) && (v->files[k].path[n] == '/' || !v->files[k].path[n]))
            return false;
    return true;
}

static unsigned count_entries(const struct volume *v, const char *prefix, size_t len)
{
    unsigned total = 0;

    for (unsigned i = 0; i < v->n; i++)
        if (!strncmp(v->files[i].path, prefix, len) && first_of(v, i, len))
            total += entries_for(v->files[i].path + len, strcspn(v->files[i].path + len, "/"));
    return total;
}

static int put_folder(struct volume *v, const char *prefix, size_t len, uint8_t *e, uint32_t self,
                      unsigned depth, struct error *err);

static int put_one(struct volume *v, const struct fat_file *f, size_t len, uint8_t **e,
                   uint32_t self, unsigned depth, struct error *err)
{
    const char *name = f->path + len;
    size_t n = strcspn(name, "/");
    bool folder = name[n] == '/';
    size_t bytes = folder ? 32u * (2 + count_entries(v, f->path, len + n + 1)) : f->len;
    uint32_t c = chain_new(v, bytes);

    if (!n || n > 200 || depth == DEPTH_MAX)
        return fail(err, EINVAL, "\"%s\" cannot be stored on a FAT volume", f->path);
    if (!c && bytes)
        return fail(err, ENOSPC, "\"%s\" does not fit", f->path);
    *e += 32 * put_entry(v, *e, name, n, folder ? ATTR_FOLDER : ATTR_FILE, c,
                         folder ? 0 : (uint32_t)f->len);
    if (!folder) {
        if (bytes)
            memcpy(cluster_at(v, c), f->data, f->len);
        return 0;
    }
    uint8_t *inside = cluster_at(v, c);
    put_entry(v, inside, ".", 1, ATTR_FOLDER, c, 0);
    put_entry(v, inside + 32, "..", 2, ATTR_FOLDER, self, 0);
    return put_folder(v, f->path, len + n + 1, inside + 64, c, depth + 1, err);
}

static int put_folder(struct volume *v, const char *prefix, size_t len, uint8_t *e, uint32_t self,
                      unsigned depth, struct error *err)
{
    int rc = 0;

    for (unsigned i = 0; i < v->n && !rc; i++)
        if (!strncmp(v->files[i].path, prefix, len) && first_of(v, i, len))
            rc = put_one(v, &v->files[i], len, &e, self, depth, err);
    return rc;
}

/* ------------------------------------------------------------------------------------ volume */

static void shape(struct volume *v, uint64_t size)
{
    v->sectors = (uint32_t)(size / SECTOR);
    v->fat16 = size > 2u << 20;
    v->cluster_sectors = !v->fat16 ? 1 : size > 16u << 20 ? 4 : 1;
    /* The tables and the clusters that they count share what is left. */
    uint32_t left = v->sectors - 1 - ROOT_SECTORS;
    do {
        v->fat_sectors++;
        v->clusters = (left - 2 * v->fat_sectors) / v->cluster_sectors;
    } while ((v->clusters + 2) * (v->fat16 ? 4 : 3) / 2 > v->fat_sectors * SECTOR);
}

static void put_boot_sector(struct volume *v, const char label[11])
{
    uint8_t *b = v->bytes;

    memcpy(b, "\xeb\x3c\x90QUAD    ", 11);
    st_le16(b + 11, SECTOR);
    b[13] = (uint8_t)v->cluster_sectors;
    st_le16(b + 14, 1);
    b[16] = 2;
    st_le16(b + 17, ROOT_ENTRIES);
    st_le16(b + 19, v->sectors < 0x10000 ? (uint16_t)v->sectors : 0);
    b[21] = 0xf8;
    st_le16(b + 22, (uint16_t)v->fat_sectors);
    st_le16(b + 24, 32);
    st_le16(b + 26, 64);
    st_le32(b + 32, v->sectors < 0x10000 ? 0 : v->sectors);
    b[36] = 0x80;
    b[38] = 0x29;
    st_le32(b + 39, (uint32_t)time(NULL));
    memcpy(b + 43, label, 11);
    memcpy(b + 54, v->fat16 ? "FAT16   " : "FAT12   ", 8);
    b[510] = 0x55;
    b[511] = 0xaa;
}

static int put_volume(struct volume *v, const char *label, struct error *err)
{
    time_t now = time(NULL);
    struct tm tm;
    char padded[12];
    uint8_t *root = v->bytes + (size_t)SECTOR * (1 + 2 * v->fat_sectors);

    gmtime_r(&now, &tm);
    v->date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
    v->time = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
    v->next = 2;
    snprintf(padded, sizeof(padded), "%-11.11s", label);
    put_boot_sector(v, padded);
    link_set(v, 0, v->fat16 ? 0xfff8 : 0xff8);
    link_set(v, 1, 0xffff);
    memcpy(root, padded, 11);
    root[11] = ATTR_LABEL;
    st_le16(root + 24, v->date);
    if (count_entries(v, "", 0) + 1 > ROOT_ENTRIES)
        return fail(err, ENOSPC, "too many files for a root folder");
    return put_folder(v, "", 0, root + 32, 0, 0, err);
}

int fat_write(int fd, uint64_t offset, uint64_t size, const char *label,
              const struct fat_file *files, unsigned n, struct error *err)
{
    struct volume v = {.files = files, .n = n};

    if (size < 64u << 10 || size > FAT_SIZE_MAX || size % SECTOR)
        return fail(err, EINVAL, "a FAT volume of %" PRIu64 " bytes cannot be made", size);
    shape(&v, size);
    auto_free uint8_t *bytes = xcalloc(1, size);
    v.bytes = bytes;
    int rc = put_volume(&v, label, err);
    if (rc)
        return error_prefix(err, "FAT volume %s", label);
    for (uint64_t at = 0; at < size;) {
        ssize_t k = pwrite(fd, bytes + at, size - at, (off_t)(offset + at));
        if (k <= 0 && errno != EINTR)
            return fail_errno(err, errno, "cannot write the FAT volume %s", label);
        at += k > 0 ? (uint64_t)k : 0;
    }
    return 0;
}
