/* Pauses between attempts to connect, on a clock of the test's own. */
#include <criterion/criterion.h>

#include <signal.h>
#include <unistd.h>

#include "base/backoff.h"

#define NOW	1000000u

/* Begins a pause at NOW. Returns its length in milliseconds. */
static unsigned
pause_length(struct ct_backoff *backoff)
{
	unsigned	ms;

	ct_backoff_pause(backoff, NOW);
	for (ms = 0; !ct_backoff_is_over(backoff, NOW + ms); ms++)
		continue;
	return (ms);
}

Test(backoff, new_backoff_has_no_pause)
{
	struct ct_backoff	backoff;

	ct_backoff_init(&backoff, 100, 2000);
	cr_assert(ct_backoff_is_over(&backoff, 0));
}

Test(backoff, pauses_double_up_to_the_maximum_and_at_least_half_is_waited)
{
	static const unsigned	expected[] = { 100, 200, 400, 800, 1600, 2000, 2000, 2000 };
	struct ct_backoff	backoff;
	unsigned		i, length;

	ct_backoff_init(&backoff, 100, 2000);
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		length = pause_length(&backoff);
		cr_assert_geq(length, expected[i] / 2, "pause %u: %u ms", i, length);
		cr_assert_leq(length, expected[i], "pause %u: %u ms", i, length);
	}
}

Test(backoff, odd_and_equal_bounds_are_kept)
{
	struct ct_backoff	backoff;
	unsigned		i, length;

	ct_backoff_init(&backoff, 7, 7);
	for (i = 0; i < 20; i++) {
		length = pause_length(&backoff);
		cr_assert(length >= 4 && length <= 7, "%u ms", length);
	}
	ct_backoff_init(&backoff, 1, 1);
	cr_assert_eq(pause_length(&backoff), 1);
}

Test(backoff, pauses_differ_by_chance)
{
	struct ct_backoff	backoff;
	unsigned		i, first, others = 0;

	ct_backoff_init(&backoff, 2000, 2000);
	first = pause_length(&backoff);
	for (i = 0; i < 20; i++)
		others += pause_length(&backoff) != first;
	cr_assert_gt(others, 0);
}

/* Forked workers have copies of the parent's memory, so a generator in it would give them equal pauses. */
Test(backoff, forked_processes_pause_differently)
{
	struct ct_backoff	backoff;
	unsigned		i, j, lengths[4][8], equal = 0;
	int			ends[2];

	ct_backoff_init(&backoff, 2000, 2000);
	cr_assert_eq(pipe(ends), 0);
	for (i = 0; i < 4; i++) {
		if (fork() == 0) {
			for (j = 0; j < 8; j++)
				lengths[0][j] = pause_length(&backoff);
			_exit(write(ends[1], lengths[0], sizeof(lengths[0])) != (ssize_t)sizeof(lengths[0]));
		}
		cr_assert_eq(read(ends[0], lengths[i], sizeof(lengths[i])), (ssize_t)sizeof(lengths[i]));
	}
	for (j = 0; j < 8; j++)
		equal += lengths[0][j] == lengths[1][j] && lengths[1][j] == lengths[2][j] && lengths[2][j] == lengths[3][j];
	cr_assert_lt(equal, 8);
}

Test(backoff, reset_makes_the_next_pause_the_shortest)
{
	struct ct_backoff	backoff;
	unsigned		i;

	ct_backoff_init(&backoff, 100, 2000);
	for (i = 0; i < 5; i++)
		(void)pause_length(&backoff);
	ct_backoff_reset(&backoff);
	cr_assert_leq(pause_length(&backoff), 100);
}

Test(backoff, minimum_of_zero_aborts, .signal = SIGABRT)
{
	struct ct_backoff	backoff;

	ct_backoff_init(&backoff, 0, 2000);
}

Test(backoff, maximum_below_the_minimum_aborts, .signal = SIGABRT)
{
	struct ct_backoff	backoff;

	ct_backoff_init(&backoff, 100, 99);
}
