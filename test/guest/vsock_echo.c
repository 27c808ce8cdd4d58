/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In a guest: "serve PORT" answers each connection with what it gets, in capitals, and ends the
 * connection after the caller's end; "call PORT" sends standard input to that port of the host and
 * prints what comes back.
 */
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_vm address(unsigned cid, const char *port)
{
    return (struct sockaddr_vm){
        .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = (unsigned)atoi(port)};
}

static int all(int fd, const char *buf, ssize_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, buf, (size_t)n);
        if (k <= 0)
            return -1;
        buf += k;
        n -= k;
    }
    return 0;
}

static int serve(const char *port)
{
    struct sockaddr_vm a = address(VMADDR_CID_ANY, port);
    int s = socket(AF_VSOCK, SOCK_STREAM, 0), c;
    static char buf[65536];
    ssize_t n;

    if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 8))
        return 1;
    puts("serving");
    fflush(stdout);
    while ((c = accept(s, NULL, NULL)) >= 0) {
        while ((n = read(c, buf, sizeof(buf))) > 0) {
            for (ssize_t i = 0; i < n; i++)
                buf[i] = (char)(buf[i] >= 'a' && buf[i] <= 'z' ? buf[i] - 32 : buf[i]);
            if (all(c, buf, n))
                break;
        }
        close(c);
    }
    return 1;
}

static int call(const char *port)
{
    struct sockaddr_vm a = address(VMADDR_CID_HOST, port);
    int s = socket(AF_VSOCK, SOCK_STREAM, 0);
    static char buf[65536];
    ssize_t n;

    if (connect(s, (struct sockaddr *)&a, sizeof(a))) {
        perror("connect");
        return 2;
    }
    if (!fork()) { /* both ways at once */
        while ((n = read(0, buf, sizeof(buf))) > 0 && !all(s, buf, n))
            ;
        shutdown(s, SHUT_WR);
        _exit(0);
    }
    while ((n = read(s, buf, sizeof(buf))) > 0)
        all(1, buf, n);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return strcmp(argv[1], "serve") ? call(argv[2]) : serve(argv[2]);
    return 64;
}
