/* Days and times as text: their form, whether there is such a day, and UTC. */
#ifndef CT_DATES_H
#define CT_DATES_H

#include <stdbool.h>

#define CT_TIME_TEXT	25	/* 2026-05-01T10:00:00.000Z and the NUL */

/* YYYY-MM-DD, years 1 to 9999, a day that exists. */
bool	 ct_date_valid(const char *text);

/*
 * Reads RFC 3339 with a zone (Z or any offset), up to nine digits of fraction, no leap seconds, and writes the same
 * moment in UTC with milliseconds (further digits are cut). The moment must lie in the years 2000 to 2199 of UTC.
 * NULL, or why it is refused.
 */
const char	*ct_time_utc(const char *text, char utc_r[CT_TIME_TEXT]);

#endif
