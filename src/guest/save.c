/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A file holds header, description, records, the index of memory, the end; then memory, page by
 * page where it can be mapped. A pipe, and a compressed file, hold memory as sections instead.
 */
#include "guest/save.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/trace.h"
#include "guest/blocks.h"
#include "guest/move.h"
#include "guest/receive.h"
#include "guest/standby.h"
#include "guest/vm.h"
#include "save/machine.h"
#include "save/ram.h"

static bool is_file(int fd)
{
    struct stat st;

    return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

static int write_end(struct save_out *o, struct error *err)
{
    save_begin(o, SAVE_END, "", 1);
    return save_end(o, err);
}

/* The index goes between the records and the end; the chunks behind them, on a boundary. */
static int write_mapped(struct save_out *o, int fd, const struct machine *m, struct error *err)
{
    uint64_t sections = o->pos + 2 * SAVE_SECTION_HEADER + strlen("ram") + ram_index_size(m);
    int rc = ram_write_extents(o, fd, ALIGN_UP(sections, RAM_ALIGN), m, err);

    return rc ? rc : write_end(o, err);
}

static int write_paged(struct save_out *o, const struct machine *m, bool compress, struct error *err)
{
    struct ram_writer w = {.out = o, .zstd = compress};
    int rc = 0;

    for (size_t i = 0; !rc && i < m->mem.nslots; i++)
        rc = ram_write_pages(&w, m->mem.slots[i], NULL, err);
    ram_writer_fini(&w);
    return rc ? rc : write_end(o, err);
}

int save_guest(struct vm *vm, int fd, const struct save_options *options,
               struct save_report *report, struct error *err)
{
    struct machine *m = &vm->machine;
    bool mapped = is_file(fd) && !options->compress;
    uint64_t began = monotonic_ns();
    struct save_io_fd io;
    struct save_out o;
    uint8_t uuid[16];

    if (options->compress && !ram_has_zstd())
        return fail(err, ENOTSUP, "compressed: this program was built without libzstd");
    machine_stop(m);
    int rc = save_machine_check(m, err);
    if (!rc)
        rc = guest_config_uuid(vm->config, uuid, err);
    if (rc)
        return rc;
    save_machine_settle(m);
    if (options->disk_snapshot && (rc = disks_snapshot(&vm->disks, options->disk_snapshot, err)))
        return rc;
    save_io_fd_init(&io, fd);
    save_open(&o, &io.io, mapped ? SAVE_F_EXTENTS : options->compress ? SAVE_F_PAGES | SAVE_F_ZSTD
                                                                     : SAVE_F_PAGES, uuid);
    rc = describe_write(&o, vm, err);
    if (!rc)
        rc = save_machine_write(&o, m, err);
    if (!rc)
        rc = mapped ? write_mapped(&o, fd, m, err) : write_paged(&o, m, options->compress, err);
    if (!rc && is_file(fd) && fsync(fd))
        rc = fail_errno(err, errno, "cannot write the saved guest");
    struct stat st;
    *report = (struct save_report){.bytes = o.pos, .ns = monotonic_ns() - began};
    if (!rc && mapped && !fstat(fd, &st))
        report->bytes = (uint64_t)st.st_blocks * 512;
    save_fini(&o);
    struct error ignored;
    if (rc && options->disk_snapshot)
        disks_snapshot_drop(&vm->disks, options->disk_snapshot, &ignored);
    return rc;
}

/* ------------------------------------------------------------------------------------ reading */

int saved_open(struct saved *s, int fd, const struct guest_config *given, bool as_saved,
               struct error *err)
{
    struct save_section sec;

    *s = (struct saved){.fd = fd};
    save_io_fd_init(&s->io, fd);
    int rc = save_start(&s->in, &s->io.io, err);
    if (!rc)
        rc = save_next(&s->in, &sec, err);
    if (!rc)
        rc = describe_read(&s->description, &sec, given, as_saved, err);
    if (!rc && memcmp(s->in.uuid, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0)
        rc = fail(err, EBADMSG, "the saved guest has no identity");
    return rc;
}

bool saved_has_disks(const struct saved *s)
{
    return s->moving && (s->in.features & SAVE_F_BLOCKS);
}

void saved_close(struct saved *s)
{
    save_fini(&s->answers);
    save_in_fini(&s->in);
    describe_free(&s->description);
}

static int take(struct saved *s, struct vm *vm, struct save_machine_load *l,
                const struct save_section *sec, bool *memory, struct error *err)
{
    struct machine *m = &vm->machine;

    switch (sec->kind) {
    case SAVE_RECORD: return save_machine_take(l, sec, err);
    case SAVE_PAGES: *memory = true; return ram_take_pages(m, sec, err);
    case SAVE_EXTENTS: *memory = true; return ram_map_extents(m, s->fd, sec, s->verify, err);
    case SAVE_BLOCKS:
        return saved_has_disks(s) ? blocks_take(&vm->disks, sec, err)
                                  : fail(err, EPROTO, "blocks of %s came unannounced", sec->name);
    case SAVE_MOVE:
        if (s->moving && !strcmp(sec->name, "stopped")) {
            s->stopped_at = move_value(sec);
            return 0;
        }
        return fail(err, EPROTO, "\"%s\" came out of turn", sec->name);
    default:
        return fail(err, ENOTSUP, "a section of kind %u (%s) is not known here", sec->kind, sec->name);
    }
}

int saved_load(struct saved *s, struct vm *vm, struct error *err)
{
    struct machine *m = &vm->machine;
    struct save_machine_load l;
    struct save_section sec = {.kind = SAVE_GUEST};
    bool memory = false;
    int rc = 0;

    /* Pages of zeros are not in the stream. */
    for (size_t i = 0; i < m->mem.nslots; i++)
        madvise(m->mem.slots[i]->hva, m->mem.slots[i]->size, MADV_REMOVE);
    save_machine_begin(&l, m);
    if (s->moving)
        rc = receive_ready(s, err);
    if (!rc && s->standby) {
        rc = standby_load(s, vm, &l, err);
        memory = true;
    }
    while (!rc && !s->standby) {
        rc = save_next(&s->in, &sec, err);
        if (rc || sec.kind == SAVE_END)
            break;
        rc = take(s, vm, &l, &sec, &memory, err);
    }
    TRACE(receive_stage, "all is here");
    if (!rc && !memory)
        rc = fail(err, EBADMSG, "the saved guest has no memory");
    if (!rc)
        rc = save_machine_done(&l, err);
    save_machine_free(&l);
    if (rc && !s->moving) {
        auto_free char *text = describe_text(&s->description);
        const struct error why = *err;
        return fail(err, why.code, "%s; the guest was started with %s", why.text, text);
    }
    return rc;
}
