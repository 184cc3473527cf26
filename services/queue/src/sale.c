/* See sale.h. */
#include "sale.h"

#include <time.h>

static int64_t
sale_now_ms(void)
{
	struct timespec	now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

enum sale_status
sale_status(const struct sale *sale, bool paused)
{
	int64_t	now = sale_now_ms();

	if (!sale->on_sale || sale->closes_ms <= now)
		return (SALE_CLOSED);
	if (paused)
		return (SALE_PAUSED);
	return (sale->opens_ms > now ? SALE_NOT_YET : SALE_OPEN);
}

const char *
sale_status_name(enum sale_status status)
{
	static const char *const	names[] = {
		[SALE_NOT_YET] = "NOT_YET", [SALE_OPEN] = "OPEN", [SALE_PAUSED] = "PAUSED", [SALE_CLOSED] = "CLOSED"
	};

	return (names[status]);
}

bool
sale_opens_within(const struct sale *sale, int64_t ms)
{
	return (sale_status(sale, false) == SALE_NOT_YET && sale->opens_ms - sale_now_ms() <= ms);
}
