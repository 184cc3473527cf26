/* See queue_gauges.h. */
#include "queue_gauges.h"

#include <inttypes.h>

#include "schedule_facts.h"
#include "ticker.h"

static struct ct_buf	*printing;

#define PRINT(name, fmt, value) \
	ct_buf_printf(printing, name "{schedule=\"%s\"} " fmt "\n", queue->schedule_text, value)

static void
gauges_waiting(struct queue *queue)
{
	PRINT("queue_waiting", "%" PRId64, ticker_last(queue)->waiting);
}

static void
gauges_active(struct queue *queue)
{
	PRINT("queue_active", "%" PRId64, ticker_last(queue)->active);
}

static void
gauges_speed(struct queue *queue)
{
	PRINT("queue_speed_per_second", "%.3f", (double)ticker_last(queue)->speed / QUEUE_TICK_SPEED_SCALE);
}

/* Only while the sale is open: the speed does not include the time until the opening. */
static void
gauges_predicted_wait(struct queue *queue)
{
	const struct tick_answer	*tick = ticker_last(queue);

	if (tick->speed > 0 && schedule_facts_are_recent(queue) &&
	    sale_status(schedule_facts_sale(queue), false) == SALE_OPEN)
		PRINT("queue_predicted_wait_seconds", "%" PRId64, queue_answers_tick_wait(tick, tick->waiting));
}

/* If the facts are too old, this asks for them, and the next scrape shows them. */
static void
gauges_seats(struct queue *queue)
{
	if (schedule_facts_are_recent(queue))
		PRINT("queue_seats_left", "%" PRId64, schedule_facts_get(queue)->seats_left);
}

static void
gauges_mode(struct queue *queue)
{
	ct_buf_printf(printing, "queue_mode{schedule=\"%s\",mode=\"%s\"} 1\n", queue->schedule_text,
	    queue_answers_mode_name(ticker_last(queue)->mode));
}

/* Shown without recent ticks too: a queue whose ticks fail does not move. */
static void
gauges_still(struct queue *queue)
{
	if (ticker_last(queue) != NULL)
		PRINT("queue_still_seconds", "%" PRIu64, ticker_still_ms(queue) / 1000);
}

void
queue_gauges_print(struct ct_buf *buf)
{
	static const struct {
		const char	*name;
		const char	*help;
		void		(*print)(struct queue *);
		void		(*each)(void (*)(struct queue *));
	} gauges[] = {
		{ "queue_waiting", "Users waiting", gauges_waiting, ticker_each_shown },
		{ "queue_active", "Users who may choose seats now", gauges_active, ticker_each_shown },
		{ "queue_speed_per_second", "Users per second that leave the front of the line", gauges_speed, ticker_each_shown },
		{ "queue_predicted_wait_seconds", "Wait of a user who enters now, by that speed", gauges_predicted_wait,
		    ticker_each_shown },
		{ "queue_seats_left", "Seats that can still be bought", gauges_seats, ticker_each_shown },
		{ "queue_mode", "1, with the mode that operators set", gauges_mode, ticker_each_shown },
		{ "queue_still_seconds", "Time in which users wait, the queue is open and nobody is admitted", gauges_still,
		    ticker_each_live },
	};

	printing = buf;
	if (ticker_admissions_max() > 0) {
		ct_buf_printf(buf, "# HELP queue_admissions_max_per_second ADMISSIONS_MAX_PER_SECOND\n"
		    "# TYPE queue_admissions_max_per_second gauge\nqueue_admissions_max_per_second %.3f\n",
		    (double)ticker_admissions_max() / QUEUE_TICK_SPEED_SCALE);
		ct_buf_printf(buf, "# HELP queue_admissions_share_per_second The most that one queue may admit per second now\n"
		    "# TYPE queue_admissions_share_per_second gauge\nqueue_admissions_share_per_second %.3f\n",
		    (double)ticker_admissions_share() / QUEUE_TICK_SPEED_SCALE);
	}
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		ct_buf_printf(buf, "# HELP %s %s\n# TYPE %s gauge\n", gauges[i].name, gauges[i].help,
		    gauges[i].name);
		gauges[i].each(gauges[i].print);
	}
}
