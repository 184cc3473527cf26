/*
 * One call of enter or status about many users answers as if each had called alone, one after the other. The same random
 * trace is played on two schedules at the same times; on one of them in calls about many users.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

#define USERS	40
#define CALLS	1500
#define MANY	12

static struct ct_uuid	alone, together;

struct sides {
	struct place	alone, together;	/* the user's latest places */
};
static struct sides	latest[USERS];
static int		new_places, known_places;	/* of entering, of asking for the status */

TestSuite(many, .init = queue_setup, .fini = queue_teardown, .timeout = 300);

static void
on(struct ct_uuid which)
{
	schedule = which;
}

static void
check_same(const char *what, int step, struct place a, struct place b)
{
	cr_assert(a.state == b.state && a.seq == b.seq && a.generation == b.generation && a.position == b.position &&
	    a.active_until_ms == b.active_until_ms && a.wait == b.wait && a.is_new == b.is_new,
	    "step %d, %s: alone %s seq %lld position %lld wait %lld new %d, together %s seq %lld position %lld wait %lld new %d",
	    step, what, queue_answers_state_name(a.state), (long long)a.seq, (long long)a.position, (long long)a.wait, a.is_new,
	    queue_answers_state_name(b.state), (long long)b.seq, (long long)b.position, (long long)b.wait, b.is_new);
}

static void
enter_some(int step, int64_t opens, bool draw)
{
	struct ct_queue_command	 command;
	struct place		 places[MANY];
	redisReply		*reply;
	int			 users[MANY], n = 1 + rand() % MANY;
	int64_t			 drawn[MANY];

	for (int i = 0; i < n; i++) {
		users[i] = rand() % USERS;
		drawn[i] = draw ? opens - SECOND - (users[i] * 7919) % 1000 : 0;
	}
	on(alone);
	for (int i = 0; i < n; i++)
		places[i] = enter_drawn(users[i], opens, drawn[i]);
	on(together);
	command_enter_begin(&command, opens);
	for (int i = 0; i < n; i++)
		command_enter_user(&command, users[i], drawn[i]);
	reply = send_command(&command);
	cr_assert_eq(reply->elements, (size_t)(2 + n));
	for (int i = 0; i < n; i++) {
		struct place	place = place_at(reply, (size_t)i, NULL);

		check_same("enter", step, places[i], place);
		if (place.seq != 0)
			latest[users[i]] = (struct sides){ places[i], place };
		new_places += place.is_new;
	}
	freeReplyObject(reply);
}

static void
ask_some(int step, int64_t opens, bool draw)
{
	struct ct_queue_command	 command;
	struct place		 places[MANY], asked[MANY];
	redisReply		*reply;
	int			 users[MANY], n = 0;

	for (int i = 0; i < MANY; i++) {
		int	user = rand() % USERS;

		if (latest[user].alone.seq == 0)
			continue;
		users[n] = user;
		asked[n] = latest[user].together;
		/* Sometimes a place that was never given, or one of an earlier generation. */
		asked[n].seq -= rand() % 8 == 0;
		asked[n].generation -= rand() % 8 == 0;
		n++;
	}
	if (n == 0)
		return;
	on(alone);
	for (int i = 0; i < n; i++)
		places[i] = status_with(users[i], asked[i], opens, false, draw);
	on(together);
	command_status_begin(&command, opens, false, draw);
	for (int i = 0; i < n; i++)
		command_status_place(&command, users[i], asked[i]);
	reply = send_command(&command);
	cr_assert_eq(reply->elements, (size_t)(2 + n));
	for (int i = 0; i < n; i++)
		check_same("status", step, places[i], place_at(reply, (size_t)i, &asked[i]));
	known_places += n;
	freeReplyObject(reply);
}

static void
play(bool draw)
{
	const char	*given = getenv("SEED");
	unsigned	 seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 20250301;
	int64_t		 opens = draw ? T0 + 30 * SECOND : 0;

	printf("seed %u\n", seed);
	srand(seed);
	memset(latest, 0, sizeof(latest));
	alone = together = schedule;
	together.bytes[15] ^= 1;
	settings.max_waiting = USERS / 2;
	settings.max_active = 4;
	settings.admit = 5;
	settings.ttl = 5;
	settings.patience = 20 * SECOND;
	on(alone);
	(void)begin();
	on(together);
	(void)begin();
	for (int step = 0; step < CALLS; step++) {
		int	what = rand() % 10, user = rand() % USERS;

		clock_pass(rand() % 3 == 0 ? 0 : rand() % (300 * MS));
		if (what < 3) {
			enter_some(step, opens, draw);
		} else if (what < 6) {
			ask_some(step, opens, draw);
		} else if (what < 8) {
			on(alone);
			(void)tick();
			on(together);
			(void)tick();
		} else if (what == 8 && latest[user].alone.seq != 0) {
			on(alone);
			bool	left = leave(user, latest[user].alone);

			on(together);
			cr_assert_eq(leave(user, latest[user].together), left);
		} else if (latest[user].alone.seq != 0) {
			on(alone);
			(void)use(user, latest[user].alone);
			on(together);
			(void)use(user, latest[user].together);
		}
	}
	/* If both sides refused everything, they were equal too. */
	cr_assert_gt(new_places, USERS);
	cr_assert_gt(known_places, CALLS);
}

Test(many, call_about_many_users_answers_like_single_calls)
{
	play(false);
}

Test(many, call_about_many_users_with_a_draw_answers_like_single_calls)
{
	play(true);
}

Test(many, user_twice_in_one_call_gets_one_place)
{
	struct ct_queue_command	 command;
	struct place		 places[3];
	redisReply		*reply;

	(void)begin();
	command_enter_begin(&command, 0);
	for (int i = 0; i < 3; i++)
		command_enter_user(&command, i == 1 ? 1 : 2, 0);
	reply = send_command(&command);
	for (size_t i = 0; i < 3; i++)
		places[i] = place_at(reply, i, NULL);
	freeReplyObject(reply);
	cr_assert(places[0].is_new && places[1].is_new && !places[2].is_new);
	cr_assert_eq(places[2].seq, places[0].seq);
	cr_assert_eq(places[0].position, 1);
	cr_assert_eq(places[1].position, 2);
	cr_assert_eq(places[2].position, 1);
	cr_assert_eq(control_get().waiting, 2);
}
