/*
 * What the benchmark's people do. Each enters, asks again when the answer's
 * pollAfterSeconds have passed, and leaves once ACTIVE. When all are through,
 * the order is checked from what they were told: places in the order of
 * entering, admissions in the order of places, never more than the rate allows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ct/ids.h"
#include "people.h"

#define JWT_MAX		400
#define TOKEN_MAX	128
#define TOKEN_BYTES	73	/* shared/include/ct/queue_token.h */
#define TOKEN_SEQ	33
#define SLOT_MS		5
#define SLOTS		8192	/* the wheel's turn: 41 s, longer than any pollAfterSeconds */
#define NOBODY		UINT32_MAX
#define ERRORS_SHOWN	5
#define LATENCY_MAX_MS	5000

enum step { ENTERING, WAITING, LEAVING, THROUGH };

struct person {
	char		 jwt[JWT_MAX];
	char		 token[TOKEN_MAX];
	enum step	 step;
	uint32_t	 next;		/* in a slot of the wheel, or among the due */
	uint64_t	 due_us;
	uint64_t	 sent_us;	/* the entering */
	uint64_t	 got_us;
	uint64_t	 seq;
	int64_t		 admitted_ms;	/* Unix time */
	int64_t		 told_wait_s;	/* estimatedWaitSeconds at first asking after the opening; -1: null */
	int64_t		 told_ms;
};

static const struct crowd_settings	*settings;
static struct person			*people;
static unsigned				 entered, through, errors, polls, requests;
static uint32_t				 wheel[SLOTS], due_first = NOBODY, due_last = NOBODY;
static uint64_t				 wheel_at;	/* the slot that is due next, counted from the start */
static uint64_t				 late_max_us;
static unsigned				 latency[LATENCY_MAX_MS * 10 + 1];	/* by tenths of a millisecond */
static uint64_t				 first_entered_us, last_entered_us;

static void
wrong(const char *what, const struct answer *answer)
{
	if (errors++ < ERRORS_SHOWN)
		fprintf(stderr, "people: %s: status %d %.300s\n", what, answer->status, answer->body);
}

/* --- when who is due ---------------------------------------------------------------- */

static void
make_due(uint32_t id)
{
	people[id].next = NOBODY;
	if (due_last == NOBODY)
		due_first = id;
	else
		people[due_last].next = id;
	due_last = id;
}

static void
sleep_until(uint32_t id, uint64_t due_us)
{
	uint64_t	slot = due_us / (SLOT_MS * 1000);

	if (slot < wheel_at)
		slot = wheel_at;
	if (slot >= wheel_at + SLOTS)
		slot = wheel_at + SLOTS - 1;
	people[id].due_us = due_us;
	people[id].next = wheel[slot % SLOTS];
	wheel[slot % SLOTS] = id;
}

static void
turn_wheel(uint64_t now)
{
	uint64_t	until = now / (SLOT_MS * 1000);

	for (; wheel_at <= until; wheel_at++) {
		uint32_t	id = wheel[wheel_at % SLOTS], next;

		wheel[wheel_at % SLOTS] = NOBODY;
		for (; id != NOBODY; id = next) {
			next = people[id].next;
			make_due(id);
		}
	}
}

/* --- requests and answers ------------------------------------------------------------- */

static bool
ask(uint32_t id)
{
	struct person	*p = &people[id];
	char		 text[2048];
	char		 body[160];
	int		 length;

	if (p->step == ENTERING) {
		int	size = snprintf(body, sizeof(body), "{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}",
		    settings->concert, settings->schedule);

		length = snprintf(text, sizeof(text), "POST /queues/enter HTTP/1.1\r\nHost: localhost\r\n"
		    "Authorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		    p->jwt, size, body);
	} else if (p->step == WAITING) {
		length = snprintf(text, sizeof(text), "GET /queues/status HTTP/1.1\r\nHost: localhost\r\n"
		    "Authorization: Bearer %s\r\nX-Queue-Token: %s\r\n\r\n", p->jwt, p->token);
	} else {
		length = snprintf(text, sizeof(text), "POST /queues/leave HTTP/1.1\r\nHost: localhost\r\n"
		    "Authorization: Bearer %s\r\nX-Queue-Token: %s\r\nContent-Length: 0\r\n\r\n", p->jwt, p->token);
	}
	return (client_send(id, text, (size_t)length));
}

/* The text after `"name":` in a flat JSON object, or NULL. */
static const char *
member(const char *body, const char *name)
{
	char		 wanted[40];
	const char	*at;

	(void)snprintf(wanted, sizeof(wanted), "\"%s\":", name);
	at = strstr(body, wanted);
	return (at == NULL ? NULL : at + strlen(wanted));
}

static int64_t
number_member(const char *body, const char *name)
{
	const char	*at = member(body, name);

	return (at == NULL || *at == 'n' ? -1 : strtoll(at, NULL, 10));
}

/* "2025-03-01T10:00:00.123Z" as Unix milliseconds; -1 if it is none. */
static int64_t
time_member(const char *body, const char *name)
{
	const char	*at = member(body, name);
	struct tm	 tm = { 0 };
	int		 ms;

	if (at == NULL || sscanf(at, "\"%d-%d-%dT%d:%d:%d.%dZ\"", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
	    &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7)
		return (-1);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return ((int64_t)timegm(&tm) * 1000 + ms);
}

static bool
read_token(struct person *p, const char *body)
{
	const char	*at = member(body, "token");
	uint8_t		 bytes[TOKEN_BYTES];
	size_t		 length;
	int		 i;

	if (at == NULL || *at++ != '"' || (length = strcspn(at, "\"")) >= sizeof(p->token) ||
	    ct_base64url_decode(at, length, bytes, sizeof(bytes)) != TOKEN_BYTES)
		return (false);
	memcpy(p->token, at, length);
	p->token[length] = '\0';
	for (i = 0; i < 8; i++)
		p->seq = p->seq << 8 | bytes[TOKEN_SEQ + i];
	return (true);
}

/* What a ticket says: wait on, or go in. */
static void
told(uint32_t id, const struct answer *answer)
{
	struct person	*p = &people[id];
	const char	*state = member(answer->body, "status");
	int64_t		 seconds = number_member(answer->body, "pollAfterSeconds"), wait;

	if (state == NULL || seconds < 1) {
		wrong("no ticket", answer);
		through++;
		p->step = THROUGH;
	} else if (strncmp(state, "\"WAITING\"", 9) == 0) {
		if (p->told_ms == 0 && (wait = number_member(answer->body, "estimatedWaitSeconds")) >= 0) {
			p->told_wait_s = wait;
			p->told_ms = (int64_t)(wall_us() / 1000);
		}
		p->step = WAITING;
		sleep_until(id, answer->got_us + (uint64_t)seconds * 1000000);
	} else if (strncmp(state, "\"ACTIVE\"", 8) == 0) {
		p->admitted_ms = time_member(answer->body, "activeUntil") - (int64_t)settings->ttl_s * 1000;
		p->step = LEAVING;
		make_due(id);
	} else {
		wrong("an unexpected state", answer);
		through++;
		p->step = THROUGH;
	}
}

void
crowd_answered(unsigned id, const struct answer *answer)
{
	struct person	*p = &people[id];
	uint64_t	 took = (answer->got_us - answer->sent_us) / 100;

	latency[took > LATENCY_MAX_MS * 10 ? LATENCY_MAX_MS * 10 : took]++;
	requests++;
	switch (p->step) {
	case ENTERING:
		entered++;
		last_entered_us = answer->got_us;
		p->sent_us = answer->sent_us;
		p->got_us = answer->got_us;
		if (answer->status != 201 || !read_token(p, answer->body)) {
			wrong("enter", answer);
			p->step = THROUGH;
			through++;
		} else if (settings->stay) {
			p->step = THROUGH;
			through++;
		} else {
			told(id, answer);
		}
		break;
	case WAITING:
		polls++;
		if (answer->status == 200) {
			told(id, answer);
		} else {
			wrong("status", answer);
			p->step = THROUGH;
			through++;
		}
		break;
	case LEAVING:
		if (answer->status != 204)
			wrong("leave", answer);
		p->step = THROUGH;
		through++;
		break;
	case THROUGH:
		break;
	}
}

/* --- afterwards ------------------------------------------------------------------------- */

static int
by_seq(const void *a, const void *b)
{
	const struct person	*p = &people[*(const uint32_t *)a], *q = &people[*(const uint32_t *)b];

	return (p->seq < q->seq ? -1 : p->seq > q->seq);
}

static int
by_size(const void *a, const void *b)
{
	double	x = *(const double *)a, y = *(const double *)b;

	return (x < y ? -1 : x > y);
}

/* Counts what is out of order and prints how it went. */
static unsigned
check_order(void)
{
	uint32_t	*order = calloc(settings->count, sizeof(*order));
	double		*off = calloc(settings->count, sizeof(*off));
	double		 lowest = 0, cost = settings->rate > 0 ? 1000 / settings->rate : 0, credit;
	uint64_t	 answered_later = UINT64_MAX;
	unsigned	 overtaken = 0, disorder = 0, too_fast = 0, offs = 0, i;
	int64_t		 first, last;

	if (order == NULL || off == NULL)
		fail("no memory");
	for (i = 0; i < settings->count; i++)
		order[i] = i;
	qsort(order, settings->count, sizeof(*order), by_seq);

	/* Who was answered before another one asked stands before that one. */
	for (i = settings->count; i-- > 0;) {
		const struct person	*p = &people[order[i]];

		overtaken += p->sent_us > answered_later;
		if (p->got_us < answered_later)
			answered_later = p->got_us;
	}
	first = people[order[0]].admitted_ms;
	last = people[order[settings->count - 1]].admitted_ms;
	for (i = 0; i < settings->count; i++) {
		const struct person	*p = &people[order[i]];

		if (i > 0 && (p->seq == people[order[i - 1]].seq ||
		    p->admitted_ms < people[order[i - 1]].admitted_ms))
			disorder++;
		/*
		 * Over any time t no more than rate * t, one tick's worth and one:
		 * i-th minus j-th, for the j that leaves the most room. A
		 * millisecond for the rounding of activeUntil.
		 */
		credit = i * cost - (double)(p->admitted_ms - first);
		if (i == 0 || credit < lowest)
			lowest = credit;
		too_fast += cost > 0 && credit - lowest > settings->tick_ms + 1;
		if (p->told_ms > 0)
			off[offs++] = (double)llabs(p->admitted_ms - p->told_ms - p->told_wait_s * 1000) / 1000;
	}
	qsort(off, offs, sizeof(*off), by_size);
	printf("order: %u places taken out of turn, %u admitted out of turn, %u admitted over the rate\n",
	    overtaken, disorder, too_fast);
	printf("admitted over %.1f s: %.0f a second\n", (double)(last - first) / 1000,
	    last > first ? (settings->count - 1) * 1000.0 / (double)(last - first) : 0);
	if (offs > 0)
		printf("the first wait told was off by %.1f s (median), %.1f s (99 %%), %.1f s at most\n",
		    off[offs / 2], off[offs * 99 / 100], off[offs - 1]);
	free(order);
	free(off);
	return (overtaken + disorder + too_fast);
}

static double
latency_ms(double share)
{
	uint64_t	wanted = (uint64_t)(share * requests), sum = 0;
	unsigned	i;

	for (i = 0; i < LATENCY_MAX_MS * 10 && (sum += latency[i]) <= wanted; i++)
		;
	return (i / 10.0);
}

static void
read_people(void)
{
	unsigned	i;

	if ((people = calloc(settings->count, sizeof(*people))) == NULL)
		fail("no memory for %u people", settings->count);
	for (i = 0; i < settings->count; i++) {
		if (fgets(people[i].jwt, JWT_MAX, stdin) == NULL)
			fail("%u JWTs on standard input, not %u", i, settings->count);
		people[i].jwt[strcspn(people[i].jwt, "\n")] = '\0';
		people[i].told_wait_s = -1;
	}
	for (i = 0; i < SLOTS; i++)
		wheel[i] = NOBODY;
}

static void
write_tokens(void)
{
	FILE		*file = fopen(settings->out, "we");
	unsigned	 i;

	if (file == NULL)
		fail("cannot write %s", settings->out);
	for (i = 0; i < settings->count; i++)
		fprintf(file, "%s %s\n", people[i].jwt, people[i].token);
	if (fclose(file) != 0)
		fail("cannot write %s", settings->out);
}

unsigned
crowd_run(const struct crowd_settings *the_settings)
{
	uint64_t	started, now, said = 0;
	unsigned	next = 0, disorder = 0;

	settings = the_settings;
	read_people();
	started = now = first_entered_us = now_us();
	wheel_at = now / (SLOT_MS * 1000);

	while (through < settings->count && now - started < (uint64_t)settings->limit_s * 1000000) {
		turn_wheel(now);
		/* Those who wait first: who is let in makes room. */
		while (due_first != NOBODY && ask(due_first)) {
			struct person	*p = &people[due_first];

			if (p->step == WAITING && now > p->due_us && now - p->due_us > late_max_us)
				late_max_us = now - p->due_us;
			if ((due_first = p->next) == NOBODY)
				due_last = NOBODY;
		}
		while (next < settings->count && now - started >= (uint64_t)next * settings->over_s * 1000000 /
		    settings->count && due_first == NOBODY && ask(next))
			next++;
		client_turn(1);
		now = now_us();
		if (now - said >= 5000000) {
			said = now;
			printf("  %4.0f s: %u entered, %u through, %u requests, %u errors\n",
			    (double)(now - started) / 1e6, entered, through, requests, errors);
			(void)fflush(stdout);
		}
	}
	if (through < settings->count) {
		fprintf(stderr, "people: %u of %u were not through in time\n", settings->count - through,
		    settings->count);
		errors += settings->count - through;
	} else if (!settings->stay && errors == 0) {
		disorder = check_order();
	}
	if (settings->out != NULL)
		write_tokens();
	printf("answered in %.1f ms (median), %.1f ms (99 %%), %.1f ms (99.9 %%); asked at most %.1f s late\n",
	    latency_ms(0.5), latency_ms(0.99), latency_ms(0.999), (double)late_max_us / 1e6);
	printf("RESULT seconds=%.1f enter_seconds=%.1f requests=%u polls=%u errors=%u disorder=%u p99_ms=%.1f\n",
	    (double)(now - started) / 1e6, (double)(last_entered_us - first_entered_us) / 1e6, requests, polls,
	    errors, disorder, latency_ms(0.99));
	return (errors + disorder);
}
