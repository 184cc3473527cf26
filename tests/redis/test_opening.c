/* Before the sale opens: users wait, in order of arrival or for the draw, and the queue admits nobody. */
#include "queue.h"

#define OPENS	(T0 + 60 * SECOND)

TestSuite(opening, .init = queue_setup, .fini = queue_teardown);

/* A drawn seq lies within the day before the opening. The service computes it from the user and the seed. */
static int64_t
drawn_of(int user)
{
	uint64_t	mixed = (uint64_t)(user + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (OPENS - 86400 * SECOND + (int64_t)(mixed % (uint64_t)(86400 * SECOND)));
}

Test(opening, early_users_by_arrival_are_admitted_in_order)
{
	struct place	place[20], late;

	settings.admit = 10;
	for (int user = 0; user < 20; user++) {
		place[user] = enter_sale_at(user, OPENS);
		cr_assert_eq(place[user].position, user + 1);
	}
	cr_assert_eq(tick_for(59 * SECOND, SECOND), 0);
	clock_set(OPENS);
	late = enter_sale_at(99, OPENS);
	for (int front = 0; front < 20; front++) {
		cr_assert_eq(tick().admitted, 1);
		check_state(status_with(front, place[front], OPENS, false, false), "ACTIVE");
		clock_pass(100 * MS);
	}
	cr_assert_eq(tick().admitted, 1);
	check_state(status_with(99, late, OPENS, false, false), "ACTIVE");
}

Test(opening, status_before_the_first_tick_has_the_wait_of_enter)
{
	struct place	place = enter_sale_at(1, OPENS), answer = status_with(1, place, OPENS, false, false);

	check_state(answer, "WAITING");
	cr_assert_geq(place.wait, 60);
	cr_assert_eq(answer.wait, place.wait);
}

Test(opening, draw_orders_early_users_and_later_users_follow)
{
	enum { EARLY = 200 };
	struct place	place[EARLY], late, answer;
	int		order[EARLY], moved = 0;

	settings.admit = 10;
	settings.max_active = 1000;
	for (int user = 0; user < EARLY; user++) {
		place[user] = enter_drawn(user, OPENS, drawn_of(user));
		check_state(place[user], "WAITING");
		cr_assert_eq(place[user].seq, drawn_of(user));
		/* Before the draw there are no positions: answers give the last one, and no wait. */
		cr_assert_eq(place[user].position, user + 1);
		cr_assert_eq(place[user].wait, -1);
	}
	answer = status_with(0, place[0], OPENS, false, true);
	cr_assert_eq(answer.position, EARLY);
	cr_assert_eq(answer.wait, -1);
	/* Entering again, also after leaving, gives the same drawn place. */
	cr_assert_eq(enter_drawn(3, OPENS, drawn_of(3)).seq, place[3].seq);
	cr_assert(leave(3, place[3]));
	check_state(status_with(3, place[3], OPENS, false, true), "EXPIRED");
	cr_assert(enter_drawn(3, OPENS, drawn_of(3)).is_new);
	check_state(status_with(3, place[3], OPENS, false, true), "WAITING");

	cr_assert_eq(tick_for(59 * SECOND, SECOND), 0);
	clock_set(OPENS);
	/* A user who enters now is behind all of them, although the service still passes a drawn seq. */
	late = enter_drawn(999, OPENS, drawn_of(999));
	cr_assert_geq(late.seq, OPENS);
	cr_assert_eq(late.position, EARLY + 1);

	for (int user = 0; user < EARLY; user++) {
		order[user] = 0;
		for (int other = 0; other < EARLY; other++)
			order[user] += drawn_of(other) < drawn_of(user);
		answer = status_with(user, place[user], OPENS, false, true);
		cr_assert_eq(answer.position, order[user] + 1);
		moved += order[user] != user;
	}
	cr_assert_gt(moved, EARLY / 2);
	for (int front = 0; front < EARLY; front++) {
		cr_assert_eq(tick().admitted, 1);
		for (int user = 0; user < EARLY; user++) {
			if (order[user] == front)
				cr_assert_eq(check(user, place[user]), CT_QUEUE_ACTIVE);
		}
		clock_pass(100 * MS);
	}
}

Test(opening, opened_sale_stays_open_when_the_clock_is_set_back)
{
	struct place	early[10], late, later;

	settings.admit = 10;
	for (int user = 0; user < 10; user++)
		early[user] = enter_drawn(user, OPENS, drawn_of(user));
	clock_set(OPENS);
	late = enter_drawn(100, OPENS, drawn_of(100));
	clock_pass(-30 * SECOND);
	/* A user who enters now must get no drawn seq: it would be before users who entered in time. */
	later = enter_drawn(101, OPENS, drawn_of(101));
	cr_assert_gt(later.seq, late.seq);
	cr_assert_eq(later.position, 12);
	cr_assert_geq(later.wait, 0);
	cr_assert_eq(status_with(100, late, OPENS, false, true).position, 11);
	cr_assert_eq(tick_for(SECOND, 100 * MS), 10);
	for (int user = 0; user < 10; user++)
		check_state(status_with(user, early[user], OPENS, false, true), "ACTIVE");
	cr_assert_eq(tick_for(SECOND, 100 * MS), 2);
}

Test(opening, draw_order_survives_store_loss)
{
	struct place	place[30], back;

	settings.admit = 0;
	for (int user = 0; user < 30; user++)
		place[user] = enter_drawn(user, OPENS, drawn_of(user));
	tick();
	store_lose();
	clock_pass(SECOND);
	for (int user = 29; user >= 0; user--) {
		/* One half of the users ask, the other half enter again. */
		back = user % 2 == 0 ? status_with(user, place[user], OPENS, false, true) :
		    enter_drawn(user, OPENS, drawn_of(user));
		check_state(back, "WAITING");
		cr_assert_eq(back.seq, place[user].seq);
	}
	leave(7, place[7]);
	check_state(status_with(7, place[7], OPENS, false, true), "EXPIRED");
	clock_set(OPENS);
	for (int user = 0; user < 30; user++) {
		int	rank = 1;

		if (user == 7)
			continue;
		for (int other = 0; other < 30; other++)
			rank += other != 7 && drawn_of(other) < drawn_of(user);
		cr_assert_eq(status_with(user, place[user], OPENS, false, true).position, rank);
	}
	cr_assert_geq(enter_drawn(7, OPENS, drawn_of(7)).seq, OPENS);
}
