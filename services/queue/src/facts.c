/* Facts about schedules, asked of reservation.queue_facts. See facts.h. */
#include "facts.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "ct/log.h"
#include "ct/loop.h"
#include "ct/service.h"
#include "draw.h"

#define FRESH_MS	1000
#define SHOWN_MS	5000
#define ADMIT_MS	5000	/* the queue admits nobody by older facts */
#define RETRY_MS	500	/* between two background questions */
#define ASKED_MAX	20	/* a second and schedule, for the sake of enter */

const struct ct_pg_statement facts_statement = {
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

/* Takes the answer over into the queue's entry; false if it cannot be read. */
static bool
facts_read(struct queue *queue, const struct ct_outcome *outcome)
{
	cJSON		*body;
	const cJSON	*seats, *closes;
	const char	*concert, *status;
	bool		 ok = false;

	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	concert = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "concertId"));
	status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "status"));
	closes = cJSON_GetObjectItemCaseSensitive(body, "saleClosesAtMs");
	seats = cJSON_GetObjectItemCaseSensitive(body, "seatsLeft");
	if (concert != NULL && strlen(concert) == CT_UUID_TEXT - 1 && status != NULL && cJSON_IsNumber(closes) &&
	    (!queue->asks_all || cJSON_IsNumber(seats))) {
		memcpy(queue->concert, concert, CT_UUID_TEXT);
		queue->sale.on_sale = strcmp(status, "ON_SALE") == 0;
		queue->sale.opens_ms = (int64_t)cJSON_GetNumberValue(
		    cJSON_GetObjectItemCaseSensitive(body, "saleOpensAtMs"));
		queue->sale.closes_ms = (int64_t)closes->valuedouble;
		queue->draw = draw_read_seed(cJSON_GetStringValue(
		    cJSON_GetObjectItemCaseSensitive(body, "drawSeed")), queue->draw_seed);
		queue->sale_ms = ct_loop_now_ms();
		if (queue->asks_all) {
			queue->seats_left = (int64_t)seats->valuedouble;
			queue->facts_ms = queue->sale_ms;
		}
		ok = true;
	}
	cJSON_Delete(body);
	return (ok);
}

static void
answered(const struct ct_outcome *outcome, void *arg)
{
	struct queue		*queue = arg;
	struct facts_wait	*wait = queue->waiting, *next;
	enum ct_error		 error = outcome->error;

	if (error == CT_OK && strcmp(outcome->outcome, "OK") != 0)
		error = ct_error_from_code(outcome->outcome);
	if (error == CT_OK && !facts_read(queue, outcome)) {
		ct_log(CT_LOG_ERROR, NULL, "queue_facts: an answer that cannot be read");
		error = CT_SERVICE_UNAVAILABLE;
	}
	if (error != CT_OK && error != CT_SCHEDULE_NOT_FOUND)
		error = CT_SERVICE_UNAVAILABLE;
	queue->ask_failed = error != CT_OK;
	queue->waiting = queue->waiting_last = NULL;
	/* Those who wait may ask anew: that is another question. */
	queue->asking = false;
	for (; wait != NULL; wait = next) {
		next = wait->next;
		wait->cb(queue, error, wait->arg);
	}
}

/* About the seats too, where they are wanted and were not counted within the last second. */
static void
ask(struct queue *queue, bool seats)
{
	uint64_t	now = ct_loop_now_ms();

	if (queue->asking)
		return;
	if (now - queue->window_ms >= 1000) {
		queue->window_ms = now;
		queue->asked_in_window = 0;
	}
	queue->asked_in_window++;
	queue->asked_ms = now;
	queue->asking = true;
	queue->asks_all = queue->facts_ms == 0 || (seats && now - queue->facts_ms > FRESH_MS);
	if (queue->asks_all)
		ct_pg_call(ct_service_pg, &facts_statement,
		    (const char *const[]){ NULL, queue->schedule_text }, answered, queue);
	else
		ct_pg_call(ct_service_pg, &sale_statement, (const char *const[]){ queue->schedule_text }, answered, queue);
}

bool
facts_will_do(struct queue *queue)
{
	uint64_t	now = ct_loop_now_ms();

	if (now - queue->facts_ms > FRESH_MS && now - queue->asked_ms > RETRY_MS)
		ask(queue, true);
	return (queue->facts_ms != 0 && (now - queue->facts_ms <= SHOWN_MS || queue->ask_failed));
}

bool
facts_are_fresh(struct queue *queue)
{
	uint64_t	now = ct_loop_now_ms();

	return (queue->facts_ms != 0 && now - queue->sale_ms <= FRESH_MS &&
	    queue->asked_in_window >= ASKED_MAX && now - queue->window_ms < 1000);
}

int64_t
facts_admit_until(struct queue *queue)
{
	uint64_t	now = ct_loop_now_ms();

	if (now - queue->sale_ms > FRESH_MS && now - queue->asked_ms > RETRY_MS)
		ask(queue, false);
	return (queue->sale_ms != 0 && now - queue->sale_ms <= ADMIT_MS && queue->sale.on_sale ? queue->sale.closes_ms : 0);
}

void
facts_ask(struct queue *queue, struct facts_wait *wait, facts_cb cb, void *arg)
{
	wait->next = NULL;
	wait->cb = cb;
	wait->arg = arg;
	if (queue->waiting_last == NULL)
		queue->waiting = wait;
	else
		queue->waiting_last->next = wait;
	queue->waiting_last = wait;
	ask(queue, true);
}
