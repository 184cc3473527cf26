# Builds a service: one module that Kore loads, with the service's src/*.c and the parts of the library that they need. A
# service's Makefile sets NAME and includes this file.
include $(dir $(lastword $(MAKEFILE_LIST)))/common.mk

MODULE := $(BUILD)/$(NAME).so
SOURCES := $(wildcard src/*.c)
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/services/$(NAME)/%.o)

all: $(MODULE) $(KORE)

# Without --no-undefined: Kore's own functions are in the program that loads this module.
# nodelete: on SIGHUP Kore would unload the module, and load it again without its settings and clients.
# The hooks are linked whole. From the rest of the library the linker takes only what is called, so a service that takes
# no cards has no card code.
$(MODULE): $(OBJECTS) $(LIBCT) $(LIBCT_HOOKS) $(MAKEFILE_LIST)
	@echo "ld $(notdir $@)"
	@$(CC) -shared $(OBJECTS) -Wl,--whole-archive $(LIBCT_HOOKS) -Wl,--no-whole-archive $(LIBCT) $(LDFLAGS) -Wl,-z,nodelete \
	    $(LIBCT_LIBS) -o $@

$(BUILD)/services/$(NAME)/%.o: src/%.c $(MAKEFILE_LIST) | $(BUILD)/services/$(NAME)
	@echo "cc $(notdir $<)"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/services/$(NAME):
	@mkdir -p $@

# The library's own Makefile knows whether it must be built again.
$(LIBCT) $(LIBCT_HOOKS): library
	@:

.PHONY: library
library:
	@$(MAKE) -s --no-print-directory -C $(TOP)/shared lib

clean:
	rm -rf $(MODULE) $(BUILD)/services/$(NAME)

-include $(OBJECTS:.o=.d)

.DEFAULT_GOAL := all
.PHONY: all clean
