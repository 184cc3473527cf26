/* How the queues share ADMISSIONS_MAX_PER_SECOND. */
#include <criterion/criterion.h>

#include "share.h"

TestSuite(share);

static int64_t
share(int64_t most, size_t count, ...)
{
	int64_t		wanted[16];
	va_list		args;

	va_start(args, count);
	for (size_t i = 0; i < count; i++)
		wanted[i] = va_arg(args, int);
	va_end(args);
	return (share_of_each(most, wanted, count));
}

Test(share, queues_that_want_more_have_equal_shares)
{
	cr_assert_eq(share(900, 3, 1000, 5000, 900), 300);
	cr_assert_eq(share(900, 1, 5000), 900);
}

Test(share, queue_that_wants_less_leaves_the_rest_to_the_others)
{
	cr_assert_eq(share(900, 3, 1000, 100, 1000), 400);
	cr_assert_eq(share(900, 4, 10, 1000, 90, 1000), 400);
}

Test(share, queues_without_a_wish_take_no_share)
{
	cr_assert_eq(share(900, 0), 900);
	cr_assert_eq(share(900, 3, 0, 1000, 0), 900);
}

Test(share, shares_never_exceed_the_most)
{
	for (unsigned seed = 1; seed <= 2000; seed++) {
		int64_t	wanted[16], sum = 0, most, each;
		size_t	count;

		srand(seed);
		most = rand() % 1000;
		count = 1 + (size_t)rand() % 16;
		for (size_t i = 0; i < count; i++)
			wanted[i] = rand() % 200;
		each = share_of_each(most, wanted, count);
		for (size_t i = 0; i < count; i++)
			sum += wanted[i] < each ? wanted[i] : each;
		cr_assert_leq(sum, most, "seed %u", seed);
		/* At most a rounding is wasted while a queue wants more. */
		if (each < wanted[count - 1])
			cr_assert_gt(sum + (int64_t)count, most, "seed %u", seed);
	}
}
