/* The gauges of each live queue in /metrics. */
#ifndef QUEUE_QUEUE_GAUGES_H
#define QUEUE_QUEUE_GAUGES_H

#include "base/buf.h"

/* Appends the gauges, labelled with the schedule. A queue whose last tick is too old has only queue_still_seconds. */
void	 queue_gauges_print(struct ct_buf *buf);

#endif
