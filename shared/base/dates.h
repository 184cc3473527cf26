/* Checks days and times in texts, and converts times to UTC. */
#ifndef CT_DATES_H
#define CT_DATES_H

#include <stdbool.h>

#define CT_TIME_TEXT	25	/* 2026-05-01T10:00:00.000Z and the NUL */

/* Returns true for YYYY-MM-DD of the years 1 to 9999, if the day exists. */
bool	 ct_date_valid(const char *text);

/*
 * Reads a time of RFC 3339 with its zone (Z or an offset) and up to nine digits of fraction. Leap seconds are refused.
 * Writes the same moment in UTC with milliseconds; further digits are cut off. The moment must be in the years 2000 to
 * 2199 of UTC. Returns NULL, or the reason why the time is refused.
 */
const char	*ct_time_utc(const char *text, char utc_r[CT_TIME_TEXT]);

#endif
