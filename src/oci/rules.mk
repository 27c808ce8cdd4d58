# build/quad-oci: a small static program of its own. Only what it needs is compiled, again, for
# size, into objects of its own; nothing of the big program is linked in.

oci_sources := $(filter-out src/zone/zone%,$(wildcard src/oci/*.c src/zone/*.c)) \
    $(addprefix src/base/,base.c error.c file.c json.c log.c opt.c root.c)
oci_objects := $(oci_sources:src/%.c=$(O)/obj/oci/%.o)
oci_cflags := -Os -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
    -fno-stack-protector -fno-plt -fno-pie
oci_ldflags := -static -no-pie -nostartfiles -Wl,--gc-sections -Wl,-z,muldefs -Wl,-z,noseparate-code \
    -Wl,-z,norelro -Wl,--build-id=none -Wl,-T,src/oci/trim.ld -s
# crtbegin and crtend hold only what registers the tables that trim.ld leaves out
oci_crt = $(shell $(CC) -print-file-name=$(1).o)

# its main and commands are not part of the library
SKIP += src/oci/%

ifeq ($(CROSS),)
all: $(O)/quad-oci
endif

$(O)/obj/oci/%.o: src/%.c Makefile src/oci/rules.mk
	@mkdir -p $(@D)
	$(call say,CC,'$< (oci)')$(CC) $(filter-out -fsanitize% -O2,$(all_cflags)) $(oci_cflags) -MMD -MP -c -o $@ $<

$(O)/quad-oci: $(oci_objects) src/oci/trim.ld
	$(call say,LD,$@)$(CC) $(oci_ldflags) -o $@ $(call oci_crt,crt1) $(call oci_crt,crti) \
	    $(filter %/trim.o,$(oci_objects)) $(filter-out %/trim.o,$(oci_objects)) -ljansson $(call oci_crt,crtn)
