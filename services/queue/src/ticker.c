/* Ticks queues that have people in them. See ticker.h. */
#include "ticker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ct/log.h"
#include "ct/loop.h"
#include "ct/metrics.h"
#include "ct/service.h"
#include "facts.h"
#include "memory.h"
#include "store.h"

#define BEGIN_EVERY_MS	1000
#define IDLE_EVERY_MS	1000	/* a queue without waiters: to tidy, until all its turns are certainly over */
#define SHUT_EVERY_MS	500	/* a queue with waiters that admits nobody now */
#define KNOWN_MS	5000	/* for so long the last tick's numbers are shown */

/* Not under a schedule's hash tag: it is only ever used by commands of its own. */
#define QUEUES_SET	"queues"
#define QUEUES_READ	"1000"

static struct {
	struct ct_metric	*admitted;
	struct ct_metric	*expired;
	struct ct_metric	*abandoned;
	struct ct_metric	*seconds;
	struct ct_metric	*waited;
	struct ct_metric	*early;
	struct ct_metric	*late;
} metrics;

/* As ADMIT_MAX in queue.lua: so that nobody else's call has to wait long, a round admits no more, and the next follows. */
#define ADMIT_MAX	250

void
ticker_configure(void)
{
	metrics.admitted = ct_metric_counter("queue_admitted_total", "", "Users admitted");
	metrics.expired = ct_metric_counter("queue_expired_total", "",
	    "ACTIVE places whose time ran out unused");
	metrics.abandoned = ct_metric_counter("queue_abandoned_total", "",
	    "Waiting places given up because nothing was heard of the user");
	metrics.seconds = ct_metric_histogram("queue_tick_seconds", "",
	    "One round of admission, from command to answer");
	metrics.waited = ct_metric_histogram_long("queue_wait_seconds", "",
	    "Waits from entering to admission, of one waiter in eight");
	metrics.early = ct_metric_histogram_long("queue_wait_error_seconds", "admitted=\"early\"",
	    "By how much the wait told on entering was wrong, of one waiter in eight");
	metrics.late = ct_metric_histogram_long("queue_wait_error_seconds", "admitted=\"late\"",
	    "By how much the wait told on entering was wrong, of one waiter in eight");
}

static void
ignore(const redisReply *reply, void *arg)
{
	(void)arg;
	if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
		store_failed(NULL, reply);
}

/* What those admitted had been told they would wait, and how long it was. */
static void
compare_waits(const redisReply *waits)
{
	for (size_t i = 0; i + 1 < waits->elements; i += 2) {
		double	told = (double)waits->element[i]->integer / 1000;
		double	waited = (double)waits->element[i + 1]->integer / 1000;

		ct_metric_observe(metrics.waited, waited);
		if (waited < told)
			ct_metric_observe(metrics.early, told - waited);
		else
			ct_metric_observe(metrics.late, waited - told);
	}
}

static void
begun(enum ct_error error, void *arg)
{
	struct queue	*queue = arg;

	(void)error;	/* the next tick finds out */
	queue->ticking = false;
}

/* The store has lost the queue, or was restarted. */
static void
begin(struct queue *queue)
{
	uint64_t	now = ct_loop_now_ms();

	if (queue->begun_ms != 0 && now - queue->begun_ms < BEGIN_EVERY_MS)
		return;
	queue->begun_ms = now;
	queue->ticking = true;
	memory_begin(NULL, &queue->schedule, begun, queue);
}

static void	tick(struct queue *);

/*
 * How long a queue rests after a tick. One user may enter all schedules, and each queue then stays live for minutes, so
 * only queues that can admit a user are ticked at the full rate.
 */
static uint64_t
rest_ms(const struct queue *queue)
{
	if (queue->awake || queue->ticked_ms == 0)
		return (0);
	if (queue->waits == 0)
		return (IDLE_EVERY_MS);
	if (strcmp(queue->mode, "PAUSED") == 0 || (queue->sale_ms != 0 && sale_status(&queue->sale, false) != SALE_OPEN &&
	    !sale_opens_within(&queue->sale, SHUT_EVERY_MS)))
		return (SHUT_EVERY_MS);
	return (0);
}

static void
ticked(const redisReply *reply, void *arg)
{
	struct queue	*queue = arg;
	struct progress	 progress;

	queue->ticking = false;
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 12) {
		store_failed(NULL, reply);
		return;
	}
	if (strcmp(reply->element[10]->str, "NEW") == 0) {
		begin(queue);
		return;
	}
	ct_metric_observe(metrics.seconds, (double)(ct_loop_now_ms() - queue->tick_sent_ms) / 1000);
	ct_metric_add(metrics.admitted, (uint64_t)reply->element[2]->integer);
	ct_metric_add(metrics.expired, (uint64_t)reply->element[3]->integer);
	ct_metric_add(metrics.abandoned, (uint64_t)reply->element[4]->integer);
	compare_waits(reply->element[11]);
	queue->waits = reply->element[0]->integer;
	queue->active = reply->element[1]->integer;
	queue->speed = reply->element[9]->integer;
	queue->ticked_ms = ct_loop_now_ms();
	(void)snprintf(queue->mode, sizeof(queue->mode), "%s", reply->element[10]->str);
	progress = (struct progress){ .epoch = reply->element[5]->integer, .last = reply->element[6]->integer,
	    .admitted_to = reply->element[7]->integer, .ended = reply->element[8]->integer };
	memory_note_progress(queue, &progress);
	/* Nobody is left, not even one whose time is over and who is to be tidied away. */
	queue->empty = queue->waits == 0 && queue->active == 0 && reply->element[3]->integer == 0;
	if (queue->empty && progress.ended >= progress.admitted_to && memory_has(queue, &progress)) {
		/*
		 * The database knows that all have had their turn. If somebody came in just now by another worker, that
		 * worker goes on ticking, and whoever asks next puts the queue
		 * back into the set.
		 */
		queue->live = false;
		ct_redis_call(ct_service_redis, 3,
		    (const char *const[]){ "SREM", QUEUES_SET, queue->schedule_text }, NULL, ignore, NULL);
	}
	if (reply->element[2]->integer >= ADMIT_MAX)
		tick(queue);
}

static void
tick(struct queue *queue)
{
	struct ct_queue_command	 command;
	uint64_t		 now = ct_loop_now_ms();

	/* Redis is slow or away: what was asked is not asked again before it is answered. */
	if (queue->ticking || now - queue->ticked_ms < rest_ms(queue))
		return;
	queue->ticking = true;
	queue->awake = false;
	queue->tick_sent_ms = now;
	ct_queue_command_init(&command, "queue2_tick", &queue->schedule);
	store_append_settings(&command);
	ct_queue_command_number(&command, facts_admit_until(queue) * 1000);
	store_call(&command, ticked, queue);
}

static void
tick_all(void *arg)
{
	(void)arg;
	if (ct_redis_ready(ct_service_redis))
		queues_each_live(tick);
}

void
ticker_add(struct queue *queue, bool has_come)
{
	queue->empty = false;
	queue->awake = queue->awake || has_come;
	if (queue->live)
		return;
	queue->live = true;
	ct_redis_call(ct_service_redis, 3,
	    (const char *const[]){ "SADD", QUEUES_SET, queue->schedule_text }, NULL, ignore, NULL);
}

static void
learned(const redisReply *reply, void *arg)
{
	struct ct_uuid	 schedule;
	struct queue	*queue;

	(void)arg;
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
		store_failed(NULL, reply);
		return;
	}
	for (size_t i = 0; i < reply->elements; i++) {
		if (ct_uuid_parse(reply->element[i]->str, &schedule) &&
		    (queue = queues_get(&schedule)) != NULL)
			queue->live = true;
	}
}

/* Learns of queues that others serve; at random, should there ever be more than fit. */
static void
learn(void *arg)
{
	(void)arg;
	if (!ct_redis_ready(ct_service_redis))
		return;
	ct_redis_call(ct_service_redis, 3,
	    (const char *const[]){ "SRANDMEMBER", QUEUES_SET, QUEUES_READ }, NULL, learned, NULL);
}

static struct ct_buf	*printing;

#define PRINT(name, fmt, value) \
	ct_buf_printf(printing, name "{schedule=\"%s\"} " fmt "\n", queue->schedule_text, value)

static void
print_waiting(struct queue *queue)
{
	PRINT("queue_waiting", "%" PRId64, queue->waits);
}

static void
print_active(struct queue *queue)
{
	PRINT("queue_active", "%" PRId64, queue->active);
}

static void
print_speed(struct queue *queue)
{
	PRINT("queue_speed_per_second", "%.3f", (double)queue->speed / 1000);
}

/* Only while the facts say that the sale is open: the speed does not count the time until the opening. */
static void
print_predicted(struct queue *queue)
{
	if (queue->speed > 0 && facts_will_do(queue) && sale_status(&queue->sale, false) == SALE_OPEN)
		PRINT("queue_predicted_wait_seconds", "%.0f", (double)queue->waits * 1000 / (double)queue->speed);
}

static void
print_seats(struct queue *queue)
{
	/* Asks anew in the background if need be: the next reader has it. */
	if (facts_will_do(queue))
		PRINT("queue_seats_left", "%" PRId64, queue->seats_left);
}

static void
print_mode(struct queue *queue)
{
	ct_buf_printf(printing, "queue_mode{schedule=\"%s\",mode=\"%s\"} 1\n", queue->schedule_text,
	    queue->mode[0] == '\0' ? "OPEN" : queue->mode);
}

static void	(*print_gauge)(struct queue *);

/* What the store said last is not what is, once it has not answered for a while. */
static void
print_if_known(struct queue *queue)
{
	if (!queue->empty && queue->ticked_ms != 0 && ct_loop_now_ms() - queue->ticked_ms <= KNOWN_MS)
		print_gauge(queue);
}

void
ticker_print_metrics(struct ct_buf *buf)
{
	static const struct {
		const char	*name;
		const char	*help;
		void		(*print)(struct queue *);
	} gauges[] = {
		{ "queue_waiting", "Users waiting", print_waiting },
		{ "queue_active", "Users who may choose seats now", print_active },
		{ "queue_speed_per_second", "Users a second that leave the front of the line", print_speed },
		{ "queue_predicted_wait_seconds", "Wait of whoever enters now, by that speed", print_predicted },
		{ "queue_seats_left", "Seats that can still be had", print_seats },
		{ "queue_mode", "1, with the mode that operators set", print_mode },
	};

	printing = buf;
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		ct_buf_printf(buf, "# HELP %s %s\n# TYPE %s gauge\n", gauges[i].name, gauges[i].help,
		    gauges[i].name);
		print_gauge = gauges[i].print;
		queues_each_live(print_if_known);
	}
}

void
ticker_start(void)
{
	/* Twice a tick: a late timer then takes nothing away from the rate. */
	ct_loop_every((uint64_t)store_settings.tick_us / 2000, tick_all, NULL);
	ct_loop_every(1000, learn, NULL);
}
