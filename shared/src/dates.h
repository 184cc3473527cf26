/* Days and times as text: their form and whether there is such a day. */
#ifndef CT_DATES_H
#define CT_DATES_H

#include <stdbool.h>

/* YYYY-MM-DD, years 1 to 9999, a day that exists. */
bool	 ct_date_valid(const char *text);

/* RFC 3339 with a zone (Z or +09:00), up to nine digits of fraction, no leap seconds. */
bool	 ct_time_valid(const char *text);

#endif
