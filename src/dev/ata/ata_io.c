/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Requests to the image: they end on a thread of the back end; who holds the controller's lock then
 * hears of them. One such thread at most waits for that lock: the others must be there for what is
 * still in flight, for which somebody may wait with the lock held.
 */
#include "dev/ata/ata.h"

void ata_ios_init(struct ata_ios *ios, struct dev *dev)
{
    *ios = (struct ata_ios){.dev = dev};
    pthread_mutex_init(&ios->lock, NULL);
    pthread_cond_init(&ios->idle, NULL);
    list_init(&ios->finished);
}

void ata_ios_fini(struct ata_ios *ios)
{
    pthread_mutex_destroy(&ios->lock);
    pthread_cond_destroy(&ios->idle);
}

static struct ata_io *take_finished(struct ata_ios *ios)
{
    struct ata_io *io = NULL;

    pthread_mutex_lock(&ios->lock);
    if (!list_empty(&ios->finished)) {
        io = list_entry(ios->finished.next, struct ata_io, node);
        list_remove(&io->node);
    }
    pthread_mutex_unlock(&ios->lock);
    return io;
}

static void tell(struct ata_ios *ios)
{
    struct ata_io *io;

    while ((io = take_finished(ios))) {
        io->open = false;
        io->done(io, io->req.result);
    }
}

/* Back end's thread, no lock held. */
static void request_done(struct blk_req *req)
{
    struct ata_ios *ios = container_of(req, struct ata_io, req)->ios;

    pthread_mutex_lock(&ios->lock);
    list_append(&ios->finished, &container_of(req, struct ata_io, req)->node);
    if (!--ios->in_flight)
        pthread_cond_broadcast(&ios->idle);
    bool mine = !ios->telling;
    ios->telling = true;
    pthread_mutex_unlock(&ios->lock);
    if (!mine)
        return;
    pthread_mutex_lock(&ios->dev->lock);
    pthread_mutex_lock(&ios->lock);
    ios->telling = false; /* what ends from here on finds a teller of its own */
    pthread_mutex_unlock(&ios->lock);
    tell(ios);
    pthread_mutex_unlock(&ios->dev->lock);
}

void ata_io_submit(struct ata_ios *ios, struct ata_io *io, struct blk *blk, enum blk_op op,
                   uint64_t offset, void *buf, uint32_t len)
{
    io->ios = ios;
    io->open = true;
    io->iov = (struct iovec){buf, len};
    io->req = (struct blk_req){.op = op,
                               .offset = offset,
                               .len = len,
                               .iov = &io->iov,
                               .niov = buf ? 1 : 0,
                               .done = request_done};
    pthread_mutex_lock(&ios->lock);
    ios->in_flight++;
    pthread_mutex_unlock(&ios->lock);
    blk_submit(blk, &io->req);
}

static void wait_idle(struct ata_ios *ios)
{
    pthread_mutex_lock(&ios->lock);
    while (ios->in_flight)
        pthread_cond_wait(&ios->idle, &ios->lock);
    pthread_mutex_unlock(&ios->lock);
}

void ata_io_cancel(struct ata_io *io)
{
    if (!io->open)
        return;
    wait_idle(io->ios);
    pthread_mutex_lock(&io->ios->lock);
    list_remove(&io->node);
    pthread_mutex_unlock(&io->ios->lock);
    io->open = false;
}

void ata_ios_settle(struct ata_ios *ios)
{
    for (;;) {
        tell(ios);
        pthread_mutex_lock(&ios->lock);
        bool more = ios->in_flight || !list_empty(&ios->finished);
        pthread_mutex_unlock(&ios->lock);
        if (!more)
            return;
        pthread_mutex_unlock(&ios->dev->lock);
        wait_idle(ios);
        pthread_mutex_lock(&ios->dev->lock);
    }
}
