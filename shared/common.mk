# What every Makefile of the C code shares: where things are, flags, and the
# rule that builds Kore. ASAN=1 builds everything again, with AddressSanitizer
# and UBSan, under build/asan/.

# The top of the tree, from wherever this file is included.
TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)

CC ?= cc
AR ?= ar

ifeq ($(ASAN),1)
BUILD := $(TOP)/build/asan
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# Kore's pools hand out entries that are not aligned to their type; that is not ours to mend.
KORE_SANITIZE := "SANITIZE=address,undefined -fno-sanitize=alignment"
else
BUILD := $(TOP)/build
SANITIZE :=
KORE_SANITIZE :=
endif

KORE := $(BUILD)/kore/kore
LIBCT := $(BUILD)/libct.a

# Debian's hardening flags (dpkg-buildflags with hardening=+all), and control-flow protection where the processor and
# the compiler have it. FORTIFY is left out under sanitizers: it replaces the very calls that they watch.
# clang's -fsanitize=cfi needs the whole program at link time; a module that Kore loads is only a part of one.
HARDEN := -fstack-protector-strong -fstack-clash-protection -Wformat -Werror=format-security \
	$(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),-fcf-protection=full) \
	$(if $(filter aarch64-%,$(shell $(CC) -dumpmachine)),-mbranch-protection=standard)
FORTIFY := $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN_LINK := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
# For programs; modules are position-independent in any case.
PROGRAM := -pie

# CURL changes the layout of Kore's structures: the library must be told as well.
CFLAGS += -I$(TOP)/shared/include -I/usr/include/postgresql -DKORE_USE_CURL -std=gnu11 -O2 -g -fPIC \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wcast-qual -Werror \
	$(HARDEN) $(FORTIFY) $(SANITIZE)
LDFLAGS += $(HARDEN_LINK) $(SANITIZE)
# Everything the library needs at run time.
LIBCT_LIBS := -lpq -lhiredis -lcjson -lcrypto -lunistring -lm

$(BUILD):
	@mkdir -p $@

# Kore itself, from the packaged source, with its asynchronous curl client;
# Debian's own binary is built without it. Done once. Its Makefile asks dpkg-buildflags for flags.
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

# The rules above are nobody's default goal: that is the first one of the Makefile that includes this.
.DEFAULT_GOAL :=
