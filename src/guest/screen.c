/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/screen.h"

#include "base/log.h"
#include "board/board.h"
#include "display/vnc.h"

#define PASSWORD ",password-file="

bool screen_wanted(const char *display, bool firmware)
{
    return display ? strcmp(display, "none") != 0 : firmware;
}

static void on_key(void *opaque, unsigned code, bool down)
{
    struct board *b = opaque;

    b->type->key(b, code, down);
}

static void on_pointer(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
    struct board *b = opaque;

    b->type->mouse(b, dx, dy, dz, buttons);
}

int screen_open(struct vnc **out, const char *display, const char *name, struct board *board,
                struct loop *loop, struct error *err)
{
    if (!display || !strcmp(display, "none") || !strcmp(display, "hidden"))
        return 0;
    if (strncmp(display, "vnc=", 4))
        return fail(err, EINVAL, "--display: no display is called \"%s\"; try: none, hidden, vnc=unix:PATH, "
                                 "vnc=127.0.0.1:5900", display);
    struct fb *fb = board->type->screen ? board->type->screen(board) : NULL;
    if (!fb)
        return fail(err, EINVAL, "--display: board %s has no screen", board->type->name);
    auto_free char *where = xstrdup(display + 4);
    char *password = strstr(where, PASSWORD);
    if (password) {
        *password = 0;
        password += strlen(PASSWORD);
    }
    int rc = vnc_create(out, &(struct vnc_config){.where = where,
                                                  .password_file = password,
                                                  .name = name,
                                                  .fb = fb,
                                                  .loop = loop,
                                                  .key = on_key,
                                                  .pointer = on_pointer,
                                                  .opaque = board}, err);
    if (!rc)
        log_notice("screen: VNC at %s%s", where, password ? "" : ", without a password");
    return rc;
}
