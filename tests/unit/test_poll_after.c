/* pollAfterSeconds (services/queue/src/ticket.c), and the load that it causes. */
#include <math.h>

#include <criterion/criterion.h>

#include "ticket.h"

#define DRAWS	50	/* values of the jitter, evenly spread */

static double
draw(int i)
{
	return ((i + 0.5) / DRAWS);
}

static double
mean_of(int64_t position, int64_t until_open_s)
{
	double	sum = 0;

	for (int i = 0; i < DRAWS; i++)
		sum += ticket_poll_after(position, until_open_s, false, draw(i));
	return (sum / DRAWS);
}

Test(poll_after, poll_after_is_1_to_20_seconds_at_every_position)
{
	static const int64_t	positions[] = { 0, 1, 2, 20, 21, 100, 101, 5000, 100000, 1000000, 100000000 };
	static const int64_t	until[] = { 0, 1, 10, 600, 86400 };

	for (size_t p = 0; p < sizeof(positions) / sizeof(positions[0]); p++)
		for (size_t u = 0; u < sizeof(until) / sizeof(until[0]); u++)
			for (int i = 0; i < DRAWS; i++) {
				int	seconds = ticket_poll_after(positions[p], until[u], false, draw(i));

				cr_assert(seconds >= 1 && seconds <= 20, "%d s", seconds);
			}
	cr_assert_leq(ticket_poll_after(1, 0, false, 0.999), 2);
	cr_assert_eq(ticket_poll_after(1, 0, false, 0), 1);
}

Test(poll_after, poll_after_grows_with_the_position_and_is_spread)
{
	double	last = 0;

	for (int64_t position = 1; position <= 1000000; position *= 10) {
		double	mean = mean_of(position, 0);

		cr_assert_geq(mean, last, "at %d", (int)position);
		last = mean;
		/* Users who polled at the same time spread: the last one polls a fifth later than the first, in whole seconds. */
		if (position >= 100)
			cr_assert_gt(ticket_poll_after(position, 0, false, 0.999), ticket_poll_after(position, 0, false, 0));
	}
}

Test(poll_after, poll_after_long_before_the_opening_is_long)
{
	cr_assert_geq(ticket_poll_after(1, 100, false, 0), 10);
	cr_assert_geq(ticket_poll_after(1, 100000, false, 0), 18);
	cr_assert_leq(ticket_poll_after(1, 5, false, 0.999), 2);
}

Test(poll_after, poll_after_of_a_closed_sale_is_at_least_10_s)
{
	cr_assert_geq(ticket_poll_after(1, 0, true, 0), 10);
	cr_assert_leq(ticket_poll_after(1, 0, true, 0.999), 12);
	cr_assert_geq(ticket_poll_after(1000000, 0, true, 0), 18);
	cr_assert_leq(ticket_poll_after(0, 0, true, 0.999), 6, "an ACTIVE user asks as before");
}

/* The table in docs/queue.md. */
Test(poll_after, poll_after_makes_the_documented_load)
{
	static const struct {
		int64_t	waiting;
		double	every, calls;
	} stated[] = { { 1000, 4.3, 364 }, { 10000, 9.2, 1645 }, { 100000, 19.4, 7600 }, { 1000000, 19.4, 54111 } };
	double	calls = 0;
	int64_t	position = 1;

	for (size_t i = 0; i < sizeof(stated) / sizeof(stated[0]); i++) {
		/* Each waiter polls once in its mean time. Far back in the line, the test computes one position for
		 * many neighbours. */
		while (position <= stated[i].waiting) {
			int64_t	step = position < 10000 ? 1 : 100;

			calls += (double)step / mean_of(position + step / 2, 0);
			position += step;
		}
		cr_assert(fabs(mean_of(stated[i].waiting, 0) - stated[i].every) < 0.15, "the last of %d asks every %.1f s",
		    (int)stated[i].waiting, mean_of(stated[i].waiting, 0));
		cr_assert(fabs(calls - stated[i].calls) < stated[i].calls / 50, "%d make %.0f calls a second",
		    (int)stated[i].waiting, calls);
	}
}
