# Shared by all Makefiles of C code: paths, flags, and the rule that builds Kore. ASAN=1 builds everything with
# AddressSanitizer and UBSan, in build/asan/.

# The top of the tree.
TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)

CC ?= cc
AR ?= ar

ifeq ($(ASAN),1)
BUILD := $(TOP)/build/asan
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# Entries of Kore's pools are not aligned to their type, so Kore itself is built without that check.
KORE_SANITIZE := "SANITIZE=address,undefined -fno-sanitize=alignment"
else
BUILD := $(TOP)/build
SANITIZE :=
KORE_SANITIZE :=
endif

KORE := $(BUILD)/kore/kore
LIBCT := $(BUILD)/libct.a
# The room `kore`, with the functions that Kore finds by their names.
LIBCT_HOOKS := $(BUILD)/libct_hooks.a

# Debian's hardening flags (dpkg-buildflags with hardening=+all), and control-flow protection where the processor and the
# compiler have it. Builds with sanitizers have no FORTIFY, because it replaces the calls that the sanitizers watch.
# clang's -fsanitize=cfi is not used: it needs the whole program at link time, and Kore loads a module.
HARDEN := -fstack-protector-strong -fstack-clash-protection -Wformat -Werror=format-security \
	$(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),-fcf-protection=full) \
	$(if $(filter aarch64-%,$(shell $(CC) -dumpmachine)),-mbranch-protection=standard)
FORTIFY := $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN_LINK := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
# For programs. Modules are always position-independent.
PROGRAM := -pie

# KORE_USE_CURL changes the layout of Kore's structures, so the library needs it too.
CFLAGS += -I$(TOP)/shared -I$(BUILD)/include -I/usr/include/postgresql -DKORE_USE_CURL -std=gnu11 -O2 -g -fPIC \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wcast-qual -Werror \
	$(HARDEN) $(FORTIFY) $(SANITIZE)
LDFLAGS += $(HARDEN_LINK) $(SANITIZE)
# The libraries that libct.a needs.
LIBCT_LIBS := -lpq -lhiredis -lcjson -lcrypto -lunistring -lm

$(BUILD):
	@mkdir -p $@

# The table of settings as C, for shared/base/config.c.
SETTINGS := $(TOP)/deploy/settings
SETTINGS_TABLE := $(BUILD)/include/base/settings_table.h
$(SETTINGS_TABLE): $(SETTINGS)/table $(SETTINGS)/header.awk
	@mkdir -p $(@D)
	@awk -f $(SETTINGS)/header.awk $(SETTINGS)/table >$@.new && mv $@.new $@

# Kore, from the package's source, with its asynchronous curl client. Debian's own binary has no curl client. This is built
# once. Kore's Makefile takes its flags from dpkg-buildflags.
KORE_SOURCE ?= /usr/share/kore
$(KORE): export DEB_BUILD_MAINT_OPTIONS = hardening=+all
$(KORE): $(TOP)/shared/common.mk | $(BUILD)
	@test -f $(KORE_SOURCE)/src/kore.c || { echo "kore: $(KORE_SOURCE) has no source: install the package kore" >&2; exit 1; }
	@echo "building Kore $$(cat $(KORE_SOURCE)/RELEASE) with curl$(if $(SANITIZE), and sanitizers,) (once, about a quarter of a minute)"
	@rm -rf $(BUILD)/kore && mkdir -p $(BUILD)/kore
	@cp -R $(KORE_SOURCE)/Makefile $(KORE_SOURCE)/RELEASE $(KORE_SOURCE)/src $(KORE_SOURCE)/include \
	    $(KORE_SOURCE)/misc $(BUILD)/kore/
	@$(MAKE) -C $(BUILD)/kore platform.h obj/version.c >$(BUILD)/kore/build.log 2>&1 && \
	    $(MAKE) -C $(BUILD)/kore CC="$(CC) -Wno-error $(HARDEN)" CURL=1 $(KORE_SANITIZE) kore >>$(BUILD)/kore/build.log 2>&1 || \
	    { tail -n 20 $(BUILD)/kore/build.log >&2; rm -f $@; exit 1; }

# None of the rules above is the default goal: the Makefile that includes this file sets it.
.DEFAULT_GOAL :=
