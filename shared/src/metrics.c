/*
 * Metrics in one mapping shared by all workers: a row of 64-bit slots for each
 * worker, written by it alone, read by whichever worker answers /metrics.
 */
#include <sys/mman.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct/metrics.h"

#define METRICS_MAX	256
#define BUCKETS		13

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct ct_metric {
	const char	*name;
	const char	*labels;
	const char	*help;
	enum kind	 kind;
	unsigned	 slot;		/* the first of its slots in a worker's row */
	const double	*bounds;	/* of a histogram */
};

/* Slots of a histogram: one a bucket (not cumulative), +Inf, then the sum in nanoseconds. */
#define HISTOGRAM_SLOTS	(BUCKETS + 2)
static const double		 bounds[BUCKETS] = {
	0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10
};
static const double		 long_bounds[BUCKETS] = {
	1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600
};

static struct ct_metric		 metrics[METRICS_MAX];
static unsigned			 metric_count;
static unsigned			 slot_count;
static unsigned			 worker_rows;
static unsigned			 row_slots;	/* slot_count when the mapping was made */
static uint64_t			*mapping;	/* worker_rows rows of row_slots slots */
static uint64_t			*mine;		/* this worker's row; NULL: nothing is counted */

static struct ct_metric *
add(const char *name, const char *labels, const char *help, enum kind kind)
{
	struct ct_metric	*metric;
	unsigned		 i;

	for (i = 0; i < metric_count; i++) {
		if (strcmp(metrics[i].name, name) == 0 && strcmp(metrics[i].labels, labels) == 0)
			return (&metrics[i]);
	}
	if (metric_count == METRICS_MAX) {
		fprintf(stderr, "more than %d metrics: no room for %s\n", METRICS_MAX, name);
		exit(1);
	}
	metric = &metrics[metric_count++];
	*metric = (struct ct_metric){ name, labels, help, kind, slot_count, bounds };
	slot_count += kind == HISTOGRAM ? HISTOGRAM_SLOTS : 1;
	return (metric);
}

struct ct_metric *
ct_metric_counter(const char *name, const char *labels, const char *help)
{
	return (add(name, labels, help, COUNTER));
}

struct ct_metric *
ct_metric_gauge(const char *name, const char *labels, const char *help)
{
	return (add(name, labels, help, GAUGE));
}

struct ct_metric *
ct_metric_histogram(const char *name, const char *labels, const char *help)
{
	return (add(name, labels, help, HISTOGRAM));
}

struct ct_metric *
ct_metric_histogram_long(const char *name, const char *labels, const char *help)
{
	struct ct_metric	*metric = add(name, labels, help, HISTOGRAM);

	metric->bounds = long_bounds;
	return (metric);
}

void
ct_metrics_init(unsigned workers)
{
	size_t	size = (size_t)workers * slot_count * sizeof(*mapping);

	worker_rows = workers;
	row_slots = slot_count;
	mine = NULL;
	mapping = mmap(NULL, size == 0 ? 1 : size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mapping == MAP_FAILED) {
		perror("metrics: mmap");
		exit(1);
	}
}

/* False without a mapping and for what was registered after it was made: those are not counted. */
static bool
has_slot(const struct ct_metric *metric)
{
	return (mine != NULL && metric != NULL && metric->slot < row_slots);
}

void
ct_metrics_worker(unsigned worker)
{
	unsigned	i;

	if (mapping == NULL || worker >= worker_rows)
		return;
	mine = mapping + (size_t)worker * row_slots;

	/* A worker started again goes on counting, but what it has in hand begins at nothing. */
	for (i = 0; i < metric_count; i++) {
		if (metrics[i].kind == GAUGE && has_slot(&metrics[i]))
			__atomic_store_n(&mine[metrics[i].slot], 0, __ATOMIC_RELAXED);
	}
}

static void
slot_add(unsigned slot, uint64_t n)
{
	/* Only this worker writes here, so a plain load and store are enough. */
	__atomic_store_n(&mine[slot], __atomic_load_n(&mine[slot], __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

void
ct_metric_add(struct ct_metric *metric, uint64_t n)
{
	if (has_slot(metric))
		slot_add(metric->slot, n);
}

void
ct_metric_set(struct ct_metric *metric, int64_t value)
{
	if (has_slot(metric))
		__atomic_store_n(&mine[metric->slot], (uint64_t)value, __ATOMIC_RELAXED);
}

void
ct_metric_observe(struct ct_metric *metric, double seconds)
{
	unsigned	i;

	if (!has_slot(metric) || !(seconds >= 0))
		return;
	for (i = 0; i < BUCKETS && seconds > metric->bounds[i]; i++)
		;
	slot_add(metric->slot + i, 1);
	slot_add(metric->slot + BUCKETS + 1, (uint64_t)(seconds * 1e9));
}

static uint64_t
total(unsigned slot)
{
	uint64_t	sum = 0;
	unsigned	worker;

	for (worker = 0; worker < worker_rows; worker++)
		sum += __atomic_load_n(&mapping[(size_t)worker * row_slots + slot], __ATOMIC_RELAXED);
	return (sum);
}

static void
print_one(struct ct_buf *buf, const struct ct_metric *metric)
{
	const char	*comma = metric->labels[0] == '\0' ? "" : ",";
	const char	*open = metric->labels[0] == '\0' ? "" : "{", *close = metric->labels[0] == '\0' ? "" : "}";
	uint64_t	 count = 0;
	unsigned	 i;

	switch (metric->kind) {
	case COUNTER:
		ct_buf_printf(buf, "%s%s%s%s %" PRIu64 "\n", metric->name, open, metric->labels, close,
		    total(metric->slot));
		break;
	case GAUGE:
		ct_buf_printf(buf, "%s%s%s%s %" PRId64 "\n", metric->name, open, metric->labels, close,
		    (int64_t)total(metric->slot));
		break;
	case HISTOGRAM:
		for (i = 0; i < BUCKETS; i++) {
			count += total(metric->slot + i);
			ct_buf_printf(buf, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", metric->name, metric->labels,
			    comma, metric->bounds[i], count);
		}
		count += total(metric->slot + BUCKETS);
		ct_buf_printf(buf, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", metric->name, metric->labels,
		    comma, count);
		ct_buf_printf(buf, "%s_sum%s%s%s %.9f\n", metric->name, open, metric->labels, close,
		    (double)total(metric->slot + BUCKETS + 1) / 1e9);
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
	/* All metrics of a name stand together under one HELP and TYPE, wherever they were registered. */
	for (i = 0; i < metric_count; i++) {
		for (j = 0; j < i && strcmp(metrics[j].name, metrics[i].name) != 0; j++)
			;
		if (j < i)
			continue;
		ct_buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", metrics[i].name, metrics[i].help,
		    metrics[i].name, types[metrics[i].kind]);
		for (j = i; j < metric_count; j++) {
			if (metrics[j].slot < row_slots && strcmp(metrics[j].name, metrics[i].name) == 0)
				print_one(buf, &metrics[j]);
		}
	}
}
