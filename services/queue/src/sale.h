/* The sale of a schedule, and its state as tickets show it (saleStatus). */
#ifndef QUEUE_SALE_H
#define QUEUE_SALE_H

#include <stdbool.h>
#include <stdint.h>

/* As in the database. Times are Unix time in ms. */
struct sale {
	bool	on_sale;	/* operators have set ON_SALE, and the sale had not ended when it was read */
	int64_t	opens_ms;	/* 0: open from the beginning */
	int64_t	closes_ms;
};

enum sale_status { SALE_NOT_YET, SALE_OPEN, SALE_PAUSED, SALE_CLOSED };

/*
 * The state of the sale now. CLOSED has precedence over PAUSED, and PAUSED over
 * NOT_YET: while a queue is paused, the time of its opening says nothing.
 * `paused`: the queue's mode is PAUSED.
 */
enum sale_status	 sale_status(const struct sale *sale, bool paused);

/* "NOT_YET", "OPEN": saleStatus in the API. */
const char		*sale_status_name(enum sale_status status);

/* The sale is on, has not opened yet, and opens within the next `ms`. */
bool			 sale_opens_within(const struct sale *sale, int64_t ms);

#endif
