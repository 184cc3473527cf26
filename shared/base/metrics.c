/*
 * Metrics are 64-bit slots in a mapping that all workers share. Each worker has a row of slots, and only it writes them.
 * The worker that answers /metrics reads all rows.
 */
#include <sys/mman.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/metrics.h"

#define METRICS_MAX	512
#define BUCKETS		13

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct ct_metric {
	const char	*name;
	const char	*labels;
	const char	*help;
	enum kind	 kind;
	unsigned	 slot;		/* the first of the metric's slots in a row */
	const double	*bounds;	/* of a histogram */
	bool		 milliseconds;	/* its slot counts milliseconds, it is printed in seconds */
	uint64_t	 lives_ms;	/* of a gauge: a value of this age is no longer printed; 0: never */
	unsigned	 set_slot;	/* with lives_ms: when the value was set */
};

/* A histogram's slots: one for each bucket (not cumulative), one for +Inf, and the sum in nanoseconds. */
#define HISTOGRAM_SLOTS	(BUCKETS + 2)
static const double		 bounds[] = {
	0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10
};
static const double		 long_bounds[] = {
	1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600
};
_Static_assert(sizeof(bounds) / sizeof(bounds[0]) == BUCKETS, "each bucket has a bound");
_Static_assert(sizeof(long_bounds) / sizeof(long_bounds[0]) == BUCKETS, "each bucket has a bound");

static struct ct_metric		 metrics[METRICS_MAX];
static unsigned			 metric_count;
static unsigned			 slot_count;
static unsigned			 worker_rows;
static unsigned			 row_slots;	/* slot_count at the time of the mapping */
static uint64_t			*mapping;	/* worker_rows rows of row_slots slots, then the starts of each worker */
static uint64_t			*starts;	/* that part of the mapping */
static int64_t			 started_ms;	/* Unix time of the mapping, which the service's parent makes when it starts */
static uint64_t			*mine;		/* this worker's row; NULL: this process counts nothing */

static struct ct_metric *
metrics_add(const char *name, const char *labels, const char *help, enum kind kind)
{
	struct ct_metric	*metric;
	unsigned		 i;

	for (i = 0; i < metric_count; i++) {
		if (strcmp(metrics[i].name, name) == 0 && strcmp(metrics[i].labels, labels) == 0)
			return (&metrics[i]);
	}
	if (metric_count == METRICS_MAX) {
		fprintf(stderr, "metrics: no room for %s: raise METRICS_MAX (%d) in shared/base/metrics.c\n", name, METRICS_MAX);
		exit(1);
	}
	metric = &metrics[metric_count++];
	*metric = (struct ct_metric){
		.name = name, .labels = labels, .help = help, .kind = kind, .slot = slot_count, .bounds = bounds
	};
	slot_count += kind == HISTOGRAM ? HISTOGRAM_SLOTS : 1;
	return (metric);
}

struct ct_metric *
ct_metric_counter(const char *name, const char *labels, const char *help)
{
	return (metrics_add(name, labels, help, COUNTER));
}

struct ct_metric *
ct_metric_gauge(const char *name, const char *labels, const char *help)
{
	return (metrics_add(name, labels, help, GAUGE));
}

struct ct_metric *
ct_metric_histogram(const char *name, const char *labels, const char *help)
{
	return (metrics_add(name, labels, help, HISTOGRAM));
}

struct ct_metric *
ct_metric_histogram_long(const char *name, const char *labels, const char *help)
{
	struct ct_metric	*metric = metrics_add(name, labels, help, HISTOGRAM);

	metric->bounds = long_bounds;
	return (metric);
}

void
ct_metric_in_milliseconds(struct ct_metric *metric)
{
	metric->milliseconds = true;
}

void
ct_metric_lives(struct ct_metric *metric, uint64_t ms)
{
	if (metric->lives_ms == 0)
		metric->set_slot = slot_count++;
	metric->lives_ms = ms;
}

static uint64_t
metrics_clock_ms(clockid_t clock)
{
	struct timespec	now;

	(void)clock_gettime(clock, &now);
	return ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

void
ct_metrics_init(unsigned workers)
{
	size_t	size = (size_t)workers * (slot_count + 1) * sizeof(*mapping);

	worker_rows = workers;
	row_slots = slot_count;
	mine = NULL;
	started_ms = (int64_t)metrics_clock_ms(CLOCK_REALTIME);
	mapping = mmap(NULL, size == 0 ? 1 : size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mapping == MAP_FAILED) {
		perror("metrics: mmap");
		exit(1);
	}
	starts = mapping + (size_t)workers * slot_count;
}

/* Returns false for metrics that are not counted: without a mapping, or registered after it was made. */
static bool
metrics_has_slot(const struct ct_metric *metric)
{
	return (mine != NULL && metric != NULL && metric->slot < row_slots);
}

bool
ct_metrics_first_worker(void)
{
	return (mine == mapping);
}

void
ct_metrics_worker(unsigned worker)
{
	unsigned	i;

	if (mapping == NULL || worker >= worker_rows)
		return;
	mine = mapping + (size_t)worker * row_slots;
	__atomic_add_fetch(&starts[worker], 1, __ATOMIC_RELAXED);

	/* A worker that replaces a dead one continues its counters, but its gauges start at 0. */
	for (i = 0; i < metric_count; i++) {
		if (metrics[i].kind != GAUGE || !metrics_has_slot(&metrics[i]))
			continue;
		__atomic_store_n(&mine[metrics[i].slot], 0, __ATOMIC_RELAXED);
		if (metrics[i].lives_ms != 0)
			__atomic_store_n(&mine[metrics[i].set_slot], 0, __ATOMIC_RELAXED);
	}
}

static void
metrics_slot_add(unsigned slot, uint64_t n)
{
	/* Only this worker writes this slot, so a plain load and store are enough. */
	__atomic_store_n(&mine[slot], __atomic_load_n(&mine[slot], __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

void
ct_metric_add(struct ct_metric *metric, uint64_t n)
{
	if (metrics_has_slot(metric))
		metrics_slot_add(metric->slot, n);
}

void
ct_metric_set(struct ct_metric *metric, int64_t value)
{
	if (!metrics_has_slot(metric))
		return;
	__atomic_store_n(&mine[metric->slot], (uint64_t)value, __ATOMIC_RELAXED);
	if (metric->lives_ms != 0)
		__atomic_store_n(&mine[metric->set_slot], metrics_clock_ms(CLOCK_MONOTONIC), __ATOMIC_RELAXED);
}

void
ct_metric_observe(struct ct_metric *metric, double seconds)
{
	unsigned	i;

	if (!metrics_has_slot(metric) || !(seconds >= 0))
		return;
	for (i = 0; i < BUCKETS && seconds > metric->bounds[i]; i++)
		;
	metrics_slot_add(metric->slot + i, 1);
	metrics_slot_add(metric->slot + BUCKETS + 1, (uint64_t)(seconds * 1e9));
}

static uint64_t
metrics_total(unsigned slot)
{
	uint64_t	sum = 0;
	unsigned	worker;

	for (worker = 0; worker < worker_rows; worker++)
		sum += __atomic_load_n(&mapping[(size_t)worker * row_slots + slot], __ATOMIC_RELAXED);
	return (sum);
}

/* Sums the values that are young enough. Returns false without such a value. */
static bool
metrics_gauge(const struct ct_metric *metric, int64_t *value_r)
{
	uint64_t	now = metrics_clock_ms(CLOCK_MONOTONIC), set_ms;
	unsigned	worker;
	bool		known = false;

	*value_r = (int64_t)metrics_total(metric->slot);
	if (metric->lives_ms == 0)
		return (true);
	*value_r = 0;
	for (worker = 0; worker < worker_rows; worker++) {
		set_ms = __atomic_load_n(&mapping[(size_t)worker * row_slots + metric->set_slot], __ATOMIC_RELAXED);
		if (set_ms == 0 || now >= set_ms + metric->lives_ms)
			continue;
		*value_r += (int64_t)__atomic_load_n(&mapping[(size_t)worker * row_slots + metric->slot], __ATOMIC_RELAXED);
		known = true;
	}
	return (known);
}

static void
metrics_print_value(struct ct_buf *buf, const struct ct_metric *metric, int64_t value)
{
	const char	*open = metric->labels[0] == '\0' ? "" : "{", *close = metric->labels[0] == '\0' ? "" : "}";

	ct_buf_printf(buf, "%s%s%s%s ", metric->name, open, metric->labels, close);
	if (metric->milliseconds)
		ct_buf_printf(buf, "%.3f\n", (double)value / 1000);
	else
		ct_buf_printf(buf, "%" PRId64 "\n", value);
}

static void
metrics_print_one(struct ct_buf *buf, const struct ct_metric *metric)
{
	const char	*comma = metric->labels[0] == '\0' ? "" : ",";
	const char	*open = metric->labels[0] == '\0' ? "" : "{", *close = metric->labels[0] == '\0' ? "" : "}";
	uint64_t	 count = 0;
	int64_t		 value;
	unsigned	 i;

	switch (metric->kind) {
	case COUNTER:
		metrics_print_value(buf, metric, (int64_t)metrics_total(metric->slot));
		break;
	case GAUGE:
		if (metrics_gauge(metric, &value))
			metrics_print_value(buf, metric, value);
		break;
	case HISTOGRAM:
		for (i = 0; i < BUCKETS; i++) {
			count += metrics_total(metric->slot + i);
			ct_buf_printf(buf, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", metric->name, metric->labels,
			    comma, metric->bounds[i], count);
		}
		count += metrics_total(metric->slot + BUCKETS);
		ct_buf_printf(buf, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", metric->name, metric->labels,
		    comma, count);
		ct_buf_printf(buf, "%s_sum%s%s%s %.9f\n", metric->name, open, metric->labels, close,
		    (double)metrics_total(metric->slot + BUCKETS + 1) / 1e9);
		ct_buf_printf(buf, "%s_count%s%s%s %" PRIu64 "\n", metric->name, open, metric->labels, close, count);
	}
}

void
ct_metrics_print(struct ct_buf *buf)
{
	static const char *const	types[] = { "counter", "gauge", "histogram" };
	unsigned			i, j;

	if (mapping == NULL)
		return;
	/* Prometheus wants all metrics of one name together, under one HELP and TYPE. */
	for (i = 0; i < metric_count; i++) {
		for (j = 0; j < i && strcmp(metrics[j].name, metrics[i].name) != 0; j++)
			;
		if (j < i)
			continue;
		ct_buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", metrics[i].name, metrics[i].help,
		    metrics[i].name, types[metrics[i].kind]);
		for (j = i; j < metric_count; j++) {
			if (metrics[j].slot < row_slots && strcmp(metrics[j].name, metrics[i].name) == 0)
				metrics_print_one(buf, &metrics[j]);
		}
	}
}

void
ct_metrics_print_process(struct ct_buf *buf)
{
	uint64_t	again = 0;
	unsigned	worker;

	if (mapping == NULL)
		return;
	for (worker = 0; worker < worker_rows; worker++) {
		if (__atomic_load_n(&starts[worker], __ATOMIC_RELAXED) > 1)
			again += __atomic_load_n(&starts[worker], __ATOMIC_RELAXED) - 1;
	}
	ct_buf_printf(buf, "# HELP process_start_time_seconds Unix time at which this service was started\n"
	    "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.3f\n"
	    "# HELP ct_worker_restarts_total Workers that the service started again, after they were killed or had failed\n"
	    "# TYPE ct_worker_restarts_total counter\nct_worker_restarts_total %" PRIu64 "\n", (double)started_ms / 1000, again);
}
