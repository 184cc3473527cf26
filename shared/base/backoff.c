/* Pauses between attempts to connect, see backoff.h. */
#include <sys/random.h>

#include "base/assert.h"
#include "base/backoff.h"

void
ct_backoff_init(struct ct_backoff *backoff, unsigned min_ms, unsigned max_ms)
{
	CT_ASSERT(min_ms > 0 && min_ms <= max_ms);
	backoff->min_ms = min_ms;
	backoff->max_ms = max_ms;
	backoff->next_ms = min_ms;
	backoff->until_ms = 0;
}

void
ct_backoff_pause(struct ct_backoff *backoff, uint64_t now_ms)
{
	unsigned	half = backoff->next_ms / 2, chance = 0;

	CT_ASSERT(backoff->next_ms >= backoff->min_ms && backoff->next_ms <= backoff->max_ms);
	/* Random numbers of the system, because workers with equal seeds would wait equally long. If there are none, the
	 * pause is just shorter. */
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance))
		chance = 0;
	backoff->until_ms = now_ms + (backoff->next_ms - half) + chance % (half + 1);
	backoff->next_ms = backoff->next_ms > backoff->max_ms / 2 ? backoff->max_ms : backoff->next_ms * 2;
}

bool
ct_backoff_is_over(const struct ct_backoff *backoff, uint64_t now_ms)
{
	return (now_ms >= backoff->until_ms);
}

void
ct_backoff_reset(struct ct_backoff *backoff)
{
	backoff->next_ms = backoff->min_ms;
}
