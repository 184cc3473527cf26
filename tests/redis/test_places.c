/* Places: how users get, keep, use and give up their places. */
#include "queue.h"

TestSuite(places, .init = queue_setup, .fini = queue_teardown);

Test(places, users_are_admitted_in_order_of_entering)
{
	struct place	place[30];

	/* The clock stands still, and all seqs are still different and in order. */
	for (int user = 0; user < 30; user++) {
		place[user] = enter(user);
		check_state(place[user], "WAITING");
		cr_assert(place[user].is_new);
		cr_assert_eq(place[user].position, user + 1);
		if (user > 0)
			cr_assert_gt(place[user].seq, place[user - 1].seq);
	}
	settings.admit = 10;
	for (int front = 0; front < 30; front++) {
		clock_pass(100 * MS);
		cr_assert_eq(tick().admitted, 1);
		check_state(status(front, place[front]), "ACTIVE");
		if (front < 29)
			cr_assert_eq(status(29, place[29]).position, 29 - front);
	}
}

Test(places, clock_set_back_lets_nobody_overtake)
{
	struct place	first = enter(1), second;

	clock_pass(-MINUTE * 60);
	second = enter(2);
	cr_assert_gt(second.seq, first.seq);
	cr_assert_eq(status(2, second).position, 2);
	settings.admit = 10;
	cr_assert_eq(tick().admitted, 1);
	check_state(status(1, first), "ACTIVE");
}

Test(places, entering_again_gives_the_same_place)
{
	struct place	first = enter(1), again;

	enter(2);
	clock_pass(SECOND);
	again = enter(1);
	cr_assert_not(again.is_new);
	cr_assert_eq(again.seq, first.seq);
	cr_assert_eq(again.generation, first.generation);
	cr_assert_eq(again.position, 1);

	clock_pass(100 * MS);
	tick();
	again = enter(1);
	check_state(again, "ACTIVE");
	cr_assert_not(again.is_new);
	cr_assert_eq(again.seq, first.seq);
}

Test(places, twenty_simultaneous_enters_give_one_place)
{
	struct ct_queue_command	 command;
	redisContext		*connections[20];
	redisReply		*reply;
	struct place		 place;
	int64_t			 seq = 0;
	int			 done, new_places = 0;

	clock_real();
	begin();
	command_enter(&command, 1);
	for (int i = 0; i < 20; i++) {
		connections[i] = store_connect("queue");
		append_command(connections[i], &command);
	}
	for (int i = 0; i < 20; i++)
		cr_assert_eq(redisBufferWrite(connections[i], &done), REDIS_OK);
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(redisGetReply(connections[i], (void **)&reply), REDIS_OK);
		place = place_at(reply, 0, NULL);
		new_places += place.is_new;
		cr_assert(seq == 0 || seq == place.seq);
		seq = place.seq;
		freeReplyObject(reply);
		redisFree(connections[i]);
	}
	cr_assert_eq(new_places, 1);
	cr_assert_eq(control_get().waiting, 1);
}

Test(places, used_place_stays_used)
{
	struct place	place = enter(1), later;

	tick();
	check_state(status(1, place), "ACTIVE");
	cr_assert_eq(check(1, place), CT_QUEUE_ACTIVE);
	cr_assert_eq(use(1, place), CT_QUEUE_USED);
	cr_assert_eq(use(1, place), CT_QUEUE_USED);
	cr_assert_eq(check(1, place), CT_QUEUE_USED);
	check_state(status(1, place), "USED");
	cr_assert_eq(control_get().used, 1);
	cr_assert_eq(control_get().active, 0);

	/* Entering again gives a new place; the old one stays USED. */
	later = enter(1);
	cr_assert(later.is_new);
	cr_assert_gt(later.seq, place.seq);
	clock_pass(5 * MINUTE);
	tick();
	check_state(status(1, place), "USED");
	cr_assert_not(leave(1, place));
	check_state(status(1, place), "USED");
	check_state(status(1, later), "ACTIVE");
}

/* The reservation service only notes the use; every status call sees the place as used at once. */
Test(places, noted_use_is_used_before_the_next_tick)
{
	struct place	active = enter(1), expired = enter(2), waiting;

	tick();
	waiting = enter(3);
	cr_assert_eq(note_use(1, active), CT_QUEUE_USED);
	cr_assert_eq(note_use(1, active), CT_QUEUE_USED);
	cr_assert_eq(note_use(3, waiting), CT_QUEUE_USED);
	cr_assert_eq(check(1, active), CT_QUEUE_USED);
	cr_assert_eq(check(3, waiting), CT_QUEUE_USED);
	cr_assert_eq(control_get().used, 2);
	cr_assert_eq(control_get().active, 1);

	clock_pass(3 * MINUTE);
	cr_assert_eq(note_use(2, expired), CT_QUEUE_USED);
	cr_assert_eq(control_get().used, 3);
	cr_assert_eq(control_get().active, 0);
	cr_assert_eq(control_get().expired, 0);

	check_state(status(3, waiting), "USED");
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:active"), 0);
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:waiting"), 0);
	cr_assert_eq(tick().admitted, 0);
	cr_assert_eq(control_get().used, 3);
}

/* An attacker with the reservation service's password may write anything into `used`. */
Test(places, used_entry_that_names_no_place_is_dropped)
{
	struct place	place = enter(1);

	freeReplyObject(redisCommand(operator, "ZADD q:{01935b7a-2e40-7c11-9a02-030405060708}:used -1 short"));
	tick();
	check_state(status(1, place), "ACTIVE");
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:used"), 0);
	cr_assert_eq(control_get().used, 0);
}

Test(places, used_places_are_forgotten_after_a_week)
{
	struct place	place = enter(1);

	tick();
	use(1, place);
	clock_pass(8 * 24 * 60 * MINUTE);
	enter(2);
	tick();
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:used"), 0);
	check_state(status(1, place), "EXPIRED");
}

Test(places, repeated_leave_changes_nothing)
{
	struct place	place[3];

	for (int user = 0; user < 3; user++)
		place[user] = enter(user);
	cr_assert(leave(0, place[0]));
	cr_assert_not(leave(0, place[0]));
	check_state(status(0, place[0]), "EXPIRED");
	cr_assert_eq(check(0, place[0]), CT_QUEUE_EXPIRED);
	cr_assert_eq(status(1, place[1]).position, 1);

	/* When an ACTIVE user leaves, the next one can be admitted. */
	settings.max_active = 1;
	tick();
	check_state(status(1, place[1]), "ACTIVE");
	clock_pass(SECOND);
	cr_assert_eq(tick().admitted, 0);
	cr_assert(leave(1, place[1]));
	clock_pass(100 * MS);
	cr_assert_eq(tick().admitted, 1);
	check_state(status(2, place[2]), "ACTIVE");
	check_state(status(1, place[1]), "EXPIRED");

	/* A user who left and enters again is last. */
	cr_assert_gt(enter(0).seq, place[2].seq);
}

Test(places, token_of_an_ended_place_is_not_the_new_place)
{
	struct place	first = enter(1), second;

	leave(1, first);
	clock_pass(SECOND);
	second = enter(1);
	check_state(status(1, first), "EXPIRED");
	cr_assert_not(leave(1, first));
	check_state(status(1, second), "WAITING");
	tick();
	cr_assert_eq(check(1, first), CT_QUEUE_EXPIRED);
	use(1, first);
	cr_assert_eq(check(1, second), CT_QUEUE_ACTIVE);
}

Test(places, silent_waiter_loses_the_place)
{
	struct place	silent = enter(1), heard = enter(2), never;

	settings.admit = 0;
	for (int i = 0; i < 270; i++) {
		clock_pass(3 * SECOND);
		tick();
		if (i % 3 == 0)
			check_state(status(2, heard), "WAITING");
	}
	/* After thirteen minutes of silence the first place has ended, and the other user has moved up. */
	cr_assert_eq(status(2, heard).position, 1);
	check_state(status(1, silent), "EXPIRED");
	cr_assert_eq(control_get().expired, 1);
	never = enter(1);
	cr_assert(never.is_new);
	cr_assert_eq(never.position, 2);
}

Test(places, outage_does_not_count_as_silence)
{
	struct place	place = enter(1);

	settings.admit = 0;
	tick();
	/* For an hour no tick came, so the service could not note heartbeats. */
	clock_pass(60 * MINUTE);
	check_state(status(1, place), "WAITING");
	enter(2);
	cr_assert_eq(tick().abandoned, 0);
	clock_pass(60 * MINUTE);
	cr_assert_eq(tick().abandoned, 0);
	cr_assert_eq(tick().waiting, 2);
}

Test(places, full_queue_refuses_only_new_users)
{
	struct place	place = enter(1);

	settings.max_waiting = 2;
	enter(2);
	check_state(enter(3), "QUEUE_FULL");
	cr_assert_eq(enter(1).seq, place.seq);
	leave(1, place);
	check_state(enter(3), "WAITING");
}
