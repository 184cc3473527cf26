/* Days and times as text. */
#include <criterion/criterion.h>

#include <string.h>
#include <time.h>

#include "base/dates.h"

Test(dates, day_that_does_not_exist_is_refused)
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

static const char *
utc(const char *text)
{
	static char	form[CT_TIME_TEXT];
	const char	*why = ct_time_utc(text, form);

	return (why != NULL ? why : form);
}

Test(dates, time_with_an_offset_becomes_utc)
{
	cr_expect_str_eq(utc("2026-05-01T19:00:00Z"), "2026-05-01T19:00:00.000Z");
	cr_expect_str_eq(utc("2026-05-01t19:00:00z"), "2026-05-01T19:00:00.000Z");
	cr_expect_str_eq(utc("2026-05-01T19:00:00.5+09:00"), "2026-05-01T10:00:00.500Z");
	cr_expect_str_eq(utc("2026-05-01T23:59:59-14:00"), "2026-05-02T13:59:59.000Z");
	cr_expect_str_eq(utc("2026-01-01T00:00:00+23:59"), "2025-12-31T00:01:00.000Z");
	cr_expect_str_eq(utc("2024-02-29T23:30:00-00:30"), "2024-03-01T00:00:00.000Z");
	cr_expect_str_eq(utc("2100-03-01T00:30:00+01:00"), "2100-02-28T23:30:00.000Z", "2100 has no leap day");
	cr_expect_str_eq(utc("2026-05-01T19:00:00-00:00"), "2026-05-01T19:00:00.000Z");
}

Test(dates, digits_after_milliseconds_are_cut_off)
{
	cr_expect_str_eq(utc("2026-05-01T19:00:00.1239Z"), "2026-05-01T19:00:00.123Z");
	cr_expect_str_eq(utc("2026-05-01T19:00:00.999999999Z"), "2026-05-01T19:00:00.999Z");
	cr_expect_str_eq(utc("2026-05-01T19:00:00.01Z"), "2026-05-01T19:00:00.010Z");
}

Test(dates, time_outside_2000_to_2199_in_utc_is_refused)
{
	static const char *const	outside[] = { "0001-01-01T00:00:00+14:00", "1999-12-31T23:59:59.999Z",
		"2000-01-01T00:00:00+00:01", "2000-01-01T08:59:59.999+09:00", "2200-01-01T00:00:00Z",
		"2199-12-31T23:59:59-00:01", "9999-12-31T23:59:59-23:59", "2199-12-31T00:00:00.001-24:00" };
	size_t				i;

	cr_expect_str_eq(utc("2000-01-01T00:00:00Z"), "2000-01-01T00:00:00.000Z");
	cr_expect_str_eq(utc("1999-12-31T23:00:00-01:00"), "2000-01-01T00:00:00.000Z");
	cr_expect_str_eq(utc("2199-12-31T23:59:59.9999999Z"), "2199-12-31T23:59:59.999Z");
	cr_expect_str_eq(utc("2200-01-01T08:59:59+09:00"), "2199-12-31T23:59:59.000Z");
	for (i = 0; i + 1 < sizeof(outside) / sizeof(outside[0]); i++)
		cr_expect_str_eq(utc(outside[i]), "must be in the years 2000 to 2199, in UTC", "%s", outside[i]);
	cr_expect(strncmp(utc(outside[i]), "must be a time", 14) == 0, "an offset has at most 23 hours");
}

/* Compares each day of the 200 years with the C library. */
Test(dates, each_day_of_200_years_is_written_as_read)
{
	char		in[CT_TIME_TEXT], out[CT_TIME_TEXT];
	time_t		at;
	struct tm	tm;

	for (at = 946684800; at < 7258118400; at += 24 * 3600 - 1) {
		cr_assert_not_null(gmtime_r(&at, &tm));
		cr_assert_eq(strftime(in, sizeof(in), "%Y-%m-%dT%H:%M:%S.000Z", &tm), CT_TIME_TEXT - 1);
		cr_assert_null(ct_time_utc(in, out), "%s", in);
		cr_assert_str_eq(out, in);
	}
}

Test(dates, other_forms_of_time_are_refused)
{
	static const char *const	wrong[] = { "2026-05-01", "2026-05-01T19:00:00", "2026-05-01T19:00Z",
		"2026-05-01 19:00:00Z", "2026-05-01T24:00:00Z", "2026-05-01T19:60:00Z", "2026-05-01T19:00:60Z",
		"2026-05-01T19:00:00.Z", "2026-05-01T19:00:00.1234567890Z", "2026-05-01T19:00:00+0900",
		"2026-05-01T19:00:00+24:00", "2026-05-01T19:00:00+09:60", "2026-05-01T19:00:00Z ", " 2026-05-01T19:00:00Z",
		"2026-02-30T19:00:00Z", "0000-05-01T19:00:00Z", "+2026-05-01T19:00:00Z", "02026-05-01T19:00:00Z",
		"2026-05-01T19:00:00+-9:00", "2026-05-01T19:00:00\u221209:00", "1777662000", "now", "infinity", "" };
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(strncmp(utc(wrong[i]), "must be a time", 14) == 0, "%s", wrong[i]);
}
