/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "native/kvm.h"
#include "native/kvm_check.h"

static int dev_fd = -1;
static pthread_mutex_t dev_lock = PTHREAD_MUTEX_INITIALIZER;

bool kvm_has(int fd, unsigned cap)
{
    return ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap) > 0;
}

/* What the engine stands on; all of it is in Linux 5.16 and later. */
static const struct {
    unsigned cap;
    const char *what;
} needed[] = {
    {KVM_CAP_USER_MEMORY, "memory slots"},
    {KVM_CAP_READONLY_MEM, "read-only memory slots"},
    {KVM_CAP_SPLIT_IRQCHIP, "local APICs alone in the kernel"},
    {KVM_CAP_IRQ_ROUTING, "interrupt routing"},
    {KVM_CAP_SIGNAL_MSI, "messages from user space"},
    {KVM_CAP_IMMEDIATE_EXIT, "kicks without a race"},
    {KVM_CAP_XSAVE, "XSAVE state"},
    {KVM_CAP_XCRS, "XCR0"},
    {KVM_CAP_VCPU_EVENTS, "pending events"},
    {KVM_CAP_DEBUGREGS, "debug registers"},
    {KVM_CAP_MP_STATE, "halts and resets"},
    {KVM_CAP_ADJUST_CLOCK, "kvm-clock"},
    {KVM_CAP_TSC_DEADLINE_TIMER, "TSC-deadline timers"},
    {KVM_CAP_X86_USER_SPACE_MSR, "model-specific registers in user space"},
};

static int handed_fd = -1; /* as a sandboxed process got it */

void kvm_dev_hand_in(int fd)
{
    pthread_mutex_lock(&dev_lock);
    base_close_fd(&handed_fd);
    handed_fd = fd;
    pthread_mutex_unlock(&dev_lock);
}

static int open_dev(struct error *err)
{
    auto_close int fd = handed_fd >= 0 ? take_fd(&handed_fd) : open(KVM_DEVICE, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? fail(err, ENOENT, "there is no /dev/kvm")
                               : fail_errno(err, errno, "/dev/kvm does not open");
    int version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION)
        return fail(err, ENOTSUP, "/dev/kvm has version %d of its interface, not %d", version,
                    KVM_API_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!kvm_has(fd, needed[i].cap))
            return fail(err, ENOTSUP, "/dev/kvm lacks %s", needed[i].what);
    dev_fd = take_fd(&fd);
    return 0;
}

int kvm_dev(struct error *err)
{
    pthread_mutex_lock(&dev_lock);
    int rc = dev_fd < 0 ? open_dev(err) : 0;
    pthread_mutex_unlock(&dev_lock);
    return rc ? rc : dev_fd;
}

int kvm_dev_new_vm(struct error *err)
{
    int dev = kvm_dev(err), fd;

    if (dev < 0)
        return dev;
    do
        fd = ioctl(dev, KVM_CREATE_VM, 0);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? fail_errno(err, errno, "/dev/kvm makes no virtual machine") : fd;
}

bool kvm_scales_tsc(void)
{
    struct error ignored;
    int dev = kvm_dev(&ignored);

    return dev >= 0 && kvm_has(dev, KVM_CAP_TSC_CONTROL);
}

uint64_t kvm_host_khz(void)
{
    struct kvm_checks c = {0};
    struct error ignored;

    return kvm_checks_get(&c, &ignored) ? 0 : c.tsc_khz;
}
