# SPDX-License-Identifier: GPL-2.0-or-later
# Tests that compare with the host processor need an x86-64 one.
TEST_SKIP += $(if $(filter x86_64,$(HOST_ARCH)),,$(wildcard test/unit/arch/host_*.c))
# Zydis, the independent decoder, is a test library: without it that test is not built.
TEST_SKIP += $(if $(wildcard /usr/include/Zydis/Zydis.h),,test/unit/arch/decode_zydis.c)
LIBS_test/unit/arch/decode_zydis := -lZydis -lZycore
# MPFR judges the transcendental functions.
TEST_SKIP += $(if $(wildcard /usr/include/mpfr.h),,test/unit/arch/softfloat_mpfr.c)
LIBS_test/unit/arch/softfloat_mpfr := -lmpfr -lgmp
LIBS_test/unit/dev/vga_bochs := -lz
