# SPDX-License-Identifier: GPL-2.0-or-later
# Guests of their own, which xen.sh and xen_suite.sh build.
TEST_SKIP += test/guest/xen/guest.c test/guest/xen/tests.c test/guest/xen/suite.c
# Programs for guests, which scripts build.
TEST_SKIP += test/guest/move_load.c test/guest/vsock_echo.c
# Its handlers are assembled by the compiler.
TEST_SKIP += $(if $(filter x86_64,$(HOST_ARCH)),,test/guest/groups.c)
