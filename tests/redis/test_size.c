/* The cost of a queue: commands per call, for any number of waiters, and bytes per waiter. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY	100000
#define KEY(name)	"q:{01935b7a-2e40-7c11-9a02-030405060708}:" name

TestSuite(size, .init = queue_setup, .fini = queue_teardown, .timeout = 600);

/* The number of Redis commands since the last CONFIG RESETSTAT, including those inside functions. */
static int64_t
commands(void)
{
	redisReply	*reply = redisCommand(operator, "INFO commandstats");
	int64_t		 calls = 0;

	for (const char *at = reply->str; (at = strstr(at, "calls=")) != NULL; at++)
		calls += strtoll(at + 6, NULL, 10);
	freeReplyObject(reply);
	return (calls);
}

/* Measures the number of commands that one call of each function runs. */
#define CALLS	12
static void
measure(int64_t calls_r[CALLS], struct place first, struct place last, int last_user)
{
	struct place	place;
	int64_t		before = 0;
	bool		left;

#define MEASURE(i, call) do { \
		freeReplyObject(redisCommand(operator, "CONFIG RESETSTAT")); \
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
	clock_pass(2 * SECOND);		/* so that the tick also does its work of once a second */
	MEASURE(5, tick());
	MEASURE(6, control_get());
	MEASURE(7, control_set("op", "admit", "0"));
	/* The calls below come after a restart. They are about a lost place, and about one in the middle of the line.
	 * */
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
}

Test(size, commands_per_call_do_not_grow_with_the_queue)
{
	static const char *const	names[CALLS] = { "enter again", "enter", "status", "check", "leave", "tick",
	    "control_get", "control_set", "begin", "status of a lost place", "use", "use in the middle" };
	int64_t				few[CALLS], many[CALLS];
	struct place			first, last;

	settings.admit = 0;
	first = enter(0);
	enter_many(1, 1000);
	tick();
	/* After a restart, functions also note ended places. That is the most work. */
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

/* Everything is due at once, and a tick still handles only a limited number of each kind. */
Test(size, tick_handles_a_bounded_number_of_members)
{
	struct tick_answer	round;
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
	freeReplyObject(redisCommand(operator, "CONFIG RESETSTAT"));
	before = commands();
	round = tick();
	cr_assert_eq(round.expired, 500);
	cr_assert_eq(round.abandoned, 200);
	cr_assert_eq(round.admitted, 250);
	/* A few commands per ended place. Admitted users share theirs. */
	cr_assert_lt(commands() - before, 5 * 500 + 6 * 200 + 60);
}

/* Old entries are removed in parts, at most 100 of each kind per second. */
Test(size, old_entries_are_removed_in_parts)
{
	struct place	old = { .generation = 1 };

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
	redisReply	*reply = redisCommand(operator, "INFO memory");
	long long	 bytes = strtoll(strstr(reply->str, "used_memory:") + 12, NULL, 10);

	freeReplyObject(reply);
	return (bytes);
}

Test(size, waiter_costs_less_than_300_bytes)
{
	long long	empty = memory_used(), waiting;

	enter_many(0, 131072);
	tick();
	waiting = memory_used();
	fprintf(stderr, "%lld bytes a waiter at 131,072\n", (waiting - empty) / 131072);
	cr_assert_lt((waiting - empty) / 131072, 300, "%lld bytes", (waiting - empty) / 131072);
	/* A waiter costs most just after Redis has doubled its tables. */
	enter_many(131072, 133000);
	waiting = memory_used();
	fprintf(stderr, "%lld bytes a waiter at 133,000\n", (waiting - empty) / 133000);
	cr_assert_lt((waiting - empty) / 133000, 300, "%lld bytes", (waiting - empty) / 133000);
}

Test(size, emptied_queue_leaves_no_keys_of_users)
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
