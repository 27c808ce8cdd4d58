# SPDX-License-Identifier: GPL-2.0-or-later
# The directed microguests are assembled by the compiler: x86-64 hosts only. The random ones run
# everywhere.
TEST_SKIP += $(if $(filter x86_64,$(HOST_ARCH)),,test/guest/directed.c)
