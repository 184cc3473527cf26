/*
 * GET /schedules/{scheduleId}/seats: the whole map with an ETag, or with
 * ?since=<version> only the changes. Both answers may come from a copy (cache.h).
 *
 * Readers ask for changes since many different versions, so a copy for each version
 * would save nothing. But the changes since an earlier version include all changes
 * since a later one. So under load the answer holds the changes since one of a few
 * remembered versions: the latest one that is not later than `since`. A reader may
 * get a changed seat twice, but never misses one.
 *
 * A copy has the version of its time. A reader that has seen a later version is not
 * answered from it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "handlers.h"
#include "readers_share.h"
#include "loop/loop.h"

#define HISTORIES	128	/* schedules with remembered versions */
#define STEPS		10	/* versions of about 1/4, 1/2, 1, 2, ... 128 seconds ago */
#define STEP_MS		250

static const struct ct_pg_statement seat_map = {
	.function = "reservation.seat_map",
	.args = "uuid, text",
	.batch_max = 1,
	.order_by = -1,
};

static const struct ct_pg_statement seat_changes = {
	.function = "reservation.seat_changes",
	.args = "uuid, bigint",
	.batch_max = 1,
	.order_by = -1,
};

/* Versions of one schedule's map that readers got. */
struct history {
	char			 schedule[CT_UUID_TEXT];	/* "": free */
	uint64_t		 used_ms;
	struct cache_budget	 budget;	/* of calls with exactly the reader's version */
	struct {
		uint64_t	 at_ms;
		int64_t		 now;		/* 0: none */
		int64_t		 before;
	}			 steps[STEPS];
};

static struct history	histories[HISTORIES];

static struct history *
seats_history(const char *schedule, bool make)
{
	struct history	*history, *oldest = &histories[0];
	unsigned	 i;

	for (i = 0; i < HISTORIES; i++) {
		history = &histories[i];
		if (strcmp(history->schedule, schedule) == 0)
			return (history);
		if (history->used_ms < oldest->used_ms)
			oldest = history;
	}
	if (!make)
		return (NULL);
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->schedule, schedule, sizeof(oldest->schedule));
	return (oldest);
}

/*
 * Returns the answer's version, and remembers it. Step i keeps two versions that are 250 ms << i apart, so it always has a
 * version of about that age.
 */
static int64_t
seats_version(const struct ct_pg_statement *stmt, const char *const *args, const char *body)
{
	struct history	*history;
	const char	*at;
	int64_t		 version;
	uint64_t	 now = ct_loop_now_ms();
	unsigned	 i;

	if ((stmt != &seat_map && stmt != &seat_changes) || (at = strstr(body, "\"version\":")) == NULL ||
	    (version = strtoll(at + strlen("\"version\":"), NULL, 10)) <= 0)
		return (0);
	if ((history = seats_history(args[0], false)) == NULL)
		return (version);
	for (i = 0; i < STEPS; i++) {
		if (history->steps[i].now != 0 && now - history->steps[i].at_ms < (uint64_t)STEP_MS << i)
			continue;
		history->steps[i].before = history->steps[i].now;
		history->steps[i].now = version;
		history->steps[i].at_ms = now;
	}
	return (version);
}

/* Returns the latest remembered version that is not later than `since`, or 0 (all seats) if there is none. */
static int64_t
seats_version_before(const struct history *history, int64_t since)
{
	int64_t		best = 0, latest = 0;
	unsigned	i;

	for (i = 0; i < STEPS; i++) {
		if (history->steps[i].now <= since && history->steps[i].now > best)
			best = history->steps[i].now;
		if (history->steps[i].before <= since && history->steps[i].before > best)
			best = history->steps[i].before;
		if (history->steps[i].now > latest)
			latest = history->steps[i].now;
	}
	/* A version later than all remembered ones is from another worker or from another database. In both cases only
	 * all seats are a right answer. */
	return (since > latest ? 0 : best);
}

void
seats_get(struct ct_request *request)
{
	struct history	*history;
	int64_t		 since;
	bool		 exact;

	(void)ct_query_number(request, "since", 0, INT64_MAX, -1, &since);
	if (ct_invalid(request))
		return;

	/* Clients may store the map, but must ask whether it is still current. */
	ct_reply_header(request, "cache-control", "no-cache");

	history = seats_history(request->path_id[0], true);
	history->used_ms = ct_loop_now_ms();
	if (since < 0) {
		cache_reply(request, &(struct cache_question){ .stmt = &seat_map, .args_count = 2,
		    .args = { request->path_id[0], NULL }, .has_tag = true });
		return;
	}
	exact = !readers_share_spent() && cache_budget_take(&history->budget);
	cache_reply(request, &(struct cache_question){ .stmt = &seat_changes, .args_count = 2,
	    .args = { request->path_id[0], ct_printf(request, "%lld", (long long)(exact ? since : seats_version_before(history, since))) },
	    .seen = since, .once = exact });
}

void
seats_configure(void)
{
	cache_watch(seats_version);
}
