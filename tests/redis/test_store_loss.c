/* The store is lost and comes back empty, or without what was written last: the order is in the tokens. */
#include "queue.h"

#include <string.h>

TestSuite(store_loss, .init = queue_setup, .fini = queue_teardown);
TestSuite(restart, .init = queue_setup, .fini = queue_teardown);

Test(store_loss, everyone_is_put_back_in_the_old_order)
{
	struct place	place[50], newcomer, back;

	for (int user = 0; user < 50; user++)
		place[user] = enter(user);
	clock_pass(MINUTE);
	store_lose();
	newcomer = enter(100);
	cr_assert(newcomer.is_new);
	/* They ask in any order. */
	for (int i = 0; i < 50; i++) {
		int	user = i * 7 % 50;

		back = status(user, place[user]);
		check_state(back, "WAITING");
		cr_assert_eq(back.seq, place[user].seq);
	}
	for (int user = 0; user < 50; user++)
		cr_assert_eq(status(user, place[user]).position, user + 1);
	cr_assert_eq(status(100, newcomer).position, 51);

	/* Nobody before all had the time to ask; then the first first. */
	settings.admit = 10;
	cr_assert_eq(tick_for(24 * SECOND, 100 * MS), 0);
	clock_pass(SECOND);
	cr_assert_eq(tick().admitted, 1);
	check_state(status(0, place[0]), "ACTIVE");
}

Test(store_loss, is_noticed_by_the_first_old_token)
{
	struct place	place = enter(1), newcomer;

	store_lose();
	clock_pass(MINUTE);
	memory = (struct memory){ .epoch = 0 };	/* lost before the database was told of the queue */
	newcomer = enter(2);
	check_state(status(1, place), "WAITING");
	cr_assert_eq(status(2, newcomer).position, 2);
	cr_assert_eq(tick_for(24 * SECOND, 100 * MS), 0);
	cr_assert_gt(tick_for(2 * SECOND, 100 * MS), 0);
}

Test(store_loss, an_active_one_is_put_back_in_front_under_the_cap)
{
	struct place	place[10];

	settings.max_active = 3;
	for (int user = 0; user < 10; user++)
		place[user] = enter(user);
	tick();
	store_lose();
	clock_pass(SECOND);
	for (int user = 9; user >= 0; user--) {
		/* It had been admitted, so it may have been used: that the database knows. */
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

Test(store_loss, whose_turn_was_over_has_no_second_one)
{
	struct place	expired, waiting, active;

	settings.max_active = 1;
	expired = enter(1);
	active = enter(2);
	waiting = enter(3);
	tick();
	/* The first one's time is over, and so long ago that it is certain. */
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

Test(store_loss, what_operators_set_holds_before_anybody_comes_back)
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

Test(store_loss, newcomers_stand_behind_though_the_clock_was_set_back)
{
	struct place	place = enter(1);

	settings.admit = 0;
	tick();
	store_lose();
	clock_pass(-60 * MINUTE);
	cr_assert_gt(enter(2).seq, place.seq);
	cr_assert_eq(status(1, place).position, 1);
}

Test(store_loss, people_come_back_for_so_long_and_no_longer_though_the_clock_is_set_back)
{
	struct place	place = enter(1);

	settings.admit = 0;
	tick();
	settings.admit = 10;
	store_lose();
	check_state(status(1, place), "WAITING");
	tick_for(10 * SECOND, SECOND);
	clock_pass(-60 * MINUTE);
	/* Nobody can say how much of the time is over: it begins again, once. */
	cr_assert_eq(tick_for(24 * SECOND, SECOND), 0);
	cr_assert_eq(tick_for(2 * SECOND, SECOND), 1);
	/* And what is over does not come back with the clock. */
	clock_pass(-60 * MINUTE);
	enter(2);
	tick();
	cr_assert_eq(tick_for(2 * SECOND, SECOND), 1);
}

Test(store_loss, an_outage_is_given_back_to_the_active)
{
	struct place	place = enter(1), active;

	tick();
	tick_for(20 * SECOND, SECOND);
	active = status(1, place);
	/* The store is away for ten minutes and comes back with its file. */
	clock_pass(10 * MINUTE);
	cr_assert_eq(check(1, place), CT_QUEUE_ACTIVE);
	check_state(status(1, place), "ACTIVE");
	check_state(enter(1), "ACTIVE");
	cr_assert_eq(control_get().active, 1);
	cr_assert_eq(tick().expired, 0);
	/* But for the seconds in which it might have been noticed. */
	cr_assert_eq(status(1, place).active_until_ms, active.active_until_ms + 595000);
	tick_for(94 * SECOND, SECOND);
	check_state(status(1, place), "ACTIVE");
	tick_for(SECOND, SECOND);
	check_state(status(1, place), "EXPIRED");
}

Test(store_loss, a_used_token_is_used_again_by_word_of_the_hold)
{
	struct place	place = enter(1);

	tick();
	use(1, place);
	store_lose();
	clock_pass(SECOND);
	/* The store does not know; PostgreSQL refuses the hold, and the reservation service tells. */
	cr_assert_eq(use(1, place), CT_QUEUE_USED);
	check_state(status(1, place), "USED");
	cr_assert_eq(control_get().waiting, 0);
	enter(2);
	check_state(status(1, place), "USED");
	cr_assert_eq(control_get().used, 1);
}

Test(store_loss, a_place_is_put_back_once)
{
	struct place	left = enter(1), expired = enter(2), silent = enter(3), unheard = enter(4);

	store_lose();
	clock_pass(SECOND);
	/* Left without ever having been put back. */
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

Test(store_loss, an_old_place_wins_over_the_new_one_of_the_same_user)
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

Test(store_loss, of_two_old_tokens_the_later_lived)
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

/* Enters and leaves again and again; all of these tokens are of the store that will be lost. */
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

/* The user is in line: until the turn comes, and until it is over. */
static void
has_a_turn(int user, struct place place)
{
	for (int i = 0; i < 100 && strcmp(status_with(user, place, 0, true, false).state, "ACTIVE") != 0; i++)
		tick_for(SECOND, SECOND);
	check_state(status_with(user, place, 0, true, false), "ACTIVE");
}

Test(store_loss, twenty_stashed_tokens_are_worth_one_turn)
{
	struct place	place[STASH];
	enum { EXPIRES, LEAVES, USES };

	for (int end = EXPIRES; end <= USES; end++) {
		int	user = 1 + end;

		stash(user, place);
		tick();
		store_lose();
		clock_pass(SECOND);
		/* From the lowest up, for then each one is the highest that was ever seen. */
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
		/* A new place is valid like any other. */
		check_state(enter(user), "WAITING");
		store_lose();
		memory = (struct memory){ .epoch = 0 };
	}
}

Test(store_loss, later_of_the_stashed_tokens_takes_the_place_of_the_earlier)
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
	/* One note a user, for any number of ended places. */
	cr_assert_eq(number_of("ZCARD q:{01935b7a-2e40-7c11-9a02-030405060708}:gone"), 1);
}

Test(store_loss, ended_place_ends_all_earlier_places)
{
	struct place	place[STASH], anew;

	/* Left without having come back; left after it; fallen silent; and given by the new store. */
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
		/* It had no turn: a later place, of which nothing was heard, may be the one that lives. */
		check_state(status_with(user, place[STASH - 1], 0, true, false), user == 4 ? "EXPIRED" : "WAITING");
		store_lose();
		memory = (struct memory){ .epoch = 0 };
	}
}

/* The database had not been told of the store: the first old token tells of the loss, and the rest holds as well. */
Test(store_loss, stashed_tokens_after_an_unknown_loss_are_worth_one_turn)
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

Test(store_loss, twice_keeps_the_order_too)
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

Test(store_loss, twice_while_people_come_back_is_not_the_end_of_their_turn)
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

Test(store_loss, a_token_older_than_a_week_is_not_put_back)
{
	struct place	place = enter(1);

	store_lose();
	clock_pass(8 * 24 * 60 * MINUTE);
	check_state(status(1, place), "EXPIRED");
	cr_assert_eq(check(1, place), CT_QUEUE_EXPIRED);
}

Test(restart, without_a_loss_changes_nothing)
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
	/* Who has a place is not kept waiting for anything. */
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

Test(restart, what_was_written_last_and_is_lost_comes_back_with_its_token)
{
	struct place	place[6], left, ended, newcomer;

	settings.admit = 0;
	ended = enter(9);
	leave(9, ended);
	place[0] = enter(0);
	tick();
	store_keep();
	clock_pass(100 * MS);
	/* All that follows is lost. */
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
		/* It may have been admitted and used meanwhile: that the database knows. */
		check_state(status(user, place[user]), "ASK");
		check_state(status_with(user, place[user], 0, true, false), "WAITING");
	}
	for (int user = 0; user < 6; user++)
		cr_assert_eq(status(user, place[user]).position, user + 1);
	cr_assert_eq(status(7, newcomer).position, 7);
	check_state(status_with(8, left, 0, true, false), "EXPIRED");

	/* What had ended before stays so; what ends now does not come back; nor is there a place nobody gave. */
	check_state(status_with(9, ended, 0, true, false), "EXPIRED");
	leave(2, place[2]);
	check_state(status_with(2, place[2], 0, true, false), "EXPIRED");
	leave(7, newcomer);
	check_state(status_with(7, newcomer, 0, true, false), "EXPIRED");
	settings.admit = 10;
	cr_assert_eq(tick().admitted, 1);
	check_state(status(0, place[0]), "ACTIVE");
}

Test(restart, twice_while_people_come_back_loses_none_of_them)
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

Test(restart, of_two_lost_places_of_one_user_the_later_lived)
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

Test(restart, stashed_tokens_that_were_lost_are_worth_one_turn)
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

/* Notes are for as long as old tokens are looked into, and no longer. */
Test(restart, a_week_later_ended_places_are_not_noted_any_more)
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

/* Ended places that the release before noted still count. */
Test(restart, place_noted_by_the_release_before_stays_ended)
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
	freeReplyObject(redisCommand(store, "ZADD q:{01935b7a-2e40-7c11-9a02-030405060708}:gone %lld %b", (long long)T0,
	    member, sizeof(member)));
	check_state(status_with(1, place, 0, true, false), "EXPIRED");
}

Test(restart, a_lot_that_was_lost_comes_back_too)
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

/* That somebody asked may be among what was lost: silence is counted from the restart on. */
Test(restart, nobody_is_taken_for_silent_who_asked_just_before)
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

Test(restart, what_operators_set_last_holds_and_its_revision_is_not_given_twice)
{
	struct control	control;

	enter_many(0, 10);
	control_set("someone", "max_active", "7");
	store_keep();
	control_set("someone else", "mode", "PAUSED");
	clock_pass(SECOND);
	store_restart();
	/* As soon as anybody ticks or looks, and before anybody is admitted. */
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
	/* Of a file that is as late as the database all is as it was. */
	store_keep();
	store_restart();
	cr_assert(begin());
	cr_assert_not(begin());
	cr_assert_eq(control_get().revision, 3);
	cr_assert_str_eq(control_get().mode, "OPEN");
}
