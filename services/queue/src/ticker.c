/* See ticker.h. */
#include "ticker.h"

#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "loop/loop.h"
#include "recovery_state.h"
#include "redis_calls.h"
#include "schedule_facts.h"
#include "service/service.h"
#include "share.h"

#define BEGIN_EVERY_MS	1000
#define IDLE_EVERY_MS	1000	/* ticks of a queue without waiters, until all its turns are certainly over */
#define SHUT_EVERY_MS	500	/* ticks of a queue with waiters that cannot admit anybody now */
#define SHOWN_MS	5000	/* gauges show a tick's numbers for this time */
#define LEARN_EVERY_MS	1000
#define RATE_MS		1000	/* the rate of a queue is measured over this time, or longer */

/* This key has no hash tag: no command uses it together with a key of a schedule. */
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

/* This module's part of each queue. */
static struct ticker_entry {
	bool			live;		/* a user waits or is ACTIVE, as far as this worker knows */
	bool			ticking;	/* a tick is under way */
	bool			awake;		/* a user has entered since the last tick was sent */
	bool			empty;		/* the last tick found no user, and none has come since */
	uint64_t		sent_ms;
	struct tick_answer	last;
	uint64_t		answered_ms;	/* when `last` came; 0: never */
	uint64_t		begun_ms;	/* when this module last began the queue; 0: never */
	int64_t			rate;		/* admissions by all workers, per QUEUE_TICK_SPEED_SCALE seconds */
	int64_t			rate_from;	/* admitted_to at rate_ms */
	uint64_t		rate_ms;
	uint64_t		still_since_ms;	/* users wait in an open sale, and none was admitted since; 0: no such time */
}	entries[QUEUE_TABLE_MAX];

/* Users per QUEUE_TICK_SPEED_SCALE seconds. */
static int64_t	admissions_max;		/* of all queues; 0: no limit */
static int64_t	admissions_share;	/* of each queue */

static void	ticker_tick(struct queue *);

static struct ticker_entry *
ticker_entry(const struct queue *queue)
{
	return (&entries[queue_table_index(queue)]);
}

static bool
ticker_is_busy(const struct queue *queue)
{
	return (ticker_entry(queue)->live || ticker_entry(queue)->ticking);
}

static void
ticker_clear(const struct queue *queue)
{
	memset(ticker_entry(queue), 0, sizeof(struct ticker_entry));
}

const struct queue_part ticker_part = { .is_busy = ticker_is_busy, .clear = ticker_clear };

void
ticker_configure(void)
{
	admissions_max = admissions_share = ct_config_number("ADMISSIONS_MAX_PER_SECOND") * QUEUE_TICK_SPEED_SCALE;
	metrics.admitted = ct_metric_counter("queue_admitted_total", "", "Users admitted");
	metrics.expired = ct_metric_counter("queue_expired_total", "",
	    "Active turns that ran out unused");
	metrics.abandoned = ct_metric_counter("queue_abandoned_total", "",
	    "Waiting places that ended because the user stopped asking");
	metrics.seconds = ct_metric_histogram("queue_tick_seconds", "",
	    "One round of admission, from command to answer");
	metrics.waited = ct_metric_histogram_long("queue_wait_seconds", "",
	    "Waits from entering to admission, of one waiter in eight");
	metrics.early = ct_metric_histogram_long("queue_wait_error_seconds", "admitted=\"early\"",
	    "Error of the wait that was estimated on entering, of one waiter in eight");
	metrics.late = ct_metric_histogram_long("queue_wait_error_seconds", "admitted=\"late\"",
	    "Error of the wait that was estimated on entering, of one waiter in eight");
}

const struct tick_answer *
ticker_last(const struct queue *queue)
{
	const struct ticker_entry	*entry = ticker_entry(queue);

	return (entry->answered_ms == 0 ? NULL : &entry->last);
}

bool
ticker_is_recent(const struct queue *queue, uint64_t ms)
{
	const struct ticker_entry	*entry = ticker_entry(queue);

	return (entry->answered_ms != 0 && ct_loop_about_ms() <= entry->answered_ms + ms);
}

static void
ticker_set_changed(const redisReply *reply, void *arg)
{
	(void)arg;
	if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
		redis_calls_failed(NULL, "SADD or SREM " QUEUES_SET, reply);
}

static void
ticker_change_set(const char *command, const struct queue *queue)
{
	ct_redis_cluster_call(ct_service_redis, QUEUES_SET, 3, (const char *const[]){ command, QUEUES_SET, queue->schedule_text },
	    ticker_set_changed, NULL);
}

/* Notes since when the queue should move and does not. `last` is still the answer before. */
static void
ticker_note_still(struct queue *queue, const struct tick_answer *answer)
{
	struct ticker_entry	*entry = ticker_entry(queue);
	const struct sale	*sale = schedule_facts_sale(queue);

	if (answer->waiting == 0 || sale == NULL || sale_status(sale, answer->mode == QUEUE_MODE_PAUSED) != SALE_OPEN)
		entry->still_since_ms = 0;
	else if (entry->still_since_ms == 0 || answer->admitted > 0 || answer->admitted_to != entry->last.admitted_to)
		entry->still_since_ms = ct_loop_now_ms();
}

uint64_t
ticker_still_ms(const struct queue *queue)
{
	const struct ticker_entry	*entry = ticker_entry(queue);

	return (entry->still_since_ms == 0 ? 0 : ct_loop_now_ms() - entry->still_since_ms);
}

/* Compares the estimated waits of admitted users with the real ones. */
static void
ticker_observe_waits(const struct tick_waits *waits)
{
	for (size_t i = 0; i < waits->count; i++) {
		double	told = (double)waits->at[i].told_ms / 1000;
		double	waited = (double)waits->at[i].waited_ms / 1000;

		ct_metric_observe(metrics.waited, waited);
		if (waited < told)
			ct_metric_observe(metrics.early, told - waited);
		else
			ct_metric_observe(metrics.late, waited - told);
	}
}

/* After a failure the next tick is answered NEW again. */
static void
ticker_begun(enum ct_error error, void *arg)
{
	(void)error;
	ticker_entry(arg)->ticking = false;
}

/* Redis has lost the queue, or was restarted. */
static void
ticker_begin(struct queue *queue)
{
	struct ticker_entry	*entry = ticker_entry(queue);
	uint64_t		 now = ct_loop_now_ms();

	if (entry->begun_ms != 0 && now - entry->begun_ms < BEGIN_EVERY_MS)
		return;
	entry->begun_ms = now;
	entry->ticking = true;
	recovery_state_begin(NULL, &queue->schedule, ticker_begun, queue);
}

/*
 * How long a queue rests after a tick. One user may enter all schedules, and each queue then stays live for minutes, so
 * only queues that can admit a user are ticked at the full rate.
 */
static uint64_t
ticker_rest_ms(const struct queue *queue)
{
	const struct ticker_entry	*entry = ticker_entry(queue);
	const struct sale		*sale = schedule_facts_sale(queue);

	if (entry->awake || entry->answered_ms == 0)
		return (0);
	if (entry->last.waiting == 0)
		return (IDLE_EVERY_MS);
	if (entry->last.mode == QUEUE_MODE_PAUSED || (sale != NULL && sale_status(sale, false) != SALE_OPEN &&
	    !sale_opens_within(sale, SHUT_EVERY_MS)))
		return (SHUT_EVERY_MS);
	return (0);
}

/*
 * Saves how far the queue has come. Once it is empty and the database knows that all users have had their turn, this worker
 * stops ticking it. If a user has just entered through another worker, that worker goes on ticking, and the next call about
 * the queue puts it back into the set.
 */
static void
ticker_save_progress(struct queue *queue, const struct tick_answer *answer)
{
	struct ticker_entry	*entry = ticker_entry(queue);
	const struct progress	 progress = { .generation = answer->generation, .last = answer->last,
				    .admitted_to = answer->admitted_to, .ended = answer->ended };

	recovery_state_save_progress(queue, &progress);
	/* A tick that has ended turns may have left more of them for the next one. */
	entry->empty = answer->waiting == 0 && answer->active == 0 && answer->expired == 0;
	if (entry->empty && answer->ended >= answer->admitted_to && recovery_state_is_saved(queue, &progress)) {
		entry->live = false;
		ticker_change_set("SREM", queue);
	}
}

/* Seqs only grow, so as many users or fewer were admitted. */
static void
ticker_measure_rate(struct ticker_entry *entry)
{
	uint64_t	passed = entry->answered_ms - entry->rate_ms;
	int64_t		admitted = entry->last.admitted_to - entry->rate_from;

	if (passed < RATE_MS)
		return;
	entry->rate = entry->rate_ms == 0 || admitted <= 0 ? 0 : admitted * QUEUE_TICK_SPEED_SCALE * 1000 / (int64_t)passed;
	entry->rate_from = entry->last.admitted_to;
	entry->rate_ms = entry->answered_ms;
}

static void
ticker_ticked(const redisReply *reply, void *arg)
{
	struct queue		*queue = arg;
	struct ticker_entry	*entry = ticker_entry(queue);
	struct tick_answer	 answer;
	struct tick_waits	 waits;

	entry->ticking = false;
	if (!queue_answers_tick(reply, &answer, &waits)) {
		redis_calls_failed(NULL, "queue3_tick", reply);
		return;
	}
	if (answer.mode == QUEUE_MODE_NEW) {
		ticker_begin(queue);
		return;
	}
	ct_metric_observe(metrics.seconds, (double)(ct_loop_now_ms() - entry->sent_ms) / 1000);
	ct_metric_add(metrics.admitted, (uint64_t)answer.admitted);
	ct_metric_add(metrics.expired, (uint64_t)answer.expired);
	ct_metric_add(metrics.abandoned, (uint64_t)answer.abandoned);
	ticker_observe_waits(&waits);
	ticker_note_still(queue, &answer);
	entry->last = answer;
	entry->answered_ms = ct_loop_now_ms();
	ticker_measure_rate(entry);
	ticker_save_progress(queue, &answer);
	if (answer.admitted >= QUEUE_ADMIT_MAX)
		ticker_tick(queue);
}

/* Sends no tick while the last one is not answered: Redis is slow or away. */
static void
ticker_tick(struct queue *queue)
{
	struct ticker_entry	*entry = ticker_entry(queue);
	struct ct_queue_command	 command;
	uint64_t		 now = ct_loop_now_ms();

	if (!entry->live || entry->ticking || now - entry->answered_ms < ticker_rest_ms(queue))
		return;
	entry->ticking = true;
	entry->awake = false;
	entry->sent_ms = now;
	ct_queue_command_init(&command, "queue3_tick", &queue->schedule);
	redis_calls_append_settings(&command);
	ct_queue_command_number(&command, schedule_facts_admit_until(queue) * 1000);
	if (admissions_max > 0)
		ct_queue_command_number(&command, admissions_share);
	redis_calls_send(&command, ticker_ticked, queue);
}

static int64_t	wanted[QUEUE_TABLE_MAX];
static size_t	wanted_count;

/* A queue with waiters, or one that this worker has not ticked yet, wants all. One without waiters wants what it took lately. */
static void
ticker_want(struct queue *queue)
{
	const struct ticker_entry	*entry = ticker_entry(queue);
	const struct sale		*sale = schedule_facts_sale(queue);
	bool				 takes_all = entry->answered_ms == 0 || entry->last.waiting > 0;

	if (!entry->live || (sale != NULL && sale_status(sale, false) != SALE_OPEN))
		return;
	if (entry->answered_ms != 0 && entry->last.mode == QUEUE_MODE_PAUSED)
		return;
	wanted[wanted_count++] = takes_all || entry->rate > admissions_max ? admissions_max : entry->rate;
}

/*
 * Each worker computes the same share from the answers of its own ticks, which are at most a second apart, and Redis holds each
 * queue to the share that the tick names. So the queues together stay below the limit, but for about a second after a queue
 * begins to admit.
 */
static void
ticker_compute_share(void)
{
	wanted_count = 0;
	queue_table_each(ticker_want);
	admissions_share = share_of_each(admissions_max, wanted, wanted_count);
	/* So many queues that each has nothing would admit nobody. */
	if (admissions_share == 0)
		admissions_share = 1;
}

static void
ticker_tick_all(void *arg)
{
	(void)arg;
	if (!ct_redis_cluster_ready(ct_service_redis))
		return;
	if (admissions_max > 0)
		ticker_compute_share();
	queue_table_each(ticker_tick);
}

int64_t
ticker_admissions_max(void)
{
	return (admissions_max);
}

int64_t
ticker_admissions_share(void)
{
	return (admissions_share);
}

void
ticker_add(struct queue *queue, bool has_come)
{
	struct ticker_entry	*entry = ticker_entry(queue);

	entry->empty = false;
	entry->awake = entry->awake || has_come;
	if (entry->live)
		return;
	entry->live = true;
	ticker_change_set("SADD", queue);
}

static bool
ticker_take_set(const redisReply *reply)
{
	struct ct_uuid	 schedule;
	struct queue	*queue;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
		redis_calls_failed(NULL, "SRANDMEMBER " QUEUES_SET, reply);
		return (false);
	}
	for (size_t i = 0; i < reply->elements; i++) {
		if (reply->element[i]->type == REDIS_REPLY_STRING && ct_uuid_parse(reply->element[i]->str, &schedule) &&
		    (queue = queue_table_get(&schedule)) != NULL)
			ticker_entry(queue)->live = true;
	}
	return (true);
}

/* A caller that waits for the set. */
struct learning {
	ticker_learned_cb	 cb;
	void			*arg;
};

static void
ticker_learned(const redisReply *reply, void *arg)
{
	struct learning	*learning = arg;
	bool		 ok = ticker_take_set(reply);

	if (learning == NULL)
		return;
	learning->cb(ok, learning->arg);
	free(learning);
}

/* The choice is random in case there are ever more than QUEUES_READ. */
static void
ticker_read_set(struct learning *learning)
{
	ct_redis_cluster_call(ct_service_redis, QUEUES_SET, 3,
	    (const char *const[]){ "SRANDMEMBER", QUEUES_SET, QUEUES_READ }, ticker_learned, learning);
}

void
ticker_learn(ticker_learned_cb cb, void *arg)
{
	struct learning	*learning = malloc(sizeof(*learning));

	if (learning == NULL)
		abort();
	*learning = (struct learning){ .cb = cb, .arg = arg };
	ticker_read_set(learning);
}

/* Reads the queues that other workers have added. */
static void
ticker_learn_tick(void *arg)
{
	(void)arg;
	if (ct_redis_cluster_ready(ct_service_redis))
		ticker_read_set(NULL);
}

static void	(*each_live)(struct queue *);

static void
ticker_if_live(struct queue *queue)
{
	if (ticker_entry(queue)->live)
		each_live(queue);
}

void
ticker_each_live(void (*each)(struct queue *))
{
	each_live = each;
	queue_table_each(ticker_if_live);
}

static void	(*each_shown)(struct queue *);

static void
ticker_show(struct queue *queue)
{
	const struct ticker_entry	*entry = ticker_entry(queue);

	if (entry->live && !entry->empty && entry->answered_ms != 0 &&
	    ct_loop_now_ms() - entry->answered_ms <= SHOWN_MS)
		each_shown(queue);
}

void
ticker_each_shown(void (*each)(struct queue *))
{
	each_shown = each;
	queue_table_each(ticker_show);
}

void
ticker_start(void)
{
	/* Twice per tick time, so that a late timer does not lower the admission rate. */
	ct_loop_every((uint64_t)queue_settings.tick_us / 2000, ticker_tick_all, NULL);
	ct_loop_every(LEARN_EVERY_MS, ticker_learn_tick, NULL);
}
