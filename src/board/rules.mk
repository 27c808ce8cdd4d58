# SPDX-License-Identifier: GPL-2.0-or-later
# libbz2 comes without a pkg-config file on Debian 12.
HAVE_BZ2 := $(if $(CROSS),0,$(shell printf '\043include <bzlib.h>\nint main(void) { return BZ2_bzlibVersion() == 0; }\n' | \
    $(CC) -xc - -o /dev/null -lbz2 2>/dev/null && echo 1 || echo 0))
FLAGS_board/payload.o := -DHAVE_BZ2=$(HAVE_BZ2)
all_libs += $(if $(filter 1,$(HAVE_BZ2)),-lbz2)
