/* Days and times as text. */
#include <criterion/criterion.h>

#include "dates.h"

Test(dates, only_days_that_exist)
{
	static const char *const	right[] = { "2026-05-01", "2024-02-29", "2000-02-29", "9999-12-31", "0001-01-01" };
	static const char *const	wrong[] = { "", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31",
		"2026-01-00", "2026-1-1", "20260501", "2026-05-01T", "2026-05-01 ", " 2026-05-01", "0000-01-01", "-026-01-01",
		"2026/05/01", "tomorrow" };
	size_t				i;

	for (i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		cr_assert(ct_date_valid(right[i]), "%s", right[i]);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not(ct_date_valid(wrong[i]), "%s", wrong[i]);
}

Test(dates, times_have_a_zone)
{
	static const char *const	right[] = { "2026-05-01T19:00:00.000Z", "2026-05-01T19:00:00Z", "2026-05-01t19:00:00z",
		"2026-05-01T19:00:00.123456789+09:00", "2026-05-01T23:59:59-14:00" };
	static const char *const	wrong[] = { "2026-05-01", "2026-05-01T19:00:00", "2026-05-01T19:00Z",
		"2026-05-01 19:00:00Z", "2026-05-01T24:00:00Z", "2026-05-01T19:60:00Z", "2026-05-01T19:00:60Z",
		"2026-05-01T19:00:00.Z", "2026-05-01T19:00:00.1234567890Z", "2026-05-01T19:00:00+0900",
		"2026-05-01T19:00:00+15:00", "2026-05-01T19:00:00Z ", "2026-02-30T19:00:00Z", "now", "" };
	size_t				i;

	for (i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		cr_assert(ct_time_valid(right[i]), "%s", right[i]);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not(ct_time_valid(wrong[i]), "%s", wrong[i]);
}
