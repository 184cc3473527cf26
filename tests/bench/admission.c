/*
 * The operator at the queue's control. The rate is the highest possible, so maxActive decides how many users are
 * admitted: each hold makes room for the next user. Every second the operator adjusts maxActive, so that the services
 * have enough work but not much more. It goes up while fewer buyers are busy than wanted, and down while more than
 * twice as many are. A busy buyer has polled since the admission and has no confirmation yet. maxActive is far above
 * that number, because most ACTIVE users have not polled since they were admitted. See sale.h.
 */
#include <stdio.h>

#include "sale.h"

#define EVERY_US	1000000
#define RATE		100000
#define LEAST		50U
#define MOST		1000000U
#define FAILURES_MAX	30	/* under load the queue sometimes answers 503 */

static const struct sale_settings	*settings;
static uint32_t				 operator;
static unsigned				 wanted, sent, set, failures;
static bool				 on_its_way;
static uint64_t				 next_us, retry_us;
static double				 busy_sum;	/* over the turns since the last adjustment */
static unsigned				 turns;

void
admission_open(const struct sale_settings *the_settings, uint32_t user)
{
	settings = the_settings;
	operator = user;
	wanted = settings->max_active != 0 ? settings->max_active : 2 * settings->busy;
}

static void
adjust(void)
{
	double	busy = busy_sum / turns;

	busy_sum = turns = 0;
	if (settings->max_active != 0)
		return;
	if (busy < settings->busy)
		wanted += wanted / 4;
	else if (busy > 2.0 * settings->busy)
		wanted -= wanted / 10;
	if (wanted < LEAST)
		wanted = LEAST;
	if (wanted > MOST)
		wanted = MOST;
}

void
admission_turn(uint64_t now, unsigned busy)
{
	char	body[64], text[1024];
	int	size, length;

	busy_sum += busy;
	turns++;
	if (now >= next_us) {
		if (set != 0)
			adjust();
		next_us = now + EVERY_US;
	}
	if (wanted == set || on_its_way || now < retry_us)
		return;
	size = snprintf(body, sizeof(body), "{\"maxActive\":%u,\"admitPerSecond\":%d}", wanted, RATE);
	length = snprintf(text, sizeof(text), "PUT /admin/queues/%s HTTP/1.1\r\nHost: localhost\r\n"
	    "Authorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	    settings->schedule, settings->operator_jwt, size, body);
	if (client_send(operator, text, (size_t)length)) {
		sent = wanted;
		on_its_way = true;
	}
}

void
admission_answered(const struct answer *answer)
{
	on_its_way = false;
	if (answer->status == 200) {
		set = sent;
		return;
	}
	if ((answer->status != 0 && answer->status != 503) || ++failures > FAILURES_MAX)
		fail("setting maxActive failed: status %d %.300s", answer->status, answer->body);
	fprintf(stderr, "sale: setting maxActive failed: status %d; repeating it in a second\n", answer->status);
	retry_us = answer->got_us + EVERY_US;
}

unsigned
admission_max_active(void)
{
	return (set);
}
