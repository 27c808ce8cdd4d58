/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: the input is a saved guest. Its first byte chooses: as it is, or with every
 * section's CRC put right first, so that what lies behind them is reached, too. A machine that takes
 * it is saved again. Inputs worth starting from: test/stream/golden.
 */
#include "fuzz/save_drive.h"

#include "fuzz/save_mend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct save_mem in, out;
    struct error err = {0};
    struct machine m;

    if (!size || !save_drive_make(&m))
        return 0;
    save_mem_init(&in);
    save_mem_init(&out);
    if (size > 1)
        save_mem_write(&in.io, data + 1, size - 1);
    if (data[0] & 1)
        save_mend(in.data, in.len);
    if (!save_drive_read(&m, &in, &err) && save_drive_write(&m, &out, false, &err))
        abort();
    machine_fini(&m);
    free(in.data);
    free(out.data);
    return 0;
}
