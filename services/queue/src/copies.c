/* Reads queue2_line for the queues that have a copy. See copies.h. */
#include "copies.h"

#include <time.h>

#include "ct/config.h"
#include "ct/loop.h"
#include "ct/metrics.h"
#include "ct/service.h"
#include "line.h"
#include "store.h"

#define COPIES_MAX	64	/* of a worker; and line.h has a bound for their lengths */
#define EVERY_MS	50	/* a copy is read so often: 20,000 people a second, two hundredths of Redis' time for each worker */
#define YOUNG_MS	500	/* how old what a copy says may be */
#define ANEW_MS		1000	/* a copy that was not right begins anew after so long, and after twice that the next time, */
#define ANEW_MAX_MS	64000	/* up to this; one that was right for so long is as new */

struct copy {
	struct queue	*queue;		/* NULL: free */
	struct line	 line;
	bool		 reading;
	uint64_t	 begins_ms;	/* it is not read before */
	uint64_t	 anew_ms;	/* how long it waits the next time */
	uint64_t	 asked_ms;
	uint64_t	 right_ms;	/* as of when it was right; 0: not since it began */
};

static struct copy	copies[COPIES_MAX];
static int64_t		copy_from;

static struct {
	struct ct_metric	*copied;
	struct ct_metric	*asked;
	struct ct_metric	*anew;
} metrics;

void
copies_configure(void)
{
	copy_from = ct_config_number("QUEUE_COPY_FROM", 0, 100000000, 5000);
	metrics.copied = ct_metric_counter("queue_positions_total", "from=\"copy\"",
	    "Quick looks at who goes on waiting, by where the position came from");
	metrics.asked = ct_metric_counter("queue_positions_total", "from=\"store\"",
	    "Quick looks at who goes on waiting, by where the position came from");
	metrics.anew = ct_metric_counter("queue_copies_wrong_total", "", "Copies of a line that were not right and began anew");
}

static void
begin_anew(struct copy *copy)
{
	line_clear(&copy->line);
	copy->right_ms = 0;
}

/* Not at once, and later each time: it may be that it cannot be right now. */
static void
begin_anew_later(struct copy *copy)
{
	ct_metric_add(metrics.anew, 1);
	begin_anew(copy);
	copy->begins_ms = ct_loop_now_ms() + copy->anew_ms;
	copy->anew_ms = copy->anew_ms < ANEW_MAX_MS ? copy->anew_ms * 2 : ANEW_MAX_MS;
}

static void
give_up(struct copy *copy)
{
	begin_anew(copy);
	copy->queue->copy = NULL;
	copy->queue = NULL;
}

static void
was_read(const redisReply *reply, void *arg)
{
	struct copy	*copy = arg;
	enum line_state	 state;

	copy->reading = false;
	/* Redis is slow or away: the copy is as good as it was, and will be asked for again. */
	if (reply == NULL)
		return;
	if (!line_is_answer(reply)) {
		store_failed(NULL, reply);
		begin_anew_later(copy);
		return;
	}
	state = line_update(&copy->line, reply);
	if (state == LINE_RIGHT) {
		copy->right_ms = copy->asked_ms;
		if (copy->right_ms >= copy->begins_ms + ANEW_MAX_MS)
			copy->anew_ms = ANEW_MS;
	} else if (state == LINE_WRONG) {
		begin_anew_later(copy);
	}
}

static void
read_line(struct copy *copy, uint64_t now)
{
	struct ct_queue_command	command;

	if (copy->reading || now < copy->begins_ms)
		return;
	copy->reading = true;
	copy->asked_ms = now;
	line_ask(&copy->line, &copy->queue->schedule, &command);
	store_call(&command, was_read, copy);
}

/* A draw's line is in no order of coming before the sale opens. */
static bool
is_long(const struct queue *queue, int64_t from)
{
	return (queue->live && from > 0 && queue->waits >= from && queue->facts_ms != 0 &&
	    !(queue->draw && queue->sale.opens_ms > (int64_t)time(NULL) * 1000));
}

static void
find_copy(struct queue *queue)
{
	struct copy	*copy = NULL;

	if (queue->copy != NULL || !is_long(queue, copy_from))
		return;
	for (size_t i = 0; i < COPIES_MAX && copy == NULL; i++) {
		if (copies[i].queue == NULL)
			copy = &copies[i];
	}
	if (copy == NULL)
		return;
	*copy = (struct copy){ .queue = queue, .begins_ms = ct_loop_now_ms(), .anew_ms = ANEW_MS };
	queue->copy = copy;
}

static void
read_all(void *arg)
{
	uint64_t	now = ct_loop_now_ms();

	(void)arg;
	if (!ct_redis_ready(ct_service_redis))
		return;
	queues_each_live(find_copy);
	for (size_t i = 0; i < COPIES_MAX; i++) {
		struct copy	*copy = &copies[i];

		if (copy->queue == NULL)
			continue;
		/* Not at once by each who leaves: a line of about that length would be read anew again and again. */
		if (is_long(copy->queue, (copy_from + 1) / 2))
			read_line(copy, now);
		else if (!copy->reading)
			give_up(copy);
	}
}

void
copies_start(void)
{
	if (copy_from > 0)
		ct_loop_every(EVERY_MS, read_all, NULL);
}

void
copies_expect(const struct queue *queue, uint64_t seq)
{
	if (queue->copy != NULL)
		line_expect(&queue->copy->line, seq);
}

int64_t
copies_position(const struct queue *queue, uint64_t seq)
{
	struct copy	*copy = queue->copy;
	int64_t		 position = 0;

	if (copy != NULL && copy->right_ms != 0 && ct_loop_about_ms() <= copy->right_ms + YOUNG_MS)
		position = line_position(&copy->line, seq);
	ct_metric_add(position > 0 ? metrics.copied : metrics.asked, 1);
	return (position);
}
