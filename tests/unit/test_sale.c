/* The state of the sale, as tickets show it (services/queue/src/sale.c). */
#include <time.h>

#include <criterion/criterion.h>

#include "sale.h"

static struct sale
sale_of(bool on_sale, int64_t opens_in_s, int64_t closes_in_s)
{
	int64_t	now = (int64_t)time(NULL);

	return ((struct sale){ .on_sale = on_sale, .opens_ms = (now + opens_in_s) * 1000,
	    .closes_ms = (now + closes_in_s) * 1000 });
}

Test(sale, sale_status_follows_the_times)
{
	struct sale	from_the_beginning = sale_of(true, 0, 60);

	from_the_beginning.opens_ms = 0;
	cr_assert_eq(sale_status(&from_the_beginning, false), SALE_OPEN);
	cr_assert_eq(sale_status(&(struct sale){ .on_sale = false }, false), SALE_CLOSED);
	for (int paused = 0; paused < 2; paused++) {
		struct sale	open = sale_of(true, -60, 60), early = sale_of(true, 60, 120), over = sale_of(true, -120, -60);

		cr_assert_eq(sale_status(&open, paused), paused ? SALE_PAUSED : SALE_OPEN);
		cr_assert_eq(sale_status(&early, paused), paused ? SALE_PAUSED : SALE_NOT_YET, "PAUSED has precedence over NOT_YET");
		cr_assert_eq(sale_status(&over, paused), SALE_CLOSED, "the end of the sale holds at once");
	}
}

Test(sale, closed_has_precedence_over_paused_and_not_yet)
{
	struct sale	early = sale_of(false, 60, 120), late = sale_of(false, -60, 60);

	cr_assert_eq(sale_status(&early, false), SALE_CLOSED);
	cr_assert_eq(sale_status(&late, true), SALE_CLOSED);
}
