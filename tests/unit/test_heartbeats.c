/* Recent heartbeats are remembered for more than a sixteenth and less than an eighth of the patience. */
#include <criterion/criterion.h>

#include "heartbeats.h"
#include "loop/loop.h"
#include "loop_poll.h"
#include "redis_calls.h"

struct queue_settings	queue_settings = { .patience_us = 3200000 };	/* sixteenths of 200 ms */

static struct ct_queue_token
place(int user, uint64_t seq)
{
	struct ct_queue_token	token = { .seq = seq };

	token.user.bytes[8] = 0x80;
	token.user.bytes[14] = (uint8_t)(user >> 8);
	token.user.bytes[15] = (uint8_t)user;
	return (token);
}

static bool
is_forgotten(void *token)
{
	return (!heartbeats_is_recent(token));
}

Test(heartbeats, noted_place_is_recent_until_the_time_is_over)
{
	struct ct_queue_token	token = place(1, 1700000000000001);
	uint64_t		noted;

	cr_assert_not(heartbeats_is_recent(&token));
	noted = ct_loop_now_ms();
	heartbeats_note(&token);
	cr_assert(heartbeats_is_recent(&token));
	cr_assert(loop_poll_until(is_forgotten, &token, 5000), "it is never forgotten");
	cr_assert_geq(ct_loop_now_ms() - noted, 200);
	heartbeats_note(&token);
	cr_assert(heartbeats_is_recent(&token));
}

/* A unit is 1 ms here, and each reading of the clock moves it on by 1 ms. */
Test(heartbeats, place_noted_in_the_last_unit_is_recent_in_the_first_one)
{
	struct ct_queue_token	token = place(1, 1700000000000001);
	uint64_t		before;
	bool			recent;
	int			tries;

	queue_settings.patience_us = 16000;
	loop_poll_step(1);
	for (tries = 0; tries < 1000; tries++) {
		do
			before = ct_loop_now_ms();
		while (before % 65535 != 65533);
		heartbeats_note(&token);
		recent = heartbeats_is_recent(&token);
		/* If more time has passed, the units were others. */
		if (ct_loop_now_ms() - before == 3)
			break;
	}
	cr_assert_lt(tries, 1000);
	cr_assert(recent);
}

Test(heartbeats, noted_place_says_nothing_about_other_places)
{
	struct ct_queue_token	token = place(1, 1700000000000001), again = place(1, 1700000000000002);

	heartbeats_note(&token);
	cr_assert_not(heartbeats_is_recent(&again));
	for (int user = 2; user < 20000; user++) {
		struct ct_queue_token	other = place(user, 1700000000000001);

		cr_assert_not(heartbeats_is_recent(&other), "user %d", user);
	}
}
