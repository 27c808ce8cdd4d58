/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * launch_stub: what launch.c places in the image and launch_stub.c runs from. Pointers are
 * addresses in the image.
 */
#ifndef QUAD_ZONE_LAUNCH_STUB_H
#define QUAD_ZONE_LAUNCH_STUB_H

#include <linux/capability.h>
#include <linux/filter.h>

#include "base/base.h"

/*
 *  file and memory        0x10000000   ELF header, program headers, code      r-x
 *                   + STUB_DATA_OFF    struct stub_data, filter, strings      rw-
 */
#define STUB_BASE 0x10000000ul
#define STUB_CODE_OFF 0x200ul
#define STUB_DATA_OFF 0x10000ul

struct stub_data {
    int32_t wait_fd, report_fd;
    int32_t fork, session, tty, set_caps;
    int32_t proc_fd, fifo_fd;
    uint32_t filter_flags;
    uint64_t label_len;
    struct __user_cap_header_struct cap_header;
    struct __user_cap_data_struct caps[2];
    struct sock_fprog prog;
    const char *label_path, *label, *fifo_path;
    const char *program;
    const char **argv, **envp;
};

extern const char stub_entry[];
/* the linker's bounds of the section that holds the code */
extern const char __start_quad_stub[], __stop_quad_stub[];

#endif
