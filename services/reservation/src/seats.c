/*
 * GET /schedules/{scheduleId}/seats: the whole map, with an ETag, or with
 * ?since=<version> only what has changed. Both may come from a copy (cache.h).
 *
 * Any number may be asked since; were each a key of its own, nothing would be
 * saved. But what has changed since an earlier version holds all that has
 * changed since a later one. So under load a question is answered as if it had
 * been asked since one of a few versions that were given out before: the latest
 * of them that is not later. A seat may be told twice, and never left out.
 *
 * A copy is a little behind, and its version with it: who knows more already is
 * not answered from it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "ct/loop.h"
#include "handlers.h"
#include "lane.h"

#define HISTORIES	128	/* schedules whose versions are remembered */
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

/* Versions of one schedule's map that were given out. */
struct history {
	char			 schedule[CT_UUID_TEXT];	/* "": free */
	uint64_t		 used_ms;
	struct cache_budget	 budget;	/* of questions that are asked exactly as they came */
	struct {
		uint64_t	 at_ms;
		int64_t		 now;		/* 0: none */
		int64_t		 before;
	}			 steps[STEPS];
};

static struct history	histories[HISTORIES];

static struct history *
history_of(const char *schedule, bool make)
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

/* The version that was given out. Each step keeps two, its own time apart, so that one of about its age is always there. */
static int64_t
remember(const struct ct_pg_statement *stmt, const char *const *args, const char *body)
{
	struct history	*history;
	const char	*at;
	int64_t		 version;
	uint64_t	 now = ct_loop_now_ms();
	unsigned	 i;

	if ((stmt != &seat_map && stmt != &seat_changes) || (at = strstr(body, "\"version\":")) == NULL ||
	    (version = strtoll(at + strlen("\"version\":"), NULL, 10)) <= 0)
		return (0);
	if ((history = history_of(args[0], false)) == NULL)
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

/* The latest version given out that is not later than `since`; 0, that is everything, if there is none. */
static int64_t
not_later(const struct history *history, int64_t since)
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
	/* Later than all: of another worker, or of another database. Only everything is right for both. */
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

	/* Clients may keep the map, but must ask whether it is still true. */
	ct_reply_header(request, "cache-control", "no-cache");

	history = history_of(request->path_id[0], true);
	history->used_ms = ct_loop_now_ms();
	if (since < 0) {
		cache_reply(request, &(struct cache_question){ .stmt = &seat_map, .args_count = 2,
		    .args = { request->path_id[0], NULL }, .has_tag = true });
		return;
	}
	exact = !lane_busy() && cache_budget_take(&history->budget);
	cache_reply(request, &(struct cache_question){ .stmt = &seat_changes, .args_count = 2,
	    .args = { request->path_id[0], ct_printf(request, "%lld", (long long)(exact ? since : not_later(history, since))) },
	    .seen = since, .once = exact });
}

void
seats_configure(void)
{
	cache_watch(remember);
}
