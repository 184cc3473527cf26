/* Days and times as text, checked digit by digit: strptime takes too much. */
#include <string.h>

#include "dates.h"

/* `count` digits at *at, moving past them; -1 if they are not all digits. */
static int
digits(const char **at, int count)
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
take(const char **at, const char *any_of)
{
	if (**at == '\0' || strchr(any_of, **at) == NULL)
		return (false);
	(*at)++;
	return (true);
}

static bool
take_date(const char **at)
{
	static const int	lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int			year, month, day;
	bool			leap;

	if ((year = digits(at, 4)) < 1 || !take(at, "-") || (month = digits(at, 2)) < 1 || month > 12 ||
	    !take(at, "-") || (day = digits(at, 2)) < 1)
		return (false);
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return (day <= lengths[month - 1] + (month == 2 && leap ? 1 : 0));
}

bool
ct_date_valid(const char *text)
{
	return (take_date(&text) && *text == '\0');
}

bool
ct_time_valid(const char *text)
{
	int	hour, minute, second, fraction;

	if (!take_date(&text) || !take(&text, "Tt") || (hour = digits(&text, 2)) < 0 || hour > 23 ||
	    !take(&text, ":") || (minute = digits(&text, 2)) < 0 || minute > 59 ||
	    !take(&text, ":") || (second = digits(&text, 2)) < 0 || second > 59)
		return (false);
	if (take(&text, ".")) {
		for (fraction = 0; *text >= '0' && *text <= '9'; text++)
			fraction++;
		if (fraction < 1 || fraction > 9)
			return (false);
	}
	if (take(&text, "Zz"))
		return (*text == '\0');
	/* Zones lie within 14 hours of UTC. */
	if (!take(&text, "+-") || (hour = digits(&text, 2)) < 0 || hour > 14 || !take(&text, ":") ||
	    (minute = digits(&text, 2)) < 0 || minute > 59)
		return (false);
	return (*text == '\0');
}
