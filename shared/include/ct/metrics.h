/*
 * Counters, gauges and histograms for Prometheus (text exposition format
 * 0.0.4). All workers of a service share one anonymous mapping made before
 * they are forked, each with its own slots, so that any worker can answer
 * /metrics for all.
 */
#ifndef CT_METRICS_H
#define CT_METRICS_H

#include <stdint.h>

#include "ct/buf.h"

struct ct_metric;

/*
 * Registration: in the parent, before workers start. `name` follows
 * Prometheus' rules and is kept by pointer; `labels` is "" or e.g.
 * "statement=\"hold\"". Registering the same name and labels again returns the
 * same metric. At most 256 metrics; one more stops the start.
 */
struct ct_metric	*ct_metric_counter(const char *name, const char *labels, const char *help);
struct ct_metric	*ct_metric_gauge(const char *name, const char *labels, const char *help);
/* Buckets in seconds, fixed: 1 ms to 10 s, doubling-ish, and +Inf. */
struct ct_metric	*ct_metric_histogram(const char *name, const char *labels, const char *help);
/* The same for what takes longer: 1 s to an hour. */
struct ct_metric	*ct_metric_histogram_long(const char *name, const char *labels, const char *help);

void	 ct_metrics_init(unsigned workers);	/* parent: makes the mapping */
void	 ct_metrics_worker(unsigned worker);	/* worker: picks its slots, 0-based */

void	 ct_metric_add(struct ct_metric *metric, uint64_t n);
void	 ct_metric_set(struct ct_metric *metric, int64_t value);
void	 ct_metric_observe(struct ct_metric *metric, double seconds);

/* Appends all metrics, summed over workers, in exposition format. */
void	 ct_metrics_print(struct ct_buf *buf);

#endif
