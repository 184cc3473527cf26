/* Asks reservation.queue_facts and queue_sale, and keeps the answers. See schedule_facts.h. */
#include "schedule_facts.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/log.h"
#include "draw.h"
#include "loop/loop.h"
#include "service/service.h"

#define FRESH_MS	1000
#define SHOWN_MS	2000	/* a ticket shows facts of at most this age */
#define SLOW_MS		5000	/* the same while the database has not answered yet */
#define WATCHED_MS	10000	/* the same for gauges: a scrape asks, and the next one shows the answer */
#define ADMIT_MS	5000	/* with older facts the queue stops admitting */
#define RETRY_MS	500	/* between two background questions */
#define ASKED_MAX	20	/* questions per second and schedule that entering may cause */

const struct ct_pg_statement schedule_facts_statement = {
	.function = "reservation.queue_facts",
	.args = "uuid, uuid",
	.batch_max = 16,
	.order_by = -1,
	.write = false,
};

/* The same without the seats. */
static const struct ct_pg_statement sale_statement = {
	.function = "reservation.queue_sale",
	.args = "uuid",
	.batch_max = 64,
	.order_by = -1,
	.write = false,
};

/* This module's part of each queue. */
static struct facts_entry {
	struct schedule_facts		 facts;
	uint64_t			 facts_ms;	/* when all of them were read; 0: never */
	uint64_t			 sale_ms;	/* when those without the seats were read; 0: never */
	uint64_t			 asked_ms;
	uint64_t			 window_ms;	/* the second in which asked_in_window were asked */
	unsigned			 asked_in_window;
	bool				 asking;
	bool				 ask_failed;
	bool				 asks_seats;	/* the question under way is about the seats too */
	struct schedule_facts_wait	*waiting;	/* oldest first */
	struct schedule_facts_wait	*waiting_last;
}	entries[QUEUE_TABLE_MAX];

static struct facts_entry *
facts_entry(const struct queue *queue)
{
	return (&entries[queue_table_index(queue)]);
}

static bool
facts_is_busy(const struct queue *queue)
{
	return (facts_entry(queue)->asking);
}

static void
facts_clear(const struct queue *queue)
{
	memset(facts_entry(queue), 0, sizeof(struct facts_entry));
}

const struct queue_part schedule_facts_part = { .is_busy = facts_is_busy, .clear = facts_clear };

const struct schedule_facts *
schedule_facts_get(const struct queue *queue)
{
	const struct facts_entry	*entry = facts_entry(queue);

	return (entry->facts_ms == 0 ? NULL : &entry->facts);
}

const struct sale *
schedule_facts_sale(const struct queue *queue)
{
	const struct facts_entry	*entry = facts_entry(queue);

	return (entry->sale_ms == 0 ? NULL : &entry->facts.sale);
}

/* Copies an answer into the entry. Returns false if it does not have the expected form. */
static bool
facts_read(struct facts_entry *entry, const struct ct_outcome *outcome)
{
	struct schedule_facts	*facts = &entry->facts;
	cJSON			*body;
	const cJSON		*seats, *closes;
	const char		*concert, *status;
	bool			 ok;

	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	concert = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "concertId"));
	status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "status"));
	closes = cJSON_GetObjectItemCaseSensitive(body, "saleClosesAtMs");
	seats = cJSON_GetObjectItemCaseSensitive(body, "seatsLeft");
	ok = concert != NULL && strlen(concert) == CT_UUID_TEXT - 1 && status != NULL && cJSON_IsNumber(closes) &&
	    (!entry->asks_seats || cJSON_IsNumber(seats));
	if (ok) {
		memcpy(facts->concert, concert, CT_UUID_TEXT);
		facts->sale.on_sale = strcmp(status, "ON_SALE") == 0;
		facts->sale.opens_ms = (int64_t)cJSON_GetNumberValue(
		    cJSON_GetObjectItemCaseSensitive(body, "saleOpensAtMs"));
		facts->sale.closes_ms = (int64_t)closes->valuedouble;
		facts->has_draw = draw_read_seed(cJSON_GetStringValue(
		    cJSON_GetObjectItemCaseSensitive(body, "drawSeed")), facts->draw_seed);
		entry->sale_ms = ct_loop_now_ms();
		if (entry->asks_seats) {
			facts->seats_left = (int64_t)seats->valuedouble;
			entry->facts_ms = entry->sale_ms;
		}
	}
	cJSON_Delete(body);
	return (ok);
}

static void	facts_send(struct queue *, bool);

static void
facts_answered(const struct ct_outcome *outcome, void *arg)
{
	struct queue			*queue = arg;
	struct facts_entry		*entry = facts_entry(queue);
	struct schedule_facts_wait	*wait = entry->waiting, *next;
	enum ct_error			 error = outcome->error;
	struct ct_trace			 before;

	if (error == CT_OK && strcmp(outcome->outcome, "OK") != 0)
		error = ct_error_from_code(outcome->outcome);
	if (error == CT_OK && !facts_read(entry, outcome)) {
		ct_log(CT_LOG_ERROR, NULL, "schedule %s: the database's answer about its sale has an unexpected form",
		    queue->schedule_text);
		error = CT_ERROR_SERVICE_UNAVAILABLE;
	}
	if (error != CT_OK && error != CT_ERROR_SCHEDULE_NOT_FOUND)
		error = CT_ERROR_SERVICE_UNAVAILABLE;
	entry->ask_failed = error != CT_OK;
	/* The callers came during a question of the ticker. They want the seats too. */
	if (error == CT_OK && wait != NULL && !entry->asks_seats && ct_loop_now_ms() - entry->facts_ms > FRESH_MS) {
		entry->asking = false;
		facts_send(queue, true);
		return;
	}
	/* Callbacks may ask again, which is a new question. */
	entry->waiting = entry->waiting_last = NULL;
	entry->asking = false;
	for (; wait != NULL; wait = next) {
		next = wait->next;
		before = ct_trace_enter(&wait->trace);
		wait->cb(queue, error, wait->arg);
		ct_trace_leave(before);
	}
}

/* Asks about the seats too, if they are wanted and were not counted within the last second. */
static void
facts_send(struct queue *queue, bool seats)
{
	struct facts_entry	*entry = facts_entry(queue);
	uint64_t		 now = ct_loop_now_ms();

	if (entry->asking)
		return;
	if (now - entry->window_ms >= 1000) {
		entry->window_ms = now;
		entry->asked_in_window = 0;
	}
	entry->asked_in_window++;
	entry->asked_ms = now;
	entry->asking = true;
	entry->asks_seats = entry->facts_ms == 0 || (seats && now - entry->facts_ms > FRESH_MS);
	if (entry->asks_seats)
		ct_pg_call(ct_service_pg, &schedule_facts_statement,
		    (const char *const[]){ NULL, queue->schedule_text }, facts_answered, queue);
	else
		ct_pg_call(ct_service_pg, &sale_statement, (const char *const[]){ queue->schedule_text }, facts_answered,
		    queue);
}

bool
schedule_facts_are_showable(struct queue *queue)
{
	const struct facts_entry	*entry = facts_entry(queue);
	uint64_t			 now = ct_loop_now_ms();
	uint64_t			 shown = entry->asking && entry->asks_seats ? SLOW_MS : SHOWN_MS;

	if (now - entry->facts_ms > FRESH_MS && now - entry->asked_ms > RETRY_MS)
		facts_send(queue, true);
	return (entry->facts_ms != 0 && (now - entry->facts_ms <= shown || entry->ask_failed));
}

bool
schedule_facts_are_recent(struct queue *queue)
{
	const struct facts_entry	*entry = facts_entry(queue);

	(void)schedule_facts_are_showable(queue);
	return (entry->facts_ms != 0 && ct_loop_now_ms() - entry->facts_ms <= WATCHED_MS);
}

bool
schedule_facts_are_fresh(struct queue *queue)
{
	const struct facts_entry	*entry = facts_entry(queue);
	uint64_t			 now = ct_loop_now_ms();

	return (entry->facts_ms != 0 && now - entry->sale_ms <= FRESH_MS &&
	    entry->asked_in_window >= ASKED_MAX && now - entry->window_ms < 1000);
}

int64_t
schedule_facts_admit_until(struct queue *queue)
{
	const struct facts_entry	*entry = facts_entry(queue);
	const struct sale		*sale = &entry->facts.sale;
	uint64_t			 now = ct_loop_now_ms();

	if (now - entry->sale_ms > FRESH_MS && now - entry->asked_ms > RETRY_MS)
		facts_send(queue, false);
	return (entry->sale_ms != 0 && now - entry->sale_ms <= ADMIT_MS && sale->on_sale ? sale->closes_ms : 0);
}

void
schedule_facts_ask(struct queue *queue, struct schedule_facts_wait *wait, schedule_facts_cb cb, void *arg)
{
	struct facts_entry	*entry = facts_entry(queue);

	*wait = (struct schedule_facts_wait){ .cb = cb, .arg = arg, .trace = ct_trace_current };
	if (entry->waiting_last == NULL)
		entry->waiting = wait;
	else
		entry->waiting_last->next = wait;
	entry->waiting_last = wait;
	facts_send(queue, true);
}
