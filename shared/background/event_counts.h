/*
 * Business numbers for /metrics: tickets, payments, refunds, declines, holds. The relay counts each event once the database
 * has it as sent, so all ways to a change are counted alike: requests, background work and operators' commands.
 *
 * Any worker of any service may be the relay. So a number is the sum over all instances of all services.
 */
#ifndef EVENT_COUNTS_H
#define EVENT_COUNTS_H

#include <cjson/cJSON.h>

void	 event_counts_configure(void);	/* parent: registers the metrics */

/* Takes the events of a batch of platform.relay_next in place of the batch before. NULL: no batch. */
void	 event_counts_take(const cJSON *events);

/* Counts the batch: its events are in the stream, and the database knows it. */
void	 event_counts_sent(void);

/*
 * The events of the last hour will be sent again. Those up to the newest one that this worker has seen are not counted again.
 * If another worker takes over meanwhile, it counts the rest of them again.
 */
void	 event_counts_repeat(void);

#endif
