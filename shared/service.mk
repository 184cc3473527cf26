# How a service is built: its src/*.c and the whole library in one module that
# Kore loads. A service's Makefile says NAME and includes this file.
include $(dir $(lastword $(MAKEFILE_LIST)))/common.mk

MODULE := $(BUILD)/$(NAME).so
SOURCES := $(wildcard src/*.c)
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/services/$(NAME)/%.o)

all: $(MODULE) $(KORE)

# --no-undefined cannot be said: Kore's own functions are in the program that loads this.
# nodelete: Kore's SIGHUP would unload the module and load it again without its settings and clients.
$(MODULE): $(OBJECTS) $(LIBCT) $(MAKEFILE_LIST)
	@echo "ld $(notdir $@)"
	@$(CC) -shared $(OBJECTS) -Wl,--whole-archive $(LIBCT) -Wl,--no-whole-archive $(LDFLAGS) -Wl,-z,nodelete \
	    $(LIBCT_LIBS) -o $@

$(BUILD)/services/$(NAME)/%.o: src/%.c $(MAKEFILE_LIST) | $(BUILD)/services/$(NAME)
	@echo "cc $(notdir $<)"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/services/$(NAME):
	@mkdir -p $@

# The library has its own rules; it knows whether there is anything to do.
$(LIBCT): library
	@:

.PHONY: library
library:
	@$(MAKE) -s --no-print-directory -C $(TOP)/shared lib

clean:
	rm -rf $(MODULE) $(BUILD)/services/$(NAME)

-include $(OBJECTS:.o=.d)

.DEFAULT_GOAL := all
.PHONY: all clean
