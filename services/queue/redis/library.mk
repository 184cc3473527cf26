# Joins the parts of the queue's Redis functions into one library. Makefiles that need it include this file after
# shared/common.mk, depend on $(QUEUE_LUA) and pass $(QUEUE_LUA_FLAG) to the compiler. The file is the same for all
# builds, so it is in build/ also when the rest is in build/asan/.
QUEUE_LUA := $(TOP)/build/queue.lua
QUEUE_LUA_FLAG := -DQUEUE_LUA='"$(QUEUE_LUA)"'
QUEUE_LUA_CONSTANTS := $(TOP)/services/queue/src/queue_constants.h
# In this order: a part uses only locals of the parts before it. The constants come after the first part.
QUEUE_LUA_PARTS := $(addprefix $(TOP)/services/queue/redis/,library.lua state.lua losses.lua places.lua answers.lua \
	recovery.lua entering.lua status.lua active_turns.lua admission.lua control.lua functions.lua)

$(QUEUE_LUA): $(QUEUE_LUA_PARTS) $(QUEUE_LUA_CONSTANTS) $(TOP)/services/queue/redis/library.mk
	@mkdir -p $(@D)
	@echo "join queue.lua"
	@{ cat $(firstword $(QUEUE_LUA_PARTS)) && \
	    sed -nE 's/^#define QUEUE_([A-Z_]+)[[:space:]]+\(?(-?[0-9]+)\)?[[:space:]].*/local \1 = \2/p' $(QUEUE_LUA_CONSTANTS) && \
	    echo && cat $(wordlist 2,$(words $(QUEUE_LUA_PARTS)),$(QUEUE_LUA_PARTS)); } >$@.$$$$ && mv $@.$$$$ $@
