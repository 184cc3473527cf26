/* Admission: cap, rate, deadlines, opening, and what operators set. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>

TestSuite(admission, .init = queue_setup, .fini = queue_teardown);

Test(admission, active_users_never_exceed_the_cap)
{
	struct place	place[20];

	settings.max_active = 7;
	settings.admit = 1000;
	for (int user = 0; user < 20; user++)
		place[user] = enter(user);
	for (int i = 0; i < 20; i++) {
		clock_pass(100 * MS);
		cr_assert_leq(tick().active, 7);
	}
	cr_assert_eq(control_get().active, 7);
	check_state(status(6, place[6]), "ACTIVE");
	check_state(status(7, place[7]), "WAITING");
	cr_assert_eq(status(7, place[7]).position, 1);
	use(3, place[3]);
	clock_pass(100 * MS);
	cr_assert_eq(tick().admitted, 1);
	check_state(status(7, place[7]), "ACTIVE");
}

Test(admission, admissions_never_exceed_the_rate)
{
	static const int	rates[] = { 1, 3, 9, 10, 15, 40, 100, 333 };

	settings.max_active = 100000;
	enter_many(0, 5000);
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		int64_t	admitted;

		settings.admit = rates[i];
		clock_pass(MINUTE);	/* after a long time without ticks, only one tick's time is saved */
		admitted = tick_for(6 * SECOND, 100 * MS);
		/* At most the rate plus one tick's worth, and at least the rate minus one. */
		cr_assert_leq(admitted, 6 * rates[i] + rates[i] / 10 + 1, "%d/s: %d", rates[i], (int)admitted);
		cr_assert_geq(admitted, 6 * rates[i] - 1, "%d/s: %d", rates[i], (int)admitted);
	}
}

/* The service computes the share; the function holds the queue to it, whoever ticks. */
Test(admission, admissions_never_exceed_the_share)
{
	static const int	shares[] = { 500, 7000, 40000, 333000 };

	settings.max_active = 100000;
	settings.admit = 100;
	settings.closes = T0 + 600 * MINUTE;
	enter_many(0, 3000);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double	rate = shares[i] < 100000 ? (double)shares[i] / 1000 : 100;
		int64_t	admitted;

		settings.share = shares[i];
		clock_pass(MINUTE);
		admitted = tick_for(6 * SECOND, 100 * MS);
		cr_assert_leq((double)admitted, 6 * rate + rate / 10 + 1, "%d: %d", shares[i], (int)admitted);
		cr_assert_geq((double)admitted, 6 * rate - 1, "%d: %d", shares[i], (int)admitted);
	}
}

Test(admission, late_tick_saves_at_most_one_tick_time)
{
	int64_t	admitted;

	settings.max_active = 100000;
	settings.admit = 50;
	enter_many(0, 2000);
	tick();
	admitted = tick_for(10 * SECOND, 107 * MS);
	cr_assert_leq(admitted, 50 * 10.1 + 6);
	cr_assert_geq(admitted, 495);
}

Test(admission, ten_simultaneous_ticks_admit_as_many_as_one)
{
	struct ct_queue_command	 command;
	redisContext		*connections[10];
	redisReply		*reply;
	int64_t			 admitted;
	int			 done;

	settings.max_active = 100000;
	enter_many(0, 1000);
	tick();
	command_tick(&command);
	for (int i = 0; i < 10; i++)
		connections[i] = store_connect("queue");
	for (int round = 0; round < 20; round++) {
		clock_pass(100 * MS);
		admitted = 0;
		for (int i = 0; i < 10; i++) {
			append_command(connections[i], &command);
			redisBufferWrite(connections[i], &done);
		}
		for (int i = 0; i < 10; i++) {
			cr_assert_eq(redisGetReply(connections[i], (void **)&reply), REDIS_OK);
			admitted += reply->element[2]->integer;
			freeReplyObject(reply);
		}
		cr_assert_eq(admitted, 10);
	}
	for (int i = 0; i < 10; i++)
		redisFree(connections[i]);
}

Test(admission, clock_set_back_keeps_the_rate)
{
	int64_t	admitted;

	settings.max_active = 100000;
	settings.admit = 10;
	enter_many(0, 500);
	cr_assert_eq(tick_for(5 * SECOND, 100 * MS), 50);
	clock_pass(-60 * MINUTE);
	cr_assert_eq(tick().admitted, 0, "no time has passed");
	admitted = tick_for(5 * SECOND, 100 * MS);
	cr_assert(admitted >= 49 && admitted <= 50, "%d admitted", (int)admitted);
	/* The step back allows one tick's worth more, as every gap does. */
	clock_pass(60 * MINUTE);
	cr_assert_leq(tick().admitted, 2);
	admitted = tick_for(5 * SECOND, 100 * MS);
	cr_assert(admitted >= 49 && admitted <= 50, "%d admitted", (int)admitted);
}

Test(admission, clock_set_back_does_not_extend_an_active_turn)
{
	struct place	place = enter(1), active;

	tick();
	tick_for(20 * SECOND, SECOND);
	active = status(1, place);
	clock_pass(-60 * MINUTE);
	cr_assert_eq(status(1, place).active_until_ms, active.active_until_ms - 60 * MINUTE / 1000);
	tick();
	tick_for(99 * SECOND, SECOND);
	check_state(status(1, place), "ACTIVE");
	tick_for(SECOND, SECOND);
	check_state(status(1, place), "EXPIRED");
	cr_assert_eq(enter(2).active_until_ms, 0);
	cr_assert_eq(tick().admitted, 1);
}

Test(admission, active_turn_ends_exactly_at_its_deadline)
{
	struct place	place = enter(1), next = enter(2), active;

	settings.max_active = 1;
	tick();
	active = status(1, place);
	check_state(active, "ACTIVE");
	cr_assert_eq(active.position, 0);
	cr_assert_eq(active.active_until_ms, (T0 + 120 * SECOND) / 1000);

	/* The clock decides, whether or not a tick has come since. */
	tick_for(118 * SECOND, 2 * SECOND);
	clock_set(T0 + 120 * SECOND - 1);
	cr_assert_eq(check(1, place), CT_QUEUE_ACTIVE);
	clock_set(T0 + 120 * SECOND);
	cr_assert_eq(check(1, place), CT_QUEUE_EXPIRED);
	cr_assert_eq(control_get().active, 0);
	cr_assert_eq(control_get().expired, 1);
	cr_assert_eq(tick().admitted, 1);
	check_state(status(2, next), "ACTIVE");
	check_state(status(1, place), "EXPIRED");
	cr_assert_eq(control_get().expired, 1);
	cr_assert(enter(1).is_new);
}

Test(admission, tick_with_many_overdue_turns_ends_at_most_500)
{
	struct tick_answer	round;

	settings.max_active = 100000;
	settings.admit = 1000000;
	enter_many(0, 3000);
	/* The second tick at the same time admits the rest. */
	for (int i = 0; i < 12; i++)
		cr_assert_eq(tick().admitted, 250);
	cr_assert_eq(tick().admitted, 0);

	/* All turns end at once. Ticks remove them in parts, but the count of active users excludes them at once. */
	tick_for(118 * SECOND, 2 * SECOND);
	clock_pass(4 * SECOND);
	settings.max_active = 10;
	enter_many(5000, 5020);
	round = tick();
	cr_assert_eq(round.expired, 500);
	cr_assert_eq(round.active, 10);
	cr_assert_eq(round.admitted, 10);
	for (int i = 0; i < 5; i++) {
		clock_pass(100 * MS);
		cr_assert_eq(tick().expired, 500);
	}
	clock_pass(100 * MS);
	cr_assert_eq(tick().expired, 0);
}

Test(admission, tick_with_many_silent_waiters_ends_at_most_200)
{
	settings.admit = 0;
	enter_many(0, 500);
	for (int64_t passed = 0; passed < 12 * MINUTE + 30 * SECOND; passed += 3 * SECOND) {
		clock_pass(3 * SECOND);
		cr_assert_eq(tick().abandoned, 0);
	}
	clock_pass(4 * SECOND);
	cr_assert_eq(tick().abandoned, 200);
	cr_assert_eq(tick().abandoned, 200);
	cr_assert_eq(tick().abandoned, 100);
	cr_assert_eq(control_get().waiting, 0);
}

Test(admission, sale_not_open_admits_nobody)
{
	struct place	place = enter_sale_at(1, T0 + 10 * SECOND);

	check_state(place, "WAITING");
	cr_assert_eq(place.wait, 11);
	cr_assert_eq(tick_for(9900 * MS, 100 * MS), 0);
	clock_set(T0 + 10 * SECOND - 1);
	cr_assert_eq(tick().admitted, 0);
	clock_set(T0 + 10 * SECOND);
	cr_assert_eq(tick().admitted, 1);
}

Test(admission, paused_queue_admits_nobody_and_can_be_entered)
{
	struct place	place;

	control_set("op", "mode", "PAUSED");
	place = enter(1);
	check_state(place, "WAITING");
	cr_assert_eq(tick_for(2 * SECOND, 100 * MS), 0);
	cr_assert_eq(status(1, place).wait, -1);
	control_set("op", "mode", "OPEN");
	cr_assert_eq(tick().admitted, 1);
}

Test(admission, closed_queue_cannot_be_entered_and_admits_its_waiters)
{
	struct place	place = enter(1);

	control_set("op", "mode", "CLOSED");
	check_state(enter(2), "QUEUE_CLOSED");
	cr_assert_eq(enter(1).seq, place.seq);
	cr_assert_eq(tick().admitted, 1);
	check_state(enter(1), "ACTIVE");
}

Test(admission, control_set_applies_at_once_and_names_the_operator)
{
	struct control	control = control_get();

	/* No function was called for this queue before. */
	cr_assert_str_eq(control.mode, "NEW");
	begin();
	control = control_get();
	cr_assert_str_eq(control.mode, "OPEN");
	cr_assert_eq(control.max_active, 500);
	cr_assert_eq(control.ttl, 120);
	cr_assert_str_eq(control.updated_by, "");

	control_set("someone", "max_active", "3");
	control = control_set("someone else", "ttl", "5");
	cr_assert_eq(control.max_active, 3);
	cr_assert_eq(control.ttl, 5);
	cr_assert_eq(control.admit, 100);
	cr_assert_str_eq(control.updated_by, "someone else");
	cr_assert_eq(control.updated_at_ms, T0 / 1000);

	enter_many(0, 10);
	tick();
	cr_assert_eq(control_get().active, 3);
	clock_pass(5 * SECOND);
	cr_assert_eq(control_get().active, 0);
	cr_assert_eq(tick().admitted, 3);
}

Test(admission, measured_speed_decides_the_wait)
{
	struct place	last;

	settings.max_active = 100000;
	settings.admit = 20;
	enter_many(0, 1000);
	tick_for(5 * SECOND, 100 * MS);
	last = enter(2000);
	cr_assert_leq(llabs(last.wait - last.position / 20), 3, "%d", (int)last.wait);
	/* When the cap is reached, the speed is that of the turns that run out. */
	settings.max_active = 60;
	settings.ttl = 30;
	tick_for(5 * MINUTE, 100 * MS);
	last = status(2000, last);
	cr_assert_geq(last.wait, last.position / 4);
	cr_assert_leq(last.wait, last.position / 2 + 1);
}

Test(admission, full_cap_without_measurement_estimates_by_turn_ends)
{
	settings.max_active = 2;
	enter(1);
	cr_assert_eq(enter(2).wait, 1);
	tick();
	clock_pass(100 * MS);
	cr_assert_eq(tick().active, 2);
	/* The cap is two, and each turn ends after 120 s. */
	cr_assert_eq(enter(3).wait, 60);
}

/*
 * Some users leave, some fall silent, some never hold. The estimate includes all of that, because it uses the measured
 * speed.
 */
Test(admission, estimate_with_users_who_never_hold_is_close_to_the_real_wait)
{
	static struct place	place[3000];
	int64_t			told = 0, error = 0, n = 0, abandoned = 0, left = 0;
	int			entered = 0;

	settings.max_active = 40;
	settings.admit = 50;
	settings.ttl = 30;
	settings.patience = MINUTE;
	for (; entered < 600; entered++)
		place[entered] = enter(entered);
	for (int round = 0; round < 6000; round++) {
		struct tick_answer	result;

		clock_pass(100 * MS);
		/* Four users enter per second, until all have entered. */
		if (round % 5 < 2 && entered < 3000 && round < 5000) {
			place[entered] = enter(entered);
			entered++;
		}
		result = tick();
		abandoned += result.abandoned;
		/* After the first minutes, when the speed is measured. */
		for (size_t i = 0; round > 1500 && i < tick_waits.count; i++) {
			told += tick_waits.at[i].told_ms;
			error += llabs(tick_waits.at[i].told_ms - tick_waits.at[i].waited_ms);
			n++;
		}
		/* One ACTIVE user in three never holds, so that turn lasts the full 30 s. The others take 5 s. */
		if (round <= 50)
			continue;
		for (int user = entered - 1; user >= 0 && user > entered - 1500; user--) {
			if (user % 3 != 0 && round % 50 == user % 50 && check(user, place[user]) == CT_QUEUE_ACTIVE)
				use(user, place[user]);
			/*
			 * Waiters poll every 20 s, except one in nine, who falls silent. Another one in nine leaves
			 * after half a minute.
			 */
			if (user % 9 == 4 && round % 300 == user % 300)
				left += leave(user, place[user]);
			else if (user % 9 != 5 && round % 200 == user % 200)
				(void)status(user, place[user]);
		}
	}
	cr_assert_gt(n, 50);
	cr_assert_gt(abandoned, 50);
	cr_assert_gt(left, 50);
	cr_assert_lt(error, told / 4, "of %lld s told, %lld s wrong, %lld people", (long long)told / 1000,
	    (long long)error / 1000, (long long)n);
	fprintf(stderr, "told wait: %.0f s, off by %.1f s, mean of %lld\n", (double)told / 1000 / (double)n,
	    (double)error / 1000 / (double)n, (long long)n);
}

/* A third of a second is not a whole number of microseconds. The rounding must not cost a tick. */
Test(admission, user_entering_an_empty_queue_is_admitted_by_the_next_tick)
{
	static const int64_t	rates[] = { 3, 7, 9 };
	int			user = 0;

	settings.max_active = 100000;
	tick();
	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		settings.admit = rates[r];
		for (int i = 0; i < 20; i++) {
			clock_pass(SECOND + 7);
			(void)enter(user++);
			cr_assert_eq(tick().admitted, 1, "%d a second, the clock %d later", (int)rates[r], i);
		}
	}
}

/*
 * A sale that is closed, by an operator or by the clock, admits nobody. When it is opened again, the queue goes on in
 * its order.
 */
Test(admission, closed_sale_admits_nobody_and_reopened_goes_on_in_order)
{
	struct place	place[6];

	settings.admit = 10;
	for (int user = 0; user < 6; user++)
		place[user] = enter(user);
	settings.closes = T0 + 250 * MS;
	cr_assert_eq(tick_for(200 * MS, 100 * MS), 2);
	/* The sale ends by Redis' clock, to the microsecond. No further call is necessary. */
	clock_set(T0 + 300 * MS);
	cr_assert_eq(tick().admitted, 0);
	settings.closes = T0 + 500 * MS;
	clock_set(T0 + 500 * MS - 1);
	cr_assert_eq(tick().admitted, 1);
	clock_set(T0 + 500 * MS);
	cr_assert_eq(tick_for(MINUTE, 100 * MS), 0);
	check_state(status(3, place[3]), "WAITING");
	cr_assert_eq(status(5, place[5]).position, 3);

	settings.closes = CLOSED;
	cr_assert_eq(tick_for(MINUTE, 100 * MS), 0);
	/* The time in which the sale was closed adds no admissions. */
	settings.closes = T0 + 100 * MINUTE;
	cr_assert_eq(tick().admitted, 1);
	for (int user = 3; user < 6; user++) {
		check_state(status(user, place[user]), "ACTIVE");
		cr_assert_eq(tick_for(100 * MS, 100 * MS), user < 5);
	}
}

Test(admission, paused_queue_is_paused_in_every_answer)
{
	struct place	place;

	cr_assert_not(enter(1).paused);
	control_set("op", "mode", "PAUSED");
	place = enter(2);
	cr_assert(place.paused);
	cr_assert(place.is_new);
	cr_assert(enter(1).paused);
	cr_assert(status(2, place).paused);
	control_set("op", "mode", "CLOSED");
	cr_assert_not(status(2, place).paused, "who waits goes on being admitted");
	control_set("op", "mode", "OPEN");
	/* With a cap or rate of 0 the queue admits nobody either, but its mode is not PAUSED. */
	control_set("op", "admit", "0");
	cr_assert_not(status(2, place).paused);
}
