/*
 * GET /admin/queues: the queues that have a user in them, or that an operator has changed, in the order of their
 * schedules' ids.
 *
 * Redis knows the first kind (the set `queues`, of which a call reads a bounded part), PostgreSQL the second
 * (queue.list_changed). Both give the ids of one page. For each of them Redis is asked for the numbers, and PostgreSQL for
 * the sale and the seats, which are counted at most once a second (schedule_facts.h). All of this is under way at
 * once, and the last answer replies.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "control.h"
#include "handlers.h"
#include "recovery_state.h"
#include "redis_calls.h"
#include "schedule_facts.h"
#include "service/service.h"
#include "service/stores.h"
#include "ticker.h"

#define PAGE_MAX	100
#define TICK_SHOWN_MS	5000	/* the speed of a queue is shown for this time after its last tick */
#define REPLY_MAX	(256 * 1024)

static const struct ct_pg_statement list_changed = {
	.function = "queue.list_changed",
	.args = "uuid, int",
	.batch_max = 1,
	.order_by = -1,
	.write = false,
};

static const struct ct_pg_statement titles = {
	.function = "reservation.queue_titles",
	.args = "uuid[]",
	.batch_max = 1,
	.order_by = -1,
	.write = false,
};

struct listing;

struct listed {
	struct listing			*listing;
	struct ct_uuid			 schedule;
	char				 text[CT_UUID_TEXT];
	struct schedule_facts_wait	 wait;
	struct schedule_facts		 facts;
	bool				 has_facts;	/* false: there is no such schedule */
	const char			*title;		/* NULL: as above */
	const char			*start_at;
	bool				 begun;		/* Redis did not have the queue and has begun it */
	bool				 is_wanted;	/* it has a user, or was changed */
	const char			*numbers;	/* control_print */
	int64_t				 waiting;
	bool				 admits;	/* the settings let it admit users */
	bool				 is_paused;
};

struct listing {
	struct ct_request	*request;
	const char		*after;		/* NULL: from the first */
	struct ct_uuid		 after_id;
	size_t			 limit;
	size_t			 count;
	struct ct_uuid		 ids[PAGE_MAX + 1];	/* ascending; one more than the page tells whether another one follows */
	struct listed		*queues;
	bool			 more;		/* another page follows */
	unsigned		 pending;	/* answers that are missing */
	bool			 failed;	/* a store did not answer one of them */
};

static void	list_ask_numbers(struct listed *);

/* --- the ids of the page --- */

/* Keeps the smallest limit + 1 ids behind the cursor. */
static void
list_add(struct listing *listing, const struct ct_uuid *id)
{
	size_t	i, max = listing->limit + 1;
	int	order;

	if (listing->after != NULL && memcmp(id, &listing->after_id, sizeof(*id)) <= 0)
		return;
	for (i = listing->count; i > 0; i--) {
		order = memcmp(&listing->ids[i - 1], id, sizeof(*id));
		if (order == 0)
			return;
		if (order < 0)
			break;
	}
	if (i == max)
		return;
	if (listing->count < max)
		listing->count++;
	memmove(&listing->ids[i + 1], &listing->ids[i], (listing->count - i - 1) * sizeof(*id));
	listing->ids[i] = *id;
}

static struct listing	*adding;

static void
list_add_live(struct queue *queue)
{
	list_add(adding, &queue->schedule);
}

static bool
list_add_changed(struct listing *listing, const struct ct_outcome *outcome)
{
	cJSON		*body = outcome->error != CT_OK ? NULL : cJSON_ParseWithLength(outcome->body, outcome->body_length);
	const cJSON	*item;
	struct ct_uuid	 id;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(body, "schedules")) {
		if (cJSON_IsString(item) && ct_uuid_parse(item->valuestring, &id))
			list_add(listing, &id);
	}
	cJSON_Delete(body);
	return (body != NULL);
}

/* --- the reply --- */

/* An operator sees which store is the reason. */
static void
list_refuse(struct listing *listing)
{
	struct ct_request	*request = listing->request;
	enum ct_store_state	 redis = ct_stores_redis(), pg = ct_stores_postgres();

	ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE,
	    redis != CT_STORE_UP ? ct_printf(request, "Redis %s.", ct_store_state_text(redis)) :
	    pg != CT_STORE_UP ? ct_printf(request, "PostgreSQL %s.", ct_store_state_text(pg)) :
	    "A store did not answer in time.", NULL);
}

/* Returns the wait of a user who enters now, in seconds. -1: it is not known, or nobody is admitted. */
static int64_t
list_predicted_wait(const struct listed *listed)
{
	const struct queue	*queue = queue_table_find(&listed->schedule);

	if (!listed->admits || sale_status(&listed->facts.sale, listed->is_paused) != SALE_OPEN)
		return (-1);
	if (listed->waiting == 0)
		return (0);
	if (queue == NULL || !ticker_is_recent(queue, TICK_SHOWN_MS))
		return (-1);
	return (queue_answers_tick_wait(ticker_last(queue), listed->waiting));
}

static void
list_print_one(struct ct_buf *buf, const struct listed *listed)
{
	int64_t	wait = list_predicted_wait(listed);

	ct_buf_puts(buf, listed->numbers);
	ct_buf_puts(buf, ",\"concertTitle\":");
	ct_buf_json_string(buf, listed->title);
	ct_buf_printf(buf, ",\"startAt\":\"%s\",\"saleStatus\":\"%s\",\"predictedWaitSeconds\":", listed->start_at,
	    sale_status_name(sale_status(&listed->facts.sale, listed->is_paused)));
	if (wait < 0)
		ct_buf_puts(buf, "null");
	else
		ct_buf_number(buf, wait);
	ct_buf_puts(buf, ",\"seatsLeft\":");
	ct_buf_number(buf, listed->facts.seats_left);
	ct_buf_puts(buf, "}");
}

static void
list_reply(struct listing *listing)
{
	struct ct_request	*request = listing->request;
	struct ct_buf		 buf;
	char			 cursor[ct_base64url_length(sizeof(struct ct_uuid)) + 1];
	const char		*separator = "";

	ct_buf_init(&buf, REPLY_MAX);
	ct_buf_puts(&buf, "{\"items\":[");
	for (size_t i = 0; i < listing->count; i++) {
		const struct listed	*listed = &listing->queues[i];

		/* A queue may have ended meanwhile, and a schedule may be gone. */
		if (!listed->is_wanted || !listed->has_facts || listed->title == NULL)
			continue;
		ct_buf_puts(&buf, separator);
		list_print_one(&buf, listed);
		separator = ",";
	}
	ct_buf_puts(&buf, "],\"nextCursor\":");
	if (listing->more) {
		(void)ct_base64url_encode(&listing->ids[listing->count - 1], sizeof(struct ct_uuid), cursor);
		ct_buf_json_string(&buf, cursor);
		ct_buf_puts(&buf, "}");
	} else {
		ct_buf_puts(&buf, "null}");
	}
	if (buf.failed)
		ct_reply_error(request, CT_ERROR_INTERNAL_ERROR, NULL, NULL);
	else
		ct_reply_json(request, 200, buf.data, buf.length);
	ct_buf_deinit(&buf);
}

/* One of the answers is there. The memory of the listing ends with the reply, so only the last one replies. */
static void
list_answered(struct listing *listing, bool ok)
{
	listing->failed = listing->failed || !ok;
	if (--listing->pending > 0)
		return;
	if (listing->failed)
		list_refuse(listing);
	else
		list_reply(listing);
}

/* --- the queues of the page --- */

static void
list_titles_known(const struct ct_outcome *outcome, void *arg)
{
	struct listing	*listing = arg;
	cJSON		*body = outcome->error != CT_OK ? NULL : cJSON_ParseWithLength(outcome->body, outcome->body_length);
	const cJSON	*item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(body, "schedules")) {
		const char	*id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "scheduleId"));
		const char	*title = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "concertTitle"));
		const char	*start_at = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "startAt"));

		for (size_t i = 0; id != NULL && title != NULL && start_at != NULL && i < listing->count; i++) {
			if (strcmp(listing->queues[i].text, id) != 0)
				continue;
			listing->queues[i].title = ct_printf(listing->request, "%s", title);
			listing->queues[i].start_at = ct_printf(listing->request, "%s", start_at);
		}
	}
	cJSON_Delete(body);
	list_answered(listing, body != NULL);
}

static void
list_facts_known(struct queue *queue, enum ct_error error, void *arg)
{
	struct listed	*listed = arg;

	if (error == CT_OK) {
		listed->facts = *schedule_facts_get(queue);
		listed->has_facts = true;
	}
	list_answered(listed->listing, error == CT_OK || error == CT_ERROR_SCHEDULE_NOT_FOUND);
}

static void
list_begun(enum ct_error error, void *arg)
{
	struct listed	*listed = arg;

	if (error == CT_OK)
		list_ask_numbers(listed);
	else
		list_answered(listed->listing, false);
}

static void
list_take_numbers(struct listed *listed, const struct control_answer *control)
{
	struct ct_buf	buf;

	ct_buf_init(&buf, 4096);
	control_print(&buf, listed->text, control);
	listed->is_wanted = !buf.failed && (control->waiting > 0 || control->active > 0 || control->updated_at_ms != 0);
	listed->numbers = buf.failed ? "{" : ct_printf(listed->listing->request, "%s", buf.data);
	listed->waiting = control->waiting;
	listed->is_paused = control->mode == QUEUE_MODE_PAUSED;
	listed->admits = control->max_active > 0 && control->admit > 0;
	ct_buf_deinit(&buf);
}

static void
list_numbers_known(const redisReply *reply, void *arg)
{
	struct listed		*listed = arg;
	struct control_answer	 control;

	if (!queue_answers_control(reply, &control)) {
		redis_calls_failed(listed->listing->request->id, "queue3_control_get", reply);
		list_answered(listed->listing, false);
	} else if (control.mode != QUEUE_MODE_NEW) {
		list_take_numbers(listed, &control);
		list_answered(listed->listing, true);
	} else if (listed->begun) {
		list_answered(listed->listing, false);
	} else {
		listed->begun = true;
		recovery_state_begin(listed->listing->request, &listed->schedule, list_begun, listed);
	}
}

static void
list_ask_numbers(struct listed *listed)
{
	struct ct_queue_command	command;

	ct_queue_command_init(&command, "queue3_control_get", &listed->schedule);
	redis_calls_append_settings(&command);
	redis_calls_send(&command, list_numbers_known, listed);
}

static void
list_ask(struct listed *listed)
{
	struct queue	*queue = queue_table_get(&listed->schedule);

	listed->listing->pending += 2;
	list_ask_numbers(listed);
	if (queue != NULL)
		schedule_facts_ask(queue, &listed->wait, list_facts_known, listed);
	else
		list_answered(listed->listing, false);
}

/* All ids of the page are known. No answer comes before this returns, except for a full table: the titles' one is the last then. */
static void
list_page(struct listing *listing)
{
	struct ct_request	*request = listing->request;
	struct ct_buf		 ids;

	listing->more = listing->count > listing->limit;
	if (listing->more)
		listing->count = listing->limit;
	listing->queues = ct_alloc(request, (listing->count + 1) * sizeof(*listing->queues));
	listing->pending = 1;
	ct_buf_init(&ids, PAGE_MAX * CT_UUID_TEXT + 2);
	for (size_t i = 0; i < listing->count; i++) {
		struct listed	*listed = &listing->queues[i];

		listed->listing = listing;
		listed->schedule = listing->ids[i];
		ct_uuid_format(&listed->schedule, listed->text);
		ct_buf_printf(&ids, "%s%s", i == 0 ? "{" : ",", listed->text);
		list_ask(listed);
	}
	ct_buf_puts(&ids, listing->count == 0 ? "{}" : "}");
	ct_pg_call(ct_service_pg, &titles, (const char *const[]){ ids.data }, list_titles_known, listing);
	ct_buf_deinit(&ids);
}

static void
list_changed_known(const struct ct_outcome *outcome, void *arg)
{
	struct listing	*listing = arg;

	if (list_add_changed(listing, outcome))
		list_page(listing);
	else
		list_refuse(listing);
}

static void
list_live_known(bool ok, void *arg)
{
	struct listing	*listing = arg;
	char		 number[CT_NUMBER_TEXT];

	if (!ok) {
		list_refuse(listing);
		return;
	}
	adding = listing;
	ticker_each_live(list_add_live);
	(void)ct_number((int64_t)listing->limit + 1, number);
	ct_pg_call(ct_service_pg, &list_changed, (const char *const[]){ listing->after, number }, list_changed_known,
	    listing);
}

void
queues_list(struct ct_request *request)
{
	struct listing	*listing = ct_alloc(request, sizeof(*listing));
	const char	*limit;

	listing->request = request;
	(void)ct_query_page(request, &limit, &listing->after);
	if (ct_invalid(request))
		return;
	listing->limit = (size_t)strtoul(limit, NULL, 10);
	if (listing->after != NULL)
		(void)ct_uuid_parse(listing->after, &listing->after_id);
	ticker_learn(list_live_known, listing);
}
