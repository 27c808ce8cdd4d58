/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/host.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "base/log.h"

void host_notices(void)
{
    long have = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

    if (have < 0 || !(have & MEMBARRIER_CMD_PRIVATE_EXPEDITED))
        log_notice("this host does not allow membarrier: guests that change their own code run "
                   "slower (mprotect is used instead)");
}
