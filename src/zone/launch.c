/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/launch.h"

#include <elf.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "base/log.h"
#include "base/file.h"
#include "zone/launch_stub.h"
#include "zone/seccomp.h"
#include "base/sys.h"

/* The data part while it is built: grows, and gives addresses in the image. */
struct data_part {
    char *buf;
    size_t len, cap;
};

static size_t data_add(struct data_part *p, const void *v, size_t n)
{
    size_t at = ALIGN_UP(p->len, (size_t)8);

    if (at + n > p->cap) {
        p->cap = (at + n) * 2;
        p->buf = realloc(p->buf, p->cap);
        if (!p->buf)
            abort();
    }
    memset(p->buf + p->len, 0, at - p->len);
    if (n)
        memcpy(p->buf + at, v, n);
    p->len = at + n;
    return at;
}

static uintptr_t data_addr(size_t at)
{
    return STUB_BASE + STUB_DATA_OFF + at;
}

static void *data_string(struct data_part *p, const char *s)
{
    return s ? (void *)data_addr(data_add(p, s, strlen(s) + 1)) : NULL;
}

static void *data_vector(struct data_part *p, const char **v)
{
    static const char *const none[] = {NULL};
    size_t n = 0, chars = 0;

    if (!v)
        v = (const char **)none;
    for (; v[n]; n++)
        chars += strlen(v[n]) + 1;
    uintptr_t *addr = xcalloc(n + 1, sizeof(*addr));
    char *all = xcalloc(1, chars + 1), *to = all;
    size_t base = ALIGN_UP(p->len, (size_t)8);
    for (size_t i = 0; i < n; i++) {
        addr[i] = data_addr(base + (size_t)(to - all));
        to = stpcpy(to, v[i]) + 1;
    }
    data_add(p, all, chars);
    size_t at = data_add(p, addr, (n + 1) * sizeof(*addr));
    free(all);
    free(addr);
    return (void *)data_addr(at);
}

static struct stub_data *data_head(struct data_part *p)
{
    return (struct stub_data *)p->buf;
}

static void fill_data(struct data_part *p, const struct launch *l)
{
    struct stub_data d = {
        .wait_fd = l->wait_fd,
        .report_fd = l->report_fd,
        .fork = l->fork,
        .session = l->session,
        .tty = l->tty,
        .set_caps = l->set_caps,
        .proc_fd = l->proc_fd,
        .fifo_fd = l->fifo_fd,
        .filter_flags = l->filter_flags,
        .cap_header = {.version = _LINUX_CAPABILITY_VERSION_3},
    };

    for (int i = 0; i < 2; i++) {
        d.caps[i].effective = (uint32_t)(l->cap_effective >> (32 * i));
        d.caps[i].permitted = (uint32_t)(l->cap_permitted >> (32 * i));
        d.caps[i].inheritable = (uint32_t)(l->cap_inheritable >> (32 * i));
    }
    data_add(p, &d, sizeof(d));
    void *v = (void *)data_addr(data_add(p, l->filter, l->filter_len * sizeof(*l->filter)));
    data_head(p)->prog.len = (unsigned short)l->filter_len;
    data_head(p)->prog.filter = v;
    v = data_string(p, l->label_path);
    data_head(p)->label_path = v;
    v = data_string(p, l->label);
    data_head(p)->label = v;
    data_head(p)->label_len = l->label ? strlen(l->label) : 0;
    v = data_string(p, l->fifo_path);
    data_head(p)->fifo_path = v;
    v = data_string(p, l->program);
    data_head(p)->program = v;
    v = data_vector(p, l->argv);
    data_head(p)->argv = v;
    v = data_vector(p, l->envp);
    data_head(p)->envp = v;
}

static size_t fill_code(char *buf, size_t size, size_t data_len)
{
    size_t code = (size_t)(__stop_quad_stub - __start_quad_stub);
    Elf64_Ehdr eh = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_version = EV_CURRENT,
        .e_entry = STUB_BASE + STUB_CODE_OFF + (size_t)(stub_entry - __start_quad_stub),
        .e_phoff = sizeof(Elf64_Ehdr),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 3,
    };
    Elf64_Phdr ph[3] = {
        {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = STUB_BASE, .p_paddr = STUB_BASE,
         .p_filesz = STUB_CODE_OFF + code, .p_memsz = STUB_CODE_OFF + code,
         .p_align = STUB_DATA_OFF},
        {.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = STUB_DATA_OFF,
         .p_vaddr = STUB_BASE + STUB_DATA_OFF, .p_paddr = STUB_BASE + STUB_DATA_OFF,
         .p_filesz = data_len, .p_memsz = data_len, .p_align = STUB_DATA_OFF},
        {.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16},
    };

    switch (host_family) {
    case FAMILY_X86:
        eh.e_machine = EM_X86_64;
        break;
    case FAMILY_ARM:
        eh.e_machine = EM_AARCH64;
        break;
    case FAMILY_RISCV:
        eh.e_machine = EM_RISCV;
        break;
    }
    if (STUB_CODE_OFF + code > size)
        abort();
    memset(buf, 0, STUB_CODE_OFF);
    memcpy(buf, &eh, sizeof(eh));
    memcpy(buf + sizeof(eh), ph, sizeof(ph));
    memcpy(buf + STUB_CODE_OFF, __start_quad_stub, code);
    return STUB_CODE_OFF + code;
}

static int memfd_exec(const char *name)
{
    int fd = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    /* MFD_EXEC is new in 6.3; without it a memfd is executable unless the host forbids all */
    if (fd < 0 && errno == EINVAL)
        fd = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

static int memfd_seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

int launch_build(const struct launch *l, struct error *err)
{
    struct data_part data = {0};
    char code[4096];
    auto_fd int fd = memfd_exec("quad-init");

    if (fd < 0)
        return fail_errno(err, errno, "memfd_create (vm.memfd_noexec forbids it?)");
    fill_data(&data, l);
    size_t n = fill_code(code, sizeof(code), data.len);
    bool ok = pwrite(fd, code, n, 0) == (ssize_t)n &&
              pwrite(fd, data.buf, data.len, (off_t)STUB_DATA_OFF) == (ssize_t)data.len &&
              /* executable but not readable: the kernel then keeps the process from being traced
               * by those that could not read the file */
              fchmod(fd, 0111) == 0 && memfd_seal(fd) == 0;
    free(data.buf);
    if (!ok)
        return fail_errno(err, errno, "write the launch image");
    return take_fd(&fd);
}

int launch_enter(int fd, const struct launch *l)
{
    static char *const argv[] = {(char *)"quad-init", NULL};
    static char *const envp[] = {NULL};

    const int kept[] = {l->wait_fd, l->report_fd, l->proc_fd, l->fifo_fd};

    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (kept[i] >= 0 && fcntl(kept[i], F_SETFD, 0) < 0)
            return -errno;
    sys_execveat(fd, "", argv, envp, AT_EMPTY_PATH);
    return -errno;
}

/* ------------------------------------------------------------------------- the runtime itself */

int launch_protect_self(char **argv, struct error *err)
{
    extern char **environ;

    auto_fd int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self < 0)
        return fail_errno(err, errno, "/proc/self/exe");
    int seals = fcntl(self, F_GET_SEALS);
    if (seals >= 0 && (seals & F_SEAL_WRITE))
        return 0;
    struct stat st;
    auto_fd int copy = memfd_exec("quad-oci");
    if (copy < 0 || fstat(self, &st) < 0)
        return fail_errno(err, errno, "memfd_create");
    for (off_t at = 0; at < st.st_size;) {
        ssize_t n = copy_file_range(self, &at, copy, NULL, (size_t)(st.st_size - at), 0);
        if (n > 0)
            continue;
        char buf[16384];
        n = pread(self, buf, sizeof(buf), at);
        if (n <= 0 || pwrite(copy, buf, (size_t)n, at) != n)
            return fail_errno(err, errno ? errno : EIO, "copy the program");
        at += n;
    }
    if (memfd_seal(copy) < 0)
        return fail_errno(err, errno, "seal the program");
    sys_execveat(copy, "", argv, environ, AT_EMPTY_PATH);
    return fail_errno(err, errno, "run the sealed copy of the program");
}
