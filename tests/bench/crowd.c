/*
 * The steps of each user of the crowd: enters, polls after the answer's pollAfterSeconds, and leaves once ACTIVE. At
 * the end it checks the order by the answers. Places must follow the order of entering, admissions the order of places,
 * and the rate must not be exceeded.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ids.h"
#include "load.h"

#define JWT_MAX		400
#define TOKEN_MAX	128
#define TOKEN_BYTES	73	/* shared/auth/queue_token.h */
#define TOKEN_SEQ	33
#define ERRORS_SHOWN	5
#define LATENCY_MAX_MS	5000

enum step { ENTERING, WAITING, LEAVING, DONE };

struct user {
	char		 jwt[JWT_MAX];
	char		 token[TOKEN_MAX];
	enum step	 step;
	uint64_t	 sent_us;	/* the enter request */
	uint64_t	 got_us;
	uint64_t	 seq;
	int64_t		 admitted_ms;	/* Unix time */
	int64_t		 told_wait_s;	/* the first estimatedWaitSeconds; -1: null */
	int64_t		 told_ms;
};

static const struct crowd_settings	*settings;
static struct user			*users;
static unsigned				 entered, done, errors, polls, requests;
static uint64_t				 late_max_us;
static unsigned				 latency[LATENCY_MAX_MS * 10 + 1];	/* numbers of answers by tenths of a millisecond */
static uint64_t				 first_entered_us, last_entered_us;

static void
report_error(const char *what, const struct answer *answer)
{
	if (errors++ < ERRORS_SHOWN)
		fprintf(stderr, "crowd: %s: status %d %.300s\n", what, answer->status, answer->body);
}

/* --- requests and answers ------------------------------------------------------------- */

static bool
send_request(uint32_t id)
{
	struct user	*p = &users[id];
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

/* Returns "2025-03-01T10:00:00.123Z" as Unix milliseconds, or -1 if it is not a time. */
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
read_token(struct user *p, const char *body)
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

/* Takes a ticket: wait and poll again, or leave once ACTIVE. */
static void
take_ticket(uint32_t id, const struct answer *answer)
{
	struct user	*p = &users[id];
	const char	*state = member(answer->body, "status");
	int64_t		 seconds = number_member(answer->body, "pollAfterSeconds"), wait;

	if (state == NULL || seconds < 1) {
		report_error("the answer is not a ticket", answer);
		done++;
		p->step = DONE;
	} else if (strncmp(state, "\"WAITING\"", 9) == 0) {
		if (p->told_ms == 0 && (wait = number_member(answer->body, "estimatedWaitSeconds")) >= 0) {
			p->told_wait_s = wait;
			p->told_ms = (int64_t)(wall_us() / 1000);
		}
		p->step = WAITING;
		wheel_sleep(id, answer->got_us + (uint64_t)seconds * 1000000);
	} else if (strncmp(state, "\"ACTIVE\"", 8) == 0) {
		p->admitted_ms = time_member(answer->body, "activeUntil") - (int64_t)settings->ttl_s * 1000;
		p->step = LEAVING;
		wheel_due_now(id);
	} else {
		report_error("unexpected status in the ticket", answer);
		done++;
		p->step = DONE;
	}
}

void
crowd_answered(unsigned id, const struct answer *answer)
{
	struct user	*p = &users[id];
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
			report_error("unexpected answer to enter", answer);
			p->step = DONE;
			done++;
		} else if (settings->stay) {
			p->step = DONE;
			done++;
		} else {
			take_ticket(id, answer);
		}
		break;
	case WAITING:
		polls++;
		if (answer->status == 200) {
			take_ticket(id, answer);
		} else {
			report_error("unexpected answer to status", answer);
			p->step = DONE;
			done++;
		}
		break;
	case LEAVING:
		if (answer->status != 204)
			report_error("unexpected answer to leave", answer);
		p->step = DONE;
		done++;
		break;
	case DONE:
		break;
	}
}

/* --- report ----------------------------------------------------------------------------- */

static int
by_seq(const void *a, const void *b)
{
	const struct user	*p = &users[*(const uint32_t *)a], *q = &users[*(const uint32_t *)b];

	return (p->seq < q->seq ? -1 : p->seq > q->seq);
}

static int
by_size(const void *a, const void *b)
{
	double	x = *(const double *)a, y = *(const double *)b;

	return (x < y ? -1 : x > y);
}

/* Prints the order and the waits. Returns the number of users out of order. */
static unsigned
check_order(void)
{
	uint32_t	*order = calloc(settings->count, sizeof(*order));
	double		*off = calloc(settings->count, sizeof(*off));
	double		 lowest = 0, cost = settings->rate > 0 ? 1000 / settings->rate : 0, credit;
	uint64_t	 answered_later = UINT64_MAX;
	unsigned	 places_out_of_order = 0, disorder = 0, too_fast = 0, offs = 0, i;
	int64_t		 first, last;

	if (order == NULL || off == NULL)
		fail("no memory");
	for (i = 0; i < settings->count; i++)
		order[i] = i;
	qsort(order, settings->count, sizeof(*order), by_seq);

	/* A user who was answered before another user asked must have the lower place. */
	for (i = settings->count; i-- > 0;) {
		const struct user	*p = &users[order[i]];

		places_out_of_order += p->sent_us > answered_later;
		if (p->got_us < answered_later)
			answered_later = p->got_us;
	}
	first = users[order[0]].admitted_ms;
	last = users[order[settings->count - 1]].admitted_ms;
	for (i = 0; i < settings->count; i++) {
		const struct user	*p = &users[order[i]];

		if (i > 0 && (p->seq == users[order[i - 1]].seq ||
		    p->admitted_ms < users[order[i - 1]].admitted_ms))
			disorder++;
		/*
		 * Within any time t at most rate * t users plus one tick's worth plus one may be admitted. Compare each
		 * user with the earlier one that leaves the most room. One millisecond more, because activeUntil is
		 * rounded.
		 */
		credit = i * cost - (double)(p->admitted_ms - first);
		if (i == 0 || credit < lowest)
			lowest = credit;
		too_fast += cost > 0 && credit - lowest > settings->tick_ms + 1;
		if (p->told_ms > 0)
			off[offs++] = (double)llabs(p->admitted_ms - p->told_ms - p->told_wait_s * 1000) / 1000;
	}
	qsort(off, offs, sizeof(*off), by_size);
	printf("order: %u places out of order, %u admissions out of order, %u admissions over the rate\n",
	    places_out_of_order, disorder, too_fast);
	printf("admissions lasted %.1f s: %.0f per second\n", (double)(last - first) / 1000,
	    last > first ? (settings->count - 1) * 1000.0 / (double)(last - first) : 0);
	if (offs > 0)
		printf("the first estimated wait was wrong by %.1f s (median), %.1f s (99 %%), %.1f s at most\n",
		    off[offs / 2], off[offs * 99 / 100], off[offs - 1]);
	free(order);
	free(off);
	return (places_out_of_order + disorder + too_fast);
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
read_users(void)
{
	unsigned	i;

	if ((users = calloc(settings->count, sizeof(*users))) == NULL)
		fail("no memory for %u users", settings->count);
	for (i = 0; i < settings->count; i++) {
		read_jwt(i, settings->count, users[i].jwt, JWT_MAX);
		users[i].told_wait_s = -1;
	}
}

static void
write_tokens(void)
{
	FILE		*file = fopen(settings->out, "we");
	unsigned	 i;

	if (file == NULL)
		fail("cannot write %s", settings->out);
	for (i = 0; i < settings->count; i++)
		fprintf(file, "%s %s\n", users[i].jwt, users[i].token);
	if (fclose(file) != 0)
		fail("cannot write %s", settings->out);
}

unsigned
crowd_run(const struct crowd_settings *the_settings)
{
	uint64_t	started, now, said = 0;
	unsigned	next = 0, disorder = 0;
	uint32_t	 id;

	settings = the_settings;
	read_users();
	wheel_init(settings->count);
	started = now = first_entered_us = now_us();

	while (done < settings->count && now - started < (uint64_t)settings->limit_s * 1000000) {
		wheel_turn(now);
		/* Waiting users first, because their admission makes room for others. */
		while ((id = wheel_first()) != NOBODY && send_request(id)) {
			if (users[id].step == WAITING && now > wheel_due_us(id) && now - wheel_due_us(id) > late_max_us)
				late_max_us = now - wheel_due_us(id);
			wheel_drop_first();
		}
		while (next < settings->count && now - started >= (uint64_t)next * settings->over_s * 1000000 /
		    settings->count && wheel_first() == NOBODY && send_request(next))
			next++;
		client_turn(1);
		now = now_us();
		if (now - said >= 5000000) {
			said = now;
			printf("  %4.0f s: %u entered, %u done, %u requests, %u errors\n",
			    (double)(now - started) / 1e6, entered, done, requests, errors);
			(void)fflush(stdout);
		}
	}
	if (done < settings->count) {
		fprintf(stderr, "crowd: %u of %u users were not done in time\n", settings->count - done,
		    settings->count);
		errors += settings->count - done;
	} else if (!settings->stay && errors == 0) {
		disorder = check_order();
	}
	if (settings->out != NULL)
		write_tokens();
	printf("latency %.1f ms (median), %.1f ms (99 %%), %.1f ms (99.9 %%); polls were sent at most %.1f s late\n",
	    latency_ms(0.5), latency_ms(0.99), latency_ms(0.999), (double)late_max_us / 1e6);
	printf("RESULT seconds=%.1f enter_seconds=%.1f requests=%u polls=%u errors=%u disorder=%u p99_ms=%.1f\n",
	    (double)(now - started) / 1e6, (double)(last_entered_us - first_entered_us) / 1e6, requests, polls,
	    errors, disorder, latency_ms(0.99));
	return (errors + disorder);
}
