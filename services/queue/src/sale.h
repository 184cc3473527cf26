/* When a schedule is sold, and the state of the sale that its tickets show. */
#ifndef QUEUE_SALE_H
#define QUEUE_SALE_H

#include <stdbool.h>
#include <stdint.h>

/* As the database has it. Times are Unix time in ms. */
struct sale {
	bool	on_sale;	/* as operators set it, and not past its end when it was read */
	int64_t	opens_ms;	/* 0: open from the beginning */
	int64_t	closes_ms;
};

enum sale_status { SALE_NOT_YET, SALE_OPEN, SALE_PAUSED, SALE_CLOSED };

/*
 * The state of the sale now. CLOSED takes precedence over PAUSED, and PAUSED over
 * NOT_YET: before the opening of a paused queue the time of the opening tells nothing.
 * `paused`: the queue's mode is PAUSED.
 */
enum sale_status	 sale_status(const struct sale *sale, bool paused);

/* The sale is on, has not opened, and does within the next `ms`. */
bool			 sale_opens_within(const struct sale *sale, int64_t ms);

#endif
