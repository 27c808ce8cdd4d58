# SPDX-License-Identifier: GPL-2.0-or-later
# Guests of their own, which xen.sh and xen_suite.sh build.
TEST_SKIP += test/guest/xen/guest.c test/guest/xen/tests.c test/guest/xen/suite.c
# Programs for guests, which scripts build.
TEST_SKIP += test/guest/move_load.c test/guest/vsock_echo.c
