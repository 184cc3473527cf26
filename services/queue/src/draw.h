/*
 * The draw. In a schedule with a draw, the place of a user who enters before the
 * sale opens is computed from the schedule's seed and the user's id. So it does not
 * matter when or how often the user enters, and everybody can check the places once
 * the seed is published.
 */
#ifndef QUEUE_DRAW_H
#define QUEUE_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ids.h"

struct schedule_facts;

/* Reads 64 hex digits. Anything else, and NULL, means that there is no draw: returns false and writes nothing. */
bool	 draw_read_seed(const char *hex, uint8_t seed_r[32]);

/*
 * The user's drawn seq in microseconds: the opening, minus one day, plus the first 8
 * bytes of HMAC-SHA-256(seed, the user's 16 bytes) modulo one day. 0 if the schedule has no draw.
 */
int64_t	 draw_place(const struct schedule_facts *facts, const struct ct_uuid *user);

/* When a place was issued, as Unix time in ms: a drawn one at the opening, any other one when the user entered. */
int64_t	 draw_issued_ms(const struct schedule_facts *facts, uint64_t seq);

#endif
