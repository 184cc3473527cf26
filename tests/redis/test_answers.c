/* The expected wait, which both C and Lua compute. */
#include "queue.h"

TestSuite(answers, .init = queue_setup, .fini = queue_teardown);

/*
 * Lua rounds the speed down to one millionth before C uses it, so the two may differ by one second when the wait is close to a
 * whole number.
 */
static void
waits_agree(int user, int64_t position, const redisReply *reply, struct place place)
{
	struct place_answers	answers;
	struct place		waiting;

	cr_assert(queue_answers_places(reply, 1, &answers));
	waiting = queue_answers_waiting(&place, position, answers.speed, answers.opens_in_ms);
	cr_assert_eq(place.position, position);
	cr_assert_geq(place.wait, 0);
	cr_assert(waiting.wait == place.wait || waiting.wait == place.wait + 1, "user %d: Lua says %lld s, C %lld s", user,
	    (long long)place.wait, (long long)waiting.wait);
}

static void
compare_waits(int64_t admit, int64_t opens_in)
{
	struct ct_queue_command	 command;
	struct place		 place;
	redisReply		*reply;

	settings.admit = admit;
	(void)begin();
	for (int user = 0; user < 50; user++) {
		command_enter_begin(&command, opens_in == 0 ? 0 : T0 + opens_in);
		command_enter_user(&command, user, 0);
		reply = send_command(&command);
		place = place_at(reply, 0, NULL);
		waits_agree(user, user + 1, reply, place);
		freeReplyObject(reply);
	}
}

Test(answers, expected_wait_in_c_and_lua_agrees)
{
	compare_waits(7, 0);
}

Test(answers, expected_wait_before_the_opening_in_c_and_lua_agrees)
{
	compare_waits(3, 90 * SECOND + 250 * MS);
}
