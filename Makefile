# SPDX-License-Identifier: GPL-2.0-or-later
#
# Quadrivium's only build file. It globs: a new source or test file needs no line here.
#
#   make                       build/quad (and build/libquad.a)
#   make tests                 the test programs, under build/test/
#   make check                 ./check
#   make CC=clang O=build/clang
#   make FUZZ=1 fuzz          test/fuzz for libFuzzer, with sanitizers, in build/fuzz
#   make SAN=1                 address and undefined-behaviour sanitizers, in build/san/
#   make CROSS=aarch64-linux-gnu-     the portable build for another host, in build/aarch64/
#   make WERROR=1              warnings are errors (also with CI=true)
#   make install DESTDIR= PREFIX=/usr/local
#   make deb                   a Debian package in build/deb/
#   make format                clang-format over what git says is changed
#
# src/**/*.c            goes into libquad.a, except the programs' main files
# test/lib/**/*.c       goes into libtest.a, which every test may use
# test/<area>/**/*.c    one test program each, where <area> is in TEST_AREAS; a folder that holds a
#                       main.c is one program made of all the folder's files
# src/*/rules.mk, test/*/rules.mk   are included: own rules and flags of a folder (see doc/HACKING.md)

VERSION := 0.1.0

# ------------------------------------------------------------------------------- what to build
SAN ?=
CROSS ?=
WERROR ?=
PREFIX ?= /usr/local
DESTDIR ?=
V ?=

FUZZ ?=
ifeq ($(origin CC),default)
CC := $(if $(FUZZ),clang,$(CROSS)gcc)
endif
ifeq ($(origin AR),default)
AR := $(CROSS)ar
endif
PKG_CONFIG ?= pkg-config

ifneq ($(CROSS),)
O ?= build/$(firstword $(subst -, ,$(CROSS)))
else ifneq ($(SAN),)
O ?= build/san
else ifneq ($(FUZZ),)
O ?= build/fuzz
else
O ?= build
endif

# The instruction set of the host that the build is for: x86_64, aarch64, ...
HOST_ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))

# ----------------------------------------------------------------------------------- libraries
# A library that the program needs: its pkg-config name here, and its package in tools/packages.
# A library that it can do without: in PKGS_OPTIONAL; the code sees HAVE_<NAME> as 0 or 1.
PKGS :=
PKGS_OPTIONAL :=
-include $(wildcard src/*/pkgs.mk)

pkg_macro = HAVE_$(shell echo '$(1)' | tr 'a-z.+-' 'A-Z___')
ifneq ($(CROSS),)
# Another host's: what the program must have, unpacked by tools/fetch-cross.
cross_root := $(CURDIR)/build/cross/$(HOST_ARCH)
cross_libs := $(cross_root)/usr/lib/$(CROSS:%-=%)
pkg_found := $(foreach p,$(PKGS),$(if $(wildcard $(cross_libs)/lib$(p).so),$(p)))
pkg_setup := tools/fetch-cross $(HOST_ARCH)
pkg_cflags := -idirafter $(cross_root)/usr/include
pkg_libs := -L$(cross_libs) -Wl,-rpath,$(cross_libs) $(pkg_found:%=-l%)
else
pkg_found := $(foreach p,$(PKGS) $(PKGS_OPTIONAL),$(if $(shell $(PKG_CONFIG) --exists $(p) 2>/dev/null && echo y),$(p)))
pkg_setup := tools/setup
ifneq ($(pkg_found),)
pkg_cflags := $(shell $(PKG_CONFIG) --cflags $(pkg_found))
pkg_libs := $(shell $(PKG_CONFIG) --libs $(pkg_found))
endif
endif
pkg_missing := $(filter-out $(pkg_found),$(PKGS))
ifneq ($(pkg_missing),)
ifeq ($(filter clean distclean,$(MAKECMDGOALS)),)
$(error missing libraries: $(pkg_missing) (run $(pkg_setup)))
endif
endif
pkg_defs := $(foreach p,$(PKGS) $(PKGS_OPTIONAL),-D$(call pkg_macro,$(p))=$(if $(filter $(p),$(pkg_found)),1,0))

# --------------------------------------------------------------------------------------- flags
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef
ifneq ($(filter true 1,$(CI) $(WERROR)),)
WARNINGS += -Werror
endif
ifneq ($(FUZZ),)
san_flags := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifneq ($(SAN),)
san_flags := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

all_cflags = -std=gnu2x -D_GNU_SOURCE -DQUAD_VERSION='"$(VERSION)"' -Isrc $(pkg_defs) $(CPPFLAGS) \
    $(pkg_cflags) $(WARNINGS) -fno-strict-aliasing -pthread -ffile-prefix-map=$(CURDIR)=. \
    $(CFLAGS) $(san_flags)
all_ldflags = -pthread -Wl,--as-needed $(san_flags) $(LDFLAGS)
all_libs = $(pkg_libs) -lm $(LDLIBS)

ifeq ($(V),)
say = @printf '  %-6s %s\n' $(1) $(2);
ifneq ($(findstring s,$(firstword -$(filter-out --%,$(MAKEFLAGS)))),)
say = @
endif
else
say =
endif

# --------------------------------------------------------------------------- sources, programs
# program = its main file; a program whose main file does not exist is not built
main_quad := src/cli/main.c
# (quad-oci is linked in a way of its own: src/oci/rules.mk)
programs := $(foreach p,quad,$(if $(wildcard $(main_$(p))),$(p)))
mains := $(main_quad)

sources := $(shell find src -name '*.c' 2>/dev/null | LC_ALL=C sort)
asm_sources := $(shell find src -name '*.S' 2>/dev/null | LC_ALL=C sort)
# SKIP: patterns that a rules.mk leaves out on some host, for example
#   SKIP += $(if $(filter x86_64,$(HOST_ARCH)),,src/full/jit/%)
SKIP :=
# Own flags of one object: FLAGS_arch/x86/sem_alu.o := -O3
TEST_AREAS := unit isa diff guest stream fault bench
TEST_SKIP :=

.PHONY: all tests fuzz check install deb clean distclean format layers print-test-skip
all: $(programs:%=$(O)/%) $(O)/libquad.a

rules := $(wildcard src/*/rules.mk test/*/rules.mk)
-include $(rules)

lib_sources := $(filter-out $(mains) $(SKIP),$(sources))
lib_asm := $(filter-out $(SKIP),$(asm_sources))
lib_objects := $(lib_sources:src/%.c=$(O)/obj/%.o) $(lib_asm:src/%.S=$(O)/obj/%.o)
main_objects := $(foreach p,$(programs),$(main_$(p):src/%.c=$(O)/obj/%.o))

test_lib_sources := $(shell find test/lib -name '*.c' 2>/dev/null | LC_ALL=C sort)
test_lib_objects := $(test_lib_sources:%.c=$(O)/obj/%.o)
test_sources := $(filter-out $(TEST_SKIP),$(shell find /dev/null $(wildcard $(TEST_AREAS:%=test/%)) \
    -name '*.c' 2>/dev/null | LC_ALL=C sort))
test_folders := $(patsubst %/main.c,%,$(filter %/main.c,$(test_sources)))
test_parts := $(filter $(addsuffix /%,$(test_folders)),$(test_sources))
test_singles := $(filter-out $(test_parts),$(test_sources))
test_programs := $(test_singles:%.c=$(O)/%) $(test_folders:%=$(O)/%)

# ---------------------------------------------------------------------------------------- rules
# The flags of the last build: a change of compiler or flags rebuilds.
flags_now := $(CC) $(all_cflags) $(all_ldflags) $(all_libs)
flags_file := $(O)/obj/.flags
$(shell mkdir -p $(O)/obj)
ifneq ($(file <$(flags_file)),$(flags_now))
$(file >$(flags_file),$(flags_now))
endif
# A file that left: the list of members changed.
list_file := $(O)/obj/.list
ifneq ($(file <$(list_file)),$(lib_objects) $(test_lib_objects))
$(file >$(list_file),$(lib_objects) $(test_lib_objects))
endif

flags_of = $(FLAGS_$(patsubst $(O)/obj/%,%,$@))

$(O)/obj/%.o: src/%.c $(flags_file) Makefile $(rules)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(all_cflags) $(flags_of) -MMD -MP -c -o $@ $<

$(O)/obj/%.o: src/%.S $(flags_file) Makefile $(rules)
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(all_cflags) $(flags_of) -MMD -MP -c -o $@ $<

$(O)/obj/test/%.o: test/%.c $(flags_file) Makefile $(rules)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -Itest $(all_cflags) $(TEST_CFLAGS) $(flags_of) -MMD -MP -c -o $@ $<

$(O)/libquad.a: $(lib_objects) $(list_file)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(lib_objects)

$(O)/libtest.a: $(test_lib_objects) $(list_file)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(test_lib_objects)

define program_rule
$(O)/$(1): $(main_$(1):src/%.c=$(O)/obj/%.o) $(O)/libquad.a
	$$(call say,LD,$$@)$$(CC) $$(all_ldflags) $$(LDFLAGS_$(1)) -o $$@ $$^ $$(all_libs)
endef
$(foreach p,$(programs),$(eval $(call program_rule,$(p))))

# A test's own libraries: LIBS_test/diff/decode := -lZydis
test_libs = $(LIBS_$(patsubst $(O)/%,%,$@)) -lcmocka

$(test_singles:%.c=$(O)/%): $(O)/test/%: $(O)/obj/test/%.o $(O)/libtest.a $(O)/libquad.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(all_ldflags) $(TEST_LDFLAGS) -o $@ $^ $(test_libs) $(all_libs)

define folder_rule
$(O)/$(1): $(patsubst %.c,$(O)/obj/%.o,$(filter $(1)/%,$(test_parts))) $(O)/libtest.a $(O)/libquad.a
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$$(CC) $$(all_ldflags) $$(TEST_LDFLAGS) -o $$@ $$^ $$(test_libs) $$(all_libs)
endef
$(foreach f,$(test_folders),$(eval $(call folder_rule,$(f))))

# Targets for libFuzzer: make FUZZ=1 fuzz (tools/fuzz runs them).
fuzz_programs := $(patsubst test/fuzz/%.c,$(O)/fuzz/%,$(wildcard test/fuzz/*.c))
$(fuzz_programs): $(O)/fuzz/%: $(O)/obj/test/fuzz/%.o $(O)/libtest.a $(O)/libquad.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -fsanitize=fuzzer $(all_ldflags) -o $@ $^ -lcmocka $(all_libs)
fuzz: $(fuzz_programs)

.SECONDARY:
.DELETE_ON_ERROR:

tests: all $(test_programs)

layers:
	tools/check-layers

# What test/run must not expect on this host.
print-test-skip:
	@echo $(TEST_SKIP)

# ------------------------------------------------------------------------------- installation
# Manual pages and completion come out of the program itself; a cross build has none to ask and
# takes those of a build for this host.
commands := $(shell sed -n 's/^COMMAND(\(.*\))/\1/p' src/registry/commands.def 2>/dev/null)
ifneq ($(CROSS),)
ask := build/quad
else
ask := $(O)/quad
endif

$(O)/man/.made: $(ask)
	@mkdir -p $(@D)
	@$(ask) help --man >$(@D)/quad.1
	@for c in $(commands); do $(ask) help --man $$c >$(@D)/quad-$$c.1 || exit 1; done
	@$(ask) completion bash >$(@D)/quad.bash
	@touch $@

ifneq ($(CROSS),)
build/quad:
	$(MAKE) CROSS= O=build build/quad
endif

install: all $(if $(programs),$(O)/man/.made)
	@test -n "$(programs)" || { echo "there is no program to install"; exit 1; }
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(programs:%=$(O)/%) $(DESTDIR)$(PREFIX)/bin
	if test -x $(O)/quad-oci; then install -m 755 $(O)/quad-oci $(DESTDIR)$(PREFIX)/bin && \
	    tools/help-to-man $(O)/quad-oci 'run containers by the OCI runtime specification' \
	    $(VERSION) >$(O)/man/quad-oci.1; fi
	install -m 644 $(O)/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(O)/man/quad.bash \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/quad

# A package of the committed sources (of what is there, where there is no git).
deb_dir := build/deb
deb_tree := $(deb_dir)/quadrivium-$(VERSION)
deb:
	rm -rf $(deb_dir)
	mkdir -p $(deb_tree)
	if git rev-parse HEAD >/dev/null 2>&1; then git archive HEAD | tar -x -C $(deb_tree); \
	    else tar --exclude=./build --exclude=./.git -c . | tar -x -C $(deb_tree); fi
	cd $(deb_tree) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -b -us -uc
	if command -v lintian >/dev/null; then lintian --fail-on error,warning $(deb_dir)/*.changes; fi
	@ls $(deb_dir)/*.deb

check:
	./check

format:
	git diff --name-only HEAD -- '*.c' '*.h' | xargs -r clang-format -i

clean:
	rm -rf build/obj build/test build/san build/clang build/aarch64 build/quad build/quad-oci build/*.a

distclean:
	rm -rf build

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
