# SPDX-License-Identifier: GPL-2.0-or-later
# A guest of its own, which xen.sh builds.
TEST_SKIP += test/guest/xen/guest.c test/guest/xen/tests.c
