/*
 * The fair draw: in a schedule that asks for it, the places of those who enter
 * before the sale opens follow from the schedule's seed and the user's id, so
 * that neither coming early nor coming again changes them, and anybody who is
 * given the seed can work them out.
 */
#ifndef QUEUE_DRAW_H
#define QUEUE_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include "queues.h"

/* Reads 64 hex digits; false, with nothing written, for anything else and NULL: no draw. */
bool	 draw_read_seed(const char *hex, uint8_t seed_r[32]);

/*
 * The user's drawn seq (microseconds): the opening, less a day, plus the first 8
 * bytes of HMAC-SHA-256(seed, the user's 16 bytes) modulo a day. 0: this schedule has no draw.
 */
int64_t	 draw_place(const struct queue *queue, const struct ct_uuid *user);

/* When a place was issued: a drawn one at the opening, any other at its arrival. Unix time, ms. */
int64_t	 draw_issued_ms(const struct queue *queue, uint64_t seq);

#endif
