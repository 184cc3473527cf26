/* Redis comes back empty. The tokens restore the order. */
#include "queue.h"

#include <stdlib.h>

TestSuite(store_loss, .init = queue_setup, .fini = queue_teardown);

Test(store_loss, lost_places_come_back_in_the_old_order)
{
	struct place	place[50], newcomer, back;

	for (int user = 0; user < 50; user++)
		place[user] = enter(user);
	clock_pass(MINUTE);
	store_lose();
	newcomer = enter(100);
	cr_assert(newcomer.is_new);
	/* The users ask in any order. */
	for (int i = 0; i < 50; i++) {
		int	user = i * 7 % 50;

		back = status(user, place[user]);
		check_state(back, "WAITING");
		cr_assert_eq(back.seq, place[user].seq);
	}
	for (int user = 0; user < 50; user++)
		cr_assert_eq(status(user, place[user]).position, user + 1);
	cr_assert_eq(status(100, newcomer).position, 51);

	/* The queue admits nobody until all have had the time to ask. Then the first user is first. */
	settings.admit = 10;
	cr_assert_eq(tick_for(24 * SECOND, 100 * MS), 0);
	clock_pass(SECOND);
	cr_assert_eq(tick().admitted, 1);
	check_state(status(0, place[0]), "ACTIVE");
}

Test(store_loss, unknown_loss_is_noticed_by_the_first_old_token)
{
	struct place	place = enter(1), newcomer;

	store_lose();
	clock_pass(MINUTE);
	memory = (struct memory){ .generation = 0 };	/* the database does not know the lost queue */
	newcomer = enter(2);
	check_state(status(1, place), "WAITING");
	cr_assert_eq(status(2, newcomer).position, 2);
	cr_assert_eq(tick_for(24 * SECOND, 100 * MS), 0);
	cr_assert_gt(tick_for(2 * SECOND, 100 * MS), 0);
}

/* Instances of an earlier release keep copies of the line, and see by this count that a copy lacks a place. */
Test(store_loss, place_put_back_is_counted)
{
	struct place	place[3];
	redisReply	*reply;

	for (int user = 0; user < 3; user++)
		place[user] = enter(user);
	store_lose();
	clock_pass(MINUTE);
	for (int user = 0; user < 3; user++) {
		(void)status(user, place[user]);
		(void)status(user, place[user]);
		reply = redisCommand(operator, "HGET q:{01935b7a-2e40-7c11-9a02-030405060708}:state restored");
		cr_assert_eq(reply->type, REDIS_REPLY_STRING, "no place is counted");
		cr_assert_eq(strtol(reply->str, NULL, 10), user + 1);
		freeReplyObject(reply);
	}
}

Test(store_loss, active_user_is_put_back_in_front_under_the_cap)
{
	struct place	place[10];

	settings.max_active = 3;
	for (int user = 0; user < 10; user++)
		place[user] = enter(user);
	tick();
	store_lose();
	clock_pass(SECOND);
	for (int user = 9; user >= 0; user--) {
		/* The place was admitted, so it may have been used. The database knows. */
		if (user < 3)
			check_state(status(user, place[user]), "ASK");
		check_state(status_with(user, place[user], 0, true, false), "WAITING");
		cr_assert_eq(check(user, place[user]), CT_QUEUE_WAITING);
	}
	clock_pass(25 * SECOND);
	cr_assert_eq(tick().admitted, 3);
	for (int user = 0; user < 10; user++)
		check_state(status(user, place[user]), user < 3 ? "ACTIVE" : "WAITING");
}

Test(store_loss, user_whose_turn_had_ended_is_expired)
{
	struct place	expired, waiting, active;

	settings.max_active = 1;
	expired = enter(1);
	active = enter(2);
	waiting = enter(3);
	tick();
	/* The first user's turn has certainly ended. */
	tick_for(5 * MINUTE, SECOND);
	check_state(status(1, expired), "EXPIRED");
	active = enter(4);
	settings.ttl = 600;
	tick_for(3 * MINUTE, SECOND);
	check_state(status(4, active), "ACTIVE");
	store_lose();
	clock_pass(SECOND);
	check_state(status_with(1, expired, 0, true, false), "EXPIRED");
	cr_assert_eq(check(1, expired), CT_QUEUE_EXPIRED);
	check_state(status_with(3, waiting, 0, true, false), "EXPIRED");
	check_state(status_with(4, active, 0, true, false), "WAITING");
}

Test(store_loss, operators_settings_are_restored_before_the_first_call)
{
	struct place	place;
	struct control	control;

	place = enter(1);
	control_set("someone", "max_active", "7");
	clock_pass(SECOND);
	control = control_set("someone else", "mode", "PAUSED");
	store_lose();
	clock_pass(SECOND);
	check_state(status(1, place), "WAITING");
	cr_assert_eq(tick_for(MINUTE, 100 * MS), 0);
	control = control_get();
	cr_assert_str_eq(control.mode, "PAUSED");
	cr_assert_eq(control.max_active, 7);
	cr_assert_eq(control.admit, 100);
	cr_assert_str_eq(control.updated_by, "someone else");
	cr_assert_eq(control.revision, 2);
}

Test(store_loss, new_users_are_behind_lost_places_when_the_clock_was_set_back)
{
	struct place	place = enter(1);

	settings.admit = 0;
	tick();
	store_lose();
	clock_pass(-60 * MINUTE);
	cr_assert_gt(enter(2).seq, place.seq);
	cr_assert_eq(status(1, place).position, 1);
}

Test(store_loss, settle_time_ends_once_when_the_clock_is_set_back)
{
	struct place	place = enter(1);

	settings.admit = 0;
	tick();
	settings.admit = 10;
	store_lose();
	check_state(status(1, place), "WAITING");
	tick_for(10 * SECOND, SECOND);
	clock_pass(-60 * MINUTE);
	/* How much of the time has passed is not known, so it begins again, once. */
	cr_assert_eq(tick_for(24 * SECOND, SECOND), 0);
	cr_assert_eq(tick_for(2 * SECOND, SECOND), 1);
	/* A time that is over does not begin again when the clock is set back. */
	clock_pass(-60 * MINUTE);
	enter(2);
	tick();
	cr_assert_eq(tick_for(2 * SECOND, SECOND), 1);
}

Test(store_loss, outage_does_not_shorten_an_active_turn)
{
	struct place	place = enter(1), active;

	tick();
	tick_for(20 * SECOND, SECOND);
	active = status(1, place);
	/* Redis is down for ten minutes and comes back with its file. */
	clock_pass(10 * MINUTE);
	cr_assert_eq(check(1, place), CT_QUEUE_ACTIVE);
	check_state(status(1, place), "ACTIVE");
	check_state(enter(1), "ACTIVE");
	cr_assert_eq(control_get().active, 1);
	cr_assert_eq(tick().expired, 0);
	/* A few seconds of the outage count. */
	cr_assert_eq(status(1, place).active_until_ms, active.active_until_ms + 595000);
	tick_for(94 * SECOND, SECOND);
	check_state(status(1, place), "ACTIVE");
	tick_for(SECOND, SECOND);
	check_state(status(1, place), "EXPIRED");
}

Test(store_loss, used_token_stays_used_after_store_loss)
{
	struct place	place = enter(1);

	tick();
	use(1, place);
	store_lose();
	clock_pass(SECOND);
	/* Redis does not know the use. PostgreSQL refuses the hold, and the reservation service calls queue3_use. */
	cr_assert_eq(use(1, place), CT_QUEUE_USED);
	check_state(status(1, place), "USED");
	cr_assert_eq(control_get().waiting, 0);
	enter(2);
	check_state(status(1, place), "USED");
	cr_assert_eq(control_get().used, 1);
}

Test(store_loss, place_that_was_left_is_not_put_back_again)
{
	struct place	left = enter(1), expired = enter(2), silent = enter(3), unheard = enter(4);

	store_lose();
	clock_pass(SECOND);
	/* The user leaves with a token that was never put back. */
	leave(4, unheard);
	check_state(status(4, unheard), "EXPIRED");

	check_state(status(1, left), "WAITING");
	check_state(status(2, expired), "WAITING");
	leave(1, left);
	check_state(status(1, left), "EXPIRED");
	cr_assert_eq(check(1, left), CT_QUEUE_EXPIRED);

	clock_pass(30 * SECOND);
	cr_assert_eq(tick().admitted, 1);
	tick_for(3 * MINUTE, SECOND);
	check_state(status(2, expired), "EXPIRED");

	settings.admit = 0;
	check_state(status(3, silent), "WAITING");
	tick_for(13 * MINUTE, 3 * SECOND);
	check_state(status(3, silent), "EXPIRED");
	cr_assert_eq(control_get().waiting, 0);
}

Test(store_loss, old_place_replaces_the_new_one_of_the_same_user)
{
	struct place	old = enter(1), anew, other;

	store_lose();
	clock_pass(SECOND);
	other = enter(2);
	anew = enter(1);
	cr_assert_eq(anew.position, 2);
	cr_assert_eq(status(1, old).position, 1);
	cr_assert_eq(status(2, other).position, 2);
	check_state(status(1, anew), "EXPIRED");
	cr_assert_eq(enter(1).seq, old.seq);
	cr_assert_eq(control_get().waiting, 2);
}

Test(store_loss, later_of_two_old_tokens_is_put_back)
{
	struct place	given_up = enter(1), kept;

	leave(1, given_up);
	clock_pass(SECOND);
	kept = enter(1);
	store_lose();
	clock_pass(SECOND);
	check_state(status(1, given_up), "WAITING");
	check_state(status(1, kept), "WAITING");
	check_state(status(1, given_up), "EXPIRED");
	cr_assert_eq(enter(1).seq, kept.seq);
	leave(1, kept);
	check_state(status(1, given_up), "EXPIRED");
	check_state(status(1, kept), "EXPIRED");
}

Test(store_loss, twenty_stashed_tokens_give_one_turn)
{
	struct place	place[STASH];
	enum { EXPIRES, LEAVES, USES };

	for (int end = EXPIRES; end <= USES; end++) {
		int	user = 1 + end;

		stash(user, place);
		tick();
		store_lose();
		clock_pass(SECOND);
		/* In ascending order, so that each token is the highest so far. */
		check_state(status(user, place[0]), "WAITING");
		has_a_turn(user, place[0]);
		for (int i = 1; i < STASH; i++)
			check_state(status_with(user, place[i], 0, true, false), "EXPIRED");
		if (end == USES)
			use(user, place[0]);
		else if (end == LEAVES)
			cr_assert(leave(user, place[0]));
		else
			tick_for(3 * MINUTE, SECOND);
		for (int i = 0; i < STASH; i++) {
			check_state(status_with(user, place[i], 0, true, false), i == 0 && end == USES ? "USED" : "EXPIRED");
			cr_assert_eq(check(user, place[i]), i == 0 && end == USES ? CT_QUEUE_USED : CT_QUEUE_EXPIRED);
		}
		/* A new place is valid. */
		check_state(enter(user), "WAITING");
		store_lose();
		memory = (struct memory){ .generation = 0 };
	}
}

Test(store_loss, later_stashed_token_replaces_the_earlier_one)
{
	struct place	place[STASH];

	stash(1, place);
	tick();
	store_lose();
	clock_pass(SECOND);
	settings.admit = 0;
	for (int i = 0; i < STASH; i++) {
		check_state(status(1, place[i]), "WAITING");
		cr_assert_eq(control_get().waiting, 1);
		for (int earlier = 0; earlier < i; earlier++) {
			check_state(status(1, place[earlier]), "EXPIRED");
			cr_assert_eq(check(1, place[earlier]), CT_QUEUE_EXPIRED);
		}
	}
	/* There is one note per user, for any number of ended places. */
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:gone"), 1);
}

Test(store_loss, ended_place_ends_all_earlier_places)
{
	struct place	place[STASH], anew;

	/*
	 * Four ways to end: the user leaves without having come back, leaves after coming back, falls silent, or
	 * leaves a new place.
	 */
	for (int user = 1; user <= 4; user++) {
		stash(user, place);
		tick();
		store_lose();
		clock_pass(SECOND);
		settings.admit = 0;
		if (user == 1) {
			leave(user, place[STASH - 2]);
			leave(user, place[0]);
		} else if (user == 2) {
			check_state(status(user, place[STASH - 2]), "WAITING");
			cr_assert(leave(user, place[STASH - 2]));
		} else if (user == 3) {
			check_state(status(user, place[STASH - 2]), "WAITING");
			tick_for(13 * MINUTE, 3 * SECOND);
		} else {
			anew = enter(user);
			cr_assert(leave(user, anew));
		}
		for (int i = 0; i < STASH - 1; i++)
			check_state(status_with(user, place[i], 0, true, false), "EXPIRED");
		/* The ended place had no turn, so a later place of the user may still come back. */
		check_state(status_with(user, place[STASH - 1], 0, true, false), user == 4 ? "EXPIRED" : "WAITING");
		store_lose();
		memory = (struct memory){ .generation = 0 };
	}
}

/* The database does not know the earlier generation. The first old token shows that there was one. */
Test(store_loss, stashed_tokens_after_an_unknown_loss_give_one_turn)
{
	struct place	place[STASH];

	stash(1, place);
	store_lose();
	clock_pass(SECOND);
	enter(2);
	tick_for(MINUTE, SECOND);
	check_state(status(1, place[0]), "WAITING");
	has_a_turn(1, place[0]);
	cr_assert(leave(1, place[0]));
	for (int i = 0; i < STASH; i++)
		check_state(status_with(1, place[i], 0, true, false), "EXPIRED");
}

Test(store_loss, second_loss_keeps_the_order)
{
	struct place	first = enter(1), second, third;

	store_lose();
	clock_pass(SECOND);
	status(1, first);
	second = enter(2);
	store_lose();
	clock_pass(SECOND);
	third = enter(3);
	check_state(status(2, second), "WAITING");
	check_state(status(1, first), "WAITING");
	cr_assert_eq(status(1, first).position, 1);
	cr_assert_eq(status(2, second).position, 2);
	cr_assert_eq(status(3, third).position, 3);
}

Test(store_loss, second_loss_during_recovery_ends_no_turn)
{
	struct place	active = enter(1);

	tick();
	check_state(status(1, active), "ACTIVE");
	store_lose();
	cr_assert_eq(tick_for(20 * SECOND, SECOND), 0);
	store_lose();
	clock_pass(SECOND);
	check_state(status_with(1, active, 0, true, false), "WAITING");
}

Test(store_loss, token_older_than_a_week_is_not_put_back)
{
	struct place	place = enter(1);

	store_lose();
	clock_pass(8 * 24 * 60 * MINUTE);
	check_state(status(1, place), "EXPIRED");
	cr_assert_eq(check(1, place), CT_QUEUE_EXPIRED);
}
