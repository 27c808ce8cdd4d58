# SPDX-License-Identifier: GPL-2.0-or-later
# The host side of test/diff needs an x86-64 processor.
TEST_SKIP += $(if $(filter x86_64,$(HOST_ARCH)),,$(wildcard test/diff/insn/*.c))
