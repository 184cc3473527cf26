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

# CURL changes the layout of Kore's structures: the library must be told as well.
CFLAGS += -I$(TOP)/shared/include -I/usr/include/postgresql -DKORE_USE_CURL -std=gnu11 -O2 -g -fPIC \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wcast-qual -Werror \
	$(SANITIZE)
LDFLAGS += $(SANITIZE)
# Everything the library needs at run time.
LIBCT_LIBS := -lpq -lhiredis -lcjson -lcrypto -lm

$(BUILD):
	@mkdir -p $@

# Kore itself, from the packaged source, with its asynchronous curl client;
# Debian's own binary is built without it. Done once.
KORE_SOURCE ?= /usr/share/kore
$(KORE): | $(BUILD)
	@test -f $(KORE_SOURCE)/src/kore.c || { echo "kore: $(KORE_SOURCE) has no source: install the package kore" >&2; exit 1; }
	@echo "building Kore $$(cat $(KORE_SOURCE)/RELEASE) with curl$(if $(SANITIZE), and sanitizers,) (once, about a quarter of a minute)"
	@rm -rf $(BUILD)/kore && mkdir -p $(BUILD)/kore
	@cp -R $(KORE_SOURCE)/Makefile $(KORE_SOURCE)/RELEASE $(KORE_SOURCE)/src $(KORE_SOURCE)/include \
	    $(KORE_SOURCE)/misc $(BUILD)/kore/
	@$(MAKE) -C $(BUILD)/kore platform.h obj/version.c >$(BUILD)/kore/build.log 2>&1 && \
	    $(MAKE) -C $(BUILD)/kore CC="$(CC) -Wno-error" CURL=1 $(KORE_SANITIZE) kore >>$(BUILD)/kore/build.log 2>&1 || \
	    { tail -n 20 $(BUILD)/kore/build.log >&2; rm -f $@; exit 1; }

# The rules above are nobody's default goal: that is the first one of the Makefile that includes this.
.DEFAULT_GOAL :=
