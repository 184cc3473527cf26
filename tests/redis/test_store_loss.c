/* Redis comes back empty, or without its newest writes. The tokens restore the order. */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

TestSuite(store_loss, .init = queue_setup, .fini = queue_teardown);
TestSuite(restart, .init = queue_setup, .fini = queue_teardown);

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

/* The user enters and leaves many times. All of these tokens are of the generation that is lost later. */
#define STASH	20
static void
stash(int user, struct place place_r[STASH])
{
	for (int i = 0; i < STASH; i++) {
		place_r[i] = enter(user);
		cr_assert(leave(user, place_r[i]));
		clock_pass(100 * MS);
	}
}

/* The user waits, is admitted, and the turn ends. */
static void
has_a_turn(int user, struct place place)
{
	for (int i = 0; i < 100 && status_with(user, place, 0, true, false).state != PLACE_ACTIVE; i++)
		tick_for(SECOND, SECOND);
	check_state(status_with(user, place, 0, true, false), "ACTIVE");
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

Test(restart, restart_without_loss_changes_nothing)
{
	struct place	expired = enter(0), active = enter(1), used = enter(2), place[10], left;
	struct control	before, after;

	settings.admit = 10;
	cr_assert_eq(tick_for(300 * MS, 100 * MS), 3);
	use(2, used);
	tick_for(121 * SECOND, SECOND);
	active = enter(1);
	left = enter(20);
	leave(20, left);
	for (int user = 3; user < 10; user++)
		place[user] = enter(user);
	cr_assert_eq(tick_for(200 * MS, 100 * MS), 2);
	control_set("op", "max_active", "100");
	before = control_get();

	store_keep();
	clock_pass(2 * SECOND);
	store_restart();
	/* A user who has a place is answered at once. */
	check_state(status(1, active), "ACTIVE");
	cr_assert_eq(status(9, place[9]).position, 6);
	cr_assert_eq(check(0, expired), CT_QUEUE_EXPIRED);
	check_state(status(0, expired), "EXPIRED");
	check_state(status(20, left), "EXPIRED");
	check_state(status(2, used), "USED");
	cr_assert_eq(enter(30).position, 7);
	after = control_get();
	cr_assert_eq(after.active, before.active);
	cr_assert_eq(after.admitted, before.admitted);
	cr_assert_eq(after.revision, before.revision);
	cr_assert_eq(after.max_active, 100);
	cr_assert_geq(tick_for(500 * MS, 100 * MS), 5, "the rate goes on at once");
}

Test(restart, place_lost_by_a_restart_comes_back_with_its_token)
{
	struct place	place[6], left, ended, newcomer;

	settings.admit = 0;
	ended = enter(9);
	leave(9, ended);
	place[0] = enter(0);
	tick();
	store_keep();
	clock_pass(100 * MS);
	/* All writes from here on are lost. */
	for (int user = 1; user < 6; user++)
		place[user] = enter(user);
	left = enter(8);
	clock_pass(100 * MS);
	store_restart();

	cr_assert_eq(check(3, place[3]), CT_QUEUE_WAITING);
	leave(8, left);
	newcomer = enter(7);
	cr_assert_eq(check(3, place[3]), CT_QUEUE_WAITING);
	for (int user = 5; user > 0; user--) {
		/* The place may have been admitted and used meanwhile. The database knows. */
		check_state(status(user, place[user]), "ASK");
		check_state(status_with(user, place[user], 0, true, false), "WAITING");
	}
	for (int user = 0; user < 6; user++)
		cr_assert_eq(status(user, place[user]).position, user + 1);
	cr_assert_eq(status(7, newcomer).position, 7);
	check_state(status_with(8, left, 0, true, false), "EXPIRED");

	/*
	 * A place that ended before stays ended. A place that ends now does not come back. A place that was never given
	 * is refused.
	 */
	check_state(status_with(9, ended, 0, true, false), "EXPIRED");
	leave(2, place[2]);
	check_state(status_with(2, place[2], 0, true, false), "EXPIRED");
	leave(7, newcomer);
	check_state(status_with(7, newcomer, 0, true, false), "EXPIRED");
	settings.admit = 10;
	cr_assert_eq(tick().admitted, 1);
	check_state(status(0, place[0]), "ACTIVE");
}

/* The old master is cut off. It gives places until it notices that, later than the new master has begun. */
Test(restart, place_of_a_replaced_master_comes_back_with_its_token)
{
	struct place	first, late[3], newcomer;

	settings.admit = 0;
	first = enter(0);
	tick();
	store_keep();
	for (int user = 1; user <= 3; user++) {
		clock_pass(SECOND);
		late[user - 1] = enter(user);
	}
	clock_pass(-3 * SECOND);
	store_restart();
	newcomer = enter(9);
	clock_pass(4 * SECOND);
	for (int user = 3; user > 0; user--)
		check_state(status_with(user, late[user - 1], 0, true, false), "WAITING");
	cr_assert_eq(status(0, first).position, 1);
	for (int user = 1; user <= 3; user++)
		cr_assert_eq(status(user, late[user - 1]).position, user + 1);
	cr_assert_eq(status(9, newcomer).position, 5);
	leave(2, late[1]);
	check_state(status_with(2, late[1], 0, true, false), "EXPIRED");
}

/* The replica that took over got no call about this queue before the old process was the master again. */
Test(restart, place_lost_by_two_failovers_comes_back_with_its_token)
{
	struct place	first, lost;

	settings.admit = 0;
	first = enter(0);
	store_keep();
	clock_pass(SECOND);
	lost = enter(1);
	clock_pass(SECOND);
	store_master_again();
	cr_assert_eq(check(1, lost), CT_QUEUE_WAITING);
	cr_assert_str_eq(control_get().mode, "NEW");
	check_state(status_with(1, lost, 0, true, false), "WAITING");
	cr_assert_eq(status(0, first).position, 1);
	cr_assert_eq(status(1, lost).position, 2);
	cr_assert_eq(enter(2).position, 3);
}

Test(restart, second_restart_during_recovery_loses_nobody)
{
	struct place	first = enter(1), second, third;

	settings.admit = 0;
	store_keep();
	clock_pass(100 * MS);
	second = enter(2);
	clock_pass(100 * MS);
	store_restart();
	enter(9);
	store_keep();
	clock_pass(100 * MS);
	third = enter(3);
	clock_pass(100 * MS);
	store_restart();
	check_state(status_with(3, third, 0, true, false), "WAITING");
	check_state(status_with(2, second, 0, true, false), "WAITING");
	cr_assert_eq(status(1, first).position, 1);
	cr_assert_eq(status(2, second).position, 2);
	cr_assert_eq(status(3, third).position, 4);
}

Test(restart, later_of_two_lost_places_is_put_back)
{
	struct place	given_up, kept;

	settings.admit = 0;
	enter(9);
	store_keep();
	given_up = enter(1);
	leave(1, given_up);
	kept = enter(1);
	clock_pass(100 * MS);
	store_restart();
	check_state(status_with(1, given_up, 0, true, false), "WAITING");
	check_state(status_with(1, kept, 0, true, false), "WAITING");
	check_state(status_with(1, given_up, 0, true, false), "EXPIRED");
	cr_assert_eq(enter(1).seq, kept.seq);
}

Test(restart, stashed_tokens_lost_by_a_restart_give_one_turn)
{
	struct place	place[STASH], before;

	before = enter(1);
	leave(1, before);
	store_keep();
	stash(1, place);
	clock_pass(100 * MS);
	store_restart();
	check_state(status_with(1, place[0], 0, true, false), "WAITING");
	has_a_turn(1, place[0]);
	tick_for(3 * MINUTE, SECOND);
	for (int i = 0; i < STASH; i++)
		check_state(status_with(1, place[i], 0, true, false), "EXPIRED");
	check_state(status_with(1, before, 0, true, false), "EXPIRED");
	cr_assert(enter(1).is_new);
}

/* Ended places are noted only while old tokens are accepted. */
Test(restart, ended_places_are_not_noted_a_week_after_a_restart)
{
	struct place	place = enter(1);

	store_keep();
	clock_pass(SECOND);
	store_restart();
	(void)enter(2);
	leave(1, place);
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:gone"), 1);
	clock_pass(8 * 24 * 60 * MINUTE);
	tick();
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:gone"), 0);
	leave(3, enter(3));
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:gone"), 0);
}

/* Ended places that the previous release noted are still refused. */
Test(restart, place_noted_by_the_previous_release_stays_ended)
{
	struct place	place;
	unsigned char	member[24] = { 0x01, 0x93, 0, 0, 0, 0, 0x70 };

	(void)enter(2);
	store_keep();
	place = enter(1);
	clock_pass(SECOND);
	store_restart();
	member[15] = 1;
	for (int i = 0; i < 8; i++)
		member[16 + i] = (unsigned char)(place.seq >> (56 - 8 * i));
	freeReplyObject(redisCommand(operator, "ZADD q:{01935b7a-2e40-7c11-9a02-030405060708}:gone %lld %b", (long long)T0,
	    member, sizeof(member)));
	check_state(status_with(1, place, 0, true, false), "EXPIRED");
}

Test(restart, drawn_place_lost_by_a_restart_comes_back)
{
	struct place	early, lost, gone;
	int64_t		opens = T0 + MINUTE;

	early = enter_drawn(1, opens, opens - 3000 * SECOND);
	gone = enter_drawn(3, opens, opens - 5000 * SECOND);
	leave(3, gone);
	store_keep();
	lost = enter_drawn(2, opens, opens - 4000 * SECOND);
	clock_pass(SECOND);
	store_restart();
	check_state(status_with(2, lost, opens, true, true), "WAITING");
	check_state(status_with(3, gone, opens, true, true), "EXPIRED");
	clock_set(opens);
	cr_assert_eq(status_with(2, lost, opens, false, true).position, 1);
	cr_assert_eq(status_with(1, early, opens, false, true).position, 2);
}

/* The last heartbeat may be lost, so silence counts from the restart on. */
Test(restart, heartbeat_lost_by_a_restart_is_not_silence)
{
	struct place	place = enter(0);

	settings.admit = 0;
	tick_for(settings.patience, 3 * SECOND);
	store_keep();
	clock_pass(100 * MS);
	check_state(status(0, place), "WAITING");
	store_restart();
	(void)enter(1);
	tick_for(settings.patience, 3 * SECOND);
	cr_assert_eq(check(0, place), CT_QUEUE_WAITING);
	tick_for(settings.patience, 3 * SECOND);
	cr_assert_eq(check(0, place), CT_QUEUE_EXPIRED);
}

Test(restart, operators_settings_lost_by_a_restart_are_restored_with_their_revision)
{
	struct control	control;

	enter_many(0, 10);
	control_set("someone", "max_active", "7");
	store_keep();
	control_set("someone else", "mode", "PAUSED");
	clock_pass(SECOND);
	store_restart();
	/* The settings are back with the first call, before the queue admits anybody. */
	cr_assert_str_eq(control_get().mode, "NEW");
	cr_assert_eq(tick_for(SECOND, 100 * MS), 0);
	control = control_get();
	cr_assert_str_eq(control.mode, "PAUSED");
	cr_assert_str_eq(control.updated_by, "someone else");
	cr_assert_eq(control.revision, 2);

	store_restart();
	control = control_set("a third", "mode", "OPEN");
	cr_assert_eq(control.revision, 3);
	cr_assert_eq(control.max_active, 7);
	/* If the file has the same revision as the database, nothing changes. */
	store_keep();
	store_restart();
	cr_assert(begin());
	cr_assert_not(begin());
	cr_assert_eq(control_get().revision, 3);
	cr_assert_str_eq(control_get().mode, "OPEN");
}
