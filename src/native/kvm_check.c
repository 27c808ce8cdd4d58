/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A guest of 8 MiB of addresses and 64 KiB of memory, no interrupt controller:
 *
 *     0x0500  GDT: 0x08 code32, 0x10 data, 0x18 code64, 0x20 data (for SYSCALL), 0x2b user data,
 *             0x33 user code64, 0x38 TSS
 *     0x0600  a few bytes to write to        0x0700  TSS        0x0800  IDT
 *     0x1000  code (check_code.S)            0x2000  page tables, three pages
 *     0x6000, 0x7000  tops of the stacks of ring 3 and ring 0
 *
 * A row that never ends (VMMCALL, on one host that we know) is cut off by a timer of processor
 * time, so that a busy machine does not look like a broken one.
 */
#include "native/kvm_check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "native/kvm.h"

#define MEMORY 0x10000u
#define CHECK_GDT 0x500u
#define CHECK_TSS 0x700u
#define CHECK_IDT 0x800u
#define CHECK_CODE 0x1000u
#define CHECK_TABLES 0x2000u
#define STACK_USER 0x6000u
#define STACK_KERNEL 0x7000u
#define LIMIT_MS 300 /* of processor time */
#define PATIENT_MS 10000
#define TSC_HIGH UINT64_C(0x1234)
#define CPUID_MAGIC 0x51554144u

extern const uint8_t kvm_check_code[], kvm_check_code_end[], kvm_check_real[], kvm_check_paging[],
    kvm_check_sse[], kvm_check_halt[], kvm_check_tsc[], kvm_check_syscall[],
    kvm_check_syscall_entry[], kvm_check_sysret[], kvm_check_sysret_entry[], kvm_check_int[],
    kvm_check_int_entry[], kvm_check_cpuid[], kvm_check_vmcall[];

enum mode { REAL, PAGED32, PAE32, LONG0, LONG3 };

static const struct check {
    const char *what;
    const uint8_t *code, *entry; /* entry: of SYSCALL or of the interrupt */
    enum mode mode;
    uint32_t answer;
    bool iopl;
} checks[] = {
    {"real mode", kvm_check_real, NULL, REAL, 0x1234, false},
    {"32-bit paging", kvm_check_paging, NULL, PAGED32, 0x5678, false},
    {"PAE paging", kvm_check_paging, NULL, PAE32, 0x5678, false},
    {"SSE in ring 0", kvm_check_sse, NULL, LONG0, 42, false},
    {"HLT ends a run", kvm_check_halt, NULL, LONG0, 0, false},
    {"TSC has the offset that is set", kvm_check_tsc, NULL, LONG0, TSC_HIGH, false},
    {"SYSCALL enters ring 0", kvm_check_syscall, kvm_check_syscall_entry, LONG3, 0x100, false},
    {"SYSRET returns to ring 3, IOPL counts", kvm_check_sysret, kvm_check_sysret_entry, LONG3,
     0x203, false},
    {"INT n from ring 3", kvm_check_int, kvm_check_int_entry, LONG3, 0x300, false},
    {"CPUID in ring 3 is the guest's", kvm_check_cpuid, NULL, LONG3, CPUID_MAGIC, true},
    {"VMMCALL ends", kvm_check_vmcall, NULL, LONG0, (uint32_t)-1000, false},
};
_Static_assert(ARRAY_LEN(checks) <= KVM_CHECKS_MAX, "room for all");

const char *kvm_check_what(unsigned n)
{
    return n < ARRAY_LEN(checks) ? checks[n].what : NULL;
}

/* ------------------------------------------------------------------------------- one tiny guest */

struct tiny {
    int vm, cpu;
    uint8_t *mem;
    struct kvm_run *run;
    size_t run_size;
};

static void tiny_close(struct tiny *t)
{
    if (t->run && t->run != MAP_FAILED)
        munmap(t->run, t->run_size);
    if (t->mem && t->mem != MAP_FAILED)
        munmap(t->mem, MEMORY);
    if (t->cpu >= 0)
        close(t->cpu);
    if (t->vm >= 0)
        close(t->vm);
}

static bool tiny_map(const struct tiny *t)
{
    for (uint32_t i = 0; i < 2; i++) { /* the second 4 MiB begin with the same pages */
        const struct kvm_userspace_memory_region r = {.slot = i,
                                                      .guest_phys_addr = i * 0x400000u,
                                                      .memory_size = MEMORY,
                                                      .userspace_addr = (uintptr_t)t->mem};
        if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &r))
            return false;
    }
    return true;
}

/* What the host's KVM offers, with one word of ours in it. */
static bool tiny_cpuid(const struct tiny *t)
{
    struct error ignored;
    size_t n = 256;
    auto_free struct kvm_cpuid2 *id = xcalloc(1, sizeof(*id) + n * sizeof(id->entries[0]));

    id->nent = (uint32_t)n;
    if (ioctl(kvm_dev(&ignored), KVM_GET_SUPPORTED_CPUID, id))
        return false;
    for (uint32_t i = 0; i < id->nent; i++)
        if (id->entries[i].function == 0x80000002)
            id->entries[i].eax = CPUID_MAGIC;
    return !ioctl(t->cpu, KVM_SET_CPUID2, id);
}

static int tiny_open(struct tiny *t, struct error *err)
{
    int dev = kvm_dev(err);

    *t = (struct tiny){.vm = -1, .cpu = -1};
    if (dev < 0)
        return dev;
    t->vm = kvm_dev_new_vm(err);
    if (t->vm < 0)
        return t->vm;
    uint64_t identity = 0xfeffc000;
    ioctl(t->vm, KVM_SET_TSS_ADDR, 0xfeffd000ul);
    ioctl(t->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    t->cpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
    int size = ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 0);
    t->run_size = size > 0 ? (size_t)size : 0;
    if (t->cpu < 0 || size <= 0)
        return fail_errno(err, errno, "/dev/kvm makes no processor");
    t->run = mmap(NULL, t->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->cpu, 0);
    t->mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t->run == MAP_FAILED || t->mem == MAP_FAILED || !tiny_map(t) || !tiny_cpuid(t))
        return fail_errno(err, errno, "/dev/kvm takes no memory");
    return 0;
}

static uint32_t address(const uint8_t *code)
{
    return CHECK_CODE + (uint32_t)(code - kvm_check_code);
}

static void put_tables(const struct tiny *t, const struct check *c)
{
    static const uint64_t gdt[] = {0,
                                   0x00cf9b000000ffff,
                                   0x00cf93000000ffff,
                                   0x00af9b000000ffff,
                                   0x00cf93000000ffff,
                                   0x00cff3000000ffff,
                                   0x00affb000000ffff,
                                   0x00008b0000000067 | (uint64_t)CHECK_TSS << 16,
                                   0};
    uint8_t *m = t->mem, *page = m + CHECK_TABLES;

    memset(m, 0, MEMORY);
    memcpy(m + CHECK_GDT, gdt, sizeof(gdt));
    memcpy(m + CHECK_CODE, kvm_check_code, (size_t)(kvm_check_code_end - kvm_check_code));
    st_le64(m + CHECK_TSS + 4, STACK_KERNEL);
    if (c->entry) { /* gate 0x30: 64-bit interrupt gate, DPL 3 */
        st_le64(m + CHECK_IDT + 0x300, address(c->entry) | 0x18u << 16 | UINT64_C(0xee00) << 32);
        st_le64(m + CHECK_IDT + 0x308, 0);
    }
    if (c->mode == PAGED32) {
        st_le32(page, 0x87);
        st_le32(page + 4, 0x400087);
    } else if (c->mode == PAE32) {
        st_le64(page, (CHECK_TABLES + 0x1000) | 1);
        for (uint32_t i = 0; i < 4; i++)
            st_le64(page + 0x1000 + 8 * (size_t)i, i << 21 | 0x87);
    } else {
        st_le64(page, (CHECK_TABLES + 0x1000) | 7);
        st_le64(page + 0x1000, (CHECK_TABLES + 0x2000) | 7);
        st_le64(page + 0x2000, 0x87);
    }
}

static struct kvm_segment segment(uint16_t sel, unsigned type, unsigned dpl, bool l)
{
    return (struct kvm_segment){.selector = sel,
                                .limit = 0xffffffff,
                                .type = (uint8_t)type,
                                .present = 1,
                                .dpl = (uint8_t)dpl,
                                .s = 1,
                                .g = 1,
                                .l = l,
                                .db = !l};
}

static bool put_state(const struct tiny *t, const struct check *c)
{
    struct kvm_regs r = {.rip = address(c->code),
                         .rflags = 2u | (c->iopl ? 0x3000u : 0),
                         .rsp = c->mode == LONG3 ? STACK_USER : STACK_KERNEL};
    struct kvm_sregs s;
    bool ring3 = c->mode == LONG3, is_long = c->mode >= LONG0;

    if (ioctl(t->cpu, KVM_GET_SREGS, &s))
        return false;
    if (c->mode == REAL) {
        s.cs.base = s.cs.selector = 0;
        return !ioctl(t->cpu, KVM_SET_SREGS, &s) && !ioctl(t->cpu, KVM_SET_REGS, &r);
    }
    s.cs = is_long ? segment(ring3 ? 0x33 : 0x18, 11, ring3 ? 3 : 0, true)
                   : segment(0x08, 11, 0, false);
    s.ds = s.es = s.ss = s.fs = s.gs = segment(ring3 ? 0x2b : 0x10, 3, ring3 ? 3 : 0, false);
    s.tr = (struct kvm_segment){
        .base = CHECK_TSS, .limit = 0x67, .selector = 0x38, .type = 11, .present = 1};
    s.gdt = (struct kvm_dtable){.base = CHECK_GDT, .limit = 9 * 8 - 1};
    s.idt = (struct kvm_dtable){.base = CHECK_IDT, .limit = 0x31f};
    s.cr3 = CHECK_TABLES;
    s.cr4 = (c->mode == PAGED32 ? CR4_PSE : CR4_PAE) | CR4_OSFXSR;
    s.cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_MP;
    s.efer = is_long ? EFER_SCE | EFER_LME | EFER_LMA : 0;
    return !ioctl(t->cpu, KVM_SET_SREGS, &s) && !ioctl(t->cpu, KVM_SET_REGS, &r);
}

/* STAR: SYSCALL to 0x18, SYSRET to 0x33 and 0x2b. */
static void put_syscall(const struct tiny *t, const struct check *c)
{
    const struct kvm_cpu k = {.fd = t->cpu};

    kvm_msr_put(&k, 0xc0000081, UINT64_C(0x23) << 48 | UINT64_C(0x18) << 32);
    kvm_msr_put(&k, 0xc0000082, c->entry ? address(c->entry) : 0);
    kvm_msr_put(&k, 0xc0000084, 0);
}

static void put_tsc(const struct tiny *t)
{
    uint64_t offset = (TSC_HIGH << 32) - (__builtin_ia32_rdtsc() & ~UINT64_C(0xffffffff));
    const struct kvm_device_attr a = {
        .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};

    ioctl(t->cpu, KVM_SET_DEVICE_ATTR, &a);
}

enum answer { WRONG, RIGHT, CUT_OFF };

static enum answer answers(const struct tiny *t, const struct check *c)
{
    struct kvm_run *run = t->run;
    uint32_t said;

    if (ioctl(t->cpu, KVM_RUN, 0))
        return errno == EINTR ? CUT_OFF : WRONG;
    if (run->exit_reason == KVM_EXIT_HLT)
        return c->code == kvm_check_halt ? RIGHT : WRONG;
    if (run->exit_reason != KVM_EXIT_IO || run->io.port != 0xf4 || run->io.size != 4)
        return WRONG;
    memcpy(&said, (uint8_t *)run + run->io.data_offset, sizeof(said));
    /* The counter may have carried over meanwhile. */
    uint32_t most = c->code == kvm_check_tsc ? 64 : 0;
    return said - c->answer <= most ? RIGHT : WRONG;
}

static enum answer check_one(const struct tiny *t, const struct check *c)
{
    put_tables(t, c);
    if (!put_state(t, c))
        return WRONG;
    if (c->mode == LONG3)
        put_syscall(t, c);
    if (c->code == kvm_check_tsc)
        put_tsc(t);
    return answers(t, c);
}

/* ------------------------------------------------------------------------------------------ all */

static void rings(int sig)
{
    (void)sig;
}

/* Each row has a machine of its own: what one leaves half done is not the next one's. */
static int ask_one(const struct check *c, timer_t timer, long ms, enum answer *out,
                   uint64_t *tsc_khz, struct error *err)
{
    const struct itimerspec soon = {{0, 20000000}, {ms / 1000, ms % 1000 * 1000000}},
                            never = {{0, 0}, {0, 0}};
    struct tiny t;
    int rc = tiny_open(&t, err);

    if (!rc) {
        timer_settime(timer, 0, &soon, NULL);
        *out = check_one(&t, c);
        timer_settime(timer, 0, &never, NULL);
        int khz = ioctl(t.cpu, KVM_GET_TSC_KHZ, 0);
        *tsc_khz = khz > 0 ? (uint64_t)khz : 0;
    }
    tiny_close(&t);
    return rc;
}

/* A row that was cut off decides only if no other was wrong, and then it is given longer: on a very
 * busy host below another one processor time is not what it seems. */
static int ask_all(struct kvm_checks *out, struct error *err)
{
    const struct sigaction sa = {.sa_handler = rings};
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    enum answer said[KVM_CHECKS_MAX] = {WRONG};
    struct sigaction old;
    bool wrong = false;
    timer_t timer;
    int rc = 0;

    *out = (struct kvm_checks){.n = ARRAY_LEN(checks)};
    ev._sigev_un._tid = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &timer))
        return fail_errno(err, errno, "no timer for the self-check");
    sigaction(SIGUSR1, &sa, &old);
    for (unsigned i = 0; !rc && i < out->n; i++) {
        rc = ask_one(&checks[i], timer, LIMIT_MS, &said[i], &out->tsc_khz, err);
        wrong = wrong || said[i] == WRONG;
    }
    for (unsigned i = 0; !rc && i < out->n; i++) {
        if (said[i] == CUT_OFF && !wrong)
            rc = ask_one(&checks[i], timer, PATIENT_MS, &said[i], &out->tsc_khz, err);
        out->ok[i] = said[i] == RIGHT;
    }
    sigaction(SIGUSR1, &old, NULL);
    timer_delete(timer);
    return rc;
}

/* ------------------------------------------------------------------------------------------- kept
 *
 * One line: the table's version, the kernel, the boot, the device, kHz, a digit a row. */

/* The host's, not a set of guests': it does not go by QUAD_RUN_DIR. */
static char *kept_path(void)
{
    const char *dir = getenv("XDG_RUNTIME_DIR");

    if (!geteuid())
        return xstrdup("/run/quad-kvm-check");
    if (dir && *dir)
        return xasprintf("%s/quad-kvm-check", dir);
    return xasprintf("/tmp/quad-kvm-check-%u", (unsigned)geteuid());
}

static void key(char *text, size_t size)
{
    char boot[64] = "";
    struct utsname u;
    struct stat st = {0};
    auto_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, boot, sizeof(boot) - 1);

    boot[n > 0 ? n : 0] = 0;
    boot[strcspn(boot, "\n")] = 0;
    uname(&u);
    stat("/dev/kvm", &st);
    snprintf(text, size, "kvm-check-1 %s %s %llx.%llx", u.release, boot,
             (unsigned long long)st.st_rdev, (unsigned long long)st.st_ino);
}

static bool load_kept(struct kvm_checks *out)
{
    char want[256], text[512] = "", rows[KVM_CHECKS_MAX + 1];
    unsigned long long khz;
    struct stat st;
    auto_free char *path = kept_path();
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 022) ||
        read(fd, text, sizeof(text) - 1) <= 0)
        return false;
    key(want, sizeof(want));
    if (strncmp(text, want, strlen(want)) ||
        sscanf(text + strlen(want), " %llu %16[01]", &khz, rows) != 2 ||
        strlen(rows) != ARRAY_LEN(checks))
        return false;
    *out = (struct kvm_checks){.tsc_khz = khz, .n = ARRAY_LEN(checks)};
    for (unsigned i = 0; i < out->n; i++)
        out->ok[i] = rows[i] == '1';
    return true;
}

/* Where there is no place for it, the next process asks again. */
static void keep(const struct kvm_checks *c)
{
    char want[256], rows[KVM_CHECKS_MAX + 1] = "";
    auto_free char *path = kept_path(), *fresh = xasprintf("%s.%d", path, (int)getpid());
    auto_close int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    key(want, sizeof(want));
    for (unsigned i = 0; i < c->n; i++)
        rows[i] = c->ok[i] ? '1' : '0';
    auto_free char *line = xasprintf("%s %llu %s\n", want, (unsigned long long)c->tsc_khz, rows);
    bool whole = write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    if (!whole || rename(fresh, path))
        unlink(fresh);
}

int kvm_checks_get(struct kvm_checks *out, struct error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct kvm_checks known; /* n 0: not yet */
    int rc = 0;

    pthread_mutex_lock(&lock);
    if (!known.n && !load_kept(&known)) {
        rc = ask_all(&known, err);
        if (!rc)
            keep(&known);
        else
            known.n = 0;
    }
    *out = known;
    pthread_mutex_unlock(&lock);
    return rc;
}

int kvm_check(struct error *err)
{
    struct kvm_checks c;
    char failed[160] = "";
    unsigned n = 0;
    int rc = kvm_checks_get(&c, err);

    if (rc)
        return rc;
    for (unsigned i = 0; i < c.n; i++)
        if (!c.ok[i] && ++n <= 3)
            snprintf(failed + strlen(failed), sizeof(failed) - strlen(failed), "%s%s",
                     n > 1 ? "; " : "", checks[i].what);
    if (n)
        return fail(err, ENOTSUP, "/dev/kvm here is no real processor: %u of %u checks fail (%s%s)",
                    n, c.n, failed, n > 3 ? " ..." : "");
    return 0;
}
