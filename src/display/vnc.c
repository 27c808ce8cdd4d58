/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The library speaks the protocol on connections that we accept; a timer draws and serves them while
 * there are any. A client sends where its pointer is; the PS/2 mouse is told how far it went.
 */
#include "display/vnc.h"

#include "display/vnc_lib.h"

#if HAVE_LIBVNCSERVER

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/leftover.h"
#include "core/fb.h"
#include "display/keymap.h"

#define TICK_NS 33000000

struct vnc {
    struct vnc_config config;
    const struct vnc_lib *rfb;
    rfbScreenInfoPtr screen;
    struct loop_io listener, tick;
    int listen_fd, tick_fd;
    char *socket_path; /* taken away at the end */
    char password[64], *passwords[2];
    unsigned clients;
    int x, y;
    unsigned width, height; /* that the library knows */
};

/* ---- what a person does ------------------------------------------------------------------- */

static void on_key(rfbBool down, rfbKeySym keysym, rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;
    unsigned code = keymap_keysym(keysym);

    if (code)
        v->config.key(v->config.opaque, code, down);
}

/* RFB's buttons: 1 left, 2 middle, 4 right, 8 and 16 the wheel. */
static void on_pointer(int mask, int x, int y, rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;
    unsigned buttons = (mask & 1 ? 1u : 0) | (mask & 4 ? 2u : 0) | (mask & 2 ? 4u : 0);

    v->config.pointer(v->config.opaque, x - v->x, v->y - y, mask & 8 ? -1 : mask & 16 ? 1 : 0,
                      buttons);
    v->x = x;
    v->y = y;
    v->rfb->DefaultPtrAddEvent(mask, x, y, client);
}

static void tick_set(struct vnc *v, bool on)
{
    struct itimerspec when = {.it_value.tv_nsec = on ? TICK_NS : 0,
                              .it_interval.tv_nsec = on ? TICK_NS : 0};

    timerfd_settime(v->tick_fd, 0, &when, NULL);
}

static void on_gone(rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;

    if (!--v->clients)
        tick_set(v, false);
}

static enum rfbNewClientAction on_client(rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;

    client->clientGoneHook = on_gone;
    if (!v->clients++)
        tick_set(v, true);
    return RFB_CLIENT_ACCEPT;
}

/* ---- the loop ----------------------------------------------------------------------------- */

static void draw(struct vnc *v)
{
    struct fb *fb = v->config.fb;

    pthread_mutex_lock(&fb->lock);
    bool changed = fb_update(fb);
    if (fb->width != v->width || fb->height != v->height) {
        v->width = fb->width;
        v->height = fb->height;
        v->rfb->NewFramebuffer(v->screen, (char *)fb->pixels, (int)fb->width, (int)fb->height, 8, 3, 4);
        v->screen->serverFormat.redShift = 16;
        v->screen->serverFormat.greenShift = 8;
        v->screen->serverFormat.blueShift = 0;
    } else if (changed) {
        v->rfb->MarkRectAsModified(v->screen, 0, (int)fb->dirty_from, (int)fb->width, (int)fb->dirty_to);
    }
    pthread_mutex_unlock(&fb->lock);
}

static void on_tick(void *opaque, unsigned events)
{
    struct vnc *v = opaque;
    uint64_t n;

    (void)events;
    if (read(v->tick_fd, &n, sizeof(n)) != sizeof(n))
        return;
    draw(v);
    v->rfb->ProcessEvents(v->screen, 0);
}

static void on_connection(void *opaque, unsigned events)
{
    struct vnc *v = opaque;
    int fd = accept4(v->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    draw(v);
    v->rfb->NewClient(v->screen, fd); /* takes fd, also when it refuses */
}

/* ---- creation ----------------------------------------------------------------------------- */

static int listen_unix(struct vnc *v, const char *path, struct error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (!*path || strlen(path) >= sizeof(a.sun_path))
        return fail(err, EINVAL, "a socket's path has 1 to %zu bytes: \"%s\"",
                    sizeof(a.sun_path) - 1, path);
    strcpy(a.sun_path, path);
    v->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (v->listen_fd < 0 || bind(v->listen_fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        listen(v->listen_fd, 4) < 0)
        return fail_errno(err, errno, "cannot listen at %s", path);
    v->socket_path = xstrdup(path);
    leftover_add(path, unlink);
    return 0;
}

static int listen_tcp(struct vnc *v, const char *where, struct error *err)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const char *colon = strrchr(where, ':');
    int one = 1;

    if (!colon || !colon[1])
        return fail(err, EINVAL, "\"%s\" is neither unix:PATH nor HOST:PORT", where);
    auto_free char *host = xstrdup(where);
    host[colon - where] = 0;
    int rc = getaddrinfo(*host ? host : "127.0.0.1", colon + 1, &hints, &list);
    if (rc)
        return fail(err, EINVAL, "no address \"%s\": %s", where, gai_strerror(rc));
    v->listen_fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (v->listen_fd >= 0)
        setsockopt(v->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    rc = v->listen_fd < 0 || bind(v->listen_fd, list->ai_addr, list->ai_addrlen) < 0 ||
         listen(v->listen_fd, 4) < 0;
    int code = errno;
    freeaddrinfo(list);
    return rc ? fail_errno(err, code, "cannot listen at %s", where) : 0;
}

static int read_password(struct vnc *v, struct error *err)
{
    const char *path = v->config.password_file;

    if (!path)
        return 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return fail_errno(err, errno, "cannot open %s", path);
    if (!fgets(v->password, sizeof(v->password), f))
        v->password[0] = 0;
    fclose(f);
    v->password[strcspn(v->password, "\r\n")] = 0;
    if (!v->password[0])
        return fail(err, EINVAL, "%s holds no password in its first line", path);
    v->passwords[0] = v->password;
    v->screen->authPasswdData = v->passwords;
    v->screen->passwordCheck = v->rfb->CheckPasswordByList;
    return 0;
}

static int open_screen(struct vnc *v, struct error *err)
{
    static int argc;

    v->width = v->config.fb->width;
    v->height = v->config.fb->height;
    v->rfb = vnc_lib(err);
    if (!v->rfb)
        return -err->code;
    v->rfb->LogEnable(0);
    v->screen = v->rfb->GetScreen(&argc, NULL, (int)v->width, (int)v->height, 8, 3, 4);
    if (!v->screen)
        return fail(err, ENOMEM, "no memory for the screen");
    v->screen->frameBuffer = (char *)v->config.fb->pixels;
    v->screen->serverFormat.redShift = 16;
    v->screen->serverFormat.greenShift = 8;
    v->screen->serverFormat.blueShift = 0;
    v->screen->desktopName = v->config.name;
    v->screen->screenData = v;
    v->screen->kbdAddEvent = on_key;
    v->screen->ptrAddEvent = on_pointer;
    v->screen->newClientHook = on_client;
    v->screen->cursor = NULL;
    v->screen->alwaysShared = TRUE;
    v->screen->port = v->screen->ipv6port = -1; /* we listen */
    v->screen->autoPort = FALSE;
    return 0;
}

int vnc_create(struct vnc **out, const struct vnc_config *config, struct error *err)
{
    struct vnc *v = xcalloc(1, sizeof(*v));
    const char *where = config->where;

    *v = (struct vnc){.config = *config, .listen_fd = -1, .tick_fd = -1};
    int rc = open_screen(v, err);
    if (!rc)
        rc = read_password(v, err);
    if (!rc)
        rc = !strncmp(where, "unix:", 5) ? listen_unix(v, where + 5, err)
                                         : listen_tcp(v, where, err);
    v->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (!rc && v->tick_fd < 0)
        rc = fail_errno(err, errno, "no timer");
    v->listener = (struct loop_io){
        .fd = v->listen_fd, .events = LOOP_READ, .ready = on_connection, .opaque = v};
    v->tick =
        (struct loop_io){.fd = v->tick_fd, .events = LOOP_READ, .ready = on_tick, .opaque = v};
    if (!rc)
        rc = loop_add(config->loop, &v->listener, err);
    if (!rc)
        rc = loop_add(config->loop, &v->tick, err);
    if (rc) {
        error_prefix(err, "--display vnc=%s", where);
        vnc_destroy(v);
        return rc;
    }
    *out = v;
    return 0;
}

void vnc_destroy(struct vnc *v)
{
    if (!v)
        return;
    if (v->listener.node.next)
        loop_remove(v->config.loop, &v->listener);
    if (v->tick.node.next)
        loop_remove(v->config.loop, &v->tick);
    if (v->screen) {
        v->rfb->ShutdownServer(v->screen, TRUE);
        v->rfb->ScreenCleanup(v->screen);
    }
    if (v->listen_fd >= 0)
        close(v->listen_fd);
    if (v->tick_fd >= 0)
        close(v->tick_fd);
    if (v->socket_path)
        leftover_remove(v->socket_path);
    free(v->socket_path);
    free(v);
}

#else

int vnc_create(struct vnc **out, const struct vnc_config *config, struct error *err)
{
    (void)out;
    return fail(err, ENOTSUP, "--display vnc=%s: built without libvncserver; install "
                              "libvncserver-dev and build again", config->where);
}

void vnc_destroy(struct vnc *v)
{
    (void)v;
}

#endif
