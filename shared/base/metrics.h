/*
 * Counters, gauges and histograms for Prometheus (text exposition format 0.0.4). All workers of a service share one
 * memory mapping, and each worker writes its own row of it. So any worker can answer /metrics for all.
 */
#ifndef CT_METRICS_H
#define CT_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct ct_metric;

/*
 * Registration, in the parent before workers start. `name` follows Prometheus' rules. `labels` is "" or for example
 * "statement=\"hold\"". The metric keeps both pointers. The same name and labels return the same metric again. More than
 * 256 metrics stop the start.
 */
struct ct_metric	*ct_metric_counter(const char *name, const char *labels, const char *help);
struct ct_metric	*ct_metric_gauge(const char *name, const char *labels, const char *help);

/* The buckets are 1, 2, 5, 10 ms and so on up to 10 s, and +Inf. */
struct ct_metric	*ct_metric_histogram(const char *name, const char *labels, const char *help);

/* For longer times: the buckets are 1 s to 1 hour, and +Inf. */
struct ct_metric	*ct_metric_histogram_long(const char *name, const char *labels, const char *help);

/* The counter or gauge counts milliseconds. Prometheus wants seconds, so it is printed in seconds. Call it before ct_metrics_init. */
void	 ct_metric_in_milliseconds(struct ct_metric *metric);

/*
 * A value of this gauge is printed for `ms` after it was set. After that the gauge is absent, because its value is no longer
 * known. For numbers that come from a store, which may be down. Call it before ct_metrics_init.
 */
void	 ct_metric_lives(struct ct_metric *metric, uint64_t ms);

void	 ct_metrics_init(unsigned workers);	/* parent: makes the mapping; register before */
void	 ct_metrics_worker(unsigned worker);	/* worker: selects its row; counts from 0 */

/* Returns true in the first worker of an instance, which reports numbers that all workers see alike. */
bool	 ct_metrics_first_worker(void);

void	 ct_metric_add(struct ct_metric *metric, uint64_t n);
void	 ct_metric_set(struct ct_metric *metric, int64_t value);
void	 ct_metric_observe(struct ct_metric *metric, double seconds);

/* Appends all metrics, summed over the workers, in the exposition format. */
void	 ct_metrics_print(struct ct_buf *buf);

/* Appends when the service was started, and how many of its workers were started again. */
void	 ct_metrics_print_process(struct ct_buf *buf);

#endif
