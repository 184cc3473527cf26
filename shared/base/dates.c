/* Reads days and times digit by digit, because strptime() accepts more than the contract allows. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/dates.h"

/* Reads `count` digits at *at and moves past them. Returns -1 if one is not a digit. */
static int
dates_digits(const char **at, int count)
{
	int	value = 0;

	for (; count > 0; count--, (*at)++) {
		if (**at < '0' || **at > '9')
			return (-1);
		value = value * 10 + (**at - '0');
	}
	return (value);
}

static bool
dates_take(const char **at, const char *any_of)
{
	if (**at == '\0' || strchr(any_of, **at) == NULL)
		return (false);
	(*at)++;
	return (true);
}

static bool
dates_take_date(const char **at, int *year_r, int *month_r, int *day_r)
{
	static const int	lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int			year, month, day;
	bool			leap;

	if ((year = dates_digits(at, 4)) < 1 || !dates_take(at, "-") || (month = dates_digits(at, 2)) < 1 || month > 12 ||
	    !dates_take(at, "-") || (day = dates_digits(at, 2)) < 1)
		return (false);
	*year_r = year;
	*month_r = month;
	*day_r = day;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return (day <= lengths[month - 1] + (month == 2 && leap ? 1 : 0));
}

bool
ct_date_valid(const char *text)
{
	int	year, month, day;

	return (dates_take_date(&text, &year, &month, &day) && *text == '\0');
}

/* Reads hh:mm:ss with up to nine digits of fraction. Returns the milliseconds of the day, or -1. */
static int64_t
dates_take_clock(const char **at)
{
	int	hour, minute, second, count, milliseconds = 0;

	if ((hour = dates_digits(at, 2)) < 0 || hour > 23 || !dates_take(at, ":") || (minute = dates_digits(at, 2)) < 0 || minute > 59 ||
	    !dates_take(at, ":") || (second = dates_digits(at, 2)) < 0 || second > 59)
		return (-1);
	if (dates_take(at, ".")) {
		for (count = 0; **at >= '0' && **at <= '9'; (*at)++, count++) {
			if (count < 3)
				milliseconds = milliseconds * 10 + (**at - '0');
		}
		if (count < 1 || count > 9)
			return (-1);
		for (; count < 3; count++)
			milliseconds *= 10;
	}
	return (((hour * 60 + minute) * 60 + second) * INT64_C(1000) + milliseconds);
}

/* Reads Z or an offset from UTC, as minutes. */
static bool
dates_take_zone(const char **at, int *minutes_r)
{
	int	hour, minute, sign;

	*minutes_r = 0;
	if (dates_take(at, "Zz"))
		return (true);
	sign = **at == '-' ? -1 : 1;
	if (!dates_take(at, "+-") || (hour = dates_digits(at, 2)) < 0 || hour > 23 || !dates_take(at, ":") ||
	    (minute = dates_digits(at, 2)) < 0 || minute > 59)
		return (false);
	*minutes_r = sign * (hour * 60 + minute);
	return (true);
}

/*
 * Converts dates to days since 1 January 2000 and back, by the Gregorian calendar. The code counts years from 1 March, so
 * that the leap day is a year's last day. It does not use timegm() and gmtime_r(), because these read the time zone's
 * file, and a worker's sandbox forbids that.
 */
#define DAYS_OF_400_YEARS	146097
#define DAYS_TO_2000		730425	/* since 1 March of the year 0 */

static int
dates_days_of(int year, int month, int day)
{
	if (month < 3)
		year--;
	return (year * 365 + year / 4 - year / 100 + year / 400 + ((month + 9) % 12 * 153 + 2) / 5 + day - 1 - DAYS_TO_2000);
}

static void
dates_day_of(int days, int *year_r, int *month_r, int *day_r)
{
	int	of_era, year_of_era, of_year, month;

	days += DAYS_TO_2000;
	of_era = days % DAYS_OF_400_YEARS;
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
	month = (of_year * 5 + 2) / 153;
	*day_r = of_year - (month * 153 + 2) / 5 + 1;
	*month_r = month < 10 ? month + 3 : month - 9;
	*year_r = days / DAYS_OF_400_YEARS * 400 + year_of_era + (*month_r < 3 ? 1 : 0);
}

#define DAY_MS	(INT64_C(24) * 3600 * 1000)

const char *
ct_time_utc(const char *text, char utc_r[CT_TIME_TEXT])
{
	static const char	*no_time = "must be a time with its zone, as in 2026-05-01T19:00:00.000Z";
	int			 year, month, day, zone;
	int64_t			 clock, moment;
	char			 utc[96];	/* long enough for any seven numbers: the compiler checks it */

	if (!dates_take_date(&text, &year, &month, &day) || !dates_take(&text, "Tt") || (clock = dates_take_clock(&text)) < 0 ||
	    !dates_take_zone(&text, &zone) || *text != '\0')
		return (no_time);

	/* The bounds are for the moment in UTC, so subtract the offset first. */
	moment = dates_days_of(year, month, day) * DAY_MS + clock - zone * INT64_C(60000);
	if (moment < 0 || moment >= dates_days_of(2200, 1, 1) * DAY_MS)
		return ("must be in the years 2000 to 2199, in UTC");
	dates_day_of((int)(moment / DAY_MS), &year, &month, &day);
	clock = moment % DAY_MS;
	(void)snprintf(utc, sizeof(utc), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
	    (int)(clock / 3600000), (int)(clock / 60000 % 60), (int)(clock / 1000 % 60), (int)(clock % 1000));
	memcpy(utc_r, utc, CT_TIME_TEXT);
	return (NULL);
}
