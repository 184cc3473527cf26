/*
 * The share of one queue under ADMISSIONS_MAX_PER_SECOND, the most users that all queues together admit per second.
 */
#ifndef QUEUE_SHARE_H
#define QUEUE_SHARE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Returns the largest rate that each queue may have so that all together admit at most `most`. Queue i wants `wanted[i]`; a
 * queue that wants less than its share leaves the rest to the others. Without a queue it is `most`. All numbers are users per
 * 1,000 seconds, so that each of many queues has a share, too. Sorts `wanted`.
 */
int64_t	 share_of_each(int64_t most, int64_t *wanted, size_t count);

#endif
