/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/move_tls.h"

#include "guest/tls_lib.h"

#if HAVE_GNUTLS

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANDSHAKE_MS 30000
#define PIECE 16384 /* what a record holds */

struct session {
    const struct tls_lib *tls;
    gnutls_session_t s;
    gnutls_certificate_credentials_t cert;
    gnutls_psk_client_credentials_t psk_client;
    gnutls_psk_server_credentials_t psk_server;
};

static int failed(const struct session *s, int code, const char *what, struct error *err)
{
    return fail(err, EPROTO, "TLS: %s: %s", what, s->tls->strerror(code));
}

static void close_session(struct session *s)
{
    if (s->s)
        s->tls->deinit(s->s);
    if (s->cert)
        s->tls->certificate_free_credentials(s->cert);
    if (s->psk_client)
        s->tls->psk_free_client_credentials(s->psk_client);
    if (s->psk_server)
        s->tls->psk_free_server_credentials(s->psk_server);
}

/* ------------------------------------------------------------------------------- credentials */

static int use_certificates(struct session *s, const char *folder, bool server, struct error *err)
{
    const struct tls_lib *tls = s->tls;
    auto_free char *ca = xasprintf("%s/ca.pem", folder), *cert = xasprintf("%s/cert.pem", folder),
                   *key = xasprintf("%s/key.pem", folder);
    int rc = tls->certificate_allocate_credentials(&s->cert);

    if (rc < 0)
        return failed(s, rc, "certificates", err);
    rc = tls->certificate_set_x509_trust_file(s->cert, ca, GNUTLS_X509_FMT_PEM);
    if (rc <= 0)
        return rc ? failed(s, rc, ca, err) : fail(err, EINVAL, "TLS: %s holds no certificate", ca);
    rc = tls->certificate_set_x509_key_file(s->cert, cert, key, GNUTLS_X509_FMT_PEM);
    if (rc < 0)
        return failed(s, rc, cert, err);
    tls->credentials_set(s->s, GNUTLS_CRD_CERTIFICATE, s->cert);
    if (server)
        tls->certificate_server_set_request(s->s, GNUTLS_CERT_REQUIRE);
    rc = tls->priority_set_direct(s->s, "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL);
    return rc < 0 ? failed(s, rc, "priorities", err) : 0;
}

/* The file's first line. */
static int read_psk(const char *path, char *line, int size, struct error *err)
{
    FILE *f = fopen(path, "re");

    if (!f)
        return fail_errno(err, errno, "--tls-psk: cannot open %s", path);
    char *got = fgets(line, size, f);
    fclose(f);
    if (got)
        line[strcspn(line, "\r\n")] = 0;
    char *colon = got ? strchr(line, ':') : NULL;
    if (!colon || colon == line || strlen(colon + 1) < 32 || strlen(colon + 1) % 2 ||
        strspn(colon + 1, "0123456789abcdefABCDEF") != strlen(colon + 1))
        return fail(err, EINVAL, "--tls-psk: %s does not begin with NAME:HEX, a key of at least 32 "
                                 "digits", path);
    *colon = 0;
    return 0;
}

static int use_psk(struct session *s, const char *path, bool server, struct error *err)
{
    const struct tls_lib *tls = s->tls;
    char line[1024];
    int rc = read_psk(path, line, sizeof(line), err);

    if (rc)
        return rc;
    if (server) {
        rc = tls->psk_allocate_server_credentials(&s->psk_server);
        if (rc >= 0)
            rc = tls->psk_set_server_credentials_file(s->psk_server, path);
        if (rc >= 0)
            rc = tls->credentials_set(s->s, GNUTLS_CRD_PSK, s->psk_server);
    } else {
        char *hex = line + strlen(line) + 1;
        const gnutls_datum_t key = {(unsigned char *)hex, (unsigned)strlen(hex)};
        rc = tls->psk_allocate_client_credentials(&s->psk_client);
        if (rc >= 0)
            rc = tls->psk_set_client_credentials(s->psk_client, line, &key, GNUTLS_PSK_KEY_HEX);
        if (rc >= 0)
            rc = tls->credentials_set(s->s, GNUTLS_CRD_PSK, s->psk_client);
        explicit_bzero(line, sizeof(line));
    }
    if (rc >= 0)
        rc = tls->priority_set_direct(s->s, "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK", NULL);
    return rc < 0 ? failed(s, rc, path, err) : 0;
}

/* "tcp:HOST:PORT": what of it the certificate names; NULL: nothing. */
static char *host_of(const char *where)
{
    if (!where || strncmp(where, "tcp:", 4))
        return NULL;
    char *host = xstrdup(where + 4), *port = strrchr(host, ':');
    if (port)
        *port = 0;
    size_t n = strlen(host);
    if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = 0;
    }
    return host;
}

static int shake_hands(struct session *s, struct error *err)
{
    const struct tls_lib *tls = s->tls;
    int rc;

    tls->handshake_set_timeout(s->s, HANDSHAKE_MS);
    do
        rc = tls->handshake(s->s);
    while (rc == GNUTLS_E_INTERRUPTED || rc == GNUTLS_E_AGAIN);
    if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
        gnutls_datum_t text = {0};
        unsigned status = tls->session_get_verify_cert_status(s->s);
        tls->certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
        rc = fail(err, EPROTO, "TLS: the other side's certificate: %s", text.data ? (char *)text.data : "?");
        tls->release(text.data);
        return rc;
    }
    return rc < 0 ? failed(s, rc, "handshake", err) : 0;
}

static int open_session(struct session *s, int fd, const struct move_tls *t, const char *where,
                        struct error *err)
{
    auto_free char *host = host_of(where);
    bool server = !where;

    s->tls = tls_lib(err);
    if (!s->tls)
        return -err->code;
    int rc = s->tls->init(&s->s, server ? GNUTLS_SERVER : GNUTLS_CLIENT);
    if (rc < 0)
        return failed(s, rc, "session", err);
    rc = t->psk ? use_psk(s, t->psk, server, err) : use_certificates(s, t->folder, server, err);
    if (rc)
        return rc;
    if (!t->psk)
        s->tls->session_set_verify_cert(s->s, host, 0);
    s->tls->transport_set_int2(s->s, fd, fd);
    return shake_hands(s, err);
}

/* ------------------------------------------------------------------------------- the carrier */

static bool send_all(const struct session *s, const char *p, size_t n)
{
    while (n) {
        ssize_t put = s->tls->record_send(s->s, p, n);
        if (put == GNUTLS_E_INTERRUPTED || put == GNUTLS_E_AGAIN)
            continue;
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* Until one of the two ends. */
static void carry(const struct session *s, int fd, int pair)
{
    static char buf[PIECE];
    ssize_t n;

    for (;;) {
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = pair, .events = POLLIN}};
        bool pending = s->tls->record_check_pending(s->s) > 0;
        if (poll(p, 2, pending ? 0 : -1) < 0 && errno != EINTR)
            return;
        if (pending || p[0].revents) {
            n = s->tls->record_recv(s->s, buf, sizeof(buf));
            if (n != GNUTLS_E_INTERRUPTED && n != GNUTLS_E_AGAIN &&
                (n <= 0 || !write_all(pair, buf, (size_t)n)))
                return;
        }
        if (p[1].revents) {
            n = read(pair, buf, sizeof(buf));
            if (n <= 0) {
                s->tls->bye(s->s, GNUTLS_SHUT_WR);
                return;
            }
            if (!send_all(s, buf, (size_t)n))
                return;
        }
    }
}

/* It belongs to nobody: neither a terminal nor the command takes it down. */
static int start_carrier(const struct session *s, int fd, int pair, struct error *err)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return fail_errno(err, errno, "fork");
    if (pid) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return 0;
    }
    if (fork())
        _exit(0);
    setsid();
    signal(SIGPIPE, SIG_IGN);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; null >= 0 && i < 3; i++)
        dup2(null, i);
    for (int i = 3; i < 1024; i++) /* pipes of who waits for the command's end, above all */
        if (i != fd && i != pair)
            close(i);
    carry(s, fd, pair);
    shutdown(fd, SHUT_RDWR);
    _exit(0);
}

int move_tls_wrap(int *fd, const struct move_tls *t, const char *where, struct error *err)
{
    struct session s = {0};
    int pair[2] = {-1, -1};

    if (t->folder && t->psk)
        return fail(err, EINVAL, "--tls and --tls-psk: one of them");
    int rc = open_session(&s, *fd, t, where, err);
    if (!rc && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        rc = fail_errno(err, errno, "socketpair");
    if (!rc)
        rc = start_carrier(&s, *fd, pair[1], err);
    if (!rc) {
        close(*fd);
        *fd = take_fd(&pair[0]);
    }
    base_close_fd(&pair[0]);
    base_close_fd(&pair[1]);
    if (s.tls)
        close_session(&s);
    return rc;
}

#else

int move_tls_wrap(int *fd, const struct move_tls *t, const char *where, struct error *err)
{
    (void)fd;
    (void)t;
    (void)where;
    return fail(err, ENOTSUP, "TLS: this program was built without GnuTLS; install package "
                              "libgnutls28-dev and build it again");
}
#endif
