/* Redis comes back without its newest writes, after a restart or a failover. The tokens restore the order. */
#include "queue.h"

TestSuite(restart, .init = queue_setup, .fini = queue_teardown);

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
