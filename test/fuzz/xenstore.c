/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: messages of a guest to xenstore: a header made of the first bytes, then the
 * payload as it is.
 */
#include "fuzz/xen_drive.h"
#include "para/xen/xenstore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tape t = {data, size, 0};
    uint8_t msg[16 + 4096], out[4096];
    struct xen_dom x;

    xen_dom_init(&x, 1, UINT64_C(24) << 20);
    while (!tape_ends(&t)) {
        memset(msg, 0, 16);
        msg[0] = (uint8_t)(tape_take(&t, 1) % 26);
        msg[8] = (uint8_t)(tape_take(&t, 1) % 4); /* transaction */
        size_t len = tape_take(&t, 2) % 512;
        for (size_t i = 0; i < len; i++)
            msg[16 + i] = (uint8_t)tape_take(&t, 1);
        st_le32(msg + 12, (uint32_t)len);
        xs_message(x.d->store, msg, 16 + len);
        while (xs_output(x.d->store, out, sizeof(out)))
            ;
    }
    xen_dom_fini(&x);
    return 0;
}
