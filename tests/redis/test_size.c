/* What a queue costs: work a call, however many wait; bytes a waiter, everything counted. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY	100000
#define KEY(name)	"q:{01935b7a-2e40-7c11-9a02-030405060708}:" name

TestSuite(size, .init = queue_setup, .fini = queue_teardown, .timeout = 120);

/* Calls of Redis' own commands since the last CONFIG RESETSTAT, those inside functions included. */
static int64_t
commands(void)
{
	redisReply	*reply = redisCommand(store, "INFO commandstats");
	int64_t		 calls = 0;

	for (const char *at = reply->str; (at = strstr(at, "calls=")) != NULL; at++)
		calls += strtoll(at + 6, NULL, 10);
	freeReplyObject(reply);
	return (calls);
}

/* How many commands one more call of each function runs, when `waiting` wait, none of it depending on how many. */
#define CALLS	13
static void
measure(int64_t calls_r[CALLS], struct place first, struct place last, int last_user)
{
	struct place	place;
	int64_t		before = 0;
	bool		left;
	struct line	copy = { .used = 0 };

#define MEASURE(i, call) do { \
		freeReplyObject(redisCommand(store, "CONFIG RESETSTAT")); \
		before = commands(); \
		(void)(call); \
		calls_r[i] = commands() - before; \
	} while (0)
	MEASURE(0, enter(last_user));
	MEASURE(1, (place = enter(last_user + 1)));
	MEASURE(2, status(last_user, last));
	MEASURE(3, check(0, first));
	MEASURE(4, left = leave(last_user + 1, place));
	cr_assert(left);
	clock_pass(2 * SECOND);		/* one that also tidies */
	MEASURE(5, tick());
	MEASURE(6, control_get());
	MEASURE(7, control_set("op", "admit", "0"));
	/* From here on as after a restart: a place that is not known, and one of the middle of the line. */
	store_keep();
	place = enter(last_user + 2);
	clock_pass(SECOND);
	store_restart();
	MEASURE(8, begin());
	MEASURE(9, (place = status_with(last_user + 2, place, 0, true, false)));
	check_state(place, "WAITING");
	MEASURE(10, use(last_user + 2, place));
	place = enter(500);
	MEASURE(11, use(500, place));
	MEASURE(12, line_read(&copy));
}

Test(size, the_work_of_a_call_does_not_grow_with_the_queue)
{
	static const char *const	names[CALLS] = { "enter again", "enter", "status", "check", "leave", "tick",
	    "control_get", "control_set", "begin", "status of a lost place", "use", "use in the middle",
	    "line" };
	int64_t				few[CALLS], many[CALLS];
	struct place			first, last;

	settings.admit = 0;
	first = enter(0);
	enter_many(1, 1000);
	tick();
	/* As after a restart: then ended places are noted, which is the most that there is to do. */
	store_keep();
	clock_pass(SECOND);
	store_restart();
	cr_assert(begin());
	last = enter(1000);
	measure(few, first, last, 1000);
	enter_many(2000, 2000 + MANY);
	last = enter(200000);
	measure(many, first, last, 200000);
	for (int i = 0; i < CALLS; i++) {
		cr_assert_leq(many[i], few[i], "%s: %lld commands at %d, %lld at 1,000", names[i], (long long)many[i],
		    MANY, (long long)few[i]);
		cr_assert_leq(many[i], 25, "%s: %lld commands", names[i], (long long)many[i]);
	}
}

/* All that can fall due at once does: a tick still takes only so many of each kind. */
Test(size, a_tick_takes_so_many_members_and_no_more)
{
	struct round	round;
	int64_t		before;

	settings.max_active = 200000;
	settings.admit = 100000;
	settings.tick = 5 * SECOND;
	settings.patience = 30 * SECOND;
	settings.ttl = 36;
	enter_many(0, 20000);
	clock_pass(SECOND);
	for (int i = 0; i < 5; i++) {
		clock_pass(100 * MS);
		cr_assert_leq(tick().admitted, 250);
	}
	settings.admit = 0;
	tick_for(36 * SECOND, 3 * SECOND);
	clock_pass(4 * SECOND);
	settings.admit = 100000;
	freeReplyObject(redisCommand(store, "CONFIG RESETSTAT"));
	before = commands();
	round = tick();
	cr_assert_eq(round.expired, 500);
	cr_assert_eq(round.abandoned, 200);
	cr_assert_eq(round.admitted, 250);
	/* A handful for each that ended; those admitted go together. */
	cr_assert_lt(commands() - before, 5 * 500 + 9 * 200 + 60);
}

/* However long the line is, and however many have left it: a copy is read by parts, or begins anew. */
Test(size, a_copy_is_read_by_parts)
{
	struct line	copy = { .used = 0 };
	struct place	places[5000];

	settings.admit = 0;
	enter_many(0, 5000);
	for (int user = 0; user < 5000; user++)
		places[user] = enter(user);
	for (int read = 1; read <= 3; read++) {
		cr_assert_eq(line_read(&copy), LINE_RIGHT, "as far as it goes");
		cr_assert_eq(copy.count, read * 999, "the thousandth might have an equal");
	}
	for (int user = 1; user < 1500; user++)
		cr_assert(leave(user, places[user]));
	cr_assert_eq(line_read(&copy), LINE_BEHIND, "of 1,499 changes 1,000 were told");
	for (int read = 1; read <= 3; read++)
		cr_assert_eq(line_read(&copy), LINE_RIGHT);
	cr_assert_eq(copy.count, 3501);
	for (int user = 1500; user < 3000; user++)
		cr_assert(leave(user, places[user]));
	cr_assert_eq(line_read(&copy), LINE_BEHIND);
	cr_assert_eq(line_read(&copy), LINE_RIGHT);
	cr_assert_eq(line_position(&copy, (uint64_t)places[0].seq), 1);
	cr_assert_eq(line_position(&copy, (uint64_t)places[3000].seq), 2);
	cr_assert_eq(line_position(&copy, (uint64_t)places[4999].seq), 2001);

	/* Who did not read for too long has missed some. */
	enter_many(10000, 18000);
	for (int user = 10000; user < 18000; user++)
		cr_assert(leave(user, enter(user)));
	cr_assert_eq(line_read(&copy), LINE_WRONG);
	cr_assert_leq(number_of("LLEN %s", KEY("changes")), 8000);
	cr_assert_gt(number_of("TTL %s", KEY("changes")), 0);
	line_clear(&copy);
	for (int read = 1; read <= 3; read++)
		cr_assert_eq(line_read(&copy), LINE_RIGHT);
	cr_assert_eq(copy.count, 2001);
	line_clear(&copy);
}

/* Two who drew one lot are told of together, wherever an answer ends. */
Test(size, equal_lots_are_read_together)
{
	struct line	copy = { .used = 0 };
	int64_t		opens = T0 + MINUTE;

	settings.admit = 0;
	for (int user = 0; user < 2400; user++)
		(void)enter_drawn(user, opens, opens - 5000 + (user < 999 ? user : user < 1002 ? 999 : user));
	clock_pass(2 * MINUTE);
	cr_assert_eq(line_read(&copy), LINE_RIGHT);
	cr_assert_eq(copy.count, 999, "three equal ones are behind");
	cr_assert_eq(line_read(&copy), LINE_RIGHT);
	cr_assert_eq(line_read(&copy), LINE_RIGHT);
	cr_assert_eq(copy.count, 2400);
	cr_assert_eq(line_position(&copy, (uint64_t)(opens - 5000 + 999)), 0);
	cr_assert_eq(line_position(&copy, (uint64_t)(opens - 5000 + 1002)), 1003);
	line_clear(&copy);
}

/* What is too old to matter goes by so many a second, however much there is of it. */
Test(size, old_places_are_forgotten_by_parts)
{
	struct place	old = { .epoch = 1 };

	settings.admit = 0;
	enter(0);
	for (int user = 1; user <= 350; user++) {
		old.seq = T0 - SECOND + user;
		use(user, old);
		leave(user, old);
	}
	tick();
	clock_pass(8 * 24 * 60 * MINUTE);
	for (int64_t left = 250; left > -100; left -= 100) {
		tick();
		cr_assert_eq(number_of("ZCARD %s", KEY("used")), left < 0 ? 0 : left);
		cr_assert_eq(number_of("ZCARD %s", KEY("gone")), left < 0 ? 0 : left);
		clock_pass(SECOND);
	}
}

static long long
memory_used(void)
{
	redisReply	*reply = redisCommand(store, "INFO memory");
	long long	 bytes = strtoll(strstr(reply->str, "used_memory:") + 12, NULL, 10);

	freeReplyObject(reply);
	return (bytes);
}

Test(size, a_waiter_costs_less_than_300_bytes)
{
	long long	empty = memory_used(), waiting;

	enter_many(0, 131072);
	tick();
	waiting = memory_used();
	fprintf(stderr, "%lld bytes a waiter at 131,072\n", (waiting - empty) / 131072);
	cr_assert_lt((waiting - empty) / 131072, 300, "%lld bytes", (waiting - empty) / 131072);
	/* Just past a doubling of Redis' tables is where a waiter costs most. */
	enter_many(131072, 133000);
	waiting = memory_used();
	fprintf(stderr, "%lld bytes a waiter at 133,000\n", (waiting - empty) / 133000);
	cr_assert_lt((waiting - empty) / 133000, 300, "%lld bytes", (waiting - empty) / 133000);
}

Test(size, nothing_is_left_of_those_who_have_gone)
{
	settings.max_active = 5000;
	settings.admit = 10000;
	settings.ttl = 2;
	enter_many(0, 3000);
	tick_for(20 * SECOND, SECOND);
	cr_assert_eq(control_get().waiting, 0);
	cr_assert_eq(number_of("EXISTS %s %s %s %s %s", KEY("waiting"), KEY("heard"), KEY("active"), KEY("places"),
	    KEY("guesses")), 0);
}
