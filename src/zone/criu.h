/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * criu: checkpoint and restore of a container by the criu program. [CRIU]
 */
#ifndef QUAD_ZONE_CRIU_H
#define QUAD_ZONE_CRIU_H

#include "zone/container.h"

struct criu_opts {
    const char *id, *criu, *image_path, *work_path, *bundle, *pid_file;
    bool leave_running, tcp, ext_unix, shell_job, file_locks, detach;
};

[[nodiscard]] int criu_checkpoint(const struct runtime_opts *rt, const struct criu_opts *o,
                                  struct error *err);
[[nodiscard]] int criu_restore(const struct runtime_opts *rt, const struct criu_opts *o,
                               int *status, struct error *err);

#endif
