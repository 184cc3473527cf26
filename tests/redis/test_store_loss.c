/* The store is lost and comes back empty: the order is in the tokens. */
#include "queue.h"

TestSuite(store_loss, .init = queue_setup, .fini = queue_teardown);

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

Test(store_loss, a_token_older_than_a_week_is_not_put_back)
{
	struct place	place = enter(1);

	store_lose();
	clock_pass(8 * 24 * 60 * MINUTE);
	check_state(status(1, place), "EXPIRED");
	cr_assert_eq(check(1, place), CT_QUEUE_EXPIRED);
}
